"""Run a stage in another process, to be killed: `python killed.py STEP INPUT CACHE [PLACE]`.

With a PLACE, the process kills itself when it first gets there.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import tiny_steps

from pairforge.execution import job
from pairforge.execution.stage import FileInput, Stage, run_stage


def kill_at(place: str) -> None:
    def killed(*given: Any, **named: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if place == "before placing":
        job.place_outputs = killed
    elif place == "before the manifest":
        placed = job.place_outputs
        job.place_outputs = lambda *given: (placed(*given), killed())[0]
    elif place == "after the manifest":
        job.Workspace.discard = killed
    elif place == "while a folder is absent":
        renamed = Path.rename
        Path.rename = lambda path, target: (renamed(path, target), killed())[0]


if __name__ == "__main__":
    name, source, cache, *place = sys.argv[1:]
    step = getattr(tiny_steps, name)
    kill_at(place[0] if place else "")
    stage = Stage(step, step.options(), {"texts": FileInput((source,))})
    run_stage(stage, cache=Path(cache), part_rows=2, overwrite=True)
