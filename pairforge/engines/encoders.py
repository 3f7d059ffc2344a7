"""Encoders: sentence-transformers models, static or transformer, with their prompts and routes.

What a model adds to each side of a search stands in its configuration, so that a run whose vectors are all stored
needs neither torch nor the weights: both are loaded when the first text has to be encoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pairforge.errors import ModelError
from pairforge.models import Encoder, Floats, ModelSpec, Side

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_PROMPT_NAMES: Mapping[Side, tuple[str, ...]] = {
    Side.QUERY: ("query",),
    Side.DOCUMENT: ("document", "passage", "corpus"),
}
_ALIKE_ON_BOTH_SIDES = ("Transformer", "Pooling", "Normalize", "Dense", "StaticEmbedding", "LayerNorm", "Dropout")
_TASK_SETTINGS = ("query_length", "document_length", "query_expansion")
_STATIC_BATCH = 4096
_COUNTED_AT_ONCE = 4096


def load_encoder(spec: ModelSpec) -> Encoder:
    """An encoder over the model's files; the weights follow when it first encodes.

    A static model's `batch_size` is raised: its vectors do not depend on the batch, and it wants large ones.

    Raises:
        ModelError: its configuration cannot be read.
    """
    configuration = _Configuration(_folder(spec))
    if configuration.is_static and spec.request.batch_size < _STATIC_BATCH:
        request = spec.request.model_copy(update={"batch_size": _STATIC_BATCH})
        spec = spec.model_copy(update={"request": request})
    return SentenceEncoder(spec, configuration)


class SentenceEncoder:
    """A sentence-transformers model as an `Encoder`.

    Args:
        spec: Where its files lie and how it is to be used.
        configuration: What its files say of prompts and routes.
    """

    def __init__(self, spec: ModelSpec, configuration: _Configuration) -> None:
        self.spec = spec
        asked = {Side.QUERY: spec.request.query_prompt, Side.DOCUMENT: spec.request.document_prompt}
        self._prompts = {
            side: configuration.prompt(side) if prompt is None else prompt for side, prompt in asked.items()
        }
        self._is_static = configuration.is_static
        self._has_routes = configuration.has_routes

    @cached_property
    def dimension(self) -> int:
        """Numbers in one vector."""
        dimension: int | None = self._model.get_embedding_dimension()
        return dimension if dimension is not None else self.encode(["a"], Side.DOCUMENT).shape[1]

    def side_key(self, side: Side) -> str:
        """The side's prompt, and its name if the model treats the sides differently."""
        return f"{side.value if self._has_routes else ''}\0{self._prompts[side]}"

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Tokens of each text, up to what the model reads; letters where it has no fast tokenizer."""
        tokenizer = getattr(getattr(self._model[0], "tokenizer", None), "_tokenizer", None)
        if self._is_static or tokenizer is None:
            return np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        counts = np.empty(len(texts), dtype=np.int64)
        for start in range(0, len(texts), _COUNTED_AT_ONCE):
            encodings = tokenizer.encode_batch_fast(list(texts[start : start + _COUNTED_AT_ONCE]))
            counts[start : start + _COUNTED_AT_ONCE] = [len(encoding) for encoding in encodings]
        longest = self._model.max_seq_length
        return counts if longest is None else np.minimum(counts, longest).astype(np.int64)

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """One batch of texts as the model gives them (not normalised), float32, shape (len(texts), dimension)."""
        import torch  # noqa: PLC0415 - a run whose vectors are all stored needs none

        model = self._model
        with torch.inference_mode():
            features = model.preprocess(list(texts), prompt=self._prompts[side], task=side.value)
            placed = {name: _moved(value, model.device) for name, value in features.items()}
            vectors = model(placed, task=side.value)["sentence_embedding"]
            if model.truncate_dim is not None:
                vectors = vectors[:, : model.truncate_dim]
            encoded: Floats = vectors.float().cpu().numpy()
        return encoded

    @cached_property
    def _model(self) -> SentenceTransformer:
        return _load_model(self.spec)


def _moved(value: Any, device: Any) -> Any:
    return value.to(device) if hasattr(value, "to") else value


def _load_model(spec: ModelSpec) -> SentenceTransformer:
    with _quiet():
        import torch  # noqa: PLC0415
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        dtype = getattr(torch, spec.request.dtype)
        try:
            model = SentenceTransformer(
                str(_folder(spec)),
                device=spec.request.device,
                trust_remote_code=spec.request.trust_remote_code,
                local_files_only=True,
                model_kwargs={"dtype": dtype, "use_safetensors": True},
            )
        except Exception as error:
            raise ModelError(_load_fault(spec, error)) from error
    if spec.request.max_length is not None:
        _set_max_length(model, spec)
    return model.to(dtype=dtype).eval()


def _set_max_length(model: SentenceTransformer, spec: ModelSpec) -> None:
    try:
        model.max_seq_length = spec.request.max_length
    except AttributeError:
        raise ModelError(
            f"{spec.name}: reads texts of any length, so that --max-length does not apply. Leave it out."
        ) from None


def _load_fault(spec: ModelSpec, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    if "trust_remote_code" in str(error):
        return (
            f"{spec.name}: comes with Python code of its own, which is not run unasked. "
            "Read it, then allow it with --trust-remote-code."
        )
    return f"{spec.name}: cannot be loaded as an encoder ({reason}). Check the files in {spec.path}."


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars that transformers draws while it loads weights."""
    from transformers.utils import logging  # noqa: PLC0415

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _folder(spec: ModelSpec) -> Path:
    if spec.path is None:
        raise ModelError(f"{spec.name}: has no files here, so that it cannot encode. Name a model folder.")
    return spec.path


def _treats_sides_alike(module_type: str) -> bool:
    package, _, name = module_type.rpartition(".")
    return package.startswith("sentence_transformers") and name in _ALIKE_ON_BOTH_SIDES


class _Configuration:
    """What a model's configuration files say, as sentence-transformers reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        modules = self._read("modules.json", [])
        self._types = [str(module.get("type", "")) for module in modules]
        self._prompts = self._read("config_sentence_transformers.json", {}).get("prompts") or {}

    @property
    def is_static(self) -> bool:
        """Whether a text's vector is a mean of its tokens' own."""
        return bool(self._types) and self._types[0].endswith(".StaticEmbedding")

    @property
    def has_routes(self) -> bool:
        """Whether the sides may be treated differently beyond their prompts."""
        special = not all(_treats_sides_alike(kind) for kind in self._types)
        settings = [self._read(file.name, {}) for file in sorted(self._folder.glob("sentence_*_config.json"))]
        by_task = any(setting.get(name) is not None for setting in settings for name in _TASK_SETTINGS)
        return special or by_task or "task" in self._chat_template()

    def prompt(self, side: Side) -> str:
        """The prompt that `encode_query` or `encode_document` would take."""
        # Both names are always among a model's prompts, empty unless set: `default_prompt_name` never counts here.
        known = {"query": "", "document": ""} | self._prompts
        return next((known[name] or "" for name in _PROMPT_NAMES[side] if name in known), "")

    def _chat_template(self) -> str:
        file = self._folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        return str(self._read("tokenizer_config.json", {}).get("chat_template") or "")

    def _read(self, name: str, absent: Any) -> Any:
        file = self._folder / name
        if not file.is_file():
            return absent
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: cannot be read as JSON ({error}). Restore the model's files.") from None
        if type(content) is not type(absent):
            raise ModelError(f"{file}: a JSON {type(absent).__name__} was wanted. Restore the model's files.")
        return content
