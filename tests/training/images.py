"""Tiny pictures with captions, and a tiny model that sees them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}
SHAPES = ("circle", "square", "bar")
SIZE = 16
LENGTH = 12


def picture(colour: str, shape: str) -> bytes:
    """A picture of one shape on black, as the bytes of a PNG file."""
    image = pytest.importorskip("PIL.Image").new("RGB", (SIZE, SIZE))
    draw = pytest.importorskip("PIL.ImageDraw").Draw(image)
    box = {"circle": (2, 2, 13, 13), "square": (2, 2, 13, 13), "bar": (6, 0, 9, 15)}[shape]
    (draw.ellipse if shape == "circle" else draw.rectangle)(box, fill=COLOURS[colour])
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def coloured_images() -> pl.DataFrame:
    """Every colour of every shape, with its caption."""
    rows = [(picture(colour, shape), f"a {colour} {shape}") for colour in COLOURS for shape in SHAPES]
    return pl.DataFrame(rows, schema={"image": pl.Binary, "caption": pl.String}, orient="row")


def save_tiny_clip(folder: Path) -> None:
    """A CLIP with random weights that knows these words, as transformers saves one."""
    pytest.importorskip("PIL")
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor

    words = ("a", *COLOURS, *SHAPES)
    ends = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    configuration = CLIPConfig(
        text_config={"vocab_size": 4 + len(words), "max_position_embeddings": LENGTH, **ends, **shape},
        vision_config={"image_size": SIZE, "patch_size": 4, **shape},
        projection_dim=16,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        CLIPModel(configuration).save_pretrained(folder)
    square = {"height": SIZE, "width": SIZE}
    CLIPProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size=square),
        tokenizer=_tokenizer(words),
    ).save_pretrained(folder)


def _tokenizer(words: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    known = {word: place for place, word in enumerate(("[PAD]", "[UNK]", "[BOS]", "[EOS]", *words))}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 2), ("[EOS]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[BOS]", "eos_token": "[EOS]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **special)
