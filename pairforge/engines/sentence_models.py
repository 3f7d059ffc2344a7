"""Loads sentence-transformers' models from the files that were found, quietly, for encoding and for training."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.pooled_models import pooled
from pairforge.errors import ModelError
from pairforge.generators import FoundModel
from pairforge.model_names import WORD_VECTORS
from pairforge.models import ModelSpec

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

_LOGGERS = ("sentence_transformers", "accelerate", "datasets")


def load_sentence_model(spec: ModelSpec, *, dtype: str, max_length: int | None) -> SentenceTransformer:
    """The model with weights of that precision, on the device of the request, pooled as its name says where it does.

    Args:
        spec: Where its files lie, and whether its own code may run.
        dtype: Precision of the weights, as torch names it.
        max_length: Tokens read of each text; the model's own limit if None.

    Raises:
        ModelError: it has no files, cannot be loaded, needs code that may not run, or knows no limit to its texts.
    """
    folder = model_folder(spec)
    with quiet():
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - loaded when it is used

        model = load_as(SentenceTransformer, folder, spec, "a sentence encoder", {"dtype": dtype})
        if spec.method is not None:
            model = pooled(model, spec)
    if max_length is not None:
        limit_length(model, spec, max_length)
    return model.to(dtype=getattr(_torch(), dtype))


def load_cross_encoder(
    spec: ModelSpec, *, dtype: str, max_length: int | None, num_labels: int | None = None
) -> CrossEncoder:
    """The model as one that reads two texts at once, with weights of that precision, on the device of the request.

    Args:
        spec: Where its files lie, and whether its own code may run.
        dtype: Precision of the weights, as torch names it.
        max_length: Tokens read of a pair; the model's own limit if None.
        num_labels: Outputs of its head; a head of another number gives way to one with random weights, as does that
            of an encoder. The head that it has if None.

    Raises:
        ModelError: it has no files, cannot be loaded, needs code that may not run, or reads no texts of this length.
    """
    folder = ModelConfiguration(model_folder(spec)).transformer_folder
    with quiet():
        from pairforge.engines.bounded_cross_encoder import BoundedCrossEncoder  # noqa: PLC0415 - loads torch

        weights = {"dtype": dtype, "ignore_mismatched_sizes": num_labels is not None}
        model = load_as(BoundedCrossEncoder, folder, spec, "a cross-encoder", weights, num_labels=num_labels)
    if max_length is not None:
        positions = getattr(model.config, "max_position_embeddings", None) or max_length
        if max_length > positions:
            raise ModelError(
                f"{spec.name}: reads up to {positions} tokens, but --max-length is {max_length}. Lower it."
            )
        model.max_seq_length = max_length
    return model.to(dtype=getattr(_torch(), dtype))


def load_as(library_class: Any, folder: Path, spec: ModelSpec, wanted: str, weights: Any, **settings: Any) -> Any:
    """A model of sentence-transformers, whatever its class, on the device of the request.

    Args:
        library_class: Its class, or what makes one of the same arguments.
        folder: Where its files lie.
        spec: Whether its own code may run, and on which device.
        wanted: What it should be, for errors.
        weights: How its weights are read; `dtype` by torch's name.
        settings: What else the class takes.

    Raises:
        ModelError: it cannot be loaded, or needs code that may not run.
    """
    try:
        return library_class(
            str(folder),
            device=spec.request.device,
            trust_remote_code=spec.request.trust_remote_code,
            local_files_only=True,
            model_kwargs=weights | {"dtype": getattr(_torch(), weights["dtype"]), "use_safetensors": True},
            **settings,
        )
    except Exception as error:  # each model's own code raises what it likes
        raise ModelError(load_fault(spec, wanted, error)) from error


def _torch() -> Any:
    import torch  # noqa: PLC0415 - a run whose vectors are all stored needs none

    return torch


def model_folder(spec: ModelSpec) -> Path:
    """The folder that holds the model.

    Raises:
        ModelError: it has none: only a server knows it, or it is no more than a method or a file of word vectors.
    """
    if spec.path is None:
        where = "it has none" if spec.source == "built in" else "only a server has them"
        raise ModelError(f"{spec.name}: the weights are wanted, but {where}; name a model folder.")
    if spec.method == WORD_VECTORS:
        raise ModelError(f"{spec.name}: a model folder is wanted, but these are the vectors of words; name a folder.")
    return spec.path


@contextmanager
def quiet() -> Iterator[None]:
    """Neither warnings nor bars of the libraries that load and train on the screen; faults still raise."""
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415 - seconds

    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def limit_length(model: Any, spec: ModelSpec, max_length: int) -> None:
    """Let a model of sentence-transformers, or those of its sides that know a limit, read that many tokens of a text.

    Raises:
        ModelError: it knows no limit.
    """
    routes = getattr(model[0], "sub_modules", {})
    limited = [_takes(side, max_length) for side in [modules[0] for modules in routes.values()] or [model]]
    if not any(limited):
        raise ModelError(f"{spec.name}: reads texts of any length, so that --max-length does not apply. Leave it out.")


def _takes(model: Any, max_length: int) -> bool:
    try:
        model.max_seq_length = max_length
    except AttributeError:
        return False
    return True


def load_fault(spec: FoundModel, wanted: str, error: Exception) -> str:
    """What to say where a library cannot load a model as what is wanted."""
    if "trust_remote_code" in str(error):
        return (
            f"{spec.name}: comes with Python code of its own, which is not run unasked. "
            "Read it, then allow it with --trust-remote-code."
        )
    reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
    return f"{spec.name}: cannot be loaded as {wanted} ({reason}). Check the files in {spec.path}."
