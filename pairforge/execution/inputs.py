"""The input files of a stage: named, digested and read as the contracts of the step want them."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from pairforge import frames
from pairforge.errors import FrameError, StageError
from pairforge.execution.step import Input, Step, StepOptions
from pairforge.files import Rows, open_frames, read_frame, read_frames
from pairforge.files.sources import is_hub


@dataclass(frozen=True)
class FileInput:
    """What is read for one input role.

    Args:
        sources: Files, folders or globs of shards, or hub datasets, read as one in this order.
        columns: Contract column → the file's own name for it.
        score_scale: The score that means "the same"; scores are divided by it. Guessed if None.
    """

    sources: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    score_scale: float | None = None

    @property
    def place(self) -> str:
        """The sources as an error names them."""
        return ", ".join(self.sources)

    def adopt(self, rows: Rows, wanted: Input, place: str) -> frames.Adopted:
        """Rows read for this input, their columns named as one of the contracts wants.

        Raises:
            FrameError: they do not hold what is wanted.
        """
        # Of files read apart, not each has every column that was named.
        columns = {name: raw for name, raw in self.columns.items() if not wanted.apart or raw in rows.schema}
        return frames.adopt(rows, wanted.shapes, place, columns=columns, score_scale=self.score_scale)


def given_inputs(step: Step, inputs: Mapping[str, FileInput]) -> dict[str, FileInput]:
    """The inputs that name a source, in the order of the step's roles.

    Raises:
        StageError: a required one is missing, or a role is unknown.
    """
    unknown = [role for role in inputs if role not in step.inputs]
    if unknown:
        raise StageError(f"{step.name}: has no input '{unknown[0]}' (it has: {', '.join(step.inputs) or 'none'}).")
    given = {role: inputs[role] for role in step.inputs if role in inputs and inputs[role].sources}
    for role, wanted in step.inputs.items():
        if wanted.required and role not in given:
            raise StageError(f"{step.name}: needs a file for its input '{role}' ({wanted.help.rstrip('.')}).")
    return given


def refuse_output_among_sources(sources: Iterable[str], models: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Refuse to write where the stage reads.

    Raises:
        StageError: an output is a file or folder that is read, lies over one, would become one of its shards, or would
            lie in a model's folder.
    """
    local, folders = [source for source in sources if not is_hub(source)], list(models)
    for output in outputs:
        read = [source for source in local if _is_read_from(source, output)]
        read += [str(folder) for folder in folders if _overlap(folder.resolve(), output.resolve())]
        if read:
            raise StageError(f"{output}: would be written where {read[0]} is read. Name another place with -o.")


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _is_read_from(source: str, output: Path) -> bool:
    named, written = Path(source).expanduser().resolve(), output.resolve()
    if named == written or written in named.parents:
        return True
    if named.is_dir():
        return written.parent == named
    return glob.has_magic(source) and not named.exists() and written.match(str(named))


@dataclass(frozen=True)
class ReadInputs:
    """Inputs that met their contracts, by role.

    Args:
        by_role: A frame, or rows of which slices are read; a list of frames where files are read apart; None if not
            given.
        guesses: What was guessed of them, a sentence each.
    """

    by_role: Mapping[str, Rows | list[pl.DataFrame] | None]
    guesses: tuple[str, ...]

    @property
    def rows(self) -> dict[str, int]:
        """Role → number of rows, of those given."""
        return {
            role: sum(frame.height for frame in given) if isinstance(given, list) else given.height
            for role, given in self.by_role.items()
            if given is not None
        }

    @property
    def main_rows(self) -> int:
        """Rows of the first input that was given; 0 without any."""
        return next(iter(self.rows.values()), 0)


def read_inputs(step: Step, options: StepOptions, inputs: Mapping[str, FileInput]) -> ReadInputs:
    """Read all inputs, their columns named as these options' contracts want; look through one that is streamed.

    Raises:
        FileError: a source cannot be read.
        FrameError: a source does not hold what the step wants.
    """
    read: dict[str, Rows | list[pl.DataFrame] | None] = dict.fromkeys(step.inputs)
    guesses: list[str] = []
    wanted_by_role = step.inputs_for(options)
    for role, given in inputs.items():
        wanted = wanted_by_role[role]
        if wanted.apart:
            adopted = _read_apart(given, wanted)
            read[role] = [one.frame for one in adopted]
        else:
            streamed = step.streams(role)
            rows = open_frames(given.sources) if streamed else read_frames(given.sources)
            adopted = [given.adopt(rows, wanted, given.place)]
            read[role] = adopted[0].rows if streamed else adopted[0].frame
        guesses += [guess for one in adopted for guess in one.guesses]
    return ReadInputs(read, tuple(guesses))


def _read_apart(given: FileInput, wanted: Input) -> list[frames.Adopted]:
    raw = [(source, read_frame(source)) for source in given.sources]
    for name, column in given.columns.items():
        if not any(column in frame.columns for _, frame in raw):
            raise FrameError(f"{given.place}: column '{column}', named as '{name}', is in none of them.")
    return [given.adopt(frame, wanted, source) for source, frame in raw]
