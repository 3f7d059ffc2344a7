from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.steps.generate_queries import GenerateQueriesOptions, generate_queries, preview
from tests.fakes import LetterEncoder, ScriptedGenerator

DOCUMENTS = pl.DataFrame(
    {
        "text": [
            "Bees feed on nectar and on the pollen of flowers.",
            "Glaciers move because ice flows under its own weight.",
            "Sourdough rises by wild yeast that lives in the dough.",
            "bees feed on nectar and on the pollen of flowers",
        ],
        "source": [1, 2, 3, 4],
    }
)
GOOD = {"Bees": "what nectar do bees eat", "Glaciers": "why does ice in glaciers flow", "Sourdough": "sourdough yeast"}


def _answer(*texts: str, kind: str = "question") -> str:
    return json.dumps({"queries": [{"kind": kind, "text": text} for text in texts]})


def _good(prompt: str) -> str:
    return _answer(next((query for topic, query in GOOD.items() if topic in prompt), GOOD["Bees"]))


def _queries(
    folder: Path, script: Callable[[str], str | None] = _good, documents: pl.DataFrame = DOCUMENTS, **options: object
) -> tuple[pl.DataFrame, Ledger, ScriptedGenerator]:
    generator, context = ScriptedGenerator(script), StepContext(cache=folder)
    given = GenerateQueriesOptions.model_validate(
        {"num_queries": 1, "round_trip": "bm25", "top_k": 1, "attempts": 1, **options}
    )
    encoder = LetterEncoder() if given.round_trip == "dense" else None
    made = generate_queries(documents, generator=generator, encoder=encoder, options=given, context=context)
    return made, context.ledger, generator


def test_each_document_gets_a_query_that_finds_it(tmp_path: Path) -> None:
    made, ledger, _ = _queries(tmp_path)
    assert made.columns == ["anchor", "positive", "source", "kind"]
    assert made["anchor"].to_list() == [*GOOD.values(), GOOD["Bees"]]
    assert made["positive"].to_list() == DOCUMENTS["text"].to_list()
    assert not ledger.dropped


@pytest.mark.parametrize("round_trip", ["bm25", "dense"])
def test_a_query_that_does_not_find_its_document_is_refused(round_trip: str, tmp_path: Path) -> None:
    made, ledger, _ = _queries(
        tmp_path,
        lambda prompt: _answer("zzzzzzzz" if "Sourdough" in prompt else "bees feed nectar pollen flowers"),
        round_trip=round_trip,
        top_k=2 if round_trip == "dense" else 1,
    )
    assert "Sourdough rises by wild yeast that lives in the dough." not in made["positive"]
    assert {1, 4} <= set(made["source"])
    assert ledger.counts["queries refused: its document does not come back"] >= 1
    whole, _, _ = _queries(tmp_path, lambda prompt: _answer("zzz zzz"), round_trip="none")
    assert whole.height == DOCUMENTS.height


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("Bees feed on nectar and on the pollen of flowers!", "copy of the document"),
        ("What nectar do bees eat?", "copy of another query"),
        ("Was fressen die Bienen, und auf welchen Blumen ist der Nektar für sie?", "another language"),
        ("bees " * 40, "too many words"),
    ],
)
def test_a_text_that_is_no_query_is_refused(bad: str, reason: str, tmp_path: Path) -> None:
    made, ledger, _ = _queries(tmp_path, lambda prompt: _answer(GOOD["Bees"], bad), DOCUMENTS.head(1), num_queries=2)
    assert made["anchor"].to_list() == [GOOD["Bees"]]
    assert ledger.counts[f"queries refused: {reason}"] == 1


def test_kinds_stay_beside_the_queries(tmp_path: Path) -> None:
    def script(prompt: str) -> str:
        assert "- 1 of kind title" in prompt
        title, claim = (
            {"kind": "title", "text": "Bees and nectar"},
            {"kind": "claim", "text": "bees eat pollen of flowers"},
        )
        return json.dumps({"queries": [claim, title]})

    made, _, _ = _queries(tmp_path, script, DOCUMENTS.head(1), num_queries=2, kind=("title", "claim"))
    assert made["kind"].to_list() == ["title", "claim"]


def test_examples_and_a_dry_run(tmp_path: Path) -> None:
    file = tmp_path / "examples.jsonl"
    file.write_text(json.dumps({"query": "how old is the earth", "document": "The earth is old."}) + "\n")
    options = GenerateQueriesOptions(examples=str(file))
    prompts = preview(DOCUMENTS, options=options)
    assert len(prompts) == 4
    assert "how old is the earth" in prompts[0]
    assert "Glaciers move" in prompts[1]


def test_a_document_without_a_good_query_is_dropped_with_its_reason(tmp_path: Path) -> None:
    made, ledger, _ = _queries(tmp_path, lambda prompt: _good(prompt) if "Bees" in prompt else None)
    assert made["source"].to_list() == [1]
    assert ledger.dropped == {"too few queries, lastly: no answer in the script": 3}


def test_a_round_trip_needs_its_model_and_no_other() -> None:
    generator = ScriptedGenerator(_good)
    with pytest.raises(OptionsError, match="searches by an encoder"):
        generate_queries(DOCUMENTS, generator=generator)
    with pytest.raises(OptionsError, match="searches by an encoder"):
        generate_queries(
            DOCUMENTS, generator=generator, encoder=LetterEncoder(), options=GenerateQueriesOptions(round_trip="bm25")
        )


def test_columns_in_the_way_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="'kind' bears the name"):
        _queries(tmp_path, documents=DOCUMENTS.with_columns(kind=pl.lit("x")))
