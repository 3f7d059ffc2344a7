"""The memory that is free for a training."""

from __future__ import annotations

from pathlib import Path

import torch

_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Limit and use of a control group, version 2 and version 1."""


def free_bytes(device: torch.device) -> int:
    """Bytes that are free on a device; of a CPU those of the machine, or what its control group still allows."""
    if device.type == "cuda":
        kept_back = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept_back
    import psutil  # noqa: PLC0415 - comes with accelerate

    return min([int(psutil.virtual_memory().available), *_left_in_control_groups()])


def _left_in_control_groups() -> list[int]:
    left = []
    for limit, use in _LIMITS:
        try:
            left.append(max(0, int(Path(limit).read_text("ascii")) - int(Path(use).read_text("ascii"))))
        except (OSError, ValueError):  # no such group, or no limit ("max")
            continue
    return left
