"""What other kinds of model reach beside an encoder with mean pooling.

    python benchmarks/model_kinds.py retrieval
    python benchmarks/model_kinds.py classification
    python benchmarks/model_kinds.py images
    python benchmarks/model_kinds.py draw FILE

`retrieval`: MedQuAD questions find their answers; entities (`focus`) are held out whole. MiniLM as an encoder with mean
and [CLS] pooling, with two sides, with static queries beside it, as a late-interaction and as a sparse model; the same
steps, batches and lengths, each with its default rates. `classification`: a head on MiniLM, trained with it, on
Banking77, beside logistic regression on MiniLM's own vectors. `images`: a CLIP with random weights learns from drawn
shapes with captions, and finds captions that it never saw for their images. `draw` writes such images and captions,
as in examples/shapes.parquet.

Every table has untrained rows, and paired bootstrap intervals over questions, texts or images.
"""

from __future__ import annotations

import io
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import typer

import pairforge as pf

sys.path.insert(0, str(Path(__file__).parents[1]))

MODEL = "all-MiniLM-L6-v2"
Scores = npt.NDArray[np.float64]
app = typer.Typer(help=__doc__, add_completion=False)


def data_folder() -> Path:
    return Path(os.environ.get("PAIRFORGE_TEST_DATA", Path(__file__).parent / "../../shared/data"))


@dataclass
class Row:
    """A line of a table: a score for each question, before and after training, the mean over seeds."""

    name: str
    before: Scores
    after: list[Scores] = field(default_factory=list)

    def shown(self, baseline: Row) -> str:
        trained = np.mean(self.after, axis=0)
        low, high = interval(trained - np.mean(baseline.after, axis=0))
        beside = "" if self is baseline else f"{low:+.3f} … {high:+.3f}"
        return f"| {self.name} | {self.before.mean():.3f} | {trained.mean():.3f} | {beside} |"


def interval(differences: Scores, samples: int = 2000) -> tuple[float, float]:
    """The 95% bootstrap interval of a mean."""
    drawn = np.random.default_rng(0).integers(0, len(differences), (samples, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def show(rows: Sequence[Row], measure: str) -> None:
    print(
        f"| model | {measure} untrained | trained | 95% of the difference to the first |", f"|{' --- |' * 4}", sep="\n"
    )
    print(*(row.shown(rows[0]) for row in rows), sep="\n", flush=True)


def trained(
    corpus: pl.DataFrame, base: str, settings: dict[str, Any], judge: Callable[[Any], Scores], documents: str | None
) -> tuple[Scores, Scores]:
    """What the model is judged to be before and after a training."""
    from pairforge.training.fitting import fit_trainee, load_trainee, quiet
    from pairforge.training.plan import plan_training

    options = pf.TrainOptions.model_validate(settings)
    document_base = None if documents is None else pf.find_model(documents)
    plan = plan_training([corpus], None, pf.find_model(base), options, document_base=document_base)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        trainee = load_trainee(plan)
        before = judge(trainee)
        fit_trainee(trainee, plan, Path(folder))
        return before, judge(trainee)


# Retrieval


@dataclass(frozen=True)
class Questions:
    """Held-out questions, the answers they are sought among, and the place of each own answer."""

    questions: list[str]
    answers: list[str]
    own: npt.NDArray[np.int64]

    def reciprocal_ranks(self, trainee: Any) -> Scores:
        model = trainee.model.eval()
        quietly = {"show_progress_bar": False, "batch_size": 64}
        queries = model.encode_query(self.questions, **quietly)
        similarities = np.concatenate(
            [
                np.asarray(
                    model.similarity(queries, model.encode_document(self.answers[start : start + 256], **quietly)).cpu()
                )
                for start in range(0, len(self.answers), 256)
            ],
            axis=1,
        )
        right = similarities[np.arange(len(self.own)), self.own]
        ranks = (similarities > right[:, None]).sum(axis=1) + 1
        return np.where(ranks <= 10, 1 / ranks, 0.0)


def medquad(held_out: int, index: int, characters: int) -> tuple[pl.DataFrame, Questions]:
    """Pairs of entities to train on, and questions about others."""
    rows = pl.read_parquet(data_folder() / "medquad" / "qa.parquet").select(
        "focus", anchor="question", positive=pl.col("answer").str.slice(0, characters)
    )
    rows = rows.drop_nulls().filter(pl.col("positive").str.len_chars() > 40)
    rows = rows.unique("anchor", keep="first", maintain_order=True)
    rows = rows.unique("positive", keep="first", maintain_order=True)
    entities = rows["focus"].unique().sort().sample(fraction=1, shuffle=True, seed=7)
    apart = rows.filter(pl.col("focus").is_in(entities[: len(entities) // 5].implode())).sample(
        fraction=1, shuffle=True, seed=7
    )
    sought = apart.head(index)
    corpus = rows.filter(~pl.col("focus").is_in(apart["focus"].unique().implode())).select("anchor", "positive")
    asked = sought.head(held_out)["anchor"].to_list()
    return corpus, Questions(asked, sought["positive"].to_list(), np.arange(len(asked)))


@app.command()
def retrieval(
    *,
    steps: int = 80,
    batch_size: int = 32,
    max_length: int = 64,
    questions: int = 500,
    answers: int = 2000,
    seeds: int = 1,
    static: Annotated[str, typer.Option(help="A static encoder for the queries.")] = "../shared/models/potion-4m",
    only: Annotated[list[str] | None, typer.Option(help="Models of the table, by a part of their name.")] = None,
) -> None:
    corpus, asked = medquad(questions, answers, characters=6 * max_length)
    print(f"{corpus.height:,} pairs to train on; {len(asked.questions)} questions, {len(asked.answers):,} answers")
    print(f"{steps} steps of {batch_size}, {max_length} tokens, seeds: {seeds}")
    models: dict[str, tuple[str, str | None, dict[str, Any]]] = {
        "encoder, mean": (MODEL, None, {}),
        "encoder, [CLS]": (MODEL, None, {"pooling": "cls"}),
        "two sides": (MODEL, None, {"sides": "two"}),
        "two sides, static queries": (static, MODEL, {"sides": "two"}),
        "late interaction": (MODEL, None, {"kind": "late-interaction"}),
        "sparse, fresh head": (MODEL, None, {"kind": "sparse-encoder"}),
    }
    rows: list[Row] = []
    for name, (base, documents, settings) in models.items():
        if rows and only and not any(part in name for part in only):
            continue
        row = Row(name, np.zeros(0))
        for seed in range(seeds):
            shared = {"loss": "mnr", "max_steps": steps, "batch_size": batch_size, "max_length": max_length}
            given = {**shared, "seed": seed, **settings}
            row.before, after = trained(corpus, base, given, asked.reciprocal_ranks, documents)
            row.after.append(after)
        rows.append(row)
        print(f"{name}: {row.before.mean():.3f} → {np.mean(row.after):.3f}", file=sys.stderr, flush=True)
    show(rows, "MRR@10")


# Classification


@app.command()
def classification(
    *,
    steps: int = 300,
    batch_size: int = 32,
    max_length: int = 32,
    test_rows: int = 3080,
    seeds: int = 1,
    learning_rate: float | None = None,
) -> None:
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    folder = data_folder() / "banking77"
    corpus, test = (
        pl.read_parquet(folder / f"{name}.parquet").rename({"category": "label"}) for name in ("train", "test")
    )
    test = test.sample(fraction=1, shuffle=True, seed=7).head(test_rows)
    seen = corpus.sample(fraction=1, shuffle=True, seed=7).head(steps * batch_size)
    frozen = SentenceTransformer(str(pf.find_model(MODEL).path), device="cpu")
    encoded = [frozen.encode(rows["text"].to_list(), show_progress_bar=False) for rows in (seen, test)]
    regression = LogisticRegression(C=10, max_iter=1000).fit(encoded[0], seen["label"].to_list())
    right = (regression.predict(encoded[1]) == test["label"].to_numpy()).astype(float)
    majority = test["label"].value_counts()["count"].max() / test.height
    print(f"{seen.height:,} rows, {test.height:,} test rows, majority {majority:.3f}; {steps} steps of {batch_size}")
    found = Row("a head, trained with the encoder", np.zeros(0))

    def judge(trainee: Any) -> Scores:
        vectors = trainee.model.eval().encode(test["text"].to_list(), show_progress_bar=False)
        head = trainee._as_saved()
        names = np.asarray(head.classes)[head.logits(vectors).argmax(axis=1)]
        return np.asarray(names == test["label"].to_numpy(), dtype=np.float64)

    for seed in range(seeds):
        given = {"kind": "classifier", "max_steps": steps, "batch_size": batch_size, "max_length": max_length}
        settings = {**given, "seed": seed, "learning_rate": learning_rate}
        found.before, after = trained(seen, MODEL, settings, judge, None)
        found.after.append(after)
    show([Row("logistic regression on its frozen vectors", np.full(1, majority), [right]), found], "accuracy")


# Images

COLOURS = {
    "red": (220, 30, 30), "green": (30, 180, 30), "blue": (40, 60, 230), "yellow": (230, 220, 40),
    "white": (240, 240, 240), "purple": (160, 40, 190),
}  # fmt: skip
FORMS = ("circle", "square", "triangle", "bar")
PLACES = {"top left": (9, 9), "top right": (23, 9), "bottom left": (9, 23), "bottom right": (23, 23)}
RADII = {"small": 4, "large": 7}
IMAGE_SIZE = 32


def drawn(size: str, colour: str, form: str, place: str, shift: tuple[int, int]) -> bytes:
    """One shape on black, a little beside its place, as the bytes of a PNG file."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (IMAGE_SIZE, IMAGE_SIZE))
    pen, radius = ImageDraw.Draw(image), RADII[size]
    x, y = (middle + by for middle, by in zip(PLACES[place], shift, strict=True))
    box = (x - radius, y - radius, x + radius, y + radius)
    if form == "circle":
        pen.ellipse(box, fill=COLOURS[colour])
    elif form == "triangle":
        pen.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], fill=COLOURS[colour])
    else:
        narrow = radius if form == "square" else radius // 3
        pen.rectangle((x - narrow, y - radius, x + narrow, y + radius), fill=COLOURS[colour])
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def shapes(copies: int, held_out: int = 48) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Images with captions to train on, and one image of each of the captions that are held out."""
    rng = np.random.default_rng(7)
    kinds = list(itertools.product(RADII, COLOURS, FORMS, PLACES))
    order = rng.permutation(len(kinds))
    rows: list[list[tuple[bytes, str]]] = [[], []]
    for number, kind in enumerate(order):
        size, colour, form, place = kinds[kind]
        apart = number < held_out
        for _ in range(1 if apart else copies):
            right, down = rng.integers(-2, 3, 2).tolist()
            picture = drawn(size, colour, form, place, (right, down))
            rows[apart].append((picture, f"a {size} {colour} {form} at the {place}"))
    schema = {"image": pl.Binary, "caption": pl.String}
    train, test = (pl.DataFrame(side, schema=schema, orient="row") for side in rows)
    return train, test


@app.command()
def draw(file: Path, *, copies: int = 4) -> None:
    rows, _ = shapes(copies, held_out=0)
    pf.write_frame(rows.unique(maintain_order=True), file)


@app.command()
def images(*, steps: int = 400, batch_size: int = 64, seeds: int = 3, learning_rate: float = 1e-3) -> None:
    from pairforge.training.dev import settle_dev
    from pairforge.training.kinds import TrainedKind

    corpus, test = shapes(copies=10)
    dev = settle_dev(test, TrainedKind.IMAGE_TEXT, tells_classes=False)
    rows = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            fresh = pf.InitModelOptions(kind="image-text", tokenizer_from="corpus", image_size=IMAGE_SIZE, seed=seed)
            base = str(pf.init_model(corpus, options=fresh, output=Path(folder) / "base"))
            settings = {
                "kind": "image-text", "max_steps": steps, "batch_size": batch_size, "seed": seed,
                "learning_rate": learning_rate,
            }  # fmt: skip
            before, after = trained(corpus, base, settings, lambda trainee: np.array([trainee.dev_score(dev)]), None)
        rows.append(f"| {seed} | {before[0]:.3f} | {after[0]:.3f} |")
    chance = np.mean(1 / np.arange(1, test.height + 1))
    print(f"{corpus.height:,} images; {test.height} held-out captions, MRR by chance {chance:.3f}; {steps} steps")
    print("| seed | MRR untrained | trained |", "| --- | --- | --- |", *rows, sep="\n")


if __name__ == "__main__":
    app()
