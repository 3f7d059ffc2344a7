"""One training in several processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.errors import ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.batches import EpochBatches, shared_rows
from pairforge.training.fitting import fit
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training
from pairforge.training.train import train
from pairforge.training.workers import _fault
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import nli, scored, spec_of, triplets


@pytest.fixture
def steady_base(transformer_base: ModelSpec, tmp_path: Path) -> ModelSpec:
    """A transformer without dropout: processes draw it apart."""
    folder = tmp_path / "steady"
    shutil.copytree(transformer_base.path, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return spec_of(folder, device="cpu")


def test_processes_share_every_batch_evenly():
    shares = [list(EpochBatches(range(11), 4, seed=3, share=(place, 2))) for place in (0, 1)]
    whole = list(EpochBatches(range(11), 4, seed=3))
    assert [len(batch) for batch in shares[0]] == [len(batch) for batch in shares[1]] == [2, 2, 1]
    assert [first + second for first, second in zip(*shares, strict=True)] == [*whole[:2], whole[2][:2]]
    assert shared_rows([7], 3) == [7, 7, 7]
    left_out = EpochBatches(range(11), 4, seed=3, share=(0, 2))
    list(left_out)
    assert left_out.left_out == 1


def test_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(OptionsError, match="a batch of 32 rows cannot be shared by 3 processes; make"):
        TrainOptions(processes=3)


def test_processes_started_from_outside_are_refused(static_base: ModelSpec, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(OptionsError, match=r"torchrun or accelerate started 2 processes.*with --processes 2"):
        train(triplets(), base=static_base, options=TrainOptions(batch_size=8))


@pytest.mark.model
@pytest.mark.parametrize(("corpus", "loss"), [(triplets(), "mnr"), (nli(), "softmax"), (scored(), "cosine")])
def test_two_processes_give_the_loss_curve_of_one(
    corpus: pl.DataFrame, loss: str, steady_base: ModelSpec, tmp_path: Path
):
    """The same global batch, the plain sampler; softmax has a head of its own, which both must keep alike."""

    def outcome(processes: int) -> tuple[np.ndarray, str]:
        options = TrainOptions(
            loss=loss, batch_size=8, epochs=4, learning_rate=1e-2, processes=processes, distinct_batches=False
        )
        folder = tmp_path / f"{processes}"
        folder.mkdir()
        done = fit(plan_training([corpus], None, steady_base, options), folder, StepContext().progress)
        return np.array(done.losses), weights_digest(folder / "model")

    (one, _), (two, digest) = outcome(1), outcome(2)
    assert len(one) == len(two) == 24
    assert abs(one[0] - one[-1]) > 0.05
    np.testing.assert_allclose(two, one, atol=1e-3)
    assert digest


@pytest.mark.model
def test_several_processes_resume_to_the_same_weights_and_keep_the_best_step(steady_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(batch_size=8, epochs=3, processes=2, save_steps=4, eval_steps=3, learning_rate=1e-2)
    contexts = [StepContext(workspace=tmp_path / name) for name in "ab"]
    whole = train(triplets(), scored(), base=steady_base, options=options, context=contexts[0])
    with pytest.raises(KeyboardInterrupt):
        train(
            triplets(), scored(), base=steady_base, options=options,
            context=StepContext(workspace=tmp_path / "b", progress=stopping_after(9)),
        )  # fmt: skip
    resumed = train(triplets(), scored(), base=steady_base, options=options, context=contexts[1])
    assert weights_digest(resumed) == weights_digest(whole)
    assert "shared by 2 processes" in note_of(contexts[0], "encoder from")
    assert note_of(contexts[0], "kept step")
    assert note_of(contexts[1], "went on from step")


@pytest.mark.model
def test_fault_of_a_process_is_said_by_the_parent(steady_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(
        batch_size=8, max_steps=3, processes=2, learning_rate=1e38, weight_decay=1e38, loss="triplet"
    )
    with pytest.raises(ModelError, match="the loss became nan at step"):
        train(triplets(), base=steady_base, options=options, context=StepContext(workspace=tmp_path / "run"))


_KILLED_PARENT = """
import sys
from pathlib import Path
from pairforge.execution.step import StepContext
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from pairforge.training.workers import _fault
from tests.training.tiny import spec_of, triplets

options = TrainOptions(batch_size=8, epochs=10000, processes=2)
train(triplets(), base=spec_of(Path(sys.argv[1]), device="cpu"), options=options,
      context=StepContext(workspace=Path(sys.argv[2])))
"""


@pytest.mark.model
def test_processes_end_with_a_parent_that_is_killed(steady_base: ModelSpec, tmp_path: Path):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", _KILLED_PARENT, str(steady_base.path), str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}) as parent:
        steps = tmp_path / "run" / "workers" / "steps"
        assert _comes(lambda: steps.exists() and steps.stat().st_size > 3)
        parent.send_signal(signal.SIGKILL)
    assert _comes(lambda: _is_still(steps))


def _comes(happens: object, seconds: float = 240) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happens():  # type: ignore[operator]
            return True
        time.sleep(0.5)
    return False


def _is_still(steps: Path) -> bool:
    before = steps.stat().st_size
    time.sleep(3)
    return steps.stat().st_size == before


@pytest.mark.model
def test_ranking_within_a_wrapper_is_not_said_to_keep_to_one_process(steady_base: ModelSpec, tmp_path: Path):
    context = StepContext()
    train(
        triplets(),
        base=steady_base,
        options=TrainOptions(batch_size=8, max_steps=1, processes=2, matryoshka=(8,)),
        context=context,
        output=tmp_path / "m",
    )
    assert not any("within a process alone" in note for note in context.ledger.notes)


def test_cause_of_a_dead_process_is_told_and_not_that_the_others_were_ended(tmp_path: Path):
    (tmp_path / "output.txt").write_text(
        "[rank1]: RuntimeError: out of something\n"
        "ChildFailedError: \n  traceback : Signal 15 (SIGTERM) received by PID 7\n"
    )
    assert "the last that it said: [rank1]: RuntimeError: out of something." in str(_fault(tmp_path, 1))
