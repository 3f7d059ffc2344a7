import ctypes

import pytest

from pairforge.training.allocation import freed_memory_kept


def test_thresholds_are_set_for_the_while_and_set_back(monkeypatch: pytest.MonkeyPatch):
    told: list[object] = []

    class Glibc:
        gnu_get_libc_version = None

        def mallopt(self, name: int, value: int) -> None:
            told.append((name, value))

        def malloc_trim(self, pad: int) -> None:
            told.append("trimmed")

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Glibc())
    with freed_memory_kept():
        assert (-4, 0) in told
        told.clear()
    assert told[-1] == "trimmed"
    assert (-4, 65536) in told


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_nothing_is_done_without_glibc(platform: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with freed_memory_kept():
        pass
