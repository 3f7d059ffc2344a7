"""How well a cross-encoder's scores agree with gold, and their calibration on it, told to the user."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairforge.agreement import accuracy, area_under_roc, spearman
from pairforge.counted import counted
from pairforge.engines.search import Doubles
from pairforge.errors import FrameError, ModelError
from pairforge.execution.ledger import Ledger
from pairforge.models import Floats
from pairforge.steps.calibration import Isotonic, fitted_platt, fitted_temperature
from pairforge.steps.pair_scores import Head, log_odds, pair_scores, sigmoid

Calibration = Literal["none", "isotonic", "temperature", "platt"]
"""The ways of making scores mean what gold means."""
Reading = Callable[[Floats], Doubles]
"""From a model's outputs (pairs, outputs) to scores in [0, 1], (pairs,)."""

_Fit = Callable[[Doubles, Floats, Head], tuple[Reading, str]]

_FOLDS = 5
_FEWEST_IN_FOLD = 4


@dataclass(frozen=True)
class Gold:
    """What people said of pairs.

    Args:
        role: The input that they are of, for errors.
        rows: The rows of the input that have gold.
        values: Their gold scores or labels, in [0, 1], of the length of `rows`.
        by_label: Whether gold is a label of 0 or 1.
    """

    role: str
    rows: npt.NDArray[np.int64]
    values: Doubles
    by_label: bool

    @property
    def differs(self) -> bool:
        """Whether gold tells pairs apart."""
        return bool(np.ptp(self.values) > 0)


def check_calibration(way: Calibration, gold: Gold | None, head: Head) -> None:
    """Refuse a calibration that cannot be, before any pair is scored.

    Raises:
        FrameError: there is no gold, or it does not differ.
        ModelError: the head gives no probabilities, which a temperature is for.
    """
    if way == "none":
        return
    if gold is None:
        raise FrameError("pairs: has no gold to calibrate on. Name a file of scored pairs with --gold.")
    if not gold.differs:
        raise FrameError(
            f"{gold.role}: all gold is {gold.values[0]:g}; calibrating on it would give every pair that score. "
            "Give gold that differs with --gold, or leave out --calibrate."
        )
    if way == "temperature" and head.name == "identity":
        raise ModelError(
            f"{head.model}: a temperature divides log-odds, but the head identity reads its output as a score. "
            "Choose --calibrate isotonic."
        )


def agreement(gold: Gold, logits: Floats, head: Head) -> str:
    """How well scores agree with gold: Spearman's coefficient for gold scores, AUC and accuracy for labels.

    Args:
        gold: What people said.
        logits: The model's outputs for the rows that have gold, (rows, outputs).
        head: How they are read.
    """
    rows = f"{counted(len(gold.values), 'pair')} with gold"
    if not gold.differs:
        return f"{rows}: all have the gold {gold.values[0]:g}, so that no agreement can be measured"
    scores = pair_scores(logits, head)
    if gold.by_label:
        told = f"AUC {area_under_roc(scores, gold.values):.3f}, accuracy {accuracy(scores >= 0.5, gold.values):.3f}"
        return f"agreement on {rows}: {told} (a score from .5 counts as 1)"
    coefficient = spearman(scores, gold.values)
    shown = "none, the scores are all equal" if math.isnan(coefficient) else f"Spearman {coefficient:.3f}"
    return f"agreement on {rows}: {shown}"


def calibrated(way: Calibration, gold: Gold, logits: Floats, head: Head, ledger: Ledger) -> Reading:
    """How a model's outputs are read once they are calibrated; as the head reads them for "none".

    Args:
        way: How they are calibrated, if `check_calibration` let it pass.
        gold: What people said.
        logits: The model's outputs for the rows that have gold, (rows, outputs).
        head: How they are read.
        ledger: Where the fit is noted.
    """
    plain = partial(pair_scores, head=head)
    if way == "none":
        return plain
    fit = _FITS[way]
    read, said = fit(gold.values, logits, head)
    before = _squared_error(plain(logits), gold.values)
    after, measured = _error_after(fit, gold.values, logits, head)
    ledger.note(
        f"scores calibrated by {said} on {counted(len(gold.values), 'pair')} with gold: "
        f"mean squared error {before:.4f} before, {after:.4f} after ({measured})"
    )
    return read


def _error_after(fit: _Fit, gold: Doubles, logits: Floats, head: Head) -> tuple[float, str]:
    """The error on pairs that a fit has not seen, and how it was measured."""
    if len(gold) < _FOLDS * _FEWEST_IN_FOLD:
        return _squared_error(fit(gold, logits, head)[0](logits), gold), "on these same pairs, so too good"
    fold = np.arange(len(gold)) % _FOLDS
    calibrated_apart = np.empty(len(gold))
    for held_out in (fold == number for number in range(_FOLDS)):
        read, _ = fit(gold[~held_out], logits[~held_out], head)
        calibrated_apart[held_out] = read(logits[held_out])
    return _squared_error(calibrated_apart, gold), "each fifth by a fit on the others"


def _squared_error(scores: Doubles, gold: Doubles) -> float:
    return float(np.mean((scores - gold) ** 2))


def _isotonic(gold: Doubles, logits: Floats, head: Head) -> tuple[Reading, str]:
    fit = Isotonic.fitted(pair_scores(logits, head), gold)
    return lambda asked: fit(pair_scores(asked, head)), "isotonic regression"


def _tempered(gold: Doubles, logits: Floats, head: Head) -> tuple[Reading, str]:
    temperature = fitted_temperature(log_odds(logits, head.output), gold)
    return lambda asked: sigmoid(log_odds(asked, head.output) / temperature), f"a temperature of {temperature:.3g}"


def _platt(gold: Doubles, logits: Floats, head: Head) -> tuple[Reading, str]:
    slope, offset = fitted_platt(log_odds(logits, head.output), gold)
    said = f"Platt's slope of {slope:.3g} and offset of {offset:.3g}"
    return lambda asked: sigmoid(slope * log_odds(asked, head.output) + offset), said


_FITS: Mapping[Calibration, _Fit] = {"isotonic": _isotonic, "temperature": _tempered, "platt": _platt}
