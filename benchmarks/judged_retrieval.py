"""Do the retrievers of mine-negatives find what is relevant, and does mining leave it out?

    python benchmarks/judged_retrieval.py

SciFact and Cranfield with their queries, documents and relevance judgements, all-MiniLM-L6-v2. First the rankings that
mining looks at, by vectors, by words and fused, beside the same searches made apart: those of
`tests/steps/reference_retrieval.py`, which shares no code with the package (bm25s with its own tokenizer;
sentence-transformers' `encode` and NumPy). Then what `mine_negatives` mines for every relevant judgement, five
negatives each, and how many of these negatives are judged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

import pairforge as pf
from pairforge.execution.step import StepContext
from pairforge.models import Encoder
from pairforge.steps.mine_negatives import prepare
from pairforge.steps.mining.candidates import candidates_among, searched

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "steps"))
import reference_retrieval as reference

MODEL = "all-MiniLM-L6-v2"
DEPTH = 100
NUM_NEGATIVES = 5
RETRIEVERS = {"dense": ("dense",), "bm25": ("bm25",), "both, fused": ("dense", "bm25")}


def ranked(judged: reference.JudgedCorpus, retriever: Sequence[str], encoder: Encoder) -> list[list[int]]:
    """The ranking that mining looks at, for each query."""
    options = pf.MineNegativesOptions.model_validate({"retriever": retriever, "max_rank": DEPTH, "relative_margin": 0})
    pairs = judged.queries.select("query_id", anchor="text", positive="text")
    ready = prepare(pairs, judged.documents, judged.qrels, encoder=encoder, options=options, context=StepContext())
    ordinals = np.arange(pairs.height)
    found = candidates_among(searched(ordinals, ready.prepared, DEPTH), ordinals, ready.prepared, DEPTH)
    return [[row for row in rows if row >= 0] for rows in found.ranking.corpus_rows.tolist()]


def apart(judged: reference.JudgedCorpus, name: str) -> list[list[int]] | None:
    """The same search without the package."""
    documents, queries = judged.documents["text"].to_list(), judged.queries["text"].to_list()
    if name == "bm25":
        return reference.by_bm25s(documents, queries, DEPTH)
    if name != "dense":
        return None
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(pf.find_model(MODEL).path))
    return reference.by_cosine(model.encode(documents), model.encode(queries), DEPTH)


def mined(judged: reference.JudgedCorpus, retriever: Sequence[str], encoder: Encoder) -> tuple[int, int, int, int]:
    """Pairs, pairs kept, negatives judged relevant and negatives judged 0."""
    options = {"retriever": retriever, "num_negatives": NUM_NEGATIVES, "relative_margin": 0, "output_format": "triplet"}
    made = pf.mine_negatives(
        judged.pairs,
        judged.documents,
        judged.qrels,
        encoder=encoder,
        options=pf.MineNegativesOptions.model_validate(options),
    )
    told = made.join(judged.documents.rename({"text": "negative"}), on="negative")
    relevance = told.join(judged.qrels, on=["query_id", "doc_id"])["relevance"]
    return judged.pairs.height, made.height // NUM_NEGATIVES, (relevance > 0).sum(), (relevance == 0).sum()


def main() -> None:
    """Print the two tables."""
    folder = Path(os.environ.get("PAIRFORGE_TEST_DATA", Path(__file__).parent / "../../shared/data"))
    encoder = pf.load_encoder(MODEL)
    measures, negatives = [], []
    for name in ("scifact", "cranfield"):
        judged = reference.JudgedCorpus(folder / name)
        for shown, retriever in RETRIEVERS.items():
            both = {"pairforge": ranked(judged, retriever, encoder), "apart": apart(judged, shown)}
            for side, rankings in both.items():
                if rankings is not None:
                    figures = " | ".join(f"{value:.4f}" for value in judged.measured(rankings).values())
                    measures.append(f"| {name} | {shown} | {side} | {figures} |")
            negatives.append(f"| {name} | {shown} | {' | '.join(map(str, mined(judged, retriever, encoder)))} |")
    print("| corpus | retriever | by | nDCG@10 | recall@10 | recall@100 |", f"|{' --- |' * 6}", *measures, sep="\n")
    headings = "| corpus | retriever | pairs | kept | negatives judged relevant | negatives judged 0 |"
    print("", headings, f"|{' --- |' * 6}", *negatives, sep="\n")


if __name__ == "__main__":
    typer.run(main)
