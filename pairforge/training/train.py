"""Train an encoder on a corpus of any shape, with a loss that suits it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pairforge.errors import OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Artifact, Input, ModelRole, Step, StepContext
from pairforge.frames import SCORED_PAIR
from pairforge.models import ModelKind, ModelSpec
from pairforge.training.losses import TRAINING_SHAPES
from pairforge.training.options import TrainOptions
from pairforge.training.plan import TrainingPlan, plan_training

if TYPE_CHECKING:
    from pairforge.training.fitting import TrainingOutcome


def train(
    corpus: pl.DataFrame,
    dev: pl.DataFrame | None = None,
    *,
    base: ModelSpec,
    options: TrainOptions | None = None,
    context: StepContext | None = None,
    output: Path | None = None,
) -> Path:
    """Train `base` on the corpus and give the folder of the trained model, a sentence-transformers model.

    Args:
        corpus: One of the shapes n-tuple, triplet, NLI, scored pair, labelled pair or pair; only the shape's own
            columns are trained on.
        dev: Scored pairs, scores in [0, 1]; the weights of the step with the best Spearman correlation of cosine
            similarities with them are kept. Without them, those of the last step.
        base: The model to start from.
        options: How to train.
        context: What a stage lends. A run that finds a complete checkpoint in its workspace goes on from there, to
            the same weights as a run in one go on the same machine.
        output: Where the model shall lie; without it in the stage's workspace or a new temporary folder.

    Raises:
        FrameError: the corpus does not fit the loss or does not fill a batch of it.
        OptionsError: an option is at odds with the model, the hardware or another option.
        ModelError: the model is no sentence encoder, cannot be trained with this loss, or the loss became NaN.
    """
    options, context = options or TrainOptions(), context or StepContext()
    if output is not None and output.exists():
        raise OptionsError(f"{output} exists; name another output or remove it.")
    plan = plan_training(corpus, dev, base, options)
    context.ledger.note(plan.choice.sentence)
    from pairforge.training.fitting import fit  # noqa: PLC0415 - loads torch

    with _work_folder(context.workspace, output) as folder:
        outcome = fit(plan, folder, context.progress)
        _tell(context.ledger, plan, outcome)
        return outcome.model if output is None else Path(shutil.move(outcome.model, output))


@contextmanager
def _work_folder(workspace: Path | None, output: Path | None) -> Iterator[Path]:
    if workspace is not None:
        yield workspace
    elif output is None:
        yield Path(tempfile.mkdtemp(prefix="pairforge-train-"))
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
            yield Path(folder)


def _tell(ledger: Ledger, plan: TrainingPlan, outcome: TrainingOutcome) -> None:
    ledger.count("steps", plan.steps)
    warmup = f" after {plan.warmup_steps:,} steps of warm-up" if plan.warmup_steps else ""
    epochs = "1 epoch" if plan.epochs == 1 else f"{plan.epochs:.3g} epochs"
    ledger.note(
        f"{plan.kind} model, {epochs} in batches of {plan.options.batch_size:,}, {outcome.precision}; "
        f"learning rate {outcome.learning_rate:g}{warmup}, {plan.options.schedule} schedule"
    )
    if outcome.left_out:
        ledger.note(
            f"{outcome.left_out:,} of {plan.rows.height:,} rows were left out of an epoch, because all batches with "
            "room held one of their texts; --no-distinct-batches trains on them too"
        )
    if outcome.resumed_at is not None:
        ledger.note(f"went on from step {outcome.resumed_at:,}, which an earlier run had reached")
    ledger.note(f"final loss {outcome.final_loss:.4f} (mean of the last steps)")
    if outcome.best_step is not None:
        scores = outcome.dev_scores
        start = f"; the start had {scores[0]:.4f}" if 0 in scores else ""
        ledger.note(
            f"kept step {outcome.best_step:,} of {plan.steps:,}, the best on the dev pairs: "
            f"Spearman cosine {scores[outcome.best_step]:.4f}{start}"
        )


STEP = Step(
    name="train",
    run=train,
    options=TrainOptions,
    inputs={
        "corpus": Input("Rows to learn from: pairs, triplets, scored or labelled pairs, or NLI.", TRAINING_SHAPES),
        "dev": Input("Scored pairs that choose the best step of the run.", (SCORED_PAIR,), required=False),
    },
    outputs=lambda options: {"model": Artifact(suffix=".model", folder=True, model=True)},
    models={"base": ModelRole("The model to start from.", ModelKind.WEIGHTS)},
)
