from __future__ import annotations

from typing import Any

import pytest

from pairforge.errors import OptionsError
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.augment_stages import AUGMENT_STEPS, augment_stages
from pairforge.pipeline.registry import load_step


def _stages(
    texts: tuple[str, ...] = (), num_train: int = 1000, num_dev: int = 150, **options: Any
) -> dict[str, dict[str, Any]]:
    return augment_stages("gold.parquet", texts, AugmentOptions(**options), num_train=num_train, num_dev=num_dev)


def test_by_default_gold_is_split_a_teacher_trained_and_its_silver_merged() -> None:
    assert list(_stages()) == [
        "gold", "split", "teacher", "checked", "candidates", "apart", "scored", "sampled", "augmented",
    ]  # fmt: skip


def test_the_teacher_is_checked_before_anything_is_labelled() -> None:
    names = list(_stages())
    assert names.index("checked") < names.index("candidates") < names.index("scored")


def test_a_dev_file_leaves_gold_whole() -> None:
    stages = _stages(dev="dev.parquet")
    assert "split" not in stages
    assert stages["apart"]["against"]["source"] == ["stage:dev"]
    assert stages["teacher"]["corpus"] == stages["augmented"]["gold"] == "stage:gold"
    assert stages["teacher"]["dev"] == stages["checked"]["pairs"] == "stage:dev"


def test_what_is_held_out_is_held_out_of_everything() -> None:
    stages = _stages(verify=("test.parquet",), sample="kde")
    readers = [stages[name].get("gold") for name in ("candidates", "sampled", "augmented")]
    assert readers == ["stage:split"] * 3
    assert stages["candidates"]["known"]["source"] == ["stage:split.dev", "test.parquet"]
    assert stages["apart"]["against"] == stages["candidates"]["known"]


def test_a_ready_teacher_is_not_trained() -> None:
    stages = _stages(teacher_ready="some/cross-encoder")
    assert "teacher" not in stages
    assert stages["scored"]["model"] == stages["checked"]["model"] == "some/cross-encoder"


def test_gold_of_another_domain_is_neither_paired_nor_put_out() -> None:
    stages = _stages(("texts.parquet",), cross_domain=True)
    assert stages["candidates"]["gold_sentences"] is False
    assert stages["candidates"]["texts"] == ["texts.parquet"]
    assert stages["augmented"]["keep_gold"] is False


@pytest.mark.parametrize(("num_train", "steps"), [(100, 10 * 7), (489, 250), (2000, 3 * 125), (20_000, 3 * 1250)])
def test_a_teacher_of_few_pairs_goes_through_them_more_often(num_train: int, steps: int) -> None:
    assert _stages(num_train=num_train)["teacher"]["max_steps"] == steps
    assert _stages(num_train=1600, teacher_epochs=0.5)["teacher"]["max_steps"] == 50


def test_only_many_dev_pairs_choose_the_step_too() -> None:
    few, many = (_stages(num_dev=rows)["teacher"] for rows in (100, 1000))
    assert few["eval_steps"] == few["max_steps"]
    assert "patience" not in few
    assert many["patience"] == 3
    assert "eval_steps" not in many


def test_silver_is_fitted_to_held_out_gold_unless_told_otherwise() -> None:
    assert _stages()["scored"] | {"gold": "stage:split.dev", "calibrate": "platt"} == _stages()["scored"]
    assert _stages(dev="dev.parquet", calibrate="isotonic")["scored"]["gold"] == "stage:dev"
    assert not {"gold", "calibrate"} & set(_stages(calibrate="none")["scored"])


def test_options_reach_the_stages_they_are_about() -> None:
    stages = _stages(
        teacher="base", teacher_epochs=2, teacher_learning_rate=1e-4, restarts=5, candidates="bm25+semantic", top_k=7,
        encoder="finder", max_pairs=9, sample="uniform", num_silver=8, seed=3, score_scale=10, score_column="grade",
    )  # fmt: skip
    assert stages["gold"]["pairs"] == {"source": "gold.parquet", "columns": {"score": "grade"}, "score_scale": 10}
    wanted: dict[str, dict[str, Any]] = {
        "teacher": {"model": "base", "max_steps": 126, "learning_rate": 1e-4, "restarts": 5, "seed": 3},
        "candidates": {"by": "bm25+semantic", "top_k": 7, "model": "finder", "max_pairs": 9, "seed": 3},
        "sampled": {"by": "uniform", "num_silver": 8, "seed": 3},
    }
    for name, table in wanted.items():
        assert stages[name] | table == stages[name]
    assert "gold" not in stages["sampled"]
    assert "model" not in _stages(candidates="bm25")["candidates"]


def test_every_table_names_what_its_step_knows() -> None:
    for table in _stages(("texts.parquet",), candidates="given", given="pairs.parquet", num_silver=3).values():
        step = load_step(table["step"], AUGMENT_STEPS)
        known = {"step", *step.inputs, *step.options.model_fields, *(role.flag for role in step.models.values())}
        assert set(table) <= known


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"candidates": "given"}, "Name it: given=FILE"),
        ({"given": "pairs.parquet"}, "given='pairs.parquet' is for candidates='given', not candidates='bm25'"),
        ({"candidates": "given", "given": "pairs.parquet", "top_k": 7}, "top_k is of pairs .* candidates='given'"),
        ({"candidates": "random", "encoder": "finder"}, "encoder='finder' .* candidates='random'. Leave it out"),
        ({"true": "true.parquet"}, "verify=FILE"),
        ({"teacher": "base", "teacher_ready": "ready"}, "Give one of them"),
    ],
)
def test_options_at_odds_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionsError, match=said):
        AugmentOptions(**options)


@pytest.mark.parametrize("options", [{"dev": "0"}, {"dev": "1.5"}, {"dev": "-1"}, {"student_rates": (0.1, 0.0)}])
def test_shares_and_rates_out_of_bounds_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionsError, match=r"between 0 and 1|above 0"):
        AugmentOptions(**options)


def test_every_option_is_described() -> None:
    assert all(field.description and field.description.endswith(".") for field in AugmentOptions.model_fields.values())
