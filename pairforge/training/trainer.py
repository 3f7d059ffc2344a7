"""sentence-transformers' trainers, so that a killed run goes on exactly where it was, quietly."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.base.model import BaseModel
from sentence_transformers.base.trainer import BaseTrainer
from transformers import TrainerCallback

from pairforge.errors import ModelError
from pairforge.training.batches import Cut, EpochBatches
from pairforge.training.checkpoints import mark_complete, notes_of, step_of
from pairforge.training.epochs import EpochRows
from pairforge.training.mixing import MixedBatches

_SECONDS_BETWEEN_CHECKPOINTS = 300
_STEPS_BETWEEN_LOSS_CHECKS_ON_GPU = 10  # reading a loss waits for the GPU
_RECENT_STEPS = 20
_HEAD_FILE = "loss-{}.safetensors"
_BEST_FILE = "best.safetensors"


class ExactTrainer(BaseTrainer):  # type: ignore[misc] # its base is untyped
    """Trains on `EpochBatches`, stops at a loss that is no number, and checkpoints all that a resumed run needs.

    To be mixed into the library's trainer of one kind of model.

    sentence-transformers leaves the loss's own parameters out of its checkpoints, counts a checkpoint that a kill
    cut short, and writes a model card with each.
    """

    def __init__(self, *, cuts: Sequence[Cut], redrawn: Sequence[EpochRows], watch: RunWatch, **arguments: Any) -> None:
        self._cuts = cuts
        self._redrawn = redrawn
        self._watch = watch
        self._batches: list[EpochBatches] = []
        self._first_losses: list[torch.Tensor] = []
        self._recent_losses: deque[torch.Tensor] = deque(maxlen=_RECENT_STEPS)
        super().__init__(callbacks=[watch], **arguments)

    @property
    def first_loss(self) -> float:
        """Mean loss of the first steps, at most 20."""
        return _mean(self._first_losses)

    @property
    def final_loss(self) -> float:
        """Mean loss of the last steps, at most 20."""
        return _mean(self._recent_losses)

    @property
    def left_out(self) -> int:
        """Rows of the last epoch that no batch had room for."""
        return sum(batches.left_out for batches in self._batches)

    @property
    def losses(self) -> list[torch.nn.Module]:
        """The loss of each corpus, in their order."""
        return list(self.loss.values()) if isinstance(self.loss, dict) else [self.loss]

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """No model card: it would tokenise the corpus for its statistics, and the manifest says more."""

    def get_batch_sampler(self, dataset: Any, batch_size: int, *unused: Any, **also_unused: Any) -> EpochBatches:
        """The batches of one corpus, of the epoch that `set_epoch` names; called for each in their order."""
        cut = self._cuts[len(self._batches)]
        self._batches.append(EpochBatches(dataset, batch_size, seed=self.args.seed, cut=cut, begin=self._begin))
        return self._batches[-1]

    def get_multi_dataset_batch_sampler(self, dataset: Any, batch_samplers: list[Any], **unused: Any) -> MixedBatches:
        """The batches of all corpora, of the epoch that `set_epoch` names."""
        return MixedBatches(dataset, batch_samplers, seed=self.args.seed)

    def get_train_dataloader(self) -> Any:
        """The batches of a training, from the first corpus on."""
        self._batches = []
        return super().get_train_dataloader()

    def _begin(self, epoch: int) -> None:
        for rows in self._redrawn:
            rows.epoch = epoch

    def training_step(self, *arguments: Any, **keywords: Any) -> torch.Tensor:
        """One step; its loss must be a number."""
        loss: torch.Tensor = super().training_step(*arguments, **keywords)
        self._recent_losses.append(loss.detach())
        if len(self._first_losses) < _RECENT_STEPS:
            self._first_losses.append(loss.detach())
        step = self.state.global_step
        looks = loss.device.type == "cpu" or step % _STEPS_BETWEEN_LOSS_CHECKS_ON_GPU == 0
        if looks and not torch.isfinite(loss):
            raise ModelError(
                f"the loss became {float(loss)} at step {step + 1:,}, learning rate {self.args.learning_rate:g}; lower "
                "the rate with --learning-rate, lengthen the warm-up or train with --precision fp32."
            )
        return loss

    def run(self, checkpoint: Path | None) -> int:
        """Train to the end, from a checkpoint if there is one, and give the steps that were trained.

        The library would train on from a checkpoint of the last step, or of the step at which patience ran out.
        """
        if checkpoint is not None and self._is_last(checkpoint):
            self._load_from_checkpoint(str(checkpoint))
            steps = step_of(checkpoint)
        else:
            self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
            steps = self.state.global_step
        if not all(torch.isfinite(weights).all() for weights in self.model.parameters()):
            raise ModelError(
                f"weights are no numbers after {steps:,} steps, learning rate "
                f"{self.args.learning_rate:g}; lower the rate with --learning-rate or train with --precision fp32."
            )
        return steps

    def _is_last(self, checkpoint: Path) -> bool:
        self._watch.recall(notes_of(checkpoint))
        return step_of(checkpoint) >= self.args.max_steps or self._watch.out_of_patience

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        self.model.save_pretrained(output_dir or self.args.output_dir, create_model_card=False)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        checkpoint = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        for number, loss in enumerate(self.losses):
            head = head_tensors(loss)
            if head:
                save_file(head, checkpoint / _HEAD_FILE.format(number))
        if self._watch.best_weights is not None:
            save_file(self._watch.best_weights, checkpoint / _BEST_FILE)
        first, recent = ([float(loss) for loss in losses] for losses in (self._first_losses, self._recent_losses))
        mark_complete(
            checkpoint, {"dev_scores": self._watch.dev_scores, "first_losses": first, "recent_losses": recent}
        )

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        super()._load_from_checkpoint(checkpoint_path)
        checkpoint = Path(checkpoint_path)
        for number, loss in enumerate(self.losses):
            head = checkpoint / _HEAD_FILE.format(number)
            if head.exists():
                loss.load_state_dict(load_file(head), strict=False)
        if (checkpoint / _BEST_FILE).exists():
            self._watch.best_weights = load_file(checkpoint / _BEST_FILE)
        notes = notes_of(checkpoint)
        self._watch.recall(notes)
        self._first_losses = [torch.tensor(loss) for loss in notes["first_losses"]]
        self._recent_losses.extend(torch.tensor(loss) for loss in notes["recent_losses"])


class RunWatch(TrainerCallback):  # type: ignore[misc] # its base is untyped
    """Shows progress, scores the dev rows and keeps the best weights, and asks for a checkpoint now and then.

    Args:
        advance: Called with the steps done since the last call.
        dev_score: The model's score on the dev rows as it is now; None where there are none.
        eval_steps: Steps between two scores; the last step is always scored.
        patience: Scores in a row without a gain after which the run stops; None for no such stop.
    """

    def __init__(
        self,
        advance: Callable[[int], None],
        dev_score: Callable[[], float] | None,
        eval_steps: int,
        patience: int | None = None,
    ) -> None:
        self.dev_scores: dict[int, float] = {}
        self.best_weights: dict[str, torch.Tensor] | None = None
        self._advance = advance
        self._dev_score = dev_score
        self._eval_steps = eval_steps
        self._patience = patience
        self._saved_at = time.monotonic()

    @property
    def best_step(self) -> int | None:
        """The step, after the start, with the best dev score; the earlier one of equals."""
        trained = {step: score for step, score in self.dev_scores.items() if step > 0 and not math.isnan(score)}
        return max(trained, key=lambda step: (trained[step], -step), default=None)

    @property
    def out_of_patience(self) -> bool:
        """Whether the last scores brought no gain over the best one, as many as patience allows."""
        later = [step for step in self.dev_scores if step > (self.best_step or 0)]
        return self._patience is not None and len(later) >= self._patience

    def recall(self, notes: Mapping[str, Any]) -> None:
        """Take over the scores that a checkpoint noted."""
        self.dev_scores = {int(step): score for step, score in notes["dev_scores"].items()}

    def on_train_begin(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Show the steps that an earlier run did, or score the untrained start."""
        if state.global_step:
            self._advance(state.global_step)
        else:
            self._score(also["model"], 0)

    def on_step_end(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Count the step, score it if its turn has come and ask for a checkpoint if the last one is old."""
        self._advance(1)
        if state.global_step % self._eval_steps == 0 or state.global_step == state.max_steps:
            self._score(also["model"], state.global_step)
            control.should_training_stop |= self.out_of_patience
        if time.monotonic() - self._saved_at > _SECONDS_BETWEEN_CHECKPOINTS and args.save_strategy == "no":
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Note the time of the checkpoint."""
        self._saved_at = time.monotonic()

    def _score(self, model: torch.nn.Module, step: int) -> None:
        if self._dev_score is None:
            return
        self.dev_scores[step] = self._dev_score()
        if self.best_step == step > 0:
            self.best_weights = {
                name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
                for name, tensor in model.state_dict().items()
            }


def _mean(losses: Collection[torch.Tensor]) -> float:
    return sum(map(float, losses)) / len(losses)


def head_tensors(loss: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The loss's own parameters, without those of the models in it: the one that it trains, a guide."""
    models = [module for module in loss.modules() if isinstance(module, BaseModel)]
    of_models = {id(tensor) for model in models for tensor in model.state_dict(keep_vars=True).values()}
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in loss.state_dict(keep_vars=True).items()
        if id(tensor) not in of_models
    }
