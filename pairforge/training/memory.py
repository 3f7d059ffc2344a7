"""Whether a batch fits the memory, measured on a few long rows before training, and what to do where it does not.

What a step needs grows with the batch by what autograd keeps for the backward pass. The cached losses keep it for a
piece of the batch at a time and give the same gradients. Source: Gao et al. 2021 (gradient caching).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pairforge.files import read_json, write_json
from pairforge.training.batches import text_lengths
from pairforge.training.lessons import Lesson
from pairforge.training.losses import Loss, loss_of
from pairforge.training.plan import TrainingPlan
from pairforge.training.several import from_first, process_share
from pairforge.training.trainer import ExactTrainer

_MEASURED_ROWS = 4
_USABLE = 0.8
"""Share of the free memory that a batch may take: allocators waste some, and no row is measured but the longest."""
_COPIES_OF_WEIGHTS = 3
"""A gradient and AdamW's two moments for each weight."""
_FILE = "auto-batch.json"
_GIB = 2**30


@dataclass(frozen=True)
class Need:
    """What the batches of a corpus take.

    Args:
        row: Bytes kept for a row until the backward pass, at worst.
        rows: Rows of a batch, in one process.
        free: Bytes there are for it.
    """

    row: int
    rows: int
    free: int

    @property
    def fits(self) -> bool:
        """Whether a whole batch fits."""
        return self.row * self.rows <= self.free

    @property
    def mini_batch(self) -> int:
        """Rows that fit at once, a power of two, at least 1."""
        return 1 << max(0, (self.free // max(1, self.row)).bit_length() - 1)


def fitted_to_memory(
    plan: TrainingPlan,
    folder: Path,
    make_trainer: Callable[[], ExactTrainer],
    free: Callable[[torch.device], int],
) -> tuple[TrainingPlan, tuple[str, ...]]:
    """The plan with cached losses where its batches do not fit, and a sentence for each corpus.

    What was settled once is kept in `folder`: a resumed run trains as the first one did.

    Args:
        plan: The training.
        folder: Of the training.
        make_trainer: Makes the trainer of the plan, to measure with.
        free: The bytes that a device has free.
    """
    if not plan.options.auto_batch:
        return plan, ()
    settled = folder / _FILE
    if not from_first(settled.exists):  # All measure or none: losses that gather wait for each other.
        with _draws_kept():
            trainer = make_trainer()
            needs = [asdict(_need(trainer, plan, lesson, free)) for lesson in plan.lessons]
        folder.mkdir(parents=True, exist_ok=True)
        if process_share()[0] == 0:
            write_json(needs, settled)
    found: list[dict[str, int]] = from_first(lambda: read_json(settled))
    return _with_cached(plan, [Need(**need) for need in found])


def _with_cached(plan: TrainingPlan, needs: Sequence[Need]) -> tuple[TrainingPlan, tuple[str, ...]]:
    notes, lessons = [], []
    for lesson, need in zip(plan.lessons, needs, strict=True):
        cached = cached_form(lesson.loss)
        notes.append(_sentence(lesson, need, cached))
        if need.fits or cached is None:
            lessons.append(lesson)
        else:
            lessons.append(replace(lesson, choice=replace(lesson.choice, loss=_in_pieces(cached, need.mini_batch))))
    return replace(plan, lessons=tuple(lessons)), tuple(notes)


def _in_pieces(cached: Loss, rows: int) -> Loss:
    of_pieces = (replace(p, default=rows) if p.option == "mini_batch_size" else p for p in cached.parameters)
    return replace(cached, parameters=tuple(of_pieces))


def cached_form(loss: Loss) -> Loss | None:
    """The loss that learns the same from pieces of the batch, if there is one."""
    return loss_of(loss.trains, f"cached-{loss.name}")


def _sentence(lesson: Lesson, need: Need, cached: Loss | None) -> str:
    place = "" if lesson.name == "corpus" else f"{lesson.name}: "
    takes = f"a batch of {need.rows:,} rows takes up to {need.row * need.rows / _GIB:.3g} GiB of {need.free / _GIB:.3g}"
    if need.fits:
        return f"{place}{takes}, so that it fits"
    if cached is not None:
        return f"{place}{takes}, so that {cached.name} is taken, in pieces of {need.mini_batch:,} rows"
    if lesson.loss.name.startswith("cached-"):
        return f"{place}{takes} at once, which is why {lesson.loss.name} cuts it; --mini-batch-size says how small"
    if lesson.loss.row_by_row:
        factor = -(-need.rows // need.mini_batch)
        mend = f"--batch-size {need.mini_batch} --accumulate {factor} learns the same"
    else:
        mend = "a smaller --batch-size fits, but sees fewer rows together; --accumulate does not mend that"
    return f"{place}{takes}, and {lesson.loss.name} has no cached form: {mend}"


def _need(trainer: ExactTrainer, plan: TrainingPlan, lesson: Lesson, free: Callable[[torch.device], int]) -> Need:
    model: Any = trainer.model
    _, processes = process_share()
    weights = sum(weights.numel() * weights.element_size() for weights in model.parameters() if weights.requires_grad)
    share = 1 if model.device.type == "cuda" else processes
    room = int(_USABLE * free(model.device) / share) - _COPIES_OF_WEIGHTS * weights
    return Need(_bytes_a_row(trainer, plan, lesson), plan.options.batch_size // processes, max(0, room))


def _bytes_a_row(trainer: ExactTrainer, plan: TrainingPlan, lesson: Lesson) -> int:
    """What autograd keeps for a row, on the mean of some of the longest."""
    longest = np.argsort(-text_lengths(lesson.rows), kind="stable")[:_MEASURED_ROWS].tolist()
    corpus = trainer.train_dataset if len(plan.lessons) == 1 else trainer.train_dataset[lesson.name]
    inputs = trainer._prepare_inputs(trainer.data_collator([corpus[row] for row in longest]))
    trainer.model.train()
    kept = KeptBytes(trainer.model)
    with kept, trainer.compute_loss_context_manager():
        trainer.compute_loss(trainer.model, inputs)
    return max(1, kept.bytes // len(longest))


class KeptBytes(torch.autograd.graph.saved_tensors_hooks):
    """Counts what autograd keeps for the backward pass while it is entered, without the weights themselves."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._seen = {weights.untyped_storage().data_ptr() for weights in model.parameters()}
        self._kept: list[torch.Tensor] = []  # as long as they live, no other tensor has their place
        self.bytes = 0
        super().__init__(self._keep, lambda tensor: tensor)

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self._kept.append(tensor)
            self.bytes += storage.nbytes()
        return tensor


@contextmanager
def _draws_kept() -> Iterator[None]:
    """Leave the random draws as they are: a run that was measured trains as one that was not."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        yield
