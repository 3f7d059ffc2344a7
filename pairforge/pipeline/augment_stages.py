"""The stages of `augment`, as the tables of a recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pairforge.execution.inputs import FileInput
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.registry import STEPS, Entry

AUGMENT_STEPS: Mapping[str, Entry] = MappingProxyType(
    {**STEPS, "read-gold": Entry("pairforge.pipeline.read_gold", "Read gold pairs on a scale of 0 to 1.")}
)
"""The steps that its stages may name."""

AUGMENTED = "augmented"
"""The last stage, whose output is the augmented corpus."""

_TEACHER_BATCHES = 250
_TEACHER_EPOCHS = (3, 10)
_PATIENCE = 3

_MANY_DEV_PAIRS = 500
"""From as many on, dev can tell the steps of one training apart; fewer mistake luck for merit, so that the early step
they choose is worse than the last (575 STSb pairs, 86 held out: Spearman .743 on STSb's dev against .767)."""


def reading_of(options: AugmentOptions) -> FileInput:
    """How files of scored pairs are to be read; it names no source."""
    columns = {
        "sentence1": options.sentence1_column,
        "sentence2": options.sentence2_column,
        "score": options.score_column,
    }
    return FileInput((), {name: raw for name, raw in columns.items() if raw}, options.score_scale)


def augment_stages(
    gold: str, texts: Sequence[str], options: AugmentOptions, *, num_train: int, num_dev: int
) -> dict[str, dict[str, Any]]:
    """The tables of all stages, in the order in which they run.

    Args:
        gold: The file of gold pairs.
        texts: Files of more sentences.
        options: What was asked for.
        num_train: Gold pairs to train the teacher on, from which the length of its training follows.
        num_dev: Pairs to judge it by.
    """
    share = options.dev_share
    train, dev = ("stage:split", "stage:split.dev") if share else ("stage:gold", "stage:dev")
    teacher = options.teacher_ready or "stage:teacher"
    stages = {
        "gold": _read(gold, options),
        "split": share and {"step": "split-corpus", "corpus": "stage:gold", "dev": share, "seed": options.seed},
        "dev": not share and _read(options.dev, options),
        "teacher": not options.teacher_ready and _teacher(train, dev, options, num_train=num_train, num_dev=num_dev),
        "checked": {"step": "score-pairs", "pairs": dev, "model": teacher},
        "candidates": _candidates(train, dev, texts, options),
        # A sentence that students are judged by may come back by the texts, by given pairs or by gold itself.
        "apart": {"step": "decontaminate", "corpus": "stage:candidates", "against": _judging(dev, options)},
        "scored": {"step": "score-pairs", "pairs": "stage:apart", "model": teacher, **_calibration(dev, options)},
        "sampled": _sampled(train, options),
        AUGMENTED: {
            "step": "merge-silver",
            "gold": train,
            "silver": "stage:sampled",
            "keep_gold": not options.cross_domain,
        },
    }
    return {name: table for name, table in stages.items() if table}


def _read(source: str, options: AugmentOptions) -> dict[str, Any]:
    reading = reading_of(options)
    scale = {} if reading.score_scale is None else {"score_scale": reading.score_scale}
    return {"step": "read-gold", "pairs": {"source": source, "columns": dict(reading.columns), **scale}}


def _teacher(train: str, dev: str, options: AugmentOptions, *, num_train: int, num_dev: int) -> dict[str, Any]:
    epoch = math.ceil(num_train / options.teacher_batch_size)
    fewest, most = (epochs * epoch for epochs in _TEACHER_EPOCHS)
    steps = min(most, max(fewest, _TEACHER_BATCHES))
    if options.teacher_epochs is not None:
        steps = max(1, round(options.teacher_epochs * epoch))
    return {
        "step": "train",
        "kind": "cross-encoder",
        "corpus": train,
        "dev": dev,
        "model": options.teacher,
        "batch_size": options.teacher_batch_size,
        "learning_rate": options.teacher_learning_rate,
        "max_steps": steps,
        "restarts": options.restarts,
        "seed": options.seed,
        **({"patience": _PATIENCE} if num_dev >= _MANY_DEV_PAIRS else {"eval_steps": steps}),
    }


def _judging(dev: str, options: AugmentOptions) -> dict[str, Any]:
    """The pairs by which the teacher and the students are judged, as an input of a stage."""
    return {"source": [dev, *options.verify], "columns": dict(reading_of(options).columns)}


def _candidates(train: str, dev: str, texts: Sequence[str], options: AugmentOptions) -> dict[str, Any]:
    table: dict[str, Any] = {
        "step": "propose-pairs",
        "gold": train,
        "known": _judging(dev, options),
        "by": options.candidates,
        "top_k": options.top_k,
        "gold_sentences": not options.cross_domain,
        "seed": options.seed,
    }
    if texts:
        table["texts"] = list(texts)
    if options.given is not None:
        table["given"] = options.given
    if options.max_pairs is not None:
        table["max_pairs"] = options.max_pairs
    return table | ({"model": options.encoder} if "semantic" in options.candidates else {})


def _calibration(dev: str, options: AugmentOptions) -> dict[str, Any]:
    return {} if options.calibrate == "none" else {"gold": dev, "calibrate": options.calibrate}


def _sampled(train: str, options: AugmentOptions) -> dict[str, Any]:
    table: dict[str, Any] = {
        "step": "sample-silver",
        "silver": "stage:scored",
        "by": options.sample,
        "seed": options.seed,
    }
    if options.sample == "kde":
        table["gold"] = train
    return table | ({} if options.num_silver is None else {"num_silver": options.num_silver})
