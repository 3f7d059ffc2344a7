"""Find a language model: by its files where it runs in this process, by name and address where a server has it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pairforge.errors import ModelError
from pairforge.generators import AnyRequest, FoundModel, GeneratorRequest, GeneratorSpec, digest_of
from pairforge.model_files import digest_folder, resolve
from pairforge.models import ModelKind, ModelRequest

_OPENAI = "https://api.openai.com/v1"
_TOKENIZERS = ("tokenizer*.json", "vocab*", "*.model", "*.spm")


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
        ModelError: a model or adapter is nowhere or is none, or no seq2seq model where one is wanted.
    """
    if request.engine == "openai":
        address = (request.base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI).rstrip("/")
        digest = digest_of([request.model, address])
        return GeneratorSpec(request=request, digest=digest, source="server", base_url=address)
    found = resolve(ModelRequest(name=request.model, revision=request.revision), ModelKind.GENERATOR, cache=cache)
    if request.engine == "seq2seq":
        _refuse_what_is_no_seq2seq_model(found.path or Path(), request.name)
    digest = found.digest
    if request.lora is not None:
        digest = digest_of([digest, _digest_adapter(Path(request.lora).expanduser(), cache)])
    return GeneratorSpec(request=request, digest=digest, path=found.path, source=found.source)


def _refuse_what_is_no_seq2seq_model(folder: Path, name: str) -> None:
    """By its files alone, before anything heavy is loaded."""
    try:
        configuration = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind, takes_turns = configuration.get("model_type"), configuration.get("is_encoder_decoder")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{name}: its config.json cannot be read ({error}). Restore the model's files.") from None
    if not takes_turns:
        raise ModelError(
            f"{name}: is no seq2seq model: it lacks an encoder or a decoder (model type {kind or 'unknown'}). Name a "
            "T5 or its like, or give a chat model to the vllm engine, as vllm:MODEL."
        )
    if not any(file for pattern in _TOKENIZERS for file in folder.glob(pattern)):
        raise ModelError(f"{name}: has no tokenizer in {folder}. Save it there too, with save_pretrained.")
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{name}: has no weights in safetensors, and pickled ones can run code when loaded. Name a --revision that "
            "has them, or save the model anew with save_pretrained."
        )


def _digest_adapter(folder: Path, cache: Path | None) -> str:
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"{folder}: is no LoRA adapter: it lacks adapter_config.json. Name the adapter's folder.")
    return digest_folder(folder, cache)
