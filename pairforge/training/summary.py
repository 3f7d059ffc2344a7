"""What the user is told of a training."""

from __future__ import annotations

from pairforge.execution.ledger import Ledger
from pairforge.training.outcome import FEW_STEPS, Trained, TrainingOutcome
from pairforge.training.plan import TrainingPlan


def tell(ledger: Ledger, plan: TrainingPlan, trained: Trained) -> None:
    """Count and note what the trainings did, of the restart that was kept in full."""
    outcome = trained.outcome
    ledger.count("steps", outcome.steps)
    ledger.note(_settings(plan, outcome))
    for note in outcome.notes:
        ledger.note(note)
    if outcome.left_out:
        ledger.note(_left_out(plan, outcome.left_out))
    if outcome.resumed_at is not None:
        ledger.note(f"went on from step {outcome.resumed_at:,}, which an earlier run had reached")
    rose = "; it did not fall" if outcome.final_loss >= outcome.first_loss and outcome.steps > FEW_STEPS else ""
    ledger.note(f"loss {outcome.first_loss:.4f} in the first steps, {outcome.final_loss:.4f} in the last{rose}")
    if plan.dev is not None and outcome.best_step is not None:
        ledger.note(_best_step(plan, outcome, plan.dev.measure_name))
    if len(trained.restarts) > 1:
        ledger.note(_restarts(trained))


def _left_out(plan: TrainingPlan, rows: int) -> str:
    left_out = f"{rows:,} of {plan.num_rows:,} rows were left out of an epoch"
    if not plan.takes_distinct_batches:
        return f"{left_out}, because a last batch could not be shared evenly by {plan.options.processes} processes"
    return (
        f"{left_out}, because all batches with room held one of their texts; --no-distinct-batches trains on them too"
    )


def _settings(plan: TrainingPlan, outcome: TrainingOutcome) -> str:
    warmup = f" after {plan.warmup_steps:,} steps of warm-up" if plan.warmup_steps else ""
    options, number = plan.options, outcome.steps / plan.steps_an_epoch
    epochs = "1 epoch" if number == 1 else f"{number:.3g} epochs"
    like_lengths = " of like lengths" if all(map(plan.groups_by_length, plan.lessons)) else ""
    added = f", {options.accumulate} to a step" if options.accumulate > 1 else ""
    shared = f" shared by {options.processes} processes" if options.processes > 1 else ""
    return (
        f"{plan.kind} from a {plan.base_kind} model, {epochs} in batches of {options.batch_size:,}{like_lengths}"
        f"{shared}{added}, {outcome.precision}; "
        f"learning rate {outcome.learning_rate:g}{warmup}, {options.schedule} schedule"
    )


def _best_step(plan: TrainingPlan, outcome: TrainingOutcome, measure: str) -> str:
    scores = outcome.dev_scores
    start = f"; the start had {scores[0]:.4f}" if 0 in scores else ""
    early = f"; stopped at step {outcome.steps:,} for want of a gain" if outcome.steps < plan.steps else ""
    return (
        f"kept step {outcome.best_step:,} of {plan.steps:,}, the best on the dev rows: "
        f"{measure} {outcome.best_score:.4f}{start}{early}"
    )


def _restarts(trained: Trained) -> str:
    scores = (
        f"{'none' if restart.best_score is None else f'{restart.best_score:.4f}'} (seed {restart.seed})"
        for restart in trained.restarts
    )
    return f"kept restart {trained.kept + 1} of {len(trained.restarts)}; best dev score of each: {', '.join(scores)}"
