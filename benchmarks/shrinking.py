"""What does training for smaller vectors buy? Matryoshka against plain truncation, and int8 and binary with rescoring.

    python benchmarks/shrinking.py --nli ../shared/data/nli/counterfactual_train.parquet \
        --test ../shared/data/stsb/test.parquet --pairs ../shared/data/medquad/qa.parquet

Two students from the same start, on the same contradiction triplets for the same steps, over seeds: one trained plainly
by multiple negatives ranking, one by the same loss at every dimension (Matryoshka). Each is cut to the dimensions and
judged on scored pairs; the difference of the second to the first has a paired bootstrap interval over seeds and test
rows, and the untrained start has a column. With --pairs, int8 and binary vectors of the second student's first seed are
tabulated with and without rescoring, as `shrink` does. What was trained before in the work folder is not trained again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

import pairforge as pf
from pairforge.agreement import Array
from pairforge.cache import cache_folder
from pairforge.cli.quiet import quiet_libraries
from pairforge.cli.render import table
from pairforge.engines.vectors import VectorStore
from pairforge.evaluation.pair_tasks import Reading, read_scored_pairs
from pairforge.evaluation.shrinking.forms import AS_IT_IS, Form
from pairforge.evaluation.shrinking.quality import ScoredPairs, Sides
from pairforge.evaluation.statistics import paired_bootstrap
from pairforge.models import Side
from pairforge.progress import terminal

UNTRAINED, PLAIN, MATRYOSHKA = "untrained, cut", "trained plainly, cut", "trained for it (Matryoshka)"


def students(
    corpus: pl.DataFrame,
    model: str,
    dimensions: Sequence[int],
    options: Mapping[str, object],
    *,
    seeds: int,
    work: Path,
) -> dict[str, list[str]]:
    """How it was trained → its folder for each seed."""
    trained: dict[str, list[str]] = {UNTRAINED: [model] * seeds, PLAIN: [], MATRYOSHKA: []}
    for seed in range(seeds):
        for name, folder, more in ((PLAIN, "plain", {}), (MATRYOSHKA, "matryoshka", {"matryoshka": tuple(dimensions)})):
            place = work / f"{folder}-{seed}.model"
            if not place.exists():
                settings = pf.TrainOptions.model_validate({**options, **more, "seed": seed})
                context = pf.StepContext(progress=terminal)
                pf.train(corpus, base=pf.find_model(model), options=settings, context=context, output=place)
            trained[name].append(str(place))
    return trained


def predictions(models: Sequence[str], judge: ScoredPairs, dimension: int) -> Array:
    """The cosine of each judged pair by each model's vectors cut to this dimension, shape (models, rows)."""
    store, (first, second) = VectorStore(cache_folder() / "vectors"), judge.texts
    found = []
    for model in models:
        tables = store.tables(pf.load_encoder(model), {Side.QUERY: first, Side.DOCUMENT: second}, terminal)
        vectors = [tables[side].take(range(len(first))) for side in (Side.QUERY, Side.DOCUMENT)]
        found.append(judge.predictions(Sides.of(vectors[0], vectors[1], Form(AS_IT_IS, dimension, "float32"))))
    return np.stack(found)


def quality_rows(
    trained: Mapping[str, Sequence[str]], judge: ScoredPairs, gold: Array, dimensions: Sequence[int]
) -> list[dict[str, object]]:
    """A row a dimension: each student's mean Spearman, and the gain of training for it over cutting."""
    rows: list[dict[str, object]] = []
    for dimension in dimensions:
        by_name = {name: predictions(models, judge, dimension) for name, models in trained.items()}
        means = {name: np.mean([judge.value(row) for row in found]) for name, found in by_name.items()}
        gain = paired_bootstrap(by_name[MATRYOSHKA], by_name[PLAIN], gold)
        rows.append(
            {"Dimension": str(dimension), "Bytes": f"{4 * dimension:,}"}
            | {name: f"{mean:.4f}" for name, mean in means.items()}
            | {"Gain": f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"}
        )
    return rows


def size_rows(model: str, pairs: pl.DataFrame, dimensions: Sequence[int]) -> list[dict[str, object]]:
    """The table of `shrink` on retrieval pairs."""
    context = pf.StepContext(progress=terminal)
    options = pf.ShrinkOptions(dimension=tuple(dimensions))
    sizes = pf.shrink(pairs, encoder=pf.load_encoder(model), options=options, context=context)["sizes"]
    assert isinstance(sizes, pl.DataFrame)
    return [
        {
            "Dimension": str(row["dimension"]),
            "Kept as": row["precision"],
            "Rescored by": row["rescored"] or "–",
            "Bytes": f"{row['bytes']:,}",
            "MRR@10": f"{row['quality']:.4f}",
            "Share": f"{row['share']:.1%}",
            "Difference": f"{row['difference']:+.4f} ({row['difference_low']:+.4f} to {row['difference_high']:+.4f})",
        }
        for row in sizes.iter_rows(named=True)
    ]


def main(  # noqa: PLR0917 - typer passes them by name
    nli: Annotated[list[str], typer.Option(help="NLI rows, whose contradictions are the negatives.")],
    test: Annotated[str, typer.Option(help="Scored pairs that judge.")],
    pairs: Annotated[str | None, typer.Option(help="Questions and answers that have to be found again.")] = None,
    num_pairs: Annotated[int, typer.Option(help="Of those, drawn at random.")] = 1000,
    model: Annotated[str, typer.Option(help="The start.")] = "all-MiniLM-L6-v2",
    dimension: Annotated[list[int] | None, typer.Option(help="Sizes; 384, 256, 128, 64, 32 if not given.")] = None,
    steps: Annotated[int, typer.Option(help="Batches of each student.")] = 60,
    batch_size: Annotated[int, typer.Option(help="Rows of a batch.")] = 32,
    rate: Annotated[float, typer.Option(help="Peak learning rate of both.")] = 5e-5,
    precision: Annotated[str, typer.Option(help="Arithmetic of the training.")] = "bf16",
    seeds: Annotated[int, typer.Option(min=2, help="Students of each kind.")] = 3,
    work: Annotated[Path, typer.Option(help="Folder of what is trained.")] = Path("runs/shrinking"),
) -> None:
    """Train both students, cut them and print the tables."""
    dimensions = dimension or [384, 256, 128, 64, 32]
    options = {"max_steps": steps, "batch_size": batch_size, "learning_rate": rate, "precision": precision}
    with quiet_libraries():
        rows = pl.concat([pf.read_frame(source) for source in nli], how="vertical_relaxed")
        corpus = pf.convert_nli(rows, options=pf.ConvertNliOptions(to="triplet"))
        judged = read_scored_pairs("test", test, Reading({}, None)).pairs
        trained = students(corpus, model, dimensions, {**options, "loss": "mnr"}, seeds=seeds, work=work)
        table(quality_rows(trained, ScoredPairs(judged), judged["score"].to_numpy(), dimensions))
        if pairs is not None:
            found = pf.read_frame(pairs).select(anchor="question", positive="answer").drop_nulls()
            table(size_rows(trained[MATRYOSHKA][0], found.sample(num_pairs, seed=1, shuffle=True), dimensions))


if __name__ == "__main__":
    typer.run(main)
