"""What never serves beyond the known positives: own groups, own clusters, near-duplicates, texts that are used up."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.engines.clusters import assigned, k_means
from pairforge.engines.tables import VectorTable
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import Side
from pairforge.steps.mine_negatives import STEP, MineNegativesOptions, mine_negatives
from pairforge.steps.mining.candidates import searched
from tests.fakes import LetterEncoder, TableEncoder
from tests.steps import reference_mining as reference
from tests.steps.mining_trials import WORDS, corpora, encoder_of, frame_of, mined, pairs_of

Refused = Callable[[int, int], bool]
GROUPS = ["red", "blue", "green", None]


def brute_force(
    pairs: Sequence[tuple[str, str]],
    distinct: Sequence[str],
    encoder: TableEncoder,
    refused: Refused = lambda row, text: False,
    max_uses: float = math.inf,
) -> list[list[str]]:
    """The two nearest texts of each pair that nothing speaks against."""

    def vectors(of: Sequence[str]) -> np.ndarray:
        return encoder.encode(of, Side.QUERY)

    found = reference.mine(
        pairs,
        distinct,
        vectors([anchor for anchor, _ in pairs]),
        vectors([positive for _, positive in pairs]),
        vectors(distinct),
        reference.Rules(num_negatives=2, max_rank=12, relative_margin=None),
        refused=refused,
        max_uses=max_uses,
    )
    return [[distinct[negative] for negative in of_pair.negatives] for of_pair in found]


def negatives_of(pairs: Sequence[tuple[str, str]], corpus: pl.DataFrame | None, **options: object) -> list[list[str]]:
    frame = options.pop("frame", frame_of(pairs))
    assert isinstance(frame, pl.DataFrame)
    lists, _ = mined(
        frame.with_row_index("row"),
        corpus,
        num_negatives=2,
        max_rank=12,
        relative_margin=0,
        too_few="keep",
        output_format="labelled-list",
        **options,  # type: ignore[arg-type]
    )
    by_row = dict(lists.select("row", "documents").iter_rows())
    return [by_row.get(row, [""])[1:] for row in range(len(pairs))]


@settings(max_examples=30)
@given(pairs_of, st.none() | corpora, st.data())
def test_a_text_of_the_anchors_own_group_never_serves(
    pairs: list[tuple[str, str]], corpus: list[str] | None, data: st.DataObject
) -> None:
    of_pairs = data.draw(st.lists(st.sampled_from(GROUPS), min_size=len(pairs), max_size=len(pairs)))
    given_texts = [positive for _, positive in pairs] if corpus is None else corpus
    of_texts = of_pairs
    if corpus is not None:
        of_texts = data.draw(st.lists(st.sampled_from(GROUPS), min_size=len(corpus), max_size=len(corpus)))
    distinct = reference.distinct(given_texts)
    if len(distinct) < 3 or set(of_pairs) == {None} or set(of_texts) == {None}:
        return

    def labels(texts: Sequence[str], given: Sequence[str | None], wanted: str) -> set[str]:
        same = reference.same_form(wanted)
        return {label for text, label in zip(texts, given, strict=True) if label and reference.same_form(text) == same}

    def refused(row: int, text: int) -> bool:
        own = labels([anchor for anchor, _ in pairs], of_pairs, pairs[row][0])
        return bool(own & labels(given_texts, of_texts, distinct[text]))

    kind = pl.Series("kind", of_texts, dtype=pl.String)
    made = negatives_of(
        pairs,
        None if corpus is None else pl.DataFrame({"text": corpus}).with_columns(kind),
        frame=frame_of(pairs).with_columns(pl.Series("kind", of_pairs, dtype=pl.String)),
        group_column="kind",
    )
    assert made == brute_force(pairs, distinct, encoder_of(), refused)


@settings(max_examples=30)
@given(pairs_of, corpora, st.floats(0.05, 1), st.integers(0, 50))
def test_near_duplicates_of_known_positives_never_serve(
    pairs: list[tuple[str, str]], corpus: list[str], similarity: float, seed: int
) -> None:
    distinct = reference.distinct(corpus)
    if len(distinct) < 3:
        return
    encoder = encoder_of(seed=seed)
    written: dict[str, str] = {}
    for text in [*(positive for _, positive in pairs), *(anchor for anchor, _ in pairs)]:
        written.setdefault(reference.same_form(text), text)

    def right_for(row: int) -> set[str]:
        own = reference.same_form(pairs[row][0])
        forms = [(reference.same_form(anchor), reference.same_form(positive)) for anchor, positive in pairs]
        return {b for a, b in forms if a == own} | {a for a, b in forms if b == own}

    def refused(row: int, text: int) -> bool:
        [vector] = encoder.encode([distinct[text]], Side.DOCUMENT)
        known = encoder.encode([written[form] for form in sorted(right_for(row))], Side.DOCUMENT)
        return bool((known @ vector >= similarity).any())

    made = negatives_of(pairs, pl.DataFrame({"text": corpus}), encoder=encoder, near_duplicate_similarity=similarity)
    assert made == brute_force(pairs, distinct, encoder, refused)


@settings(max_examples=20)
@given(pairs_of, st.integers(2, 6), st.integers(0, 20))
def test_texts_in_the_cluster_of_the_anchor_or_its_positive_never_serve(
    pairs: list[tuple[str, str]], num_clusters: int, seed: int
) -> None:
    encoder, distinct = encoder_of(), reference.distinct(WORDS)
    centroids = k_means(VectorTable.of(encoder.encode(distinct, Side.DOCUMENT)), num_clusters, seed=seed)

    def clusters(texts: Sequence[str]) -> list[int]:
        return assigned(VectorTable.of(encoder.encode(texts, Side.DOCUMENT)), centroids).tolist()

    of_texts = clusters(distinct)
    own: dict[str, set[int]] = {}
    for anchor, positive in pairs:
        own.setdefault(reference.same_form(anchor), set()).update(clusters([anchor, positive]))
    made = negatives_of(pairs, pl.DataFrame({"text": WORDS}), clusters=num_clusters, seed=seed)
    assert made == brute_force(
        pairs, distinct, encoder, lambda row, text: of_texts[text] in own[reference.same_form(pairs[row][0])]
    )


@settings(max_examples=30)
@given(pairs_of, corpora, st.integers(1, 3))
def test_no_text_serves_more_often_than_it_may_and_earlier_pairs_come_first(
    pairs: list[tuple[str, str]], corpus: list[str], max_uses: int
) -> None:
    distinct = reference.distinct(corpus)
    if len(distinct) < 3:
        return
    made = negatives_of(pairs, pl.DataFrame({"text": corpus}), max_uses=max_uses)
    assert made == brute_force(pairs, distinct, encoder_of(), max_uses=max_uses)
    assert max(Counter(text for of_pair in made for text in of_pair).values(), default=0) <= max_uses


DISTINCT = reference.distinct(WORDS)
distinct_texts = st.sampled_from(DISTINCT)


@settings(max_examples=8)
@given(
    st.lists(st.tuples(distinct_texts, distinct_texts, st.sampled_from(GROUPS[:3])), min_size=1, max_size=8),
    st.integers(1, 4),
    st.sampled_from(["easy", "semi-hard"]),
)
def test_random_texts_heed_groups_clusters_near_duplicates_and_uses(
    rows: list[tuple[str, str, str]], max_uses: int, strategy: str
) -> None:
    kind_of = {word: str(GROUPS[place % 3]) for place, word in enumerate(DISTINCT)}
    options: dict[str, object] = {"relative_margin": 0, "max_similarity": 0.3} if strategy == "semi-hard" else {}
    encoder = encoder_of()
    made, _ = mined(
        pl.DataFrame(rows, schema=["anchor", "positive", "kind"], orient="row"),
        pl.DataFrame({"text": DISTINCT, "kind": kind_of.values()}),
        encoder=encoder,
        strategy=strategy,
        num_negatives=2,
        output_format="triplet",
        too_few="pad",
        group_column="kind",
        near_duplicate_similarity=0.6,
        clusters=2,
        max_uses=max_uses,
        **options,
    )
    assert max(Counter(made["negative"]).values(), default=0) <= max_uses
    centroids = k_means(VectorTable.of(encoder.encode(DISTINCT, Side.DOCUMENT)), 2, seed=42)
    for anchor, positive, negative in made.select("anchor", "positive", "negative").iter_rows():
        assert kind_of[negative] not in {kind for own, _, kind in rows if own == anchor}
        vectors = encoder.encode([anchor, positive, negative], Side.DOCUMENT)
        assert vectors[1] @ vectors[2] < 0.6
        clusters = assigned(VectorTable.of(vectors), centroids)
        assert clusters[2] not in clusters[:2]


def test_a_row_whose_draws_are_refused_again_and_again_still_gets_the_one_text_that_is_left() -> None:
    words = [f"text {number}" for number in range(400)]
    corpus = pl.DataFrame({"text": words, "kind": ["own"] * 399 + ["other"]})
    pairs = frame_of([("anchor", "text 3")]).with_columns(kind=pl.lit("own"))
    made = mine_negatives(
        pairs, corpus, options=MineNegativesOptions(strategy="easy", num_negatives=1, group_column="kind")
    )
    assert made["negative_1"].to_list() == ["text 399"]


def test_texts_of_the_own_group_serve_first_where_they_are_preferred() -> None:
    encoder = TableEncoder({"q": (1, 0), "p": (1, 0.01), "a": (1, 0.1), "b": (1, 0.2), "c": (1, 0.3), "d": (0, 1)})
    corpus = pl.DataFrame({"text": ["p", "a", "b", "c", "d"], "kind": ["x", "y", "x", "y", "x"]})
    pairs = frame_of([("q", "p")]).with_columns(kind=pl.lit("x"))
    options = {"encoder": encoder, "num_negatives": 3, "relative_margin": 0, "group_column": "kind"}
    assert mined(pairs, corpus, group="prefer", **options)[0].row(0)[2:] == ("a", "b", "d", "x")  # type: ignore[arg-type]
    assert mined(pairs, corpus, group="prefer", **options | {"num_negatives": 2})[0].row(0)[2:4] == ("b", "d")  # type: ignore[arg-type]
    none, ledger = mined(pairs, corpus, **options)  # type: ignore[arg-type]
    assert none.is_empty()
    assert ledger.counts["candidates: removed as of the anchor's group"] == 2


@pytest.mark.parametrize(
    ("pairs_kind", "corpus_kind", "words"),
    [
        (None, ["a"] * 5, "pairs: column 'kind', named as --group-column, is missing"),
        (["a"], None, "corpus: column 'kind', named as --group-column, is missing"),
        ([None], ["a"] * 5, "nothing but nulls"),
        ([["a"]], ["a"] * 5, "values of type List"),
    ],
)
def test_a_group_column_that_is_missing_or_holds_no_labels_is_refused_before_encoding(
    pairs_kind: list[object] | None, corpus_kind: list[object] | None, words: str
) -> None:
    pairs, corpus = frame_of([("one", "two")]), pl.DataFrame({"text": ["cat", "dog", "sun", "moon", "ß"]})
    encoder = encoder_of()
    with pytest.raises(FrameError, match=words):
        mined(
            pairs if pairs_kind is None else pairs.with_columns(pl.Series("kind", pairs_kind)),
            corpus if corpus_kind is None else corpus.with_columns(pl.Series("kind", corpus_kind)),
            encoder=encoder,
            group_column="kind",
        )
    assert not encoder.encoded


def test_more_clusters_than_texts_are_refused() -> None:
    with pytest.raises(FrameError, match="5 distinct texts are too few for 6 clusters"):
        mined(frame_of([("one", "two")]), pl.DataFrame({"text": ["cat", "dog", "sun", "moon", "ß"]}), clusters=6)


@pytest.mark.parametrize(
    "options",
    [
        {"group": "prefer"},
        {"group": "prefer", "group_column": "kind", "strategy": "easy"},
        {"group_column": ""},
        {"clusters": 1},
        {"max_uses": 0},
        {"near_duplicate_similarity": 0},
    ],
)
def test_refusals_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises((OptionsError, ValueError)):
        MineNegativesOptions.model_validate(options)


def test_choosing_in_turn_goes_on_from_the_block_it_was_at_and_parts_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairforge.steps.mining.settled._PAIRS_A_BLOCK", 3)
    monkeypatch.setattr("pairforge.steps.mining.settled._CANDIDATES_AT_ONCE", 8)
    words = [f"{first}{second}" for first in "abcdefgh" for second in "xyz"]
    pairs = frame_of(list(itertools.pairwise(words)))
    options = MineNegativesOptions(num_negatives=2, max_uses=3, max_rank=8, relative_margin=0, too_few="pad")
    assert STEP.row_wise is not None

    def in_parts(context: StepContext, rows: int) -> pl.DataFrame:
        ready = STEP.row_wise.prepare(pairs, encoder=LetterEncoder(), options=options, context=context)
        return pl.concat(
            STEP.row_wise.run(pairs[first : first + rows], first_row=first, prepared=ready, options=options,
                              context=context)
            for first in range(0, pairs.height, rows)
        )  # fmt: skip

    whole = StepContext()
    made = mine_negatives(pairs, encoder=LetterEncoder(), options=options, context=whole)
    kept = StepContext(workspace=tmp_path)
    assert in_parts(kept, 5).equals(made)
    assert kept.ledger.to_json() == whole.ledger.to_json()
    for block in (tmp_path / "settled").glob("part-00004*"):
        block.unlink()
    chosen_again: list[int] = []

    def watched(ordinals: np.ndarray, *given: object) -> object:
        chosen_again.extend(ordinals.tolist())
        return searched(ordinals, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("pairforge.steps.mining.settled.searched", watched)
    resumed = StepContext(workspace=tmp_path)
    assert in_parts(resumed, 7).equals(made)
    assert resumed.ledger.to_json() == whole.ledger.to_json()
    assert chosen_again == [12, 13, 14]
