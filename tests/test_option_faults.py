"""One fault of options, told in the names of whoever gave them: Python, the command line, a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from pairforge.cli.parameters import validated
from pairforge.errors import OptionsError
from pairforge.execution.step import StepOptions
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.faults import Faults
from pairforge.pipeline.faults import validated as validated_in_recipe
from pairforge.steps.add_noise import AddNoiseOptions
from pairforge.steps.convert_nli import ConvertNliOptions
from pairforge.steps.judge import JudgeOptions
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.split_corpus import SplitCorpusOptions
from pairforge.training.options import InitModelOptions, TrainOptions


def in_python(model: type[StepOptions], values: dict[str, Any]) -> str:
    with pytest.raises(OptionsError) as refused:
        model(**values)
    return str(refused.value)


def on_the_command_line(model: type[BaseModel], values: dict[str, Any]) -> str:
    with pytest.raises(OptionsError) as refused:
        validated(model, values, {"kind": "KIND"} if model is InitModelOptions else {})
    return str(refused.value)


def in_a_recipe(model: type[BaseModel], values: dict[str, Any]) -> str:
    faults = Faults(Path("r.toml"))
    assert validated_in_recipe(model, values, "stages.one", faults) is None
    return "; ".join(line.removeprefix("stages.one: ") for line in faults.lines)


@pytest.mark.parametrize(
    ("model", "values", "python", "flags"),
    [
        (JudgeOptions, {"threshold": 9, "scale": "yes-no"},
         "threshold=9 is above the highest grade of scale='yes-no', 1. Choose a lower one.",
         "--threshold 9 is above the highest grade of --scale yes-no, 1. Choose a lower one."),
        (ConvertNliOptions, {"to": "scored", "bidirectional": True},
         "bidirectional=True turns pairs and triplets round; to='scored' makes neither. Leave it out.",
         "--bidirectional turns pairs and triplets round; --to scored makes neither. Leave it out."),
        (AddNoiseOptions, {"noise": ("swap", "mask"), "deletion_ratio": 0.1},
         "deletion_ratio needs noise='delete', but there is only noise='swap', noise='mask'. Change one of them.",
         "--deletion-ratio needs --noise delete, but there is only --noise swap, --noise mask. Change one of them."),
        (SplitCorpusOptions, {"dev": 0.75, "test": 0.25},
         "dev=0.75 and test=0.25 leave no rows to train on. Lower them.",
         "--dev 0.75 and --test 0.25 leave no rows to train on. Lower them."),
        (MineNegativesOptions, {"retriever": ("bm25", "bm25")},
         "retriever='bm25' is given twice. Give it once.", "--retriever bm25 is given twice. Give it once."),
        (MineNegativesOptions, {"min_similarity": 0.5, "max_similarity": 0.25},
         "min_similarity (0.5) is above max_similarity (0.25). Exchange them.",
         "--min-similarity (0.5) is above --max-similarity (0.25). Exchange them."),
        (AugmentOptions, {"true": "my pairs.parquet"},
         "true='my pairs.parquet' is for comparing students, and nothing to judge them by is given: verify=FILE.",
         "--true 'my pairs.parquet' is for comparing students, and nothing to judge them by is given: --verify FILE."),
    ],
)  # fmt: skip
def test_options_at_odds_are_told_by_the_names_that_were_given(
    model: type[StepOptions], values: dict[str, Any], python: str, flags: str
) -> None:
    assert in_python(model, values) == python
    assert on_the_command_line(model, values) == flags
    assert in_a_recipe(model, values) == python


@pytest.mark.parametrize(
    ("model", "values", "python", "flags", "recipe"),
    [
        (MineNegativesOptions, {"num_negatives": 0},
         "MineNegativesOptions: num_negatives should be greater than or equal to 1, but it is 0.",
         "--num-negatives should be a whole number at least 1, but it is '0'.",
         "num_negatives should be greater than or equal to 1, but it is 0."),
        (TrainOptions, {"loss": "triplet", "scale": 10},
         "TrainOptions: scale=10.0 is given, but the triplet loss has none (it has: margin).",
         "--scale 10.0 is given, but the triplet loss has none (it has: margin).",
         "scale=10.0 is given, but the triplet loss has none (it has: margin)."),
        (InitModelOptions, {"kind": "dynamic"},
         "InitModelOptions: kind should be 'static', 'transformer' or 'image-text', but it is 'dynamic'.",
         "KIND should be one of static, transformer, image-text, but it is 'dynamic'.",
         "kind should be 'static', 'transformer' or 'image-text', but it is 'dynamic'."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_sentence_everywhere(
    model: type[StepOptions], values: dict[str, Any], python: str, flags: str, recipe: str
) -> None:
    assert in_python(model, values) == python
    assert on_the_command_line(model, values) == flags
    assert in_a_recipe(model, values) == recipe


def test_all_that_is_wrong_is_told_at_once_and_a_mistyped_name_helped() -> None:
    told = in_python(MineNegativesOptions, {"num_negatives": "x", "min_rnk": 3})
    assert told == (
        "MineNegativesOptions: num_negatives should be a valid integer, unable to parse string as an integer, but it "
        "is 'x'; there is no 'min_rnk'; did you mean min_rank or max_rank."
    )


def test_who_validates_values_still_learns_of_each() -> None:
    with pytest.raises(ValidationError) as refused:
        MineNegativesOptions.model_validate({"num_negatives": 0, "min_rank": 0})
    assert [fault["loc"] for fault in refused.value.errors()] == [("num_negatives",), ("min_rank",)]
