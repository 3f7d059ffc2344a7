"""Tiny real models, made on the spot."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

WORDS = ("a", "cat", "dog", "sat", "ran", "the", "on", "mat", "query", "passage", ":", *string.ascii_lowercase)


def save_cross_encoder(
    folder: Path, *, labels: Sequence[str] = ("LABEL_0",), activation: str | None = None, seed: int = 0
) -> Path:
    """A cross-encoder of one layer and 16 dimensions with random weights and a limit of 24 tokens a pair.

    Args:
        folder: Where it is saved.
        labels: The names of its outputs.
        activation: A class of torch.nn; the library's own choice if None.
        seed: Of its weights.
    """
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    plain = folder.with_name(f"{folder.name}.plain")
    vocabulary = dict.fromkeys(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS))
    BertTokenizerFast(vocab={word: number for number, word in enumerate(vocabulary)}).save_pretrained(plain)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=24, initializer_range=0.5, id2label=dict(enumerate(labels)),
        label2id={label: output for output, label in enumerate(labels)},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(plain)
    chosen = None if activation is None else getattr(torch.nn, activation)()
    model = CrossEncoder(str(plain), device="cpu", activation_fn=chosen)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
