"""Exact nearest neighbours by dot product, over tables of any size. The one home of faiss.

faiss proposes candidates in float32, or torch where there is a GPU; their rounding depends on how the work was cut. So
each candidate's similarity is computed anew, pair by pair, and a row's answer is accepted only if no text that was not
proposed can belong in it; otherwise more are fetched. Neither block sizes, nor thread counts, nor the device therefore
ever change a result.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from pairforge.engines.tables import VectorTable
from pairforge.errors import ModelError
from pairforge.models import Floats
from pairforge.progress import Progress, silent

Rows = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

Propose = Callable[[Floats, Floats, int], tuple[Floats, Rows]]
"""From queries (n, dimension), a block of the corpus and a number k to each query's k highest dot products, float32
(n, k), and their rows in the block, each query's in any order."""

_SPARE = 16
_WIDENING = 8
_BLOCK_BYTES = 64 * 2**20
_QUERIES_AT_ONCE = 4096
_CANDIDATES_AT_ONCE = 2**20
_PRODUCTS_AT_ONCE = 2**27
_NO_NUMBERS = "Vectors hold NaN, or are so long that their products are no numbers. Normalise them."
# Few enough that their vectors stay in the processor's cache.
_PAIRS_AT_ONCE = 512


@dataclass(frozen=True)
class Neighbours:
    """The nearest corpus rows of some consecutive queries.

    Args:
        first_row: The query that the first line belongs to.
        corpus_rows: int64 (queries, k), best first, of equal ones the lower row first; k is at most the corpus' size.
        similarities: float32 (queries, k), dot products as `similarities` gives them.
    """

    first_row: int
    corpus_rows: Rows
    similarities: Floats


def nearest(
    queries: VectorTable,
    corpus: VectorTable,
    k: int,
    *,
    rows: range | None = None,
    propose: Propose | None = None,
    progress: Progress = silent,
) -> Iterator[Neighbours]:
    """The k corpus rows of the highest dot product with each query, exactly; cosines if both tables are `unit()`.

    Args:
        queries: The texts to find neighbours of.
        corpus: The texts to find them among.
        k: How many a query.
        rows: The queries to answer, consecutive; all of them if not given.
        propose: Finds candidates, as `proposer` gives it; faiss if not given.
        progress: Shows queries done.

    Yields:
        Blocks of queries in order. Memory stays bounded by the blocks, whatever the size of the tables.

    Raises:
        ModelError: products of the vectors are no numbers.
    """
    asked = range(len(queries)) if rows is None else rows
    if 4 * len(corpus) * corpus.dimension <= _BLOCK_BYTES:
        corpus = VectorTable.of(corpus.take(range(len(corpus))))
    k = min(k, len(corpus))
    fetched = min(k + max(_SPARE, k // 8), len(corpus))
    step = _queries_at_once(fetched)
    with progress("searching", len(asked), "queries") as advance:
        for first in range(asked.start, asked.stop, step):
            block = range(first, min(first + step, asked.stop))
            found_rows, found = _best(queries.take(block), corpus, k, fetched, propose or by_faiss)
            yield Neighbours(first, found_rows, found)
            advance(len(block))


def proposer(device: str | None) -> Propose:
    """What finds candidates: torch on a device other than the CPU, faiss where there is none.

    Args:
        device: As torch names it ("cuda:1"); a GPU of NVIDIA's if there is one, if not given.
    """
    if device == "cpu" or (device is None and not shutil.which("nvidia-smi")):
        return by_faiss
    import torch  # noqa: PLC0415 - two seconds that a machine without a GPU need not spend

    chosen = device or "cuda"
    missing = chosen.startswith("cuda") and not torch.cuda.is_available()
    return by_faiss if missing else partial(by_torch, device=chosen)


def by_faiss(queries: Floats, block: Floats, k: int) -> tuple[Floats, Rows]:
    """Candidates by faiss; a `Propose`.

    Raises:
        ModelError: products of the vectors are no numbers.
    """
    import faiss  # noqa: PLC0415 - half a second that a run with nothing to do need not spend

    scores, rows = faiss.knn(queries, block, k, metric=faiss.METRIC_INNER_PRODUCT)
    if rows.min(initial=0) < 0:
        raise ModelError(_NO_NUMBERS)
    return scores, rows


def by_torch(queries: Floats, block: Floats, k: int, *, device: str) -> tuple[Floats, Rows]:
    """Candidates by torch on a device; a `Propose` once that is given.

    Raises:
        ModelError: products of the vectors are no numbers.
    """
    import torch  # noqa: PLC0415 - two seconds that searching by faiss need not spend

    step = max(1, _PRODUCTS_AT_ONCE // len(block))
    precision = torch.get_float32_matmul_precision()
    # The bound on rounding is that of float32; TF32 and bfloat16, if the user allowed them, would exceed it.
    torch.set_float32_matmul_precision("highest")
    try:
        corpus, asked = torch.from_numpy(block).to(device).T, torch.from_numpy(queries)
        starts = range(0, max(1, len(asked)), step)
        found = [torch.topk(asked[start : start + step].to(device) @ corpus, k, sorted=False) for start in starts]
        scores, rows = (torch.cat(side).cpu().numpy() for side in zip(*found, strict=True))
    finally:
        torch.set_float32_matmul_precision(precision)
    if not np.isfinite(scores).all():
        raise ModelError(_NO_NUMBERS)
    return scores, rows


def similarities(
    queries: VectorTable, query_rows: npt.ArrayLike, corpus: VectorTable, corpus_rows: npt.ArrayLike
) -> Floats:
    """The dot product of each query row with the corpus row beside it, float32, of the shape of `corpus_rows`.

    Summed in float64 and rounded once; each pair by itself, so that its neighbours never change it.

    Args:
        queries: A table.
        query_rows: Rows of it, broadcast against `corpus_rows`.
        corpus: A table of the same dimension.
        corpus_rows: Rows of it.
    """
    left, right = np.broadcast_arrays(np.asarray(query_rows, dtype=np.int64), np.asarray(corpus_rows, dtype=np.int64))
    found = np.empty(right.size, dtype=np.float32)
    for start in range(0, right.size, _PAIRS_AT_ONCE):
        pairs = slice(start, start + _PAIRS_AT_ONCE)
        found[pairs] = _dots(queries.take(left.ravel()[pairs]), corpus.take(right.ravel()[pairs]))
    return found.reshape(right.shape)


def _dots(left: Floats, right: Floats) -> Floats:
    # One BLAS dot a pair: unlike a matrix product, its order of summation does not depend on the other pairs.
    dots: Doubles = np.vecdot(left.astype(np.float64), right.astype(np.float64))
    return dots.astype(np.float32)


def _best(queries: Floats, corpus: VectorTable, k: int, fetched: int, propose: Propose) -> tuple[Rows, Floats]:
    """The k best corpus rows of each query and their similarities, from `fetched` candidates or more."""
    candidates, lowest = _candidates(queries, corpus, fetched, propose)
    scores = _rescored(queries, corpus, candidates)
    order = np.lexsort((candidates, -scores), axis=1)[:, :k]
    rows = np.take_along_axis(candidates, order, axis=1)
    scores = np.take_along_axis(scores, order, axis=1)
    if fetched < len(corpus) and k:
        unsafe = np.flatnonzero(scores[:, -1] <= lowest + _rounding(queries, corpus.longest))
        wider = min(fetched * _WIDENING, len(corpus))
        step = _queries_at_once(wider)
        for start in range(0, len(unsafe), step):
            again = unsafe[start : start + step]
            rows[again], scores[again] = _best(queries[again], corpus, k, wider, propose)
    return rows, scores


def _rescored(queries: Floats, corpus: VectorTable, candidates: Rows) -> Floats:
    """The similarity of each query with each of its candidates, as `similarities` gives it."""
    scores = np.empty(candidates.shape, dtype=np.float32)
    width = candidates.shape[1]
    step = max(1, _PAIRS_AT_ONCE // max(1, width))
    for first, start in itertools.product(range(0, len(queries), step), range(0, width, _PAIRS_AT_ONCE)):
        block = np.s_[first : first + step, start : start + _PAIRS_AT_ONCE]
        rows = candidates[block]
        scores[block] = _dots(queries[block[0], None], corpus.take(rows.ravel()).reshape(*rows.shape, -1))
    return scores


def _rounding(queries: Floats, longest: float) -> Doubles:
    """By how much a proposed score and a true similarity may differ: the bound for float32 sums in any order."""
    lengths: Doubles = np.sqrt(np.vecdot(queries, queries, dtype=np.float64))
    rounding: Doubles = lengths * (longest * (queries.shape[1] + 2) * 2.0**-23)
    return rounding


def _candidates(queries: Floats, corpus: VectorTable, fetched: int, propose: Propose) -> tuple[Rows, Doubles]:
    """Rows proposed for each query, in any order, and a score that no row left out exceeds."""
    best_rows = np.empty((len(queries), 0), dtype=np.int64)
    best = np.empty((len(queries), 0), dtype=np.float32)
    for first, block in _blocks(corpus):
        scores, rows = propose(queries, block, min(fetched, len(block)))
        best_rows = np.hstack((best_rows, rows + first))
        best = np.hstack((best, scores))
        if best.shape[1] > fetched:
            kept = np.argpartition(-best, fetched - 1, axis=1)[:, :fetched]
            best_rows = np.take_along_axis(best_rows, kept, axis=1)
            best = np.take_along_axis(best, kept, axis=1)
    lowest = best.min(axis=1, initial=np.inf).astype(np.float64)
    return best_rows, lowest


def _blocks(corpus: VectorTable) -> Iterator[tuple[int, Floats]]:
    size = max(1, _BLOCK_BYTES // (4 * max(1, corpus.dimension)))
    for first in range(0, len(corpus), size):
        yield first, corpus.take(range(first, min(first + size, len(corpus))))


def _queries_at_once(fetched: int) -> int:
    return max(1, min(_QUERIES_AT_ONCE, _CANDIDATES_AT_ONCE // max(1, fetched)))
