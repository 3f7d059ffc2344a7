"""How good a static encoder can be made from nothing in five minutes on two cores?

    python benchmarks/five_minutes.py --data ../shared/data

Everything is counted, from starting Python to the saved model: reading NLI rows, questions and titles (any text that
stands in the STS Benchmark is left out), the teacher's vectors of them (all-MiniLM-L6-v2 in bf16), a static table of
what the teacher makes of single word pieces, pairs of texts that the teacher holds to be near, that share rare words
or that were drawn at random, scored by the teacher's cosine, and one pass of training on these. No pair and no sentence
of the STS Benchmark is trained on; its dev pairs chose rate and mix, its test pairs are asked once, at the end, after
the clock has stopped. Beside it stand what the table reaches before training and what its teacher reaches.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

BEGUN = time.perf_counter()
NLI = ("snli_dev", "snli_test", "counterfactual_train")


def say(what: str) -> None:
    print(f"{time.perf_counter() - BEGUN:6.1f} s  {what}", flush=True)


def texts_in(data: Path) -> pl.DataFrame:
    """Sentences of NLI, questions, titles and short requests; each once."""
    nli = [pl.read_parquet(data / "nli" / f"{name}.parquet") for name in NLI]
    found = [rows[column] for rows in nli for column in ("premise", "hypothesis")]
    found.append(pl.read_parquet(data / "medquad" / "qa.parquet")["question"])
    found.append(pl.read_parquet(data / "banking77" / "train.parquet")["text"])
    found += [pl.read_parquet(data / name / "corpus.parquet")["title"] for name in ("scifact", "cranfield")]
    texts = pl.concat([column.alias("text").cast(pl.String) for column in found]).drop_nulls().str.strip_chars()
    return texts.filter(texts.str.len_chars() > 0).unique(maintain_order=True).to_frame()


def main(  # noqa: PLR0917 - a command's options
    data: Annotated[Path, typer.Option(help="Folder of nli, medquad, banking77, scifact, cranfield and stsb.")],
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 0.002,
    near: Annotated[int, typer.Option(help="Nearest texts paired with each by the teacher.")] = 5,
    worded: Annotated[int, typer.Option(help="Texts paired with each by rare words.")] = 2,
    drawn: Annotated[int, typer.Option(help="Pairs drawn at random.")] = 60_000,
    batch_size: Annotated[int, typer.Option(help="Pairs in a batch.")] = 256,
    epochs: Annotated[int, typer.Option(help="Times each pair is seen.")] = 1,
    test: Annotated[bool, typer.Option(help="Ask the test pairs, beside dev.")] = False,
) -> None:
    """Make the student, then judge it."""
    import pairforge as pf
    from pairforge.evaluation.shrinking.smaller import save_distilled
    from pairforge.execution.step import StepContext
    from pairforge.models import ModelRequest
    from pairforge.progress import silent

    with tempfile.TemporaryDirectory() as work:
        context, folder = StepContext(cache=Path(work, "cache")), Path(work)
        judged = pl.concat([pl.read_parquet(data / "stsb" / f"{name}.parquet") for name in ("train", "dev", "test")])
        judged = judged.select("sentence1", "sentence2", score=pl.col("score") / 5)
        texts = pf.decontaminate(texts_in(data), [judged], context=context)
        say(f"{texts.height:,} texts; left out for standing in STSb: {sum(context.ledger.dropped.values()):,}")
        plain = pf.find_model("all-MiniLM-L6-v2")
        save_distilled(plain, 384, texts["text"].to_list(), folder / "start", silent)
        say("the teacher's vectors of single word pieces are a table")
        request = ModelRequest(dtype="bfloat16", batch_size=128)
        teacher = pf.load_encoder(request)
        pairs = [proposed(texts, "semantic", near, teacher, context)] if near else []
        say("the teacher read the texts and named those that are near each other")
        pairs += [proposed(texts, "bm25", worded, None, context)] if worded else []
        pairs += [proposed(texts, "random", drawn, None, context)] if drawn else []
        nli = [pl.read_parquet(data / "nli" / f"{name}.parquet") for name in NLI]
        pairs += [rows.select(sentence1="premise", sentence2="hypothesis") for rows in nli]
        corpus = pl.concat(pairs).unique(maintain_order=True)
        corpus = pf.decontaminate(corpus.with_columns(score=pl.lit(0.5)), [judged], context=context)
        say(f"{corpus.height:,} pairs")
        scored = pf.distil_scores(
            corpus.select(anchor="sentence1", positive="sentence2"), encoder=teacher, context=context
        )
        scored = scored.with_columns(pl.col("score").clip(0, 1))
        say("scored by the teacher's cosine")
        options = pf.TrainOptions(loss="cosine", learning_rate=rate, batch_size=batch_size, epochs=epochs, seed=0)
        pf.train(scored, base=pf.find_model(str(folder / "start")), options=options, output=folder / "student")
        say("the student is trained and saved")
        judge(folder, data, ["dev", "test"] if test else ["dev"])


def proposed(texts: pl.DataFrame, by: str, number: int, encoder: object, context: object) -> pl.DataFrame:
    """Pairs of the texts, by the teacher, by rare words or at random."""
    import pairforge as pf

    bound = {"max_pairs": number} if by == "random" else {"top_k": number}
    options = pf.ProposePairsOptions.model_validate({"by": by, **bound})
    first, second = texts["text"].head(2)
    gold = pl.DataFrame({"sentence1": [first], "sentence2": [second], "score": [0.5]})
    found = pf.propose_pairs(gold, texts=[texts], encoder=encoder, options=options, context=context)
    return found.select("sentence1", "sentence2")


def judge(folder: Path, data: Path, splits: list[str]) -> None:
    """Print Spearman's coefficient of each split."""
    from pairforge import EvaluateOptions, evaluate, load_encoder

    tasks = tuple(f"sts:{data}/stsb/{split}.parquet" for split in splits)
    models = [load_encoder(str(folder / name)) for name in ("start", "student")]
    results = evaluate([*models, load_encoder("all-MiniLM-L6-v2")], options=EvaluateOptions(task=tasks))
    for task in results.tasks:
        for name, scores in zip(("table before training", "student", "teacher"), task.models, strict=True):
            found = scores.metrics["spearman_cosine"]
            print(f"{Path(task.source).stem}: {name} {found.value:.4f} ({found.low:.4f} to {found.high:.4f})")


if __name__ == "__main__":
    typer.run(main)
