"""What decides a stage's output, its fingerprint, and in words how two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from pairforge.errors import FileError
from pairforge.execution.inputs import FileInput
from pairforge.execution.step import Step, StepOptions
from pairforge.files import digest_path, digest_source
from pairforge.files.sources import is_hub
from pairforge.generators import NOT_IN_ANSWERS, FoundModel
from pairforge.models import NOT_IN_IDENTITY


class InputRecord(BaseModel):
    """One input role: where it was read from, and what counts of it."""

    model_config = ConfigDict(frozen=True)

    sources: tuple[str, ...]
    digests: tuple[str, ...]
    columns: dict[str, str]
    score_scale: float | None


class ModelRecord(BaseModel):
    """One model: what it was asked for by, where it was found, and what counts of it."""

    model_config = ConfigDict(frozen=True)

    name: str
    source: str
    digest: str
    identity: str
    settings: dict[str, Any]


class Origin(BaseModel):
    """Everything that decides a stage's output; where the inputs and models lie is kept, but does not count."""

    model_config = ConfigDict(frozen=True)

    step: str
    version: int
    options: dict[str, Any]
    files_in_options: dict[str, str]
    inputs: dict[str, InputRecord]
    models: dict[str, tuple[ModelRecord, ...]]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that counts."""
        counting = {
            "step": self.step,
            "version": self.version,
            "options": self.options,
            "files_in_options": self.files_in_options,
            "inputs": {role: record.model_dump(exclude={"sources"}) for role, record in self.inputs.items()},
            "models": {role: [record.identity for record in records] for role, records in self.models.items()},
        }
        return hashlib.sha256(json.dumps(counting, sort_keys=True).encode()).hexdigest()

    def differences(self, before: Origin) -> tuple[str, ...]:
        """What counts and is another than `before`, one phrase each, as "option num_negatives 3 → 5"."""
        if self.step != before.step:
            return (f"step {before.step} → {self.step}",)
        return (
            *([f"step version {before.version} → {self.version}"] if self.version != before.version else []),
            *_changed_values("option", before.options, self.options),
            *_changed_files(before.files_in_options, self.files_in_options),
            *_changed_inputs(before.inputs, self.inputs),
            *_changed_models(before.models, self.models),
        )


def trace(
    step: Step,
    options: StepOptions,
    inputs: Mapping[str, FileInput],
    models: Mapping[str, tuple[FoundModel, ...]],
    cache: Path,
) -> Origin:
    """Digest all that decides the output of a step.

    Raises:
        FileError: an input, or a file that an option names, cannot be found or read.
    """
    return Origin(
        step=step.name,
        version=step.version,
        options=options.model_dump(mode="json"),
        files_in_options={name: _named_digest(step, name, cache) for name in step.files_in_options(options)},
        inputs={role: _input_record(given, cache) for role, given in inputs.items()},
        models={role: tuple(_model_record(spec) for spec in specs) for role, specs in models.items()},
    )


def _named_digest(step: Step, source: str, cache: Path) -> str:
    try:
        return source_digest(source, cache)
    except FileError as error:
        if not (mend := step.mend_of_file(source)):
            raise
        raise FileError(f"{error} {mend}") from error


def source_digest(source: str, cache: Path) -> str:
    """Digest of what a file, a folder, shards or a hub dataset hold.

    Raises:
        FileError: it cannot be found or read.
    """
    path = Path(source).expanduser()
    return (
        digest_path(path, cache=cache) if path.is_dir() and not is_hub(source) else digest_source(source, cache=cache)
    )


def _input_record(given: FileInput, cache: Path) -> InputRecord:
    return InputRecord(
        sources=given.sources,
        digests=tuple(digest_source(source, cache=cache) for source in given.sources),
        columns=dict(given.columns),
        score_scale=given.score_scale,
    )


def _model_record(spec: FoundModel) -> ModelRecord:
    return ModelRecord(
        name=spec.name,
        source=spec.source,
        digest=spec.digest,
        identity=spec.identity,
        settings=spec.request.model_dump(mode="json", exclude={"name"}),
    )


def _changed_values(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if json.dumps(old) != json.dumps(new) or (name in before) != (name in now):
            alike = _shown(old) == _shown(new)
            yield f"{what} {name} {_shown(old, quoted=alike)} → {_shown(new, quoted=alike)}"


def _changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    yield from (f"file {name} is no longer named" for name in before if name not in now)
    yield from (f"file {name} {'changed' if name in before else 'is new'}" for name in now
                if now[name] != before.get(name))  # fmt: skip


def _changed_inputs(before: Mapping[str, InputRecord], now: Mapping[str, InputRecord]) -> Iterator[str]:
    yield from (f"input {role} is no longer given" for role in before if role not in now)
    for role, record in now.items():
        if role not in before:
            yield f"input {role} is new"
            continue
        old = before[role]
        if record.digests != old.digests:
            yield f"input {role} changed"
        yield from _changed_values(f"input {role}: column", old.columns, record.columns)
        if record.score_scale != old.score_scale:
            yield f"input {role}: score scale {_shown(old.score_scale)} → {_shown(record.score_scale)}"


def _changed_models(
    before: Mapping[str, tuple[ModelRecord, ...]], now: Mapping[str, tuple[ModelRecord, ...]]
) -> Iterator[str]:
    yield from (f"model {role} is no longer used" for role in before if role not in now)
    for role, records in now.items():
        olds = before.get(role)
        if olds is None:
            yield f"model {role} is new"
        elif len(olds) != len(records):
            yield f"models of {role}: {len(olds)} → {len(records)}"
        else:
            yield from (_changed_model(role, old, new) for old, new in zip(olds, records, strict=True)
                        if old.identity != new.identity)  # fmt: skip


def _changed_model(role: str, old: ModelRecord, new: ModelRecord) -> str:
    if old.name != new.name:
        return f"model {role} {old.name} → {new.name}"
    settings = "; ".join(_changed_values(f"model {role}:", _counting(old.settings), _counting(new.settings)))
    return settings if settings and old.digest == new.digest else f"model {role} changed ({new.name})"


def _counting(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in (*NOT_IN_IDENTITY, *NOT_IN_ANSWERS)}


def _shown(value: Any, *, quoted: bool = False) -> str:
    if value is None:
        return "none"
    bare = isinstance(value, str) and value and not quoted
    return str(value) if bare else json.dumps(value, ensure_ascii=False)
