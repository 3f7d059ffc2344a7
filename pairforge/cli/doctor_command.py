"""`pairforge doctor`: what this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairforge.cli.render import print_json, size

if TYPE_CHECKING:
    from pairforge.engines.machine import Machine, Server

_LABEL_WIDTH = 12


def doctor(
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            help="Address of a server that is asked for its models, as http://127.0.0.1:8000/v1; OPENAI_BASE_URL if "
            "not given.",
            metavar="TEXT",
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir", help="The cache folder; $PAIRFORGE_CACHE or the user's if not given.", metavar="FOLDER"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", metavar="", expose_value=False)] = False,
) -> None:
    """Say what this machine has: versions, extras, GPU, vLLM, a server's models, models found offline, cache."""
    from pairforge.engines.machine import look_around  # noqa: PLC0415 - a list of commands need not load it

    found = look_around(base_url, cache_dir.expanduser() if cache_dir else None)
    if json:
        print_json(found.to_json())
        return
    for label, text in _lines(found):
        typer.echo(f"{label:<{_LABEL_WIDTH}} {text}")


def _lines(found: Machine) -> Iterator[tuple[str, str]]:
    yield "pairforge", f"{found.pairforge} on Python {found.python}, {found.system}, {found.cores} cores"
    yield "libraries", ", ".join(f"{name} {number or 'missing'}" for name, number in found.libraries.items())
    yield from _labelled("extras", _extras(found))
    memory = [f" ({size(gpu.memory_bytes)})" if gpu.memory_bytes else "" for gpu in found.gpus]
    yield from _labelled("GPU", [gpu.name + said for gpu, said in zip(found.gpus, memory, strict=True)])
    yield "vLLM", found.vllm or "none"
    yield "server", _server(found.server)
    yield from _labelled("models", [f"{model.name} ({model.source})" for model in found.models])
    yield "hub", "switched off by HF_HUB_OFFLINE" if found.hub_offline else "used for names that are not found here"
    free = "" if found.cache_free_bytes is None else f", {size(found.cache_free_bytes)} free"
    yield "cache", f"{found.cache}{free}"


def _labelled(label: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for place, text in enumerate(texts or ["none found"]):
        yield "" if place else label, text


def _extras(found: Machine) -> list[str]:
    from pairforge.engines.machine import EXTRAS, pip_line  # noqa: PLC0415 - loaded by then

    return [
        f"{name}: {'installed' if there else f'not installed; for {EXTRAS[name].purpose}: {pip_line(name)}'}"
        for name, there in found.extras.items()
    ]


def _server(server: Server | None) -> str:
    if server is None:
        return "none named; --base-url or OPENAI_BASE_URL names one"
    if server.fault is not None:
        return f"{server.base_url} does not answer: {server.fault}" if server.base_url else server.fault
    return f"{server.base_url} serves {', '.join(server.models) or 'no model that it lists'}"
