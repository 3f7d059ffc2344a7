from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.steps.generation.verdicts import Opinions, Relevance, YesNo
from pairforge.steps.judge import JudgeOptions, judge, preview
from tests.fakes import OverlapScorer, ScriptedGenerator

TUPLES = pl.DataFrame(
    {
        "anchor": ["a1", "a2", "a3"],
        "positive": ["p1", "p2", "p3"],
        "negative_1": ["wrong1", "right2", "right3"],
        "negative_2": ["wrong4", "wrong5", "right6"],
        "source": [1, 2, 3],
    }
)
TRIPLETS = TUPLES.select("anchor", "positive", negative="negative_1", source="source")
PAIRS = pl.DataFrame({"anchor": ["a1", "a2", "a3"], "positive": ["right1", "wrong2", "odd3"]})


def _says(grade: int, *, sure: bool = True) -> str:
    return json.dumps({"reason": "it is so", "grade": grade, "sure": sure})


def _honest(prompt: str) -> str | None:
    if "odd" in prompt:
        return "I would rather not say."
    return _says(3 if "right" in prompt else 0)


def _judged(
    folder: Path,
    corpus: pl.DataFrame = TUPLES,
    script: Callable[[str], str | None] = _honest,
    second: ScriptedGenerator | None = None,
    scorer: OverlapScorer | None = None,
    **options: object,
) -> tuple[pl.DataFrame, Ledger, ScriptedGenerator]:
    generator, context = ScriptedGenerator(script), StepContext(cache=folder)
    made = judge(
        corpus,
        generator=generator,
        second_generator=second,
        scorer=scorer,
        options=JudgeOptions.model_validate(options),
        context=context,
    )
    return made, context.ledger, generator


def _other(script: Callable[[str], str | None]) -> ScriptedGenerator:
    """A second model, whose answers are kept apart from the first one's."""
    model = ScriptedGenerator(script)
    model.spec = model.spec.model_copy(update={"digest": "2d" * 32})
    return model


def test_every_verdict_stays_in_the_row(tmp_path: Path) -> None:
    made, ledger, generator = _judged(tmp_path)
    assert made.columns == [*TUPLES.columns, "grade", "sure", "reason", "second_grade", "scorer_score", "relevant"]
    assert made["grade"].to_list() == [[0, 0], [3, 0], [3, 3]]
    assert made["relevant"].to_list() == [[False, False], [True, False], [True, True]]
    assert ledger.counts["negatives found relevant"] == 3
    assert len(generator.asked) == 6
    triplets, _, _ = _judged(tmp_path, TRIPLETS)
    assert triplets["grade"].to_list() == [0, 3, 3]
    assert triplets["reason"].to_list() == ["it is so"] * 3


def test_pairs_are_judged_by_their_positives(tmp_path: Path) -> None:
    made, _, _ = _judged(tmp_path, PAIRS)
    assert made["relevant"].to_list() == [True, False, None]
    made, ledger, _ = _judged(tmp_path, PAIRS, policy="drop")
    assert made["positive"].to_list() == ["right1"]
    assert ledger.dropped == {"not relevant": 1, "no verdict": 1}


def test_an_unreadable_answer_is_no_verdict(tmp_path: Path) -> None:
    odd = TUPLES.with_columns(negative_2=pl.lit("odd"))
    made, ledger, generator = _judged(tmp_path, odd, attempts=2)
    assert made["grade"].to_list() == [[0, None], [3, None], [3, None]]
    assert made["relevant"].to_list() == [[False, None], [True, None], [True, None]]
    assert ledger.counts["negatives without a verdict"] == 3
    assert ledger.counts["not used: answer is not of the wanted form"] == 6
    assert len(generator.asked) == 3 + 2 * 3
    _, ledger, _ = _judged(tmp_path, odd, policy="drop")
    assert ledger.dropped == {"a negative is relevant": 2, "a negative has no verdict": 1}
    made, _, _ = _judged(tmp_path, odd, policy="mask")
    assert made["negative"].to_list() == ["wrong1"]


def test_drop_keeps_rows_whose_negatives_are_all_wrong(tmp_path: Path) -> None:
    made, ledger, _ = _judged(tmp_path, policy="drop")
    assert made["source"].to_list() == [1]
    assert ledger.dropped == {"a negative is relevant": 2}


def test_mask_leaves_right_negatives_out(tmp_path: Path) -> None:
    made, ledger, _ = _judged(tmp_path, policy="mask")
    assert made.columns[:4] == ["anchor", "positive", "negative", "source"]
    assert made.select("positive", "negative").rows() == [("p1", "wrong1"), ("p1", "wrong4"), ("p2", "wrong5")]
    assert made["grade"].to_list() == [0, 0, 0]
    assert ledger.dropped == {"no negative is left": 1}


def test_relabel_makes_right_negatives_positives_of_their_own(tmp_path: Path) -> None:
    made, ledger, _ = _judged(tmp_path, policy="relabel")
    assert made.select("positive", "negative", "relabelled").rows() == [
        ("p1", "wrong1", False), ("p1", "wrong4", False), ("p2", "wrong5", False), ("right2", "wrong5", True),
    ]  # fmt: skip
    assert made["source"].to_list() == [1, 1, 2, 2]
    assert ledger.counts["positives gained"] == 1
    assert ledger.dropped == {"no negative is left": 1}


def test_a_second_model_is_asked_only_what_the_first_doubts(tmp_path: Path) -> None:
    script = {"right1": _says(3), "wrong2": _says(2), "odd3": None, "unsure4": _says(0, sure=False), "wrong5": _says(0)}
    pairs = pl.DataFrame({"anchor": ["a"] * 5, "positive": list(script)})
    second = _other(lambda prompt: _says(3 if "unsure" in prompt else 0))
    made, ledger, _ = _judged(
        tmp_path, pairs, lambda prompt: next(says for text, says in script.items() if text in prompt), second
    )
    assert len(second.asked) == 3
    assert made["grade"].to_list() == [3, 2, None, 0, 0]
    assert made["second_grade"].to_list() == [None, 0, 0, 3, None]
    assert made["relevant"].to_list() == [True, False, False, True, False]
    assert ledger.counts["second opinions asked for"] == 3
    assert ledger.counts["second opinions that change the first"] == 2


def test_a_cross_encoder_that_disagrees_leaves_no_verdict_unless_a_second_model_settles_it(tmp_path: Path) -> None:
    pairs = pl.DataFrame({"anchor": ["x y", "x y"], "positive": ["x y right", "right z"]})
    made, _, _ = _judged(tmp_path, pairs, scorer=OverlapScorer())
    assert made["relevant"].to_list() == [True, None]
    assert made["scorer_score"].to_list() == pytest.approx([0.982, 0.018], abs=1e-3)
    second = _other(lambda prompt: _says(1))
    made, _, _ = _judged(tmp_path, pairs, second=second, scorer=OverlapScorer())
    assert made["relevant"].to_list() == [True, False]
    assert len(second.asked) == 1


@pytest.mark.parametrize(
    ("scale", "threshold", "grade", "relevant"),
    [("yes-no", None, 1, True), ("similarity", None, 3, False), ("similarity", 3, 3, True), ("relevance", 1, 1, True)],
)
def test_each_scale_has_its_grades_and_its_threshold(
    scale: str, threshold: int | None, grade: int, relevant: bool, tmp_path: Path
) -> None:
    made, _, generator = _judged(
        tmp_path, PAIRS.head(1), lambda prompt: _says(grade), scale=scale, threshold=threshold, attempts=1
    )
    assert made["relevant"].to_list() == [relevant]
    asked = "\n".join(message.text for message in generator.asked[0].messages)
    assert ("Second text:" in asked) == (scale == "similarity")


def test_a_grade_beyond_the_scale_is_no_verdict(tmp_path: Path) -> None:
    made, _, _ = _judged(tmp_path, PAIRS.head(1), lambda prompt: _says(4), scale="relevance")
    assert made["relevant"].to_list() == [None]


def test_next_to_the_threshold_a_verdict_is_doubted_but_not_on_a_scale_of_two() -> None:
    def doubted(grade: int) -> bool:
        return Opinions(Relevance(reason="", grade=grade, sure=True)).doubted(2, 3, 0.5)  # type: ignore[arg-type]

    assert [doubted(grade) for grade in range(4)] == [False, True, True, False]
    assert not Opinions(YesNo(reason="", grade=1, sure=True)).doubted(1, 1, 0.5)
    assert Opinions(YesNo(reason="", grade=1, sure=True), score=0.1).doubted(1, 1, 0.5)


def test_prompts_are_kept_and_rows_beyond_the_limit_counted(tmp_path: Path) -> None:
    made, ledger, generator = _judged(tmp_path, limit=2, save_prompts=True)
    assert made.height == 2
    assert ledger.dropped == {"beyond the limit": 1}
    assert len(generator.asked) == 4
    assert ["wrong1" in made["asked"][0][0], "wrong4" in made["asked"][0][1]] == [True, True]


def test_a_dry_run_shows_a_prompt_for_each_negative() -> None:
    assert len(preview(TUPLES, options=JudgeOptions())) == 6


def test_policies_about_negatives_want_some(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"corpus: has no negatives .*Choose keep or drop"):
        _judged(tmp_path, PAIRS, policy="mask")


@pytest.mark.parametrize("column", ["grade", "relevant"])
def test_columns_in_the_way_are_refused(column: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=f"'{column}' bears the name"):
        _judged(tmp_path, PAIRS.with_columns(pl.lit(1).alias(column)))


def test_a_threshold_beyond_the_scale_is_refused() -> None:
    with pytest.raises(OptionsError, match="threshold=4 is above the highest grade of scale='relevance', 3"):
        JudgeOptions(threshold=4)
