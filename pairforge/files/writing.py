"""Writing: whole or not at all, the same bytes for the same content."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from pairforge.errors import FileError
from pairforge.files.digests import digest_bytes
from pairforge.files.formats import Format, format_of
from pairforge.files.slices import Rows
from pairforge.files.sources import PARTIAL, check_readable


@contextmanager
def atomic_path(target: Path, *, flushed: bool = True) -> Iterator[Path]:
    """A path beside `target` to write a file or a folder at; it takes the target's place when the block ends well.

    What was written is flushed to the disk before it is renamed. On any error, Ctrl-C included, it is removed and the
    target stays as it was. A killed process leaves at most a hidden `.NAME.partial-RANDOM`, which nothing reads.
    Missing parent folders are made. A folder that replaces another is for a moment absent, never half written.

    Args:
        target: Where it goes.
        flushed: Whether to wait for the disk, so that a power cut leaves the old or the new whole; not needed for what
            is looked at for damage before it is used.

    Raises:
        FileError: the place may not be written, the disk is full, nothing was written, or a file would replace a folder
            or a folder a file.
    """
    temporary = target.with_name(f".{target.name}{PARTIAL}{secrets.token_hex(6)}")
    with _said_plainly(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            yield temporary
        except OSError as error:
            if _concerns(temporary, error):
                raise FileError(_write_fault(target, error)) from error
            raise
        with _said_plainly(target):
            _put_in_place(temporary, target, flushed=flushed)
    finally:
        _remove(temporary)


def write_frame(frame: Rows, path: Path, *, flushed: bool = True) -> str:
    """Write a frame in the format that the path's suffix names, atomically; equal frames give identical bytes.

    Args:
        frame: A frame, or rows that are read in slices while they are written; the bytes are the same.
        path: Where to.
        flushed: As for `atomic_path`.

    Returns:
        The SHA-256 of the file, as `digest_path` gives it.

    Raises:
        FileError: the suffix is unknown, the format cannot hold a column, or the file cannot be written.
    """
    written_as = format_of(path)
    if written_as.write is None:
        raise FileError(f"{path}: .json is read, but not written. Write .jsonl or .parquet.")
    _check_target(path)
    if fault := type_fault(frame.schema, path):
        raise FileError(fault)
    with atomic_path(path, flushed=flushed) as temporary:
        try:
            written_as.write(frame, temporary)
            return digest_bytes(temporary)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise FileError(_write_fault(path, error)) from error


def write_json(value: Any, path: Path, *, flushed: bool = True) -> None:
    """Write a JSON value, indented, atomically; `flushed` as for `atomic_path`.

    Raises:
        FileError: the file cannot be written.
    """
    _check_target(path)
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    with atomic_path(path, flushed=flushed) as temporary, _said_plainly(path):
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileError: it is missing, unreadable, empty, not UTF-8 or not JSON.
    """
    check_readable(path)
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 (byte {error.start + 1}). Convert it.") from None
    except json.JSONDecodeError as error:
        raise FileError(f"{path}: is not valid JSON at line {error.lineno} ({error.msg}). Mend or remove it.") from None


def _check_target(path: Path) -> None:
    if path.is_dir():
        raise FileError(f"{path}: is a folder, but a file is to be written there. Name a file with -o.")


def type_fault(schema: pl.Schema, path: Path) -> str:
    """The sentence about the first column that the format of a path cannot hold; empty if it can hold all.

    Raises:
        FileError: the suffix is unknown.
    """
    written_as = format_of(path)
    mends = ((name, dtype, _mend_of_type(dtype, written_as)) for name, dtype in schema.items())
    faults = (
        f"{path}: {written_as.family} cannot hold column '{name}' of type {dtype}. {mend}."
        for name, dtype, mend in mends
        if mend
    )
    return next(faults, "")


def _mend_of_type(dtype: pl.DataType, written_as: Format) -> str:
    """What to do about a column of this type; empty where the format can hold it."""
    if written_as.family == "parquet":
        return "Convert or remove it" if dtype in (pl.Int128, pl.UInt128, pl.Object) else ""
    if _holds_bytes(dtype):
        return "Write .parquet"
    unwritable = dtype.is_nested() or dtype in (pl.Duration, pl.Object)
    return "Write .parquet or .jsonl" if written_as.separator and unwritable else ""


def _holds_bytes(dtype: pl.DataType) -> bool:
    inner = [field.dtype for field in dtype.fields] if isinstance(dtype, pl.Struct) else [getattr(dtype, "inner", None)]
    return dtype == pl.Binary or any(isinstance(part, pl.DataType) and _holds_bytes(part) for part in inner)


def _put_in_place(temporary: Path, target: Path, *, flushed: bool) -> None:
    if not temporary.exists():
        raise FileError(f"{target}: nothing was written for it.")
    if target.exists() and temporary.is_dir() != target.is_dir():
        there, wanted = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise FileError(f"{target}: is a {there}, but a {wanted} is to be written there. Name another place with -o.")
    if flushed:
        _flush(temporary)
    if target.is_dir() and not target.is_symlink():
        replaced = target.with_name(f".{target.name}{PARTIAL}{secrets.token_hex(6)}")
        target.rename(replaced)
        temporary.rename(target)
        _remove(replaced)
    else:
        temporary.replace(target)
    if flushed:
        _flush_entry(target.parent)


def _flush(path: Path) -> None:
    for parent, _, names in os.walk(path):
        for name in names:
            _flush_entry(Path(parent, name))
    _flush_entry(path)


def _flush_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _said_plainly(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(_write_fault(target, error)) from error


def _concerns(written: Path, error: OSError) -> bool:
    """Whether an error is about what is being written, not about something else that its writer does meanwhile."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    return error.filename is not None and Path(os.fsdecode(error.filename)).is_relative_to(written)


def _write_fault(target: Path, error: Exception) -> str:
    number = _error_number(error)
    if number in (errno.EACCES, errno.EPERM):
        return f"{target}: may not be written by this user. Name another place with -o."
    if number in (errno.ENOTDIR, errno.EEXIST):
        return f"{target}: lies below a file, not a folder. Name another place with -o."
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"{target}: cannot be written, the disk is full. Free some space or name another place with -o."
    reason = os.strerror(number) if number else str(error).splitlines()[0].rstrip(".")
    return f"{target}: cannot be written ({reason}). Name another place with -o."


def _error_number(error: Exception) -> int | None:
    """The system's number of a fault; polars only says it in its message."""
    said = re.search(r"os error (\d+)", str(error))
    return getattr(error, "errno", None) or (int(said[1]) if said else None)
