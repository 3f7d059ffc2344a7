"""Are mined negatives those that brute force finds? Row by row, at full size.

    pairforge mine-negatives qa.parquet -o negatives.parquet
    python benchmarks/check_mining.py qa.parquet negatives.parquet

The reference (`tests/steps/reference_mining.py`) shares no code with the package: it multiplies all vectors in fp32 by
NumPy, sorts, and takes the first candidates that nothing speaks against. The negatives have to be of mine-negatives'
default options. A difference is excused only where two similarities lie within 1e-6, and each one is listed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import pairforge as pf
from pairforge.cache import cache_folder
from pairforge.engines.vectors import VectorStore
from pairforge.frames import PAIR, adopt
from pairforge.models import Floats, Side

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "steps"))
import reference_mining as reference

NEGATIVES = ["negative_1", "negative_2", "negative_3"]


def stored_vectors(model: str, anchors: Sequence[str], documents: Sequence[str]) -> tuple[Floats, Floats]:
    """Vectors of unit length of anchors and documents, from the store that mining filled."""
    sides = {Side.QUERY: anchors, Side.DOCUMENT: documents}
    tables = VectorStore(cache_folder() / "vectors").tables(pf.load_encoder(model), sides)
    raw = [tables[side].take(range(len(texts))) for side, texts in sides.items()]
    first, second = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in raw)
    return first, second


def main(
    pairs_file: Annotated[str, typer.Argument(help="The pairs that were mined for.")],
    negatives_file: Annotated[str, typer.Argument(help="What mine-negatives made of them.")],
    model: Annotated[str, typer.Option(help="The encoder that mined.")] = "all-MiniLM-L6-v2",
) -> None:
    """Compare, list every difference, and fail if one is not a near tie or a positive was mined."""
    pairs = adopt(pf.read_frame(pairs_file), [PAIR], pairs_file).frame.select("anchor", "positive")
    texts = reference.distinct(pairs["positive"].to_list())
    row_of = {text: row for row, text in enumerate(texts)}
    anchors, documents = stored_vectors(model, pairs["anchor"].to_list(), [*pairs["positive"], *texts])
    found = reference.mine(
        pairs.rows(), texts, anchors, documents[: pairs.height], documents[pairs.height :], reference.Rules()
    )
    rows = [row for row, of_row in enumerate(found) if len(of_row.negatives) == len(NEGATIVES)]
    mined = pf.read_frame(negatives_file).select("anchor", "positive", *NEGATIVES)
    kept_alike = mined.select("anchor", "positive").equals(pairs[rows])
    print(f"{pairs.height:,} pairs, {len(rows):,} kept by the reference, {mined.height:,} by pairforge")
    if not kept_alike:
        print("the rows that are kept differ")
        raise typer.Exit(1)
    ours = [[row_of[text] for text in negatives] for negatives in mined.select(NEGATIVES).iter_rows()]
    differing = [at for at, row in enumerate(rows) if ours[at] != found[row].negatives]
    unexplained = [at for at in differing if not found[rows[at]].explains(ours[at])]
    for at in differing:
        similarities = found[rows[at]].similarities
        both = [[(row, float(similarities[row])) for row in side] for side in (ours[at], found[rows[at]].negatives)]
        print(f"row {rows[at]}: pairforge {both[0]}, reference {both[1]}")
    right = reference.forbidden_forms(pairs.rows())
    positives = sum(
        reference.same_form(negative) in right[reference.same_form(anchor)]
        for anchor, *negatives in mined.select("anchor", *NEGATIVES).iter_rows()
        for negative in negatives
    )
    print(f"{len(differing)} rows differ, {len(unexplained)} of them not by a near tie; {positives} positives mined")
    raise typer.Exit(1 if unexplained or positives else 0)


if __name__ == "__main__":
    typer.run(main)
