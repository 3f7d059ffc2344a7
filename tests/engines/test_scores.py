from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.engines import stored_rows
from pairforge.engines.scores import ScoreStore
from pairforge.errors import FileError, ModelError
from pairforge.models import Floats, TextPair
from tests.fakes import OverlapScorer

PAIRS = [("a cat", "a dog"), ("a cat", "a cat"), ("rain", "wind")]


def test_rows_are_the_logits_of_the_pairs_in_their_order(tmp_path: Path) -> None:
    scorer = OverlapScorer(("no", "yes"), positive=1)
    logits = ScoreStore(tmp_path).logits(scorer, PAIRS)
    assert logits.tolist() == [[0, 0], [0, 4], [0, -4]]
    assert logits.dtype == np.float32


def test_each_distinct_pair_is_scored_once(tmp_path: Path) -> None:
    scorer = OverlapScorer()
    logits = ScoreStore(tmp_path).logits(scorer, [*PAIRS, *PAIRS[::-1]])
    assert sorted(scorer.scored) == sorted(PAIRS)
    assert logits[:3].tolist() == logits[:2:-1].tolist()
    ScoreStore(tmp_path).logits(scorer, [*PAIRS, ("new", "pair")])
    assert scorer.scored[3:] == [("new", "pair")]


def test_the_order_of_a_pair_matters(tmp_path: Path) -> None:
    scorer = OverlapScorer()
    logits = ScoreStore(tmp_path).logits(scorer, [("a", "a cat"), ("a cat", "a")])
    assert logits.tolist() == [[4], [0]]
    assert len(scorer.scored) == 2


def test_where_one_text_ends_and_the_other_begins_matters(tmp_path: Path) -> None:
    pairs = [("a", "b a"), ("a b", " a"), ("a b a", ""), ("", "a b a"), ("a\0", "b"), ("a", "\0b")]
    scorer = OverlapScorer()
    logits = ScoreStore(tmp_path).logits(scorer, pairs)
    assert len(scorer.scored) == len(pairs)
    assert (logits == OverlapScorer().logits(pairs)).all()


def test_models_never_share_scores(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path)
    first, other = OverlapScorer(), OverlapScorer(scale=0.5)
    assert store.logits(first, PAIRS).tolist() == [[0], [4], [-4]]
    assert store.logits(other, PAIRS).tolist() == [[0], [2], [-2]]
    assert len(other.scored) == 3


def test_no_pairs_give_no_rows(tmp_path: Path) -> None:
    scorer = OverlapScorer(("a", "b", "c"))
    assert ScoreStore(tmp_path).logits(scorer, []).shape == (0, 3)
    assert scorer.batches == []


@settings(max_examples=30)
@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=30), st.integers(1, 5))
def test_every_pair_gets_its_own_logits(pairs: list[TextPair], batch_size: int) -> None:
    scorer = OverlapScorer(batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder:
        logits = ScoreStore(Path(folder)).logits(scorer, pairs)
    assert (logits == OverlapScorer().logits(pairs)).all()
    assert len(scorer.scored) == len(set(pairs))


def test_batches_hold_pairs_of_like_length_whatever_the_order(tmp_path: Path) -> None:
    pairs = [("a", "b"), ("cccc", "dddd"), ("e", "ff"), ("gggg", "h")]
    there, back = OverlapScorer(batch_size=2), OverlapScorer(batch_size=2)
    ScoreStore(tmp_path / "there").logits(there, pairs)
    ScoreStore(tmp_path / "back").logits(back, pairs[::-1])
    assert there.batches == back.batches == [[("cccc", "dddd"), ("gggg", "h")], [("e", "ff"), ("a", "b")]]


class Killed(BaseException):
    pass


class BatchSensitiveScorer(OverlapScorer):
    """Its logits tell the batch they were computed in, and it dies at a given batch."""

    def __init__(self, dies_at: int | None = None) -> None:
        super().__init__(batch_size=3)
        self.dies_at = dies_at

    def logits(self, pairs: Sequence[TextPair]) -> Floats:
        if len(self.batches) == self.dies_at:
            raise Killed
        return super().logits(pairs) + np.float32(0.001) * sum(len(first + second) for first, second in pairs)


@pytest.mark.parametrize("killed_at", [[1], [4], [2, 3, 1], [0, 0]])
def test_a_resumed_run_ends_with_the_same_bytes_and_scores_no_kept_pair_again(
    killed_at: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "_SHARD_ROWS", 3)
    pairs = [("x" * (7 * number % 11), str(number)) for number in range(25)]
    undisturbed = ScoreStore(tmp_path / "a").logits(BatchSensitiveScorer(), pairs)
    scored = 0
    for batch in killed_at:
        scorer = BatchSensitiveScorer(batch)
        with pytest.raises(Killed):
            ScoreStore(tmp_path / "b").logits(scorer, pairs)
        scored += len(scorer.scored)
    last = BatchSensitiveScorer()
    assert ScoreStore(tmp_path / "b").logits(last, pairs).tobytes() == undisturbed.tobytes()
    assert scored + len(last.scored) == 25
    assert not list(tmp_path.rglob("*.plan.npy"))


def test_nan_is_refused_with_the_pair_that_gave_it(tmp_path: Path) -> None:
    class Broken(OverlapScorer):
        def logits(self, pairs: Sequence[TextPair]) -> Floats:
            given = super().logits(pairs)
            given[[first == "rain" for first, _ in pairs]] = np.nan
            return given

    with pytest.raises(ModelError, match=r"overlap: gives NaN or an infinity for the pair 'rain', 'wind'"):
        ScoreStore(tmp_path).logits(Broken(), PAIRS)


def test_another_number_of_outputs_than_labels_is_refused(tmp_path: Path) -> None:
    scorer = OverlapScorer()
    scorer.labels = ("no", "yes")
    scorer.logits = lambda pairs: np.zeros((len(pairs), 1), dtype=np.float32)  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=r"logits of shape \(3, 2\) were wanted, but it gives \(3, 1\)"):
        ScoreStore(tmp_path).logits(scorer, PAIRS)


def test_a_cache_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"logits cannot be stored there \(.*\).* --cache-dir"):
        ScoreStore(tmp_path / "file").logits(OverlapScorer(), PAIRS)
