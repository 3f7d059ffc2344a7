"""What the user is told of a training."""

from __future__ import annotations

from pairforge.execution.ledger import Ledger
from pairforge.training.bases import gives_unit_vectors, vector_size
from pairforge.training.objections import WIDEST_COSINE_MARGIN, margin_reach
from pairforge.training.outcome import FEW_STEPS, Trained, TrainingOutcome
from pairforge.training.plan import TrainingPlan
from pairforge.training.teaching import taught_dimension


def announce(ledger: Ledger, plan: TrainingPlan) -> None:
    """Note what each corpus teaches, before it does."""
    for lesson in plan.lessons:
        ledger.note(lesson.sentence)
        if lesson.loss.pooling and plan.pooling:
            ledger.note(f"vectors are pooled by {plan.pooling}, as the {lesson.loss.name} loss learns")
    size = vector_size(plan.base) if plan.kind.has_vectors else None
    if plan.options.wrappers:
        ledger.note(_wrappers(plan, size))
    taught = {taught_dimension(lesson.rows) for lesson in plan.lessons if "teacher" in lesson.loss.models}
    for dimension in taught - {size} if size else ():
        ledger.note(
            f"the teacher's vectors have {dimension:,} dimensions and the student's {size:,}: a linear "
            "projection, learnt along and saved beside the model, stands between them"
        )
    _announce_margins(ledger, plan)


def _announce_margins(ledger: Ledger, plan: TrainingPlan) -> None:
    of_one_length = plan.options.matryoshka or gives_unit_vectors(plan.base)
    if not of_one_length or not plan.kind.has_vectors or plan.options.similarity == "cosine":
        return
    for lesson in plan.lessons:
        if lesson.loss.name == "margin-mse" and (reach := margin_reach(lesson)) > WIDEST_COSINE_MARGIN:
            ledger.note(
                f"{lesson.name}: its margins reach {reach:.3g}, but the vectors have the length 1, so that their dot "
                f"products differ by {WIDEST_COSINE_MARGIN} at most: the loss will not come near 0"
            )


def _wrappers(plan: TrainingPlan, size: int | None) -> str:
    parts = []
    if plan.options.matryoshka:
        cut = ", ".join(str(number) for number in sorted({*plan.options.matryoshka} - {size}, reverse=True))
        parts.append(f"at {size or 'all'} and at its first {cut} dimensions")
    if plan.options.adaptive_layers:
        parts.append("after its last and after earlier layers")
    both = "; one layer and one dimension are drawn for each step" if len(parts) > 1 else ""
    return f"each loss is taken of the model's vectors {' and '.join(parts)}{both}"


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
    ledger.note(_losses(outcome))
    if plan.dev is not None and outcome.best_step is not None:
        ledger.note(_best_step(plan, outcome, plan.dev.measure_name))
    if len(trained.restarts) > 1:
        ledger.note(_restarts(trained))


def _losses(outcome: TrainingOutcome) -> str:
    if outcome.steps <= FEW_STEPS:
        return f"loss {outcome.final_loss:.4f} (mean of all steps)"
    rose = "; it did not fall" if outcome.final_loss >= outcome.first_loss else ""
    return f"loss {outcome.first_loss:.4f} in the first steps, {outcome.final_loss:.4f} in the last{rose}"


def _left_out(plan: TrainingPlan, rows: int) -> str:
    left_out = f"{rows:,} of {plan.num_rows:,} rows were left out of an epoch"
    if any(lesson.loss.by_class for lesson in plan.lessons):
        return f"{left_out}, another few each time: its batches of whole classes had no room for them"
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
