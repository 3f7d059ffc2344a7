"""How well a cross-encoder's scores agree with gold, and their calibration on it, told to the user."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from pairforge.agreement import accuracy, area_under_roc, spearman
from pairforge.errors import FrameError, ModelError
from pairforge.execution.ledger import Ledger
from pairforge.models import Floats
from pairforge.steps.calibration import Doubles, Isotonic, fitted_temperature
from pairforge.steps.pair_scores import Head, log_odds, pair_scores, sigmoid

Calibration = Literal["none", "isotonic", "temperature"]
Reading = Callable[[Floats], Doubles]
"""From a model's outputs (pairs, outputs) to scores in [0, 1], (pairs,)."""


@dataclass(frozen=True)
class Judged:
    """Pairs that have gold.

    Args:
        role: The input that they are of, for errors.
        logits: The model's outputs, (pairs, outputs).
        gold: Their gold scores or labels, in [0, 1], (pairs,).
        by_label: Whether gold is a label of 0 or 1.
    """

    role: str
    logits: Floats
    gold: Doubles
    by_label: bool

    @property
    def differs(self) -> bool:
        """Whether gold tells pairs apart."""
        return bool(np.ptp(self.gold) > 0)


def agreement(judged: Judged, head: Head) -> str:
    """How well the scores, as the head gives them, agree with gold: Spearman's coefficient, or AUC and accuracy."""
    rows = f"{len(judged.gold):,} pairs with gold"
    if not judged.differs:
        return f"{rows}: all have the gold {judged.gold[0]:g}, so that no agreement can be measured"
    scores = pair_scores(judged.logits, head)
    if judged.by_label:
        told = f"AUC {area_under_roc(scores, judged.gold):.3f}, accuracy {accuracy(scores >= 0.5, judged.gold):.3f}"
        return f"agreement on {rows}: {told} (a score from .5 counts as 1)"
    coefficient = spearman(scores, judged.gold)
    shown = "none, the scores are all equal" if math.isnan(coefficient) else f"Spearman {coefficient:.3f}"
    return f"agreement on {rows}: {shown}"


def calibrated(way: Calibration, judged: Judged | None, head: Head, ledger: Ledger) -> Reading:
    """How a model's outputs are read once they are calibrated on gold; as the head reads them for "none".

    Raises:
        FrameError: there is no gold, or it does not differ.
        ModelError: the head gives no probabilities, which a temperature is for.
    """
    plain = partial(pair_scores, head=head)
    if way == "none":
        return plain
    gold = _gold_to_fit(judged)
    read, said = _isotonic(gold, plain) if way == "isotonic" else _tempered(gold, head)
    before, after = (float(np.mean((reading(gold.logits) - gold.gold) ** 2)) for reading in (plain, read))
    ledger.note(
        f"{said} on {len(gold.gold):,} pairs with gold: mean squared error {before:.4f} before, {after:.4f} after"
    )
    return read


def _gold_to_fit(judged: Judged | None) -> Judged:
    if judged is None:
        raise FrameError("pairs: has no gold to calibrate on. Name a file of scored pairs with --gold.")
    if not judged.differs:
        raise FrameError(
            f"{judged.role}: all gold is {judged.gold[0]:g}; calibrating on it would give every pair that score. "
            "Give gold that differs with --gold, or leave out --calibrate."
        )
    return judged


def _isotonic(gold: Judged, plain: Reading) -> tuple[Reading, str]:
    fit = Isotonic.fitted(plain(gold.logits), gold.gold)
    return lambda logits: fit(plain(logits)), "scores calibrated by isotonic regression"


def _tempered(gold: Judged, head: Head) -> tuple[Reading, str]:
    if head.name == "identity":
        raise ModelError(
            f"{head.model}: a temperature divides log-odds, but the head identity reads its output as a score. "
            "Choose --calibrate isotonic."
        )
    temperature = fitted_temperature(log_odds(gold.logits, head.output), gold.gold)
    said = f"scores calibrated by a temperature of {temperature:.3g}"
    return lambda logits: sigmoid(log_odds(logits, head.output) / temperature), said
