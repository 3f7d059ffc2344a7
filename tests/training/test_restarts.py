from __future__ import annotations

from pathlib import Path

import pytest

from pairforge.errors import OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.options import TrainOptions
from pairforge.training.restarts import restart_seeds
from pairforge.training.train import train
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import nli, scored

OPTIONS = TrainOptions(kind="cross-encoder", batch_size=8, learning_rate=0.01, save_steps=4, restarts=2)
SEEDS = restart_seeds(42, 2)


def best_of(alone: list[tuple[str, str]]) -> int:
    return max((0, 1), key=lambda place: (alone[place][0], -place))


def accuracy(context: StepContext) -> str:
    return note_of(context, "kept step").split("accuracy ")[1].split(";")[0]


@pytest.fixture(scope="module")
def alone(transformer_base: ModelSpec) -> list[tuple[str, str]]:
    """The dev score and the weights' digest of a training from each seed."""
    found = []
    for seed in SEEDS:
        context, single = StepContext(), OPTIONS.model_copy(update={"restarts": 1, "seed": seed})
        model = train(nli(), nli(), base=transformer_base, options=single, context=context)
        found.append((accuracy(context), weights_digest(model)))
    return found


def test_the_best_of_the_restarts_is_kept_and_each_is_told(
    alone: list[tuple[str, str]], transformer_base: ModelSpec, tmp_path: Path
) -> None:
    context = StepContext(workspace=tmp_path)
    kept = train(nli(), nli(), base=transformer_base, options=OPTIONS, context=context)
    best = best_of(alone)
    assert weights_digest(kept) == alone[best][1] != alone[1 - best][1]
    told = ", ".join(f"{score} (seed {seed})" for (score, _), seed in zip(alone, SEEDS, strict=True))
    assert note_of(context, "kept restart") == f"kept restart {best + 1} of 2; best dev score of each: {told}"
    assert list(tmp_path.glob("restart-*/model")) == [kept]


@pytest.mark.parametrize("stop", [3, 9])
def test_a_finished_restart_survives_a_kill(
    stop: int, alone: list[tuple[str, str]], transformer_base: ModelSpec, tmp_path: Path
) -> None:
    broken_off = StepContext(workspace=tmp_path, progress=stopping_after(stop))
    with pytest.raises(KeyboardInterrupt):
        train(nli(), nli(), base=transformer_base, options=OPTIONS, context=broken_off)
    finished = sorted(tmp_path.glob("restart-*/outcome.json"))
    assert len(finished) == stop // 6
    written = [path.stat().st_mtime_ns for path in finished]
    resumed = train(nli(), nli(), base=transformer_base, options=OPTIONS, context=StepContext(workspace=tmp_path))
    assert weights_digest(resumed) == alone[best_of(alone)][1]
    assert [path.stat().st_mtime_ns for path in finished] == written


def test_a_model_that_was_handed_on_before_the_end_is_made_again(static_base: ModelSpec, tmp_path: Path) -> None:
    options, context = TrainOptions(batch_size=8, restarts=2), StepContext(workspace=tmp_path)
    first = train(scored(), scored(), base=static_base, options=options, context=context)
    digest = weights_digest(first)
    first.rename(tmp_path / "handed-on")
    again = train(scored(), scored(), base=static_base, options=options, context=StepContext(workspace=tmp_path))
    assert weights_digest(again) == digest


def test_seeds_follow_from_the_first() -> None:
    assert restart_seeds(7, 1) == [7]
    assert restart_seeds(7, 4)[:3] == restart_seeds(7, 3)
    assert len(set(restart_seeds(7, 20) + restart_seeds(8, 20))) == 40
    assert all(0 <= seed < 2**32 for seed in restart_seeds(2**32 - 1, 20))


@pytest.mark.parametrize("given", [{"restarts": 2}, {"patience": 1}])
def test_a_choice_needs_dev_rows(given: dict[str, int], static_base: ModelSpec) -> None:
    with pytest.raises(OptionsError, match=f"{next(iter(given))}=.+ is given, but no dev rows to choose by"):
        train(scored(), base=static_base, options=TrainOptions.model_validate(given))
