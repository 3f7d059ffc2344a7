"""What sparse encoders and late-interaction models have in common: a model that encodes each side of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pairforge.engines.sentence_models import limit_length, load_as, model_folder, quiet
from pairforge.engines.token_lengths import token_counts
from pairforge.errors import ModelError
from pairforge.models import ModelSpec, Side
from pairforge.progress import Progress, silent


class SearchModel:
    """A model of sentence-transformers with `encode_query` and `encode_document`, loaded when it first encodes.

    Args:
        spec: Where its files lie and how it is to be used.
        library_class: Gives the library's class.
        wanted: What it should be, for errors.
    """

    def __init__(self, spec: ModelSpec, library_class: Callable[[], Any], wanted: str) -> None:
        self._spec = spec
        self._class = library_class
        self._wanted = wanted

    @cached_property
    def model(self) -> Any:
        """The library's model, on the device of the request.

        Raises:
            ModelError: it cannot be loaded, or a length is asked for where it knows no limit or reads no texts as long.
        """
        import torch  # noqa: PLC0415 - loaded when it is used

        spec, request = self._spec, self._spec.request
        with quiet():
            model = load_as(self._class(), model_folder(spec), spec, self._wanted, {"dtype": request.dtype})
        if request.max_length is not None:
            _refuse_too_long(model, spec, request.max_length)
            limit_length(model, spec, request.max_length)
            _limit_sides(model, request.max_length)
        return model.to(dtype=getattr(torch, request.dtype)).eval()

    def encoded(
        self, texts: Sequence[str], side: Side, progress: Progress = silent, **settings: Any
    ) -> Iterator[tuple[list[int], Any]]:
        """Batches of texts, the longest first: their places, and what the library gives for them.

        Args:
            texts: Distinct texts.
            side: The side that they stand on.
            progress: Shows texts done.
            settings: What else the library's method takes.
        """
        size = self._spec.request.batch_size
        request, model = self._spec.request, self.model
        prompt = request.query_prompt if side is Side.QUERY else request.document_prompt
        encode = model.encode_query if side is Side.QUERY else model.encode_document
        order = np.argsort(-self._lengths(texts), kind="stable").tolist()
        with progress("encoding", len(texts), "texts") as advance:
            for places in (order[start : start + size] for start in range(0, len(order), size)):
                batch = [texts[place] for place in places]
                yield places, encode(batch, prompt=prompt, batch_size=size, show_progress_bar=False, **settings)
                advance(len(places))

    def _lengths(self, texts: Sequence[str]) -> Any:
        tokenizer = getattr(self.model[0], "tokenizer", None)
        return token_counts(tokenizer, texts, None)


def _refuse_too_long(model: Any, spec: ModelSpec, max_length: int) -> None:
    config = getattr(getattr(model, "transformers_model", None), "config", None)
    positions = getattr(config, "max_position_embeddings", None) or max_length
    if max_length > positions:
        raise ModelError(f"{spec.name}: reads up to {positions} tokens, but --max-length is {max_length}. Lower it.")


def _limit_sides(model: Any, max_length: int) -> None:
    # A side's own length goes before the model's; queries that are filled up to one are as wide as in training.
    for module in model.modules():
        if getattr(module, "document_length", None) is not None:
            module.document_length = max_length
        if getattr(module, "query_length", None) is not None and module.query_expansion is None:
            module.query_length = max_length


def distinct(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """The distinct texts in order, and the place of each text among them."""
    place_of = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return list(place_of), [place_of[text] for text in texts]
