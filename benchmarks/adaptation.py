"""Does learning from a domain's plain texts help, before and instead of learning from its pairs?

    python benchmarks/adaptation.py random    # from a random two-layer transformer
    python benchmarks/adaptation.py minilm    # from all-MiniLM-L6-v2, which is tuned for retrieval already

MedQuAD, its questions as plain texts, its questions and answers as pairs. Entities (`focus`) are split: those of the
test questions stand in no training text. Each way trains on the same questions for the same number of steps, at the
best of the rates given on dev entities (with a seed that is not reported), and is judged by MRR@10 of each test
question's own answer among the test answers. Then it is trained on pairs, and so is the start itself: the difference
between these two, with a paired bootstrap interval over seeds and test questions, is what counts. TSDAE learns a [CLS]
vector, the others a mean, so that each is compared with a start that pools as it does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

import pairforge as pf
from pairforge.agreement import Array
from pairforge.evaluation.statistics import Estimate, paired_means
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, ModelSpec, Side

SWEEP_SEED = 1000
SPLIT_SEED = 0


class Start(StrEnum):
    """What is adapted."""

    RANDOM = "random"
    MINILM = "minilm"


@dataclass(frozen=True)
class Way:
    """A loss on plain texts, and what pooling it is judged with."""

    name: str
    loss: str
    pooling: str = "mean"


WAYS = (
    Way("TSDAE", "tsdae", "cls"),
    Way("SimCSE", "simcse"),
    Way("contrastive tension", "ct"),
    Way("contrastive tension, in-batch", "ct-in-batch"),
    Way("MLM", "mlm"),
)
RATES: Mapping[Start, tuple[float, ...]] = {Start.RANDOM: (1e-4, 5e-4), Start.MINILM: (1e-5, 5e-5)}
SUPERVISED_RATES: Mapping[Start, tuple[float, ...]] = {Start.RANDOM: (1e-4, 5e-4), Start.MINILM: (2e-5, 5e-5)}


@dataclass(frozen=True)
class Search:
    """Questions, and answers of which number i belongs to question i."""

    questions: list[str]
    answers: list[str]

    def reciprocal_ranks(self, model: ModelSpec, max_length: int) -> Array:
        """Of each question's own answer, 0 beyond rank 10; shape (questions,)."""
        encoder = pf.load_encoder(ModelRequest(name=str(model.path), max_length=max_length))
        asked, found = (
            encoder.encode(texts, side) for texts, side in ((self.questions, Side.QUERY), (self.answers, Side.DOCUMENT))
        )
        asked, found = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9) for side in (asked, found))
        scores = asked @ found.T
        ranks = 1 + (scores > np.diag(scores)[:, None]).sum(axis=1)
        return np.where(ranks <= 10, 1 / ranks, 0.0)


@dataclass(frozen=True)
class Data:
    """What is learnt from, and searches for choosing and for reporting."""

    texts: pl.DataFrame
    pairs: pl.DataFrame
    dev: Search
    test: Search


def medquad(path: Path, texts: int, questions: int) -> Data:
    """MedQuAD with entities apart: a fifth for the test, a tenth for dev, the others for training."""
    rows = pl.read_parquet(path).unique("question", keep="first", maintain_order=True)
    rows = rows.unique("answer", keep="first", maintain_order=True).sample(fraction=1, shuffle=True, seed=SPLIT_SEED)
    entities = rows["focus"].unique().sort().sample(fraction=1, shuffle=True, seed=SPLIT_SEED)
    fifth, tenth = len(entities) // 5, len(entities) // 10
    test, dev, train = (
        rows.join(part.to_frame(), on="focus", how="semi", maintain_order="left")
        for part in (entities[:fifth], entities[fifth : fifth + tenth], entities[fifth + tenth :])
    )
    searches = (
        Search(part["question"].head(questions).to_list(), part["answer"].head(questions).to_list())
        for part in (dev, test)
    )
    return Data(
        train.select(text="question").head(texts), train.select(anchor="question", positive="answer"), *searches
    )


@dataclass(frozen=True)
class Trial:
    """What every way gets alike."""

    start: Start
    data: Data
    work: Path
    steps: int
    supervised_steps: int
    batch_size: int
    max_length: int
    precision: str
    names: Iterator[int]

    def begin(self, pooling: str, seed: int) -> ModelSpec:
        """The start, pooled so."""
        folder = self.work / f"{pooling}-{seed if self.start is Start.RANDOM else 0}"
        if not folder.exists():
            self._make(folder, pooling, seed)
        return found(folder)

    def _make(self, folder: Path, pooling: str, seed: int) -> None:
        if self.start is Start.RANDOM:
            settings = {"kind": "transformer", "dimension": 128, "vocabulary_size": 8000, "tokenizer_from": "corpus"}
            options = pf.InitModelOptions.model_validate(settings | {"pooling": pooling, "seed": seed})
            pf.init_model(self.data.pairs, options=options, output=folder)
            return
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling

        model = SentenceTransformer(str(resolve(ModelRequest(), ModelKind.WEIGHTS).path), device="cpu")
        if pooling != "mean":
            model = SentenceTransformer(modules=[model[0], Pooling(384, pooling)], device="cpu")
        model.save_pretrained(str(folder), create_model_card=False)

    def adapt(self, way: Way, base: ModelSpec, seed: int, rate: float) -> ModelSpec:
        """The start after a way's training on plain texts."""
        return self._train(self.data.texts, base, loss=way.loss, max_steps=self.steps, seed=seed, learning_rate=rate)

    def supervise(self, base: ModelSpec, seed: int, rate: float) -> ModelSpec:
        """A model after training on pairs, the same ones for all."""
        return self._train(
            self.data.pairs,
            base,
            loss="mnr",
            max_steps=self.supervised_steps,
            seed=seed,
            learning_rate=rate,
        )

    def judge(self, model: ModelSpec) -> Array:
        """Reciprocal ranks on the test questions."""
        return self.data.test.reciprocal_ranks(model, self.max_length)

    def _train(self, corpus: pl.DataFrame, base: ModelSpec, **settings: object) -> ModelSpec:
        alike = {"batch_size": self.batch_size, "max_length": self.max_length, "precision": self.precision}
        options = pf.TrainOptions.model_validate(settings | alike)
        return found(pf.train(corpus, base=base, options=options, output=self.work / f"model-{next(self.names)}"))


def found(folder: Path) -> ModelSpec:
    return resolve(ModelRequest(name=str(folder), device="cpu"), ModelKind.WEIGHTS)


def best_rate(
    trial: Trial, pooling: str, rates: Sequence[float], train: Callable[[ModelSpec, float], ModelSpec]
) -> float:
    """The rate after which dev questions find their answers best, for a seed that is not reported."""
    if len(rates) == 1:
        return rates[0]
    base = trial.begin(pooling, SWEEP_SEED)
    scores = {rate: trial.data.dev.reciprocal_ranks(train(base, rate), trial.max_length).mean() for rate in rates}
    return max(scores, key=lambda rate: scores[rate])


def line(name: str, rate: str, alone: Array, supervised: Array, reference: Array | None) -> str:
    """A row of the table; reciprocal ranks have shape (seeds, questions)."""
    gain = "–" if reference is None else shown(paired_means(supervised, reference))
    cells = [name, rate, *(f"{side.mean():.4f} ± {side.mean(axis=1).std(ddof=1):.4f}" for side in (alone, supervised))]
    return f"| {' | '.join([*cells, gain])} |"


def shown(gain: Estimate) -> str:
    unclear = "" if gain.excludes_zero else ", unclear"
    return f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}{unclear})"


@dataclass(frozen=True)
class Reference:
    """Training on pairs alone, from a start that pools in one way."""

    rate: float
    reciprocal_ranks: Array


def run(trial: Trial, seeds: range, ways: Sequence[Way], rates: Sequence[float], supervised: Sequence[float]) -> None:
    """Print the table, a row as soon as it is known."""
    head = ("start or way", "rate", "MRR@10", "then supervised", "against supervised alone")
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}", flush=True)
    references = {}
    for pooling in dict.fromkeys(way.pooling for way in ways):
        of_pairs = best_rate(trial, pooling, supervised, lambda base, rate: trial.supervise(base, SWEEP_SEED, rate))
        starts = [trial.begin(pooling, seed) for seed in seeds]
        alone, after = both(trial, starts, seeds, of_pairs)
        references[pooling] = Reference(of_pairs, after)
        print(line(f"untrained, {pooling}", f"–; {of_pairs:g}", alone, after, None), flush=True)
    for way in ways:
        rate = best_rate(
            trial, way.pooling, rates, lambda base, rate, way=way: trial.adapt(way, base, SWEEP_SEED, rate)
        )
        adapted = [trial.adapt(way, trial.begin(way.pooling, seed), seed, rate) for seed in seeds]
        reference = references[way.pooling]
        alone, after = both(trial, adapted, seeds, reference.rate)
        shown_rates = f"{rate:g}; {reference.rate:g}"
        print(line(f"{way.name} ({way.pooling})", shown_rates, alone, after, reference.reciprocal_ranks), flush=True)


def both(trial: Trial, models: Sequence[ModelSpec], seeds: range, rate: float) -> tuple[Array, Array]:
    """Reciprocal ranks by models of several seeds, before and after training on pairs; shape (seeds, questions)."""
    after = [trial.supervise(model, seed, rate) for model, seed in zip(models, seeds, strict=True)]
    return np.stack([trial.judge(model) for model in models]), np.stack([trial.judge(model) for model in after])


def main(  # noqa: PLR0917 - a command's options
    start: Start,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings a way.")] = 2,
    steps: Annotated[int, typer.Option(help="Batches of plain texts.")] = 100,
    supervised_steps: Annotated[int, typer.Option(help="Batches of pairs.")] = 60,
    batch_size: Annotated[int, typer.Option(help="Rows in a batch.")] = 32,
    texts: Annotated[int, typer.Option(help="Questions to adapt to.")] = 2_000,
    questions: Annotated[int, typer.Option(help="Questions, and answers, to judge by.")] = 500,
    max_length: Annotated[int, typer.Option(help="Tokens read of each text.")] = 64,
    rate: Annotated[list[float] | None, typer.Option(help="Rates to choose from; by start if not given.")] = None,
    supervised_rate: Annotated[list[float] | None, typer.Option(help="The same for training on pairs.")] = None,
    way: Annotated[list[str] | None, typer.Option(help="Losses to try; all if not given.")] = None,
    precision: Annotated[str, typer.Option(help="Arithmetic of training.")] = "fp32",
    data: Annotated[Path, typer.Option(help="MedQuAD.")] = Path("../shared/data/medquad/qa.parquet"),
) -> None:
    """Adapt the start in each way, train it on pairs, and print the table."""
    loaded = medquad(data, texts, questions)
    print(
        f"{loaded.texts.height:,} texts, {len(loaded.test.questions):,} test questions among as many answers; ", end=""
    )
    print(f"{steps} steps of {batch_size}, then {supervised_steps} on pairs; {seeds} seeds\n")
    chosen = [one for one in WAYS if not way or one.loss in way]
    with tempfile.TemporaryDirectory() as work:
        trial = Trial(start, loaded, Path(work), steps, supervised_steps, batch_size, max_length, precision, count())
        run(trial, range(seeds), chosen, rate or RATES[start], supervised_rate or SUPERVISED_RATES[start])


if __name__ == "__main__":
    typer.run(main)
