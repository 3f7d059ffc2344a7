"""One of several processes of a training; torchrun starts it with the training's folder."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import torch
from torch import distributed

from pairforge.engines.sentence_models import quiet
from pairforge.errors import PairforgeError
from pairforge.training.allocation import freed_memory_kept
from pairforge.training.fitting import fit_trainee, load_trainee
from pairforge.training.several import process_share
from pairforge.training.workers import asked_plan, note_steps, write_fault, write_outcome


def main() -> None:
    """Train this process's share of what the parent asked for."""
    folder = Path(sys.argv[1])
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        _train(folder)
    except PairforgeError as fault:
        write_fault(folder, fault)
        sys.exit(1)


def _train(folder: Path) -> None:
    plan = asked_plan(folder)
    on_gpu = torch.cuda.is_available() and not (plan.base.request.device or "cuda").startswith("cpu")
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    first = process_share()[0] == 0
    with quiet(), freed_memory_kept():
        advance = note_steps(folder) if first else lambda steps: None
        outcome = fit_trainee(load_trainee(plan), plan, folder, advance)
    if first:
        write_outcome(folder, outcome)
    distributed.destroy_process_group()


def _end_with_the_parent() -> None:
    while os.read(0, 1):  # Not by `sys.stdin`, whose lock this thread would hold when the interpreter ends.
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
