"""A cross-encoder reads what would be chosen, lazily: the same negatives as if it had read everything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.errors import ModelError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.models import TextPair
from pairforge.randomness import row_uniforms
from pairforge.steps.mine_negatives import STEP, MineNegativesOptions, mine_negatives, prepare
from pairforge.steps.mining.candidates import candidates_among, searched
from pairforge.steps.mining.chosen import Uses
from pairforge.steps.mining.selection import choose
from tests.fakes import LetterEncoder, OverlapScorer
from tests.steps.mining_trials import encoder_of, frame_of

WORDS = ["red", "blue", "green", "fox", "hen", "cow", "runs", "sleeps"]
SENTENCES = [f"{first} {second} {third}" for first in WORDS[:3] for second in WORDS[3:6] for third in WORDS[6:]]
sentences = st.sampled_from(SENTENCES)
pairs_of = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=8)
CORPUS = pl.DataFrame({"text": SENTENCES})


def score(anchor: str, text: str) -> float:
    """What the scorer's sigmoid head gives."""
    words = anchor.split()
    return 1 / (1 + np.exp(4 - 8 * sum(word in text.split() for word in words) / len(words)))


def mined(
    pairs: list[tuple[str, str]], scorer: OverlapScorer | None, context: StepContext, **options: object
) -> list[list[str]]:
    lists = mine_negatives(
        frame_of(pairs).with_row_index("row"),
        CORPUS,
        encoder=encoder_of(SENTENCES),
        scorer=scorer,
        options=MineNegativesOptions.model_validate(
            {"max_rank": 12, "relative_margin": 0, "too_few": "keep", "output_format": "labelled-list", **options}
        ),
        context=context,
    )
    by_row = dict(lists.select("row", "documents").iter_rows())
    return [by_row.get(row, [""])[1:] for row in range(len(pairs))]


bounds = st.fixed_dictionaries({}, optional={"max_score": st.floats(0, 1), "score_margin": st.floats(0, 0.5)}).filter(
    len
)


@settings(max_examples=20)
@given(pairs_of, bounds, st.integers(1, 4))
def test_lazy_reading_gives_what_reading_everything_gives_and_reads_no_pair_in_vain_or_twice(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], bounds: dict[str, float], wanted: int
) -> None:
    context = StepContext(cache=tmp_path_factory.mktemp("cache"))
    everything = mined(pairs, None, context, num_negatives=12)
    expected, read = [], set()
    for (anchor, positive), candidates in zip(pairs, everything, strict=True):
        accepted: list[str] = []
        for text in candidates:
            if len(accepted) == wanted:
                break
            read.add((anchor, text))
            held = np.float32(score(anchor, text))
            ceiling = min(bounds.get("max_score", 1), score(anchor, positive) - bounds.get("score_margin", -1))
            if abs(held - ceiling) < 1e-6:
                return  # Too near to a bound to be told by another sum.
            if held <= ceiling:
                accepted.append(text)
        if "score_margin" in bounds and candidates:
            read.add((anchor, positive))
        expected.append(accepted)
    scorer = OverlapScorer()
    assert mined(pairs, scorer, context, num_negatives=wanted, **bounds) == expected
    assert sorted(scorer.scored) == sorted(read)
    again = OverlapScorer()
    assert mined(pairs, again, context, num_negatives=wanted, **bounds) == expected
    assert again.scored == []


class Dice:
    """Refuses a pair and a text by a throw of theirs; a check and a relation that agree."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.asked: list[tuple[int, int]] = []

    def holds(self, ordinals: np.ndarray, corpus_rows: np.ndarray) -> np.ndarray:
        return row_uniforms(3, ordinals, corpus_rows) < self.share

    def refusals(self, ordinals: np.ndarray, corpus_rows: np.ndarray) -> Mapping[str, np.ndarray]:
        self.asked += zip(ordinals.tolist(), corpus_rows.tolist(), strict=True)
        return {"thrown": self.holds(ordinals, corpus_rows)}


@settings(max_examples=20)
@given(
    pairs_of,
    st.floats(0, 1),
    st.sampled_from(["top", "random", "weighted"]),
    st.sampled_from(["drop", "pad", "band"]),
    st.none() | st.integers(1, 3),
    st.booleans(),
)
def test_what_is_looked_at_lazily_is_chosen_as_if_it_had_been_refused_beforehand(
    pairs: list[tuple[str, str]], share: float, sampling: str, places: str, max_uses: int | None, prefer: bool
) -> None:
    kinds = {"group_column": "kind", "group": "prefer"} if prefer else {}
    options = MineNegativesOptions.model_validate(
        {"num_negatives": 2, "max_rank": 12, "relative_margin": 0, "sampling": sampling, "max_uses": max_uses, **kinds}
        | ({"band": ["-1:0", "0:1"]} if places == "band" else {"too_few": places})
    )
    frame = frame_of(pairs).with_columns(kind=pl.col("anchor").str.head(1))
    corpus = CORPUS.with_columns(kind=pl.col("text").str.head(1))
    prepared = prepare(
        frame, corpus, encoder=encoder_of(SENTENCES), options=options.model_copy(update={"max_uses": None}),
        context=StepContext(),
    ).prepared  # fmt: skip
    ordinals, dice = np.arange(len(pairs)), Dice(share)
    candidates = candidates_among(searched(ordinals, prepared, 12), ordinals, prepared, 12)

    def uses() -> Uses | None:
        return None if max_uses is None else Uses.of(len(SENTENCES), max_uses)

    refused = candidates.refusing("thrown", dice)
    wanted = choose(refused, prepared, options, Ledger(), uses=uses())
    ledger = Ledger()
    found = choose(candidates, prepared, options, ledger, uses=uses(), check=dice)
    assert (found.negatives == wanted.negatives).all()
    assert ledger.counts.get("candidates: read by the cross-encoder", 0) == len(dice.asked)
    if max_uses is None and places != "band":
        assert len(set(dice.asked)) == len(dice.asked)


def test_pairs_of_several_anchors_are_read_in_one_batch(tmp_path: Path) -> None:
    scorer, context = OverlapScorer(batch_size=8), StepContext(cache=tmp_path)
    pairs = list(zip(SENTENCES[:8], SENTENCES[8:16], strict=True))
    mined(pairs, scorer, context, num_negatives=3, max_score=0.5)
    first = scorer.batches[0]
    assert len(first) == 8
    assert len({anchor for anchor, _ in first}) > 2
    lengths = [[len(anchor) + len(text) for anchor, text in batch] for batch in scorer.batches[:3]]
    assert [min(batch) for batch in lengths[:-1]] >= [max(batch) for batch in lengths[1:]]


def test_what_was_read_and_refused_is_counted(tmp_path: Path) -> None:
    context = StepContext(cache=tmp_path)
    scorer = OverlapScorer()
    mined([("red fox runs", "red hen runs")], scorer, context, num_negatives=12, max_score=0.6, score_margin=0.1)
    counts = context.ledger.counts
    read = [pair for pair in scorer.scored if pair[1] != "red hen runs"]
    assert counts["candidates: read by the cross-encoder"] == len(read)
    high = {pair for pair in read if score(*pair) > 0.6}
    assert counts["candidates: removed as above max_score"] == len(high)
    within = {pair for pair in read if score(*pair) > score("red fox runs", "red hen runs") - 0.1} - high
    assert counts["candidates: removed as within score_margin"] == len(within)
    assert any("sigmoid" in note for note in context.ledger.notes)


def test_settled_by_blocks_a_run_that_was_stopped_goes_on_and_parts_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairforge.steps.mining.settled._PAIRS_A_BLOCK", 3)
    pairs = frame_of(list(zip(SENTENCES[:10], SENTENCES[4:14], strict=True)))
    options = MineNegativesOptions(num_negatives=2, max_score=0.5, max_rank=12, relative_margin=0)
    encoder, scorer = LetterEncoder(), OverlapScorer()
    whole = mine_negatives(pairs, CORPUS, encoder=encoder, scorer=scorer, options=options)
    context = StepContext(cache=tmp_path / "cache", workspace=tmp_path / "work")
    stopped = OverlapScorer()
    give_up = iter(range(4))

    def logits(asked: list[TextPair]) -> np.ndarray:
        if next(give_up, None) is None:
            raise KeyboardInterrupt
        return OverlapScorer.logits(stopped, asked)

    monkeypatch.setattr(stopped, "logits", logits)
    with pytest.raises(KeyboardInterrupt):
        prepare(pairs, CORPUS, encoder=encoder, scorer=stopped, options=options, context=context)
    going_on = OverlapScorer()
    ready = prepare(pairs, CORPUS, encoder=encoder, scorer=going_on, options=options, context=context)
    assert STEP.row_wise is not None
    parts = [
        STEP.row_wise.run(pairs[row : row + 4], first_row=row, prepared=ready, options=options, context=StepContext())
        for row in range(0, 10, 4)
    ]
    assert pl.concat(parts).equals(whole)
    assert not set(stopped.scored) & set(going_on.scored)
    assert sorted([*stopped.scored, *going_on.scored]) == sorted(scorer.scored)


@pytest.mark.parametrize(
    ("options", "scorer", "words"),
    [
        ({}, OverlapScorer(), "needs a bound to heed: give max_score or score_margin"),
        ({"max_score": 0.5}, None, "need a cross-encoder"),
        ({"max_score": 0.5, "positive_label": "yes"}, OverlapScorer(), "--positive-label is 'yes'"),
    ],
)
def test_a_scorer_without_a_bound_and_a_bound_without_a_scorer_are_refused_before_encoding(
    options: dict[str, object], scorer: OverlapScorer | None, words: str
) -> None:
    encoder = encoder_of(SENTENCES)
    with pytest.raises(OptionsError, match=words):
        mine_negatives(
            frame_of([("red fox runs", "red hen runs")]),
            CORPUS,
            encoder=encoder,
            scorer=scorer,
            options=MineNegativesOptions.model_validate(options),
        )
    assert not encoder.encoded


def test_a_head_that_the_scorer_lacks_is_refused() -> None:
    with pytest.raises(ModelError, match="which the head 'nli' cannot read"):
        mined([("red fox runs", "red hen runs")], OverlapScorer(), StepContext(), max_score=0.5, head="nli")


@pytest.mark.parametrize(
    "options",
    [
        {"head": "sigmoid"},
        {"positive_label": "1"},
        {"strategy": "easy", "max_score": 0.5},
        {"strategy": "easy", "score_margin": 0.5},
    ],
)
def test_options_that_nothing_reads_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError):
        MineNegativesOptions.model_validate(options)
