"""Few-shot probes: how well a text's class can be read from its vector, by classifiers learnt from few texts a class.

Draws and classifier are those of mteb's classification tasks (AbsTaskClassification, mteb 2), so that accuracy and
macro F1 are equal to mteb's for the same vectors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pairforge.errors import FileError, FrameError, ModelError
from pairforge.evaluation.class_scores import CLASS_MEASURES, Told, bootstrap_classes
from pairforge.evaluation.judged import Judged
from pairforge.evaluation.labelled_texts import classes_of, codes_of, read_labelled_texts
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.task import Judgement, Means, Measured
from pairforge.files.formats import KNOWN_SUFFIXES, suffix_of
from pairforge.files.sources import is_hub, missing

TEXTS_A_CLASS = 8
"""Training texts of each class that an experiment's classifier learns from; all where there are fewer."""
EXPERIMENTS = 10
"""How many classifiers are learnt, each from a draw of its own."""

_SPLITS = ("train", "test")


@dataclass(frozen=True)
class Classification:
    """Texts with classes; what a model predicts is the class of each test text, a column an experiment."""

    name: str
    source: str
    train: pl.DataFrame
    test: pl.DataFrame
    guesses: tuple[str, ...] = ()

    items = "texts"
    measures = CLASS_MEASURES

    @property
    def rows(self) -> int:
        """How many test texts there are."""
        return self.test.height

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """Learn a classifier from each draw of training texts, and let it tell the class of every test text."""
        from pairforge.engines.probes import classified  # noqa: PLC0415 - the record needs no engine

        classes = self._classes
        draws = few_of_each(codes_of(self.train["label"], classes).tolist(), means.seed)
        learnt = sorted(set().union(*draws))
        features = model.features([*self.train["text"].gather(learnt), *self.test["text"]], means.context)
        known, asked = features[: len(learnt)], features[len(learnt) :]
        place = {row: place for place, row in enumerate(learnt)}
        told = {}
        with means.context.progress("probing", len(draws), "experiments") as advance:
            for number, rows in enumerate(draws, start=1):
                labels = codes_of(self.train["label"].gather(rows), classes)
                found = classified(known[[place[row] for row in rows]], labels, asked)
                told[f"experiment_{number}"] = [classes[code] for code in found.tolist()]
                advance(1)
        predictions = pl.DataFrame(told)
        if all(column.n_unique() == 1 for column in predictions):
            raise ModelError(
                f"{model.name}: its vectors put all texts of {self.name} into one class; they tell none apart."
            )
        return predictions

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """Accuracy and macro F1, the means over the experiments."""
        classes = self._classes
        truth = codes_of(self.test["label"], classes)
        told = [Told(np.stack([codes_of(column, classes) for column in found]), truth) for found in predictions]
        with means.context.progress("resampling", means.samples, "resamples") as advance:
            drawn = bootstrap_classes(told, samples=means.samples, seed=means.seed, advance=advance)
        return [
            Judgement("", {name: Measured(value, drawn[name][place]) for name, value in model.scores.items()})
            for place, model in enumerate(told)
        ]

    @property
    def _classes(self) -> list[str]:
        return classes_of(self.train["label"])


def few_of_each(classes: Sequence[int], seed: int) -> list[list[int]]:
    """The training rows of each experiment, in the order in which mteb draws them.

    Args:
        classes: The class of each row.
        seed: Decides the draws; mteb's is 42.
    """
    # Each experiment shuffles what the one before it left, anew from the seed.
    rows, draws = list(range(len(classes))), []
    for _ in range(EXPERIMENTS):
        np.random.RandomState(seed).shuffle(rows)
        held: Counter[int] = Counter()
        drawn = []
        for row in rows:
            held[classes[row]] += 1
            if held[classes[row]] <= TEXTS_A_CLASS:
                drawn.append(row)
        draws.append(drawn)
    return draws


def classification_files(source: str) -> list[str]:
    """The sources of training and test texts; the folder itself where they cannot be told.

    Args:
        source: A folder that holds `train` and `test`: files of a known format, `train-….parquet` shards, or folders of
            shards; or a dataset of the hub, `hub:NAME[/CONFIG]` without a split.
    """
    found = [_split_in(source, split) for split in _SPLITS]
    return [split for split in found if split] if all(found) else [source]


def read_classification(name: str, source: str, reading: Reading) -> Classification:
    """A classification task.

    Raises:
        FileError: the folder has no training or no test texts, or they cannot be read.
        FrameError: they are no texts with classes, too few, of one class, or test texts have classes of their own.
    """
    files = classification_files(source)
    if len(files) != len(_SPLITS):
        raise FileError(_unfit(source))
    (train, guessed), (test, guessed_too) = (read_labelled_texts(file, reading.columns) for file in files)
    unknown = sorted(set(test["label"]) - set(train["label"]))
    if unknown:
        raise FrameError(
            f"{files[1]}: {len(unknown):,} of its labels stand in no row of {files[0]} ('{unknown[0]}' is one); "
            "a classifier cannot learn them. Remove their rows, or add training texts of theirs."
        )
    told = _told_of_classes(files[0], train["label"])
    return Classification(name, source, train, test, tuple(dict.fromkeys((*guessed, *guessed_too, *told))))


def _told_of_classes(source: str, labels: pl.Series) -> list[str]:
    sizes = labels.value_counts(name="texts")["texts"]
    few, smallest = int((sizes < TEXTS_A_CLASS).sum()), int(sizes.to_numpy().min())
    if not few:
        return []
    return [
        f"{source}: {few:,} of {len(sizes):,} classes have fewer than the {TEXTS_A_CLASS} texts that a classifier "
        f"learns from (the smallest has {smallest}); all of them are taken"
    ]


def _split_in(source: str, split: str) -> str | None:
    if is_hub(source):
        return f"{source}:{split}"
    folder = Path(source).expanduser()
    if (folder / split).is_dir():
        return str(folder / split)
    known = [path for path in sorted(folder.glob(f"{split}*")) if suffix_of(path) not in ("", ".json")]
    whole = [path for path in known if path.name == split + suffix_of(path)]
    if len(whole) == 1:
        return str(whole[0])
    shards = {suffix_of(path) for path in known if path.name.startswith(f"{split}-")}
    return str(folder / f"{split}-*{shards.pop()}") if not whole and len(shards) == 1 else None


def _unfit(source: str) -> str:
    folder = Path(source).expanduser()
    if not folder.exists():
        return missing(folder)
    if not folder.is_dir():
        return f"{source}: is a file, but classification takes a folder that holds train and test texts."
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
    lacking = " and ".join(split for split in _SPLITS if _split_in(source, split) is None)
    return (
        f"{source}: classification takes a folder with one file train and one file test ({KNOWN_SUFFIXES}), but "
        f"{lacking} cannot be told in it (found: {found}). Put or rename it there."
    )
