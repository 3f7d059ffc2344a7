"""Build and save models with random weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel, CLIPConfig, CLIPModel, CLIPProcessor, PreTrainedTokenizerFast

from pairforge.engines.images import pillow
from pairforge.engines.sentence_models import quiet
from pairforge.errors import ModelError
from pairforge.training.options import InitModelOptions
from pairforge.training.wordpieces import SPECIAL_TOKENS

_TRANSFORMER_LENGTH = 256
_CAPTION_LENGTH = 77


def save_static(tokenizer: Tokenizer, options: InitModelOptions, folder: Path) -> int:
    """Save a table of one normal-distributed vector (mean 0, deviation 1) a word piece; gives the number of weights."""
    tokenizer.no_truncation()
    if options.max_length is not None:
        tokenizer.enable_truncation(options.max_length)
    with quiet(), _seeded(options.seed):
        model = SentenceTransformer(
            modules=[StaticEmbedding(tokenizer, embedding_dim=options.vector_size)], device="cpu"
        )
        return _save(model, folder)


def save_transformer(tokenizer: Tokenizer, options: InitModelOptions, folder: Path) -> int:
    """Save a BERT with random weights and pooling; gives the number of weights."""
    length = options.max_length or _TRANSFORMER_LENGTH
    fast = _bert_tokenizer(tokenizer, length)
    configuration = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=options.vector_size,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=4 * options.vector_size,
        max_position_embeddings=length,
        pad_token_id=fast.pad_token_id,
    )
    with quiet(), _seeded(options.seed), tempfile.TemporaryDirectory() as parts:
        BertModel(configuration).save_pretrained(parts)
        fast.save_pretrained(parts)
        encoder = Transformer(parts, max_seq_length=length)
        pooling = Pooling(options.vector_size, pooling_mode=options.pooling)
        return _save(SentenceTransformer(modules=[encoder, pooling], device="cpu"), folder)


def save_image_text(tokenizer: Tokenizer, options: InitModelOptions, folder: Path) -> int:
    """Save a CLIP with random weights, its towers as wide as its vectors; gives the number of weights.

    Raises:
        MissingExtraError: pillow is not installed.
    """
    pillow("a model of images")
    from transformers import CLIPImageProcessorPil  # noqa: PLC0415 - needs an extra

    fast = _bert_tokenizer(tokenizer, options.max_length or _CAPTION_LENGTH)
    square = {"height": options.image_size, "width": options.image_size}
    sight = CLIPImageProcessorPil(size={"shortest_edge": options.image_size}, crop_size=square)
    with quiet(), _seeded(options.seed), tempfile.TemporaryDirectory() as parts:
        CLIPModel(_clip_configuration(fast, options)).save_pretrained(parts)
        CLIPProcessor(image_processor=sight, tokenizer=fast).save_pretrained(parts)
        return _save(SentenceTransformer(parts, device="cpu"), folder)


def _clip_configuration(tokenizer: PreTrainedTokenizerFast, options: InitModelOptions) -> CLIPConfig:
    tower = {
        "hidden_size": options.vector_size,
        "intermediate_size": 4 * options.vector_size,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.heads,
    }
    words = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": tokenizer.model_max_length,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        # A text's vector is that of its last token.
        "eos_token_id": tokenizer.sep_token_id,
    }
    patches = {"image_size": options.image_size, "patch_size": options.patch_size}
    return CLIPConfig(text_config=tower | words, vision_config=tower | patches, projection_dim=options.vector_size)


def _bert_tokenizer(tokenizer: Tokenizer, length: int) -> PreTrainedTokenizerFast:
    missing = [token for token in SPECIAL_TOKENS.values() if tokenizer.token_to_id(token) is None]
    if missing:
        raise ModelError(
            f"the tokenizer has no {', '.join(missing)}, which a BERT needs; "
            "take that of a BERT model or train one with --tokenizer-from corpus."
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=length, **SPECIAL_TOKENS)


def _save(model: SentenceTransformer, folder: Path) -> int:
    model.save_pretrained(str(folder), create_model_card=False)
    return sum(weights.numel() for weights in model.parameters())


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


SAVERS: Mapping[str, Callable[[Tokenizer, InitModelOptions, Path], int]] = {
    "static": save_static,
    "transformer": save_transformer,
    "image-text": save_image_text,
}
"""Kind of fresh model → what saves one and gives the number of its weights."""
