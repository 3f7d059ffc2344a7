"""Loads sentence-transformers' models from the files that were found, quietly, for encoding and for training."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pairforge.errors import ModelError
from pairforge.models import ModelSpec

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LOGGERS = ("sentence_transformers", "accelerate", "datasets")


def load_sentence_model(spec: ModelSpec, *, dtype: str, max_length: int | None) -> SentenceTransformer:
    """The model with weights of that precision, on the device of the request.

    Args:
        spec: Where its files lie, and whether its own code may run.
        dtype: Precision of the weights, as torch names it.
        max_length: Tokens read of each text; the model's own limit if None.

    Raises:
        ModelError: it has no files, cannot be loaded, needs code that may not run, or knows no limit to its texts.
    """
    folder = model_folder(spec)
    with quiet():
        import torch  # noqa: PLC0415 - a run whose vectors are all stored needs none
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - loaded when it is used

        weights = getattr(torch, dtype)
        try:
            model = SentenceTransformer(
                str(folder),
                device=spec.request.device,
                trust_remote_code=spec.request.trust_remote_code,
                local_files_only=True,
                model_kwargs={"dtype": weights, "use_safetensors": True},
            )
        except Exception as error:  # each model's own code raises what it likes
            raise ModelError(_load_fault(spec, error)) from error
    if max_length is not None:
        _limit(model, spec, max_length)
    return model.to(dtype=weights)


def model_folder(spec: ModelSpec) -> Path:
    """The folder that holds the model.

    Raises:
        ModelError: only a server knows the model.
    """
    if spec.path is None:
        raise ModelError(f"{spec.name}: the weights are wanted, but only a server has them; name a model folder.")
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


def _limit(model: SentenceTransformer, spec: ModelSpec, max_length: int) -> None:
    try:
        model.max_seq_length = max_length
    except AttributeError:
        raise ModelError(
            f"{spec.name}: reads texts of any length, so that --max-length does not apply. Leave it out."
        ) from None


def _load_fault(spec: ModelSpec, error: Exception) -> str:
    if "trust_remote_code" in str(error):
        return (
            f"{spec.name}: comes with Python code of its own, which is not run unasked. "
            "Read it, then allow it with --trust-remote-code."
        )
    reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
    return f"{spec.name}: cannot be loaded as a sentence encoder ({reason}). Check the files in {spec.path}."
