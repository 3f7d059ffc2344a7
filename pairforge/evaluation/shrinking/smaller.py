"""Smaller models: vectors cut to their first numbers, and a static model distilled from a transformer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from pairforge.engines.sentence_models import load_sentence_model, quiet
from pairforge.errors import ModelError
from pairforge.models import Floats, ModelSpec
from pairforge.progress import Progress

_BATCH = 512
_SMOOTHING = 1e-4


def save_cut(spec: ModelSpec, dimension: int, folder: Path) -> None:
    """Save the model so that it gives the first `dimension` numbers of its vectors.

    A static table is cut itself; to any other model a layer is added that passes these numbers on. Vectors that the
    model brings to length 1 are brought to it again.
    """
    with quiet():
        model = load_sentence_model(spec, dtype="float32", max_length=spec.request.max_length)
        modules = list(model.children())
        if isinstance(modules[0], StaticEmbedding) and len(modules) == 1:
            table = modules[0].embedding.weight.detach()[:, :dimension].contiguous()
            modules = [StaticEmbedding(modules[0].tokenizer, embedding_weights=table)]
        else:
            full = int(model.get_embedding_dimension() or 0)
            ends_normalised = isinstance(modules[-1], Normalize)
            modules += [_first_numbers(full, dimension), *([Normalize()] if ends_normalised else [])]
        cut = SentenceTransformer(
            modules=modules, device="cpu", prompts=model.prompts, similarity_fn_name=model.similarity_fn_name
        )
        cut.save_pretrained(str(folder), create_model_card=False)


def _first_numbers(full: int, dimension: int) -> Dense:
    layer = Dense(full, dimension, bias=False, activation_function=torch.nn.Identity())
    layer.linear.weight = torch.nn.Parameter(torch.eye(dimension, full))
    return layer


def save_distilled(
    spec: ModelSpec, dimension: int, texts: Sequence[str] | None, folder: Path, progress: Progress
) -> None:
    """Save a static model whose table holds what the model makes of each word piece by itself.

    The vectors are cut to their main components, and weighted so that frequent pieces count less: a / (a + p), p the
    share of the piece among all, a = 1e-4. Sources: Tulkens and van Dongen 2024 (model2vec), Arora et al. 2017 (SIF).

    Args:
        spec: A transformer encoder.
        dimension: Numbers of the static vectors, no more than the model's own.
        texts: In which word pieces are counted; None takes their order in the vocabulary for their rank (Zipf).
        folder: Where it is saved.
        progress: Shows the word pieces.

    Raises:
        ModelError: the model has no fast tokenizer, or is none that reads word pieces.
    """
    with quiet():
        model = load_sentence_model(spec, dtype="float32", max_length=spec.request.max_length).eval()
        tokenizer = _own_tokenizer(model, spec)
        pieces = _piece_vectors(model, tokenizer, progress)
        special = [number for number in _special(model) if number < len(pieces)]
        weights = _weights(tokenizer, texts, len(pieces))
        table = _main_components(pieces, dimension) * weights[:, None]
        table[special] = 0
        static = StaticEmbedding(tokenizer, embedding_weights=torch.from_numpy(table.astype(np.float32)))
        SentenceTransformer(modules=[static], device="cpu").save_pretrained(str(folder), create_model_card=False)


def _own_tokenizer(model: SentenceTransformer, spec: ModelSpec) -> Tokenizer:
    fast = getattr(getattr(model[0], "tokenizer", None), "backend_tokenizer", None)
    if fast is None or isinstance(model[0], StaticEmbedding):
        raise ModelError(
            f"{spec.name}: a transformer with a fast tokenizer was wanted to be distilled into a static model; name "
            "another, or leave out --static-dimension."
        )
    tokenizer = Tokenizer.from_str(fast.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _special(model: SentenceTransformer) -> list[int]:
    return list(model[0].tokenizer.all_special_ids)


def _around_a_text(model: SentenceTransformer) -> tuple[list[int], list[int]]:
    """The tokens that the tokenizer puts before and behind a text."""
    tokens, special = list(model[0].tokenizer("a")["input_ids"]), {*_special(model)}
    inner = [place for place, token in enumerate(tokens) if token not in special]
    return tokens[: inner[0]], tokens[inner[-1] + 1 :]


@torch.inference_mode()
def _piece_vectors(model: SentenceTransformer, tokenizer: Tokenizer, progress: Progress) -> Floats:
    """The model's vector of each word piece between the tokens that begin and end a text, by the piece's number."""
    size = tokenizer.get_vocab_size()
    before, after = _around_a_text(model)
    vectors: list[Floats] = []
    with progress("distilling", size, "word pieces") as advance:
        for start in range(0, size, _BATCH):
            numbers = torch.tensor([[*before, piece, *after] for piece in range(start, min(start + _BATCH, size))])
            features = {"input_ids": numbers, "attention_mask": torch.ones_like(numbers)}
            placed = {name: tensor.to(model.device) for name, tensor in features.items()}
            vectors.append(model(placed)["sentence_embedding"].float().cpu().numpy())
            advance(len(numbers))
    return np.concatenate(vectors)


def _main_components(vectors: Floats, dimension: int) -> Floats:
    """The vectors less their mean, along the directions in which they differ most; shape (rows, dimension)."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    found: Floats = (centred @ directions[:, ::-1][:, :dimension]).astype(np.float32)
    return found


def _weights(tokenizer: Tokenizer, texts: Sequence[str] | None, size: int) -> Floats:
    if texts is None:
        share = 1 / (np.arange(size) + 2)
    else:
        share = np.zeros(size)
        for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
            np.add.at(share, encoding.ids, 1)
    weights: Floats = (_SMOOTHING / (_SMOOTHING + share / max(share.sum(), 1))).astype(np.float32)
    return weights
