"""A tiny T5 that learns on the spot to ask MedQuAD's questions, and what generate-queries makes of what it writes."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from pairforge.execution.stage import FileInput, Outcome, Stage, run_stage
from pairforge.generators import GeneratorRequest
from pairforge.pipeline.registry import load_step
from tests.tiny_models import save_seq2seq_model

pytestmark = pytest.mark.model

WORDS_READ, DOCUMENTS = 24, 100
STEPS, BATCH = 400, 32


def _beginnings(shared_data: Path) -> pl.DataFrame:
    """Questions and the first words of their answers, each beginning once."""
    rows = pl.read_parquet(shared_data / "medquad/qa.parquet").filter(pl.col("answer").str.len_chars() > 200)
    words = pl.col("answer").str.split(" ").list.head(WORDS_READ).list.join(" ")
    return rows.with_columns(text=words).unique("text", keep="first", maintain_order=True)


def _train(folder: Path, pairs: pl.DataFrame) -> None:
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    torch.manual_seed(0)
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(STEPS):
        rows = pairs.sample(BATCH, seed=step)
        given = tokenizer(rows["text"].to_list(), padding=True, truncation=True, return_tensors="pt")
        wanted = tokenizer(rows["question"].to_list(), padding=True, return_tensors="pt")["input_ids"]
        loss = model(**given, labels=wanted.masked_fill(wanted == tokenizer.pad_token_id, -100)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)


def _apart(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is learnt, and documents of subjects that are not among it."""
    held = rows["focus"].unique().sort().sample(600, seed=1)
    is_held = pl.col("focus").is_in(held.to_list())
    return rows.filter(~is_held), rows.filter(is_held).sample(DOCUMENTS, seed=1)


def _queries(model: Path, folder: Path, **means: int) -> Outcome:
    step = load_step("generate-queries")
    request = GeneratorRequest(
        name=f"seq2seq:{model}", max_tokens=40, device="cpu", batch_size=means.get("part_rows", 32)
    )
    stage = Stage(
        step,
        step.options.model_validate({"round_trip": "bm25", "top_k": 20}),
        {"documents": FileInput((str(folder / "documents.parquet"),))},
        {"generator": (request,)},
        {"corpus": folder / f"queries {means}.parquet"},
    )
    return run_stage(stage, cache=folder / f"cache {means}", part_rows=means.get("part_rows", 1000))


def _opening(column: str) -> pl.Expr:
    return pl.col(column).str.split(" ").list.head(4).list.join(" ")


def test_a_t5_that_learnt_for_a_minute_asks_real_questions_of_100_held_out_documents(
    shared_data: Path, tmp_path: Path
) -> None:
    """Prints its table with -s."""
    learnt, documents = _apart(_beginnings(shared_data))
    documents.select("text", "question").write_parquet(tmp_path / "documents.parquet")
    texts = [*learnt["text"].head(4000), *learnt["question"].head(4000)]
    model = save_seq2seq_model(tmp_path / "t5", texts, vocabulary=3000)
    started = time.monotonic()
    _train(model, learnt)
    print(f"trained for {time.monotonic() - started:.0f} s")  # noqa: T201 - shown with -s

    outcome = _queries(model, tmp_path)
    made, counts = pl.read_parquet(outcome.outputs["corpus"]), outcome.ledger.counts
    refused = sum(number for name, number in counts.items() if name.startswith(("queries refused", "draws not used")))
    assert counts["questions"] == made.height + refused
    assert made["positive"].n_unique() + sum(outcome.ledger.dropped.values()) == DOCUMENTS
    assert made["positive"].n_unique() >= DOCUMENTS // 3

    right = made.filter(_opening("anchor") == _opening("question")).height / made.height
    usual = documents.select(_opening("question"))["question"].value_counts()["count"].max()
    print(  # noqa: T201 - shown with -s
        f"{made.height} queries of {made['positive'].n_unique()} documents; {right:.2f} open as the real one does, "
        f"where the commonest opening would be right for {usual} of {DOCUMENTS}",
        made.select("anchor", "question").sample(12, seed=0),
        *sorted(counts.items()),
        *outcome.ledger.dropped.items(),
        sep="\n",
    )
    assert right > usual / DOCUMENTS

    in_parts = _queries(model, tmp_path, part_rows=7)
    assert in_parts.outputs["corpus"].read_bytes() == outcome.outputs["corpus"].read_bytes()
    assert in_parts.ledger.counts == counts
