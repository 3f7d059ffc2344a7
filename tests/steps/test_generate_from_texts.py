"""Paraphrases, NLI rows and scored pairs that a language model writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import pairforge as pf
from pairforge.frames import NLI, PAIR, SCORED_PAIR
from tests.fakes import LetterEncoder, ScriptedGenerator

TEXTS = pl.DataFrame(
    {"text": ["The old man in the park feeds the pigeons, as he does on most mornings."], "source": [7]}
)
OTHER = "Each day at dawn an elderly gentleman gives bread to the birds."
ANOTHER = "Every sunrise finds a grey-haired fellow who gives crumbs to doves."
GERMAN = "Der alte Mann füttert jeden Morgen die Tauben, und das ist nicht neu für die Leute im Park."


def _replying(field: str, *texts: tuple[str, str]) -> ScriptedGenerator:
    answer = json.dumps({field: [{"kind": kind, "text": text} for kind, text in texts]})
    return ScriptedGenerator(lambda prompt: answer)


def _paraphrased(
    folder: Path, texts: list[str], encoder: LetterEncoder | None = None, **options: Any
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    context = pf.StepContext(cache=folder)
    made = pf.generate_paraphrases(
        TEXTS,
        generator=_replying("paraphrases", *(("", text) for text in texts)),
        encoder=encoder,
        options=pf.GenerateParaphrasesOptions(attempts=1, **options),
        context=context,
    )
    return made, context.ledger.counts


def test_paraphrases_are_positives(tmp_path: Path) -> None:
    made, _ = _paraphrased(tmp_path, [OTHER, ANOTHER], num_paraphrases=2)
    assert PAIR.check(made, "made").columns == ["anchor", "positive", "source"]
    assert made["positive"].to_list() == [OTHER, ANOTHER]


@pytest.mark.parametrize(
    ("bad", "reason", "options"),
    [
        ("The old man in the park feeds pigeons as he does on most mornings!", "copy of the text", {}),
        (OTHER.upper(), "copy of another paraphrase", {}),
        (GERMAN, "another language", {}),
        (
            "The man who gives crumbs to the doves is there at the break of day.",
            "another language",
            {"language": "German"},
        ),
        (ANOTHER * 5, "too long", {}),
    ],
)
def test_a_text_that_is_no_paraphrase_is_refused(
    bad: str, reason: str, options: dict[str, Any], tmp_path: Path
) -> None:
    good = GERMAN if options else OTHER
    made, counts = _paraphrased(tmp_path, [good, bad], num_paraphrases=2, **options)
    assert made["positive"].to_list() == [good]
    assert counts[f"paraphrases refused: {reason}"] == 1


def test_an_encoder_may_bound_how_far_a_paraphrase_goes(tmp_path: Path) -> None:
    made, counts = _paraphrased(tmp_path, [OTHER, "zzzzzzzzzzzzzzzzzzzzzz"], LetterEncoder(), min_similarity=0.5)
    assert made["positive"].to_list() == [OTHER]
    assert counts["paraphrases refused: below min_similarity"] == 1


def test_hypotheses_come_with_their_labels(tmp_path: Path) -> None:
    hypotheses = [
        ("contradicted", "The park is closed to all visitors this year."),
        ("entailed", "Birds get food from somebody."),
        ("neutral", "He brings bread from the bakery."),
    ]
    made = pf.generate_nli(
        TEXTS, generator=_replying("hypotheses", *hypotheses), context=pf.StepContext(cache=tmp_path)
    )
    assert NLI.check(made, "made").columns == ["premise", "hypothesis", "label", "source"]
    assert made["label"].to_list() == [0, 1, 2]
    assert made["hypothesis"].to_list() == [hypotheses[place][1] for place in (1, 2, 0)]


def test_sentences_come_with_the_score_that_was_asked_for(tmp_path: Path) -> None:
    context = pf.StepContext(cache=tmp_path)
    made = pf.generate_sts(
        TEXTS,
        generator=_replying("sentences", ("5", OTHER), ("0", "The train to Lyon was late by an hour."), ("3", ANOTHER)),
        options=pf.GenerateStsOptions(grade=("0", "5"), attempts=1),
        context=context,
    )
    assert SCORED_PAIR.check(made, "made").columns == ["sentence1", "sentence2", "score", "source"]
    assert made["score"].to_list() == [0.0, 1.0]
    assert context.ledger.counts["sentences refused: not of a kind that was asked for"] == 1


def test_a_text_for_which_nothing_passes_is_dropped_with_its_reason(tmp_path: Path) -> None:
    context = pf.StepContext(cache=tmp_path)
    made = pf.generate_nli(TEXTS, generator=ScriptedGenerator(lambda prompt: "no"), context=context)
    assert made.is_empty()
    assert context.ledger.dropped == {"too few hypotheses, lastly: answer is not of the wanted form": 1}


def test_columns_in_the_way_are_refused(tmp_path: Path) -> None:
    with pytest.raises(pf.FrameError, match="texts: its column 'score' bears the name"):
        pf.generate_sts(TEXTS.with_columns(score=1.0), generator=ScriptedGenerator(lambda prompt: None))
