"""Find a language model: by its files for vLLM, by name and address where a server has it."""

from __future__ import annotations

import os
from pathlib import Path

from pairforge.errors import ModelError
from pairforge.generators import AnyRequest, FoundModel, GeneratorRequest, GeneratorSpec, digest_of
from pairforge.model_files import digest_folder, resolve
from pairforge.models import ModelKind, ModelRequest

_OPENAI = "https://api.openai.com/v1"


def find_model(request: AnyRequest, kind: ModelKind, *, cache: Path | None = None) -> FoundModel:
    """Find the model or the language model that is asked for.

    Args:
        request: What is asked for.
        kind: What it is to be used as.
        cache: The cache folder that remembers the digests of files; the user's if not given.

    Raises:
        ModelError: it is nowhere, is no model, or has pickled weights only.
        MissingExtraError: it would be the embedded model, which is not installed, and nothing else can be reached.
    """
    if isinstance(request, GeneratorRequest):
        return find_generator(request, cache=cache)
    return resolve(request, kind, cache=cache)


def find_generator(request: GeneratorRequest, *, cache: Path | None = None) -> GeneratorSpec:
    """Find a language model; whether a server answers is only seen when it is asked.

    Raises:
        ModelError: vLLM's model or adapter is nowhere, or is none.
    """
    if request.engine == "openai":
        address = (request.base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI).rstrip("/")
        digest = digest_of([request.model, address])
        return GeneratorSpec(request=request, digest=digest, source="server", base_url=address)
    found = resolve(ModelRequest(name=request.model, revision=request.revision), ModelKind.GENERATOR, cache=cache)
    digest = found.digest
    if request.lora is not None:
        digest = digest_of([digest, _digest_adapter(Path(request.lora).expanduser(), cache)])
    return GeneratorSpec(request=request, digest=digest, path=found.path, source=found.source)


def _digest_adapter(folder: Path, cache: Path | None) -> str:
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"{folder}: is no LoRA adapter: it lacks adapter_config.json. Name the adapter's folder.")
    return digest_folder(folder, cache)
