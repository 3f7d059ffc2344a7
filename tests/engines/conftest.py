"""Tiny real models, made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_models import WORDS


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Static embeddings of 8 dimensions, without prompts."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = {word: number for number, word in enumerate(dict.fromkeys(("[UNK]", *WORDS)))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "static"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="session")
def transformer_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer and 16 dimensions with prompts for both sides and a limit of 12 tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    vocabulary = dict.fromkeys(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS))
    plain = tmp_path_factory.mktemp("models") / "plain"
    plain.mkdir()
    BertTokenizerFast(vocab={word: number for number, word in enumerate(vocabulary)}).save_pretrained(plain)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(plain)
    model = SentenceTransformer(str(plain), device="cpu", prompts={"query": "query: ", "document": "passage: "})
    model.max_seq_length = 12
    folder = plain.with_name("transformer")
    model.save(str(folder))
    return folder
