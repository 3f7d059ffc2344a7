"""What libraries and their processes print is kept apart."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pairforge.engines.printed import Printed


def test_what_is_printed_meanwhile_goes_to_the_file_alone(capfd: pytest.CaptureFixture[str]) -> None:
    printed = Printed()
    os.write(1, b"before\n")
    with printed.gathered():
        os.write(1, b"one\n")
        os.write(2, b"two\n")
        child = subprocess.Popen([sys.executable, "-c", "input(); print('three')"], stdin=subprocess.PIPE)
    os.write(1, b"after\n")
    child.communicate(b"\n", timeout=60)
    assert capfd.readouterr() == ("before\nafter\n", "")
    assert sorted(printed.text().split()) == ["one", "three", "two"]
    assert printed.text(4) == "ree\n"


def test_stdout_comes_back_after_a_fault(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), Printed().gathered():
        raise ValueError("no")
    os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"
