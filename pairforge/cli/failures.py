"""One sentence for everything that can go wrong, and the exit code that goes with it."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from pairforge.errors import EXIT_FAILED, EXIT_USAGE, PairforgeError, Stopped

_STOPPED = "stopped; run the same command again to go on."
_TYPER_INTERRUPTED = 130


def run_guarded(action: Callable[[], object], *, debug: bool) -> int:
    """Run a command line and turn whatever it raises into a sentence on stderr and an exit code.

    Args:
        action: Parses and runs; may return an exit code.
        debug: Whether a traceback is shown too.
    """
    try:
        with _terminable():
            code = action()
            sys.stdout.flush()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        _abandon_stdout()
        return EXIT_FAILED
    except BaseException as error:  # noqa: BLE001 - the last place where a sentence can be made of it
        return _report(error, debug)
    if code == _TYPER_INTERRUPTED:
        return _report(Stopped(_STOPPED), debug)
    return code if isinstance(code, int) else 0


def _report(error: BaseException, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    typer.echo(f"error: {sentence_of(error)}", err=True)
    if isinstance(error, PairforgeError):
        return error.exit_code
    return EXIT_USAGE if isinstance(error, typer.TyperException) else EXIT_FAILED


def sentence_of(error: BaseException) -> str:
    """What went wrong, in one sentence for the user."""
    if isinstance(error, PairforgeError):
        return str(error)
    if isinstance(error, typer.TyperException):
        return _usage_sentence(error)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _STOPPED
    if isinstance(error, MemoryError):
        return "the memory is full; give smaller parts, batches or fewer rows."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {(error.strerror or str(error)).lower()}."
    told = " ".join(str(error).split())
    return (
        f"unexpected error: {type(error).__name__}{f': {told}' if told else ''}; "
        "run again with --debug for the traceback."
    )


def _usage_sentence(error: typer.TyperException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    parameter = getattr(error, "param", None)
    if message.startswith("Missing") and parameter is not None and "|" in (parameter.metavar or ""):
        called = parameter.opts[-1] if parameter.param_type_name == "option" else parameter.name.upper()
        message = f"Missing {called}: one of {parameter.metavar.replace('|', ', ')}"
    message = message[:1].lower() + message[1:]
    if context is None:
        return f"{message}."
    path = context.command_path
    return f"{path}: {message}; {path} --help shows its options."


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM stop the work as Ctrl-C does, so that parts are kept and unfinished files removed."""
    try:
        before = signal.signal(signal.SIGTERM, _interrupt)
    except ValueError:
        yield  # Only the main thread may set a handler.
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _abandon_stdout() -> None:
    """Point stdout away from the reader that has gone, so that Python's last flush finds no fault."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
