from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pairforge.cli.failures import run_guarded
from pairforge.errors import FrameError, OptionsError, Stopped


def _raising(error: BaseException):
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (FrameError("a.csv: is odd."), 1, "error: a.csv: is odd."),
        (OptionsError("--x is odd."), 2, "error: --x is odd."),
        (Stopped("mine: stopped; go on with it."), 1, "error: mine: stopped; go on with it."),
        (KeyboardInterrupt(), 1, "error: stopped; run the same command again to go on."),
        (PermissionError(13, "Permission denied", "/x/y"), 1, "error: /x/y: permission denied."),
        (MemoryError(), 1, "error: the memory is full"),
        (
            ZeroDivisionError("division by zero"),
            1,
            "error: unexpected error: ZeroDivisionError: division by zero; run again with --debug for the traceback.",
        ),
    ],
)
def test_every_error_becomes_one_sentence(
    error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_guarded(_raising(error), debug=False) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(sentence)
    assert shown.err.count("\n") == 1


def test_debug_shows_the_traceback_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(_raising(ZeroDivisionError("no")), debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_sigterm_stops_like_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    def action() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert run_guarded(action, debug=False) == 1
    assert "stopped" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "from pairforge.cli.app import main; import sys; sys.exit(main(['--help']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
