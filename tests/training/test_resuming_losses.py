"""Losses that hold more than the model: broken off and gone on with, they end with the same weights."""

from pathlib import Path
from typing import Any

import pytest

from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import CORPORA

CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "projection": ("pair", {"loss": "mse"}, "teacher"),
    "projections of each text": ("triplet", {"loss": "embed-distill"}, "teacher"),
    "softmax head within layers": ("nli", {"loss": "softmax", "adaptive_layers": True}, ""),
    "guide within dimensions": ("triplet", {"loss": "gist", "matryoshka": (4,)}, "guide"),
    "layers and dimensions drawn at random": ("pair", {"matryoshka": (2, 4, 8), "adaptive_layers": True}, ""),
    "cached gradients": ("pair", {"loss": "cached-mnr", "mini_batch_size": 4, "matryoshka": (4,)}, ""),
    "batches by class": ("labelled text", {}, ""),
    "negatives drawn at random": ("pair", {"kind": "cross-encoder", "num_negatives": 2}, ""),
    "lists": ("labelled list", {"kind": "cross-encoder", "loss": "lambda"}, ""),
}


IN_EVERY_RUN = ("projection", "guide within dimensions", "layers and dimensions drawn at random", "batches by class")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in IN_EVERY_RUN else pytest.mark.model) for case in CASES]
)
def test_run_that_was_broken_off_ends_with_the_same_weights(
    case: str, static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
):
    shape, settings, role = CASES[case]
    options = TrainOptions.model_validate(
        {"batch_size": 8, "max_steps": 9, "save_steps": 4, "learning_rate": 0.01, **settings}
    )
    # A static teacher has vectors of another length than the transformer that learns them.
    companions = {role: static_base if role == "teacher" else transformer_base} if role else {}

    def trained(name: str, **lent: Any) -> tuple[Path, StepContext]:
        context = StepContext(workspace=tmp_path / name, cache=tmp_path / "cache", **lent)
        corpus = CORPORA[shape]()
        return train(corpus, base=transformer_base, options=options, context=context, **companions), context

    whole, _ = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("broken", progress=stopping_after(6))
    held = sum(path.stat().st_size for path in (tmp_path / "broken" / "checkpoints").rglob("loss-*.safetensors"))
    resumed, context = trained("broken")
    assert note_of(context, "went on from step 4")
    assert weights_digest(resumed) == weights_digest(whole)
    assert held < (whole / "model.safetensors").stat().st_size
