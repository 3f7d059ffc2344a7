"""Keep freed memory while a model trains on a CPU (Linux with glibc; nothing elsewhere).

Each step frees what its tensors held, and glibc gives large blocks back to the kernel at once, which then has to clear
the same pages for the next step. Measured on one core, 30 steps: a static model of 512 dimensions in batches of 256
3.7 → 2.2 s (a million page faults → a tenth of them), MiniLM as a cross-encoder in batches of 32 38 → 36 s; peak memory
6% and 2% higher. Results do not change.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of malloc.h
_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 1 << 30}
_USUAL = {_MMAP_MAX: 1 << 16, _MMAP_THRESHOLD: 1 << 25, _TRIM_THRESHOLD: 1 << 26}
"""Where glibc's own thresholds come to rest in a process that frees large blocks; once set, they no longer move."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let this process keep the memory that it frees, and give it back at the end."""
    allocator = _glibc()
    if allocator is None:
        yield
        return
    _set(allocator, _KEEPING)
    try:
        yield
    finally:
        _set(allocator, _USUAL)
        allocator.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def _set(allocator: ctypes.CDLL, thresholds: dict[int, int]) -> None:
    for name, value in thresholds.items():
        allocator.mallopt(name, value)
