"""One training in several processes: torchrun starts them, each takes its share of every batch.

The parent keeps the stage: it writes what was asked into the training's folder, shows how far the first process is, and
says what went wrong in one of them. The processes end with the parent, whose end closes their stdin.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import polars as pl

from pairforge import errors
from pairforge.errors import ModelError, OptionsError, PairforgeError
from pairforge.files import read_json, write_json
from pairforge.models import ModelSpec
from pairforge.training.companions import Companions
from pairforge.training.lessons import Lesson
from pairforge.training.options import TrainOptions
from pairforge.training.outcome import TrainingOutcome
from pairforge.training.plan import TrainingPlan, plan_training

_FOLDER = "workers"
_ASKED, _OUTCOME, _STEPS, _FAULT, _OUTPUT = "asked.json", "outcome.json", "steps", "fault.json", "output.txt"
_TAUGHT = "taught-{}.parquet"
_SECONDS_BETWEEN_LOOKS = 0.1
_FOLLOWS = re.compile(r"ChildFailed|SIGTERM")
"""What torchrun says of processes that it ends because another one died."""


def fit_in_workers(plan: TrainingPlan, folder: Path, advance: Callable[[int], None]) -> TrainingOutcome:
    """Train in as many processes as the options say; as `fit` in all else.

    Args:
        plan: What is trained, on what and how.
        folder: Where checkpoints and the model are kept.
        advance: Called with the steps done since the last call.

    Raises:
        PairforgeError: what a process raised.
        ModelError: a process died.
        OptionsError: there are fewer GPUs than processes.
    """
    _check_gpus(plan)
    exchange = folder / _FOLDER
    shutil.rmtree(exchange, ignore_errors=True)
    exchange.mkdir(parents=True)
    _write_asked(plan, exchange)
    _run_workers(plan.options.processes, folder, advance)
    outcome = TrainingOutcome.model_validate(read_json(exchange / _OUTCOME))
    shutil.rmtree(exchange, ignore_errors=True)
    return outcome


def _check_gpus(plan: TrainingPlan) -> None:
    import torch  # noqa: PLC0415 - seconds

    device, gpus = plan.base.request.device, torch.cuda.device_count()
    if gpus and not (device or "cuda").startswith("cpu") and gpus < plan.options.processes:
        raise OptionsError(
            f"processes is {plan.options.processes}, but there {'is 1 GPU' if gpus == 1 else f'are {gpus} GPUs'}; "
            f"lower it to {gpus}, or train on the CPU with --device cpu."
        )


def _write_asked(plan: TrainingPlan, exchange: Path) -> None:
    for number, corpus in enumerate(plan.asked.corpora):
        corpus.write_parquet(exchange / f"corpus-{number}.parquet")
    if plan.asked.dev is not None:
        plan.asked.dev.write_parquet(exchange / "dev.parquet")
    for number, lesson in enumerate(plan.lessons):
        if "teacher" in lesson.loss.models:
            lesson.rows.write_parquet(exchange / _TAUGHT.format(number))
    companions = {field.name: getattr(plan.companions, field.name) for field in fields(Companions)}
    asked = {
        "runs": None if plan.runs is None else str(plan.runs),
        "options": plan.options.model_dump(mode="json"),
        "base": plan.base.model_dump(mode="json"),
        "document_base": plan.document_base and plan.document_base.model_dump(mode="json"),
        "companions": {role: spec.model_dump(mode="json") for role, spec in companions.items() if spec is not None},
    }
    write_json(asked, exchange / _ASKED)


def asked_plan(folder: Path) -> TrainingPlan:
    """The training that the parent wrote, planned anew."""
    exchange = folder / _FOLDER
    asked = read_json(exchange / _ASKED)
    corpora = [pl.read_parquet(exchange / f"corpus-{n}.parquet") for n in range(len(list(exchange.glob("corpus-*"))))]
    dev = exchange / "dev.parquet"
    plan = plan_training(
        corpora,
        pl.read_parquet(dev) if dev.exists() else None,
        ModelSpec.model_validate(asked["base"]),
        TrainOptions.model_validate(asked["options"]),
        Companions(**{role: ModelSpec.model_validate(spec) for role, spec in asked["companions"].items()}),
        document_base=asked["document_base"] and ModelSpec.model_validate(asked["document_base"]),
    )
    lessons = tuple(_taught(lesson, exchange / _TAUGHT.format(number)) for number, lesson in enumerate(plan.lessons))
    return replace(plan, lessons=lessons, runs=asked["runs"] and Path(asked["runs"]))


def _taught(lesson: Lesson, file: Path) -> Lesson:
    """A corpus with the teacher's vectors, which the parent alone has computed."""
    return replace(lesson, rows=pl.read_parquet(file)) if file.exists() else lesson


def _run_workers(processes: int, folder: Path, advance: Callable[[int], None]) -> None:
    exchange, cores = folder / _FOLDER, os.cpu_count() or 1
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
        "-m", "pairforge.training.worker", str(folder),
    ]  # fmt: skip
    environment = {"OMP_NUM_THREADS": str(max(1, cores // processes)), **os.environ}
    with (exchange / _OUTPUT).open("wb") as output:
        launcher = subprocess.Popen(  # noqa: S603 - a fixed command
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            _follow(launcher, exchange, advance)
        finally:
            if launcher.poll() is None:
                launcher.terminate()
            launcher.wait()
            if launcher.stdin is not None:
                launcher.stdin.close()
    if launcher.returncode:
        raise _fault(exchange, launcher.returncode)


def _follow(launcher: subprocess.Popen[bytes], exchange: Path, advance: Callable[[int], None]) -> None:
    done, ended = 0, False
    while not ended:
        ended = launcher.poll() is not None
        steps = exchange / _STEPS
        now = steps.stat().st_size if steps.exists() else 0
        for _ in range(now - done):
            advance(1)
        done = now
        if not ended:
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _fault(exchange: Path, status: int) -> PairforgeError:
    if (exchange / _FAULT).exists():
        told = read_json(exchange / _FAULT)
        kind: type[PairforgeError] = getattr(errors, told["kind"])
        fault = kind.__new__(kind)
        fault.args = (told["sentence"],)
        return fault
    lines = (exchange / _OUTPUT).read_text("utf-8", "replace").splitlines()
    causes = [line.strip() for line in lines if re.search(r"Error\b|Signal \d", line) and not _FOLLOWS.search(line)]
    said = causes[-1] if causes else "nothing"
    return ModelError(
        f"a process of the training died (status {status}), perhaps for want of memory; the last that it said: "
        f"{said[:300]}. The same command goes on from the last checkpoint."
    )


def note_steps(folder: Path) -> Callable[[int], None]:
    """What a process tells the parent its steps with: a byte for each."""
    steps = (folder / _FOLDER / _STEPS).open("ab", buffering=0)

    def note(more: int) -> None:
        steps.write(b"." * more)

    return note


def write_outcome(folder: Path, outcome: TrainingOutcome) -> None:
    """Tell the parent what the training did."""
    write_json(outcome.model_dump(mode="json"), folder / _FOLDER / _OUTCOME)


def write_fault(folder: Path, fault: PairforgeError) -> None:
    """Tell the parent what went wrong; the first fault counts."""
    told = json.dumps({"kind": type(fault).__name__, "sentence": str(fault)})
    try:
        with (folder / _FOLDER / _FAULT).open("x", encoding="utf-8") as file:
            file.write(told)
    except FileExistsError:
        return
