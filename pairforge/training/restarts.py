"""Several trainings from different seeds, of which the best on the dev rows is kept.

Fine-tuning on few rows sometimes fails, by the draw of the new head and of the batches alone.
Source: Dodge et al. 2020; Thakur et al. 2021 (Augmented SBERT).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from pairforge.files import read_json, write_json
from pairforge.progress import Progress
from pairforge.randomness import row_uniforms
from pairforge.training.fitting import fit
from pairforge.training.outcome import Trained, TrainingOutcome
from pairforge.training.plan import TrainingPlan

_OUTCOME = "outcome.json"


def fit_best(plan: TrainingPlan, folder: Path, progress: Progress) -> Trained:
    """Train as often as the options say, in `folder`, and keep the best model.

    A training that an earlier run finished in the same folder is not done again.

    Raises:
        ModelError, OptionsError: as `fit`.
    """
    number = plan.options.restarts
    if number == 1:
        return Trained(folder / "model", [fit(plan, folder, progress)])
    plans = [plan.with_seed(seed) for seed in restart_seeds(plan.options.seed, number)]
    outcomes: list[TrainingOutcome] = []
    for restart, its_plan in enumerate(plans):
        label = f"training, restart {restart + 1} of {number}"
        outcomes.append(_fit_once(its_plan, _place(folder, restart), progress, label))
        _keep_only(folder, best_restart(outcomes), restart)
    kept = best_restart(outcomes)
    if not (_place(folder, kept) / "model").exists():  # An earlier run was killed while it handed the model on.
        fit(plans[kept], _place(folder, kept), progress)
    return Trained(_place(folder, kept) / "model", outcomes, kept)


def restart_seeds(seed: int, number: int) -> list[int]:
    """The seed itself, and others that follow from it."""
    return [seed, *(int(row_uniforms(seed, restart, 0) * 2**32) for restart in range(1, number))]


def best_restart(outcomes: Sequence[TrainingOutcome]) -> int:
    """The place of the training with the best dev score, the earlier of equals."""
    scores = [-math.inf if outcome.best_score is None else outcome.best_score for outcome in outcomes]
    return scores.index(max(scores))


def _place(folder: Path, restart: int) -> Path:
    return folder / f"restart-{restart + 1}"


def _fit_once(plan: TrainingPlan, folder: Path, progress: Progress, label: str) -> TrainingOutcome:
    finished = folder / _OUTCOME
    if finished.exists():
        return TrainingOutcome.model_validate(read_json(finished))
    outcome = fit(plan, folder, progress, label)
    write_json(outcome.model_dump(mode="json"), finished)
    return outcome


def _keep_only(folder: Path, best: int, last: int) -> None:
    """Remove the models that a better one has beaten, and the checkpoints of all that are finished."""
    for restart in range(last + 1):
        shutil.rmtree(_place(folder, restart) / "checkpoints", ignore_errors=True)
        if restart != best:
            shutil.rmtree(_place(folder, restart) / "model", ignore_errors=True)
