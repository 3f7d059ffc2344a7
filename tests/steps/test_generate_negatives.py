from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.steps.generate_negatives import (
    GenerateNegativesOptions,
    generate_negatives,
    other_positives,
    preview,
)
from tests.fakes import LetterEncoder, OverlapScorer, ScriptedGenerator

PAIRS = pl.DataFrame(
    {
        "anchor": ["how many people live in Amsterdam?", "what do bees eat?", "how many people live in Amsterdam?"],
        "positive": [
            "The city of Amsterdam has about 900,000 inhabitants.",
            "Bees feed on nectar and on the pollen of flowers.",
            "Nearly a million people make their home in Amsterdam.",
        ],
        "source": [1, 2, 3],
    }
)
GOOD = {
    "Amsterdam": [
        "Rotterdam is the greatest port of Europe by the goods that it ships.",
        "Amsterdam stands on many wooden piles.",
    ],
    "bees": ["A hive of bees holds one queen and many workers.", "Wasps eat other insects and ripe fruit in autumn."],
}  # fmt: skip


def _answer(*texts: str, kind: str = "neighbouring-question") -> str:
    return json.dumps({"negatives": [{"kind": kind, "text": text} for text in texts]})


def _good(prompt: str) -> str:
    topic = "Amsterdam" if "Amsterdam?" in prompt else "bees"
    return _answer(*GOOD[topic])


def _written(
    folder: Path,
    script: Callable[[str], str | None],
    pairs: pl.DataFrame = PAIRS,
    models: dict[str, object] | None = None,
    **options: object,
) -> tuple[pl.DataFrame, Ledger, ScriptedGenerator]:
    generator, context = ScriptedGenerator(script), StepContext(cache=folder)
    given = GenerateNegativesOptions.model_validate({"num_negatives": 2, **options})
    made = generate_negatives(pairs, generator=generator, **(models or {}), options=given, context=context)  # type: ignore[arg-type]
    return made, context.ledger, generator


def test_a_pair_gets_its_negatives_and_keeps_its_columns(tmp_path: Path) -> None:
    made, ledger, _ = _written(tmp_path, _good)
    assert made.columns == ["anchor", "positive", "negative_1", "negative_2", "source", "kinds"]
    assert made["negative_2"].to_list() == [
        "Amsterdam stands on many wooden piles.",
        GOOD["bees"][1],
        GOOD["Amsterdam"][1],
    ]
    assert made["source"].to_list() == [1, 2, 3]
    assert made["kinds"].to_list() == [["neighbouring-question"] * 2] * 3
    assert not ledger.dropped


def test_triplets_have_a_row_for_each_negative(tmp_path: Path) -> None:
    made, _, _ = _written(tmp_path, _good, output_format="triplet")
    assert made.columns == ["anchor", "positive", "negative", "source", "kind"]
    assert made["source"].to_list() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("How many people live in Amsterdam ?", "copy of the anchor"),
        ("the city of Amsterdam has about 900,000 inhabitants", "copy of the positive"),
        ("The city of Amsterdam has about 900,000 inhabitans!", "copy of the positive"),
        ("Nearly a million people make their home in Amsterdam.", "copy of another positive"),
        ("Amsterdam stands on many wooden piles!", "copy of another negative"),
        ("In der Stadt Rotterdam leben nicht so viele Menschen, und das ist auch gut.", "another language"),
        ("Amsterdam. " * 60, "too long"),
        ("In Utrecht.", "too short"),
        (" \n", "empty text"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_negative_is_refused_and_asked_for_again(bad: str, reason: str, tmp_path: Path) -> None:
    replies = iter([_answer(GOOD["Amsterdam"][1], bad), _answer(GOOD["Amsterdam"][0])])
    made, ledger, generator = _written(tmp_path, lambda prompt: next(replies), PAIRS[[0, 2]], limit=1)
    assert made.select("negative_1", "negative_2").row(0) == tuple(reversed(GOOD["Amsterdam"]))
    assert ledger.counts[f"negatives refused: {reason}"] == 1
    again = generator.asked[1].messages[-1].text
    assert "Write 1 hard negative" in again
    assert GOOD["Amsterdam"][1] in again
    assert generator.asked[0].seed != generator.asked[1].seed


def test_a_pair_that_finds_too_few_is_dropped_by_its_last_reason(tmp_path: Path) -> None:
    def script(prompt: str) -> str:
        return _good(prompt) if "bees" in prompt else _answer(GOOD["Amsterdam"][1], "In Utrecht.")

    made, ledger, generator = _written(tmp_path, script, attempts=4)
    assert made["source"].to_list() == [2]
    assert ledger.dropped == {"too few negatives, lastly: too short": 2}
    assert len(generator.asked) == 1 + 2 * 4
    made, ledger, _ = _written(tmp_path, script, too_few="keep", output_format="triplet")
    assert made["source"].to_list() == [1, 2, 2, 3]
    assert not ledger.dropped


@pytest.mark.parametrize(
    "reply", [None, "", "I cannot help with that.", '{"negatives": "none"}', _answer("x" * 9)[:-4]]
)
def test_an_answer_that_cannot_be_read_gives_nothing(reply: str | None, tmp_path: Path) -> None:
    made, ledger, generator = _written(
        tmp_path, lambda prompt: _good(prompt) if "bees" in prompt else reply, attempts=2
    )
    assert made["source"].to_list() == [2]
    assert sum(ledger.dropped.values()) == 2
    assert len(generator.asked) == 1 + 2 * 2


def test_kinds_are_wanted_in_turn_and_stay_beside_the_negatives(tmp_path: Path) -> None:
    def script(prompt: str) -> str:
        wanted = re.findall(r"- (\d) of kind (\S+)", prompt)
        texts = [
            *GOOD["Amsterdam"],
            "Utrecht lies farther inland than either of them.",
            "Delft is known for its blue tiles.",
        ]
        listed = [kind for number, kind in reversed(wanted) for _ in range(int(number))]
        return json.dumps({"negatives": [{"kind": k, "text": t} for k, t in zip(listed, texts, strict=False)]})

    made, _, generator = _written(
        tmp_path, script, PAIRS.head(1), num_negatives=3, kind=("contradiction", "same-words-other-meaning")
    )
    assert made["kinds"].to_list() == [["contradiction", "contradiction", "same-words-other-meaning"]]
    assert made["negative_3"].to_list() == [GOOD["Amsterdam"][0]]
    assert "2 of kind contradiction" in generator.asked[0].messages[-1].text
    made, ledger, _ = _written(
        tmp_path, _good, PAIRS.head(1), kind=("contradiction",), output_format="triplet", too_few="keep"
    )
    assert made.is_empty()
    assert ledger.counts["negatives refused: not of a kind that was asked for"] == 6


def test_an_encoder_keeps_texts_inside_the_band(tmp_path: Path) -> None:
    pairs = PAIRS[[1]]
    script = lambda prompt: _answer("Zzz zzz zzz zzz zzz zzz.", GOOD["bees"][1])  # noqa: E731
    made, ledger, _ = _written(
        tmp_path, script, pairs, {"encoder": LetterEncoder()}, min_similarity=0.5, num_negatives=1
    )
    assert made["negative_1"].to_list() == [GOOD["bees"][1]]
    assert ledger.counts["negatives refused: below min_similarity"] == 1
    made, ledger, _ = _written(
        tmp_path, script, pairs, {"encoder": LetterEncoder()}, max_similarity=0.5, num_negatives=1
    )
    assert made["negative_1"].to_list() == ["Zzz zzz zzz zzz zzz zzz."]
    assert ledger.counts["negatives refused: above max_similarity"] == 1


def test_a_cross_encoder_refuses_what_is_as_right_as_the_positive(tmp_path: Path) -> None:
    pairs = pl.DataFrame({"anchor": ["what do bees eat"], "positive": ["bees eat nectar and pollen"]})
    script = lambda prompt: _answer("what do wasps and bees eat in spring", "wasps like ripe fruit")  # noqa: E731
    made, ledger, _ = _written(tmp_path, script, pairs, {"scorer": OverlapScorer()}, score_margin=0, num_negatives=1)
    assert made["negative_1"].to_list() == ["wasps like ripe fruit"]
    assert ledger.counts["negatives refused: within score_margin"] == 1
    made, ledger, _ = _written(tmp_path, script, pairs, {"scorer": OverlapScorer()}, max_score=0.1, num_negatives=1)
    assert ledger.counts["negatives refused: above max_score"] == 1


def test_examples_stand_in_the_prompt_and_rows_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "examples.parquet"
    pl.DataFrame(
        {
            "anchor": ["is it far?", "is it dear?"],
            "positive": ["It is far.", "It is."],
            "negative": ["It is dear.", "No."],
        }
    ).write_parquet(file)
    made, ledger, generator = _written(tmp_path, _good, examples=str(file), num_examples=1, limit=2, save_prompts=True)
    asked = "\n".join(message.text for message in generator.asked[0].messages)
    assert "It is dear." in asked
    assert "No." not in asked
    assert ledger.dropped == {"beyond the limit": 1}
    assert made.height == 2
    assert "It is dear." in made["asked"][0]
    assert json.loads(made["answered"][0])["negatives"]


def test_the_cost_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    told: list[str] = []
    generator = ScriptedGenerator(_good)
    context = StepContext(cache=tmp_path, say=lambda line: told.append(f"{len(generator.asked)} asked; {line}"))
    generate_negatives(PAIRS, generator=generator, options=GenerateNegativesOptions(num_negatives=2), context=context)
    assert len(told) == 1
    assert told[0].startswith("0 asked; 3 questions to openai:scripted: about ")


def test_positives_are_closed_over_anchors_and_over_positives() -> None:
    pairs = pl.DataFrame(
        {"anchor": ["A", "a.", "b", "c"], "positive": ["one", "two", "One", "three"], "n": [0, 1, 2, 3]}
    )
    assert other_positives(pairs).to_list() == [["b", "two"], ["one"], ["A"], []]


def test_a_dry_run_shows_what_would_be_asked() -> None:
    prompts = preview(PAIRS, options=GenerateNegativesOptions())
    assert len(prompts) == 3
    assert "what do bees eat?" in prompts[1]
    assert "Nearly a million people" in prompts[0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"too_few": "keep"}, "too_few='keep' needs output_format='triplet'"),
        ({"min_length_ratio": 4}, "min_length_ratio 4 is above max_length_ratio 3"),
        ({"min_similarity": 0.5, "max_similarity": 0.1}, "min_similarity 0.5 is above"),
    ],
)
def test_options_at_odds_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        GenerateNegativesOptions.model_validate(options)


def test_bounds_without_models_and_models_without_bounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="need an encoder, and none is given"):
        _written(tmp_path, _good, min_similarity=0.1)
    with pytest.raises(OptionsError, match="a model without such a bound does nothing"):
        _written(tmp_path, _good, models={"scorer": OverlapScorer()})


@pytest.mark.parametrize("column", ["kinds", "negative", "negative_7"])
def test_columns_in_the_way_are_refused(column: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=f"'{column}' bears the name"):
        _written(tmp_path, _good, PAIRS.with_columns(pl.lit("x").alias(column)))
