"""sentence-transformers' trainers, so that a killed run goes on exactly where it was, quietly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader
from safetensors.torch import load_file, load_model, save_file, save_model
from sentence_transformers.base.trainer import BaseTrainer
from transformers import TrainerCallback

from pairforge.errors import ModelError
from pairforge.training.batches import Cut, EpochBatches
from pairforge.training.checkpoints import mark_complete, notes_of, step_of
from pairforge.training.curve import LossCurve
from pairforge.training.epochs import EpochRows
from pairforge.training.heads import head_tensors, take_weights
from pairforge.training.mixing import MixedBatches
from pairforge.training.several import mean_of_all, process_share, share_gradients, wait_for_all
from pairforge.training.watch import RunWatch

_STEPS_BETWEEN_LOSS_CHECKS_ON_GPU = 10  # reading a loss waits for the GPU
_WEIGHTS_FILE = "weights.safetensors"
_HEAD_FILE = "loss-{}.safetensors"
_HEAD_KEY = "loss-{}"
_BEST_FILE = "best.safetensors"


@dataclass(frozen=True)
class Feed:
    """How the batches of a training come about.

    Args:
        cuts: What cuts the batches of each corpus.
        redrawn: What draws the rows of each anew; None where they stay the same.
        turns: Batches of each in an epoch.
        in_turns: Whether the corpora follow each other in their order.
    """

    cuts: Sequence[Cut]
    redrawn: Sequence[EpochRows | None]
    turns: Sequence[int]
    in_turns: bool


class ExactTrainer(BaseTrainer):  # type: ignore[misc] # its base is untyped
    """Trains on `EpochBatches`, stops at a loss that is no number, and checkpoints all that a resumed run needs.

    To be mixed into the library's trainer of one kind of model.

    sentence-transformers leaves the loss's own parameters out of its checkpoints, counts a checkpoint that a kill
    cut short, and writes a model card with each.
    """

    def __init__(self, *, feed: Feed, curve: LossCurve, watch: RunWatch, **arguments: Any) -> None:
        self._feed = feed
        self.curve = curve
        self._watch = watch
        self._batches: list[EpochBatches] = []
        self._open_loss: torch.Tensor | None = None
        super().__init__(callbacks=[watch, _HeadsInStep(self)], **arguments)
        watch.losses = self.losses
        watch.scored = self._tell_score

    @property
    def left_out(self) -> int:
        """Rows of the last epoch that no batch had room for."""
        return sum(batches.left_out for batches in self._batches)

    @property
    def losses(self) -> list[torch.nn.Module]:
        """The loss of each corpus, in their order."""
        return list(self.loss.values()) if isinstance(self.loss, dict) else [self.loss]

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """No model card: it would tokenise the corpus for its statistics, and ours says more."""

    def get_batch_sampler(self, dataset: Any, batch_size: int, *unused: Any, **also_unused: Any) -> EpochBatches:
        """The batches of one corpus, of the epoch that `set_epoch` names; called for each in their order."""
        place, (_, processes) = len(self._batches), process_share()
        self._batches.append(
            EpochBatches(
                dataset,
                batch_size * processes,
                seed=self.args.seed,
                cut=self._feed.cuts[place],
                begin=_beginning(self._feed.redrawn[place]),
                share=process_share(),
            )
        )
        return self._batches[-1]

    def get_multi_dataset_batch_sampler(self, dataset: Any, batch_samplers: list[Any], **unused: Any) -> MixedBatches:
        """The batches of all corpora, of the epoch that `set_epoch` names."""
        return MixedBatches(
            dataset, batch_samplers, seed=self.args.seed, turns=self._feed.turns, in_turns=self._feed.in_turns
        )

    def get_train_dataloader(self) -> Any:
        """The batches of a training, from the first corpus on; of several processes, the part of this one."""
        self._batches = []
        if process_share()[1] == 1:
            return super().get_train_dataloader()
        # The library would give each process other batches; here each has its share of every batch.
        loader = self._build_dataloader(self.train_dataset, self.args.train_batch_size, dataset_kind="train")
        return prepare_data_loader(loader, self.accelerator.device, 1, 0, put_on_device=True)

    def training_step(self, *arguments: Any, **keywords: Any) -> torch.Tensor:
        """One batch; the loss of its step must be a number."""
        loss: torch.Tensor = super().training_step(*arguments, **keywords)
        self._open_loss = loss.detach() if self._open_loss is None else self._open_loss + loss.detach()
        if self.accelerator.gradient_state.sync_gradients:
            self.curve.add(mean_of_all(self._open_loss))
            self._open_loss = None
            if loss.device.type == "cpu" or self.state.global_step % _STEPS_BETWEEN_LOSS_CHECKS_ON_GPU == 0:
                self.curve.check()
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
            self.curve.check()
        if not all(torch.isfinite(weights).all() for weights in self.model.parameters()):
            raise ModelError(
                f"weights are no numbers after {steps:,} steps, learning rate "
                f"{self.args.learning_rate:g}; lower the rate with --learning-rate or train with --precision fp32."
            )
        return steps

    def take(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Give the model and the losses' own parameters weights that the watch kept."""
        take_weights(self.model, self.losses, weights)

    def _is_last(self, checkpoint: Path) -> bool:
        self._watch.recall(notes_of(checkpoint))
        return step_of(checkpoint) >= self.args.max_steps or self._watch.out_of_patience

    def _tell_score(self, score: float) -> None:
        if self.args.report_to:
            also_loss = self.control.should_log
            self.log({"dev_score": score})
            self.control.should_log = also_loss  # It counts as done once anything was logged.

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """The weights alone, with those of LoRA: the rest of the model lies where it was loaded from."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.model, str(folder / _WEIGHTS_FILE))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        wait_for_all()
        if self.args.should_save:
            self._complete(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")
        wait_for_all()

    def _complete(self, checkpoint: Path) -> None:
        for number, loss in enumerate(self.losses):
            head = head_tensors(loss)
            if head:
                save_file(head, checkpoint / _HEAD_FILE.format(number))
        if self._watch.best_weights is not None:
            save_file(self._watch.best_weights, checkpoint / _BEST_FILE)
        mark_complete(checkpoint, {"dev_scores": self._watch.dev_scores, "losses": self.curve.losses})

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        checkpoint = Path(checkpoint_path)
        load_model(self.model, checkpoint / _WEIGHTS_FILE, device=str(self.model.device))
        for number, loss in enumerate(self.losses):
            head = checkpoint / _HEAD_FILE.format(number)
            if head.exists():
                loss.load_state_dict(load_file(head), strict=False)
        if (checkpoint / _BEST_FILE).exists():
            self._watch.best_weights = load_file(checkpoint / _BEST_FILE)
        notes = notes_of(checkpoint)
        self._watch.recall(notes)
        self.curve.recall(notes["losses"])


class _HeadsInStep(TrainerCallback):  # type: ignore[misc] # its base is untyped
    """Keeps the losses' own parameters alike in all processes: the library's wrapper knows of the model's alone."""

    def __init__(self, trainer: ExactTrainer) -> None:
        self._trainer = trainer

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Share the gradients, just before they are used."""
        of_model = {id(parameter) for parameter in self._trainer.model.parameters()}
        for loss in self._trainer.losses:
            share_gradients(parameter for parameter in loss.parameters() if id(parameter) not in of_model)


def _beginning(redrawn: EpochRows | None) -> Callable[[int], None]:
    def begin(epoch: int) -> None:
        if redrawn is not None:
            redrawn.epoch = epoch

    return begin
