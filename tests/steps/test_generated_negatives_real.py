"""What verification catches among 400 scripted answers to real pairs, and what it refuses though it is good."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import pairforge as pf
from pairforge.models import Encoder
from pairforge.steps.generate_negatives import GenerateNegativesOptions, generate_negatives
from tests.fakes import ScriptedGenerator
from tests.steps.scripted_negatives import PLAN, Scripted, scripted


def _refused(
    given: Scripted, folder: Path, encoder: Encoder | None = None, **options: object
) -> tuple[list[str], pf.Ledger]:
    context = pf.StepContext(cache=folder)
    asked = len(given.texts)
    made = generate_negatives(
        given.pairs,
        generator=ScriptedGenerator(given.reply, max_tokens=100_000),
        encoder=encoder,
        options=GenerateNegativesOptions.model_validate({"num_negatives": 1, "attempts": 1, "limit": asked, **options}),
        context=context,
    )
    kept = set(made["anchor"])
    assert made.height + sum(context.ledger.dropped.values()) == given.pairs.height
    return [anchor for anchor in given.texts if anchor not in kept], context.ledger


def _shares(given: Scripted, refused: list[str]) -> dict[str, float]:
    sorts = {sort: [anchor for anchor, of in given.sorts.items() if of == sort] for sort in PLAN}
    return {sort: sum(anchor in refused for anchor in anchors) / len(anchors) for sort, anchors in sorts.items()}


def _script(folder: Path, share: int) -> Scripted:
    medquad = pl.read_parquet(folder / "medquad" / "qa.parquet")
    wings = pl.read_parquet(folder / "cranfield" / "corpus.parquet")["text"]
    return scripted(medquad, wings.filter(wings.str.len_chars() > 600).to_list(), share)


def test_words_alone_catch_copies_other_languages_and_lengths(shared_data: Path, tmp_path: Path) -> None:
    given = _script(shared_data, share=5)
    shares = _shares(given, _refused(given, tmp_path)[0])
    caught = [sort for sort in PLAN if not sort.startswith(("unrelated", "good"))]
    assert {shares[sort] for sort in caught} == {1}
    assert shares["unrelated: of another science"] == 0
    assert shares["good: answers a neighbouring question"] == 0
    assert shares["good: statements turned round"] == 0


@pytest.mark.model
def test_verification_on_400_answers_to_real_pairs(shared_data: Path, tmp_path: Path) -> None:
    """Prints its table with -s."""
    given = _script(shared_data, share=1)
    refused, ledger = _refused(given, tmp_path, pf.load_encoder("all-MiniLM-L6-v2"), min_similarity=0.3)
    print(given.table(refused), *sorted(ledger.dropped.items()), sep="\n")  # noqa: T201
    assert len(given.texts) == 400
    shares = _shares(given, refused)
    copies = [sort for sort in PLAN if "copy" in sort]
    assert {shares[sort] for sort in [*copies, "ten times too long", "unrelated: of another science"]} == {1}
    assert shares["another language"] >= 0.95
    assert shares["good: answers a neighbouring question"] <= 0.1
    assert shares["good: statements turned round"] <= 0.1
