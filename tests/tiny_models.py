"""Tiny real models, made on the spot."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import BertConfig

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


def save_sparse_encoder(folder: Path, *, similarity: str | None = None, prompts: dict[str, str] | None = None) -> Path:
    """SPLADE over a BERT of one layer and 16 dimensions with random weights and a limit of 24 tokens.

    Args:
        folder: Where it is saved.
        similarity: The similarity that it names; none if not given.
        prompts: What goes before the texts of a side.
    """
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling
    from transformers import BertForMaskedLM

    plain = folder.with_name(f"{folder.name}.plain")
    torch.manual_seed(0)
    BertForMaskedLM(_tiny_bert(plain)).save_pretrained(plain)
    modules = [Transformer(str(plain), transformer_task="fill-mask"), SpladePooling("max")]
    model = SparseEncoder(modules=modules, device="cpu", similarity_fn_name=similarity, prompts=prompts)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def save_late_interaction(
    folder: Path,
    *,
    similarity: str | None = None,
    prompts: dict[str, str] | None = None,
    document_length: int | None = 12,
) -> Path:
    """A multi-vector encoder over a BERT of one layer with random weights: 8 numbers a token, 24 tokens at most.

    Args:
        folder: Where it is saved.
        similarity: The similarity that it names; none if not given.
        prompts: What goes before the texts of a side.
        document_length: Tokens read of a document; as many as of a query if None.
    """
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from transformers import BertModel

    plain = folder.with_name(f"{folder.name}.plain")
    torch.manual_seed(0)
    BertModel(_tiny_bert(plain)).save_pretrained(plain)
    of_tokens = {"module_input_name": "token_embeddings", "module_output_name": "token_embeddings"}
    modules = [
        Transformer(str(plain), document_length=document_length),
        Dense(16, 8, bias=False, activation_function=torch.nn.Identity(), **of_tokens),
        Normalize(**of_tokens),
        MultiVectorMask(),
    ]
    model = MultiVectorEncoder(modules=modules, device="cpu", similarity_fn_name=similarity, prompts=prompts)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def save_bert(folder: Path) -> Path:
    """A BERT of one layer and 16 dimensions with random weights, as its makers publish one: no pooling is named."""
    import torch
    from transformers import BertModel

    torch.manual_seed(0)
    BertModel(_tiny_bert(folder)).save_pretrained(folder)
    return folder


def _tiny_bert(folder: Path) -> BertConfig:
    from transformers import BertConfig, BertTokenizerFast

    vocabulary = dict.fromkeys(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS))
    BertTokenizerFast(vocab={word: number for number, word in enumerate(vocabulary)}).save_pretrained(folder)
    return BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=24, initializer_range=0.5,
    )  # fmt: skip


_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
_QUOTE_WEIGHT = 1.5


def save_language_model(
    folder: Path, *, chat_template: str | None = _CHAT_TEMPLATE, context_length: int = 4096, thinks: bool = False
) -> Path:
    """A Llama of two layers with random weights, a byte-level BPE tokenizer and a chat template that can think.

    Args:
        folder: Where it is saved.
        chat_template: Jinja text; None for a model without one.
        context_length: Tokens of prompt and answer together.
        thinks: Whether it has tokens that hold a thought, and comes to the end of one.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(
        [_CHAT_TEMPLATE, *(f"{first} {second}" for first in WORDS for second in WORDS)], trainer
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    if thinks:
        fast.add_tokens(["<think>", "</think>"])
    fast.chat_template = chat_template
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=128, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=256, max_position_embeddings=context_length, initializer_range=0.1, tie_word_embeddings=False,
        bos_token_id=None, eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        # One direction that every token has, and that speaks for the quote: texts in JSON come to an end.
        model.model.embed_tokens.weight[:, 0] = 0.5
        for token in ('"', *(["</think>"] if thinks else [])):
            model.lm_head.weight[fast.convert_tokens_to_ids(token), 0] = _QUOTE_WEIGHT
    model.save_pretrained(folder)
    return folder


def save_adapter(folder: Path, model: Path, *, strength: float, rank: int = 8) -> Path:
    """A LoRA adapter with random weights for the queries and values of a model of `save_language_model`.

    Args:
        folder: Where it is saved.
        model: The model's folder.
        strength: Of what it adds; with 0 it changes nothing.
        rank: Its rank.
    """
    import torch
    from safetensors.torch import save_file

    told = json.loads((model / "config.json").read_text())
    size, torch_generator = told["hidden_size"], torch.Generator().manual_seed(1)
    weights = {}
    for layer in range(told["num_hidden_layers"]):
        for projection in ("q_proj", "v_proj"):
            place = f"base_model.model.model.layers.{layer}.self_attn.{projection}"
            weights[f"{place}.lora_A.weight"] = torch.randn(rank, size, generator=torch_generator)
            weights[f"{place}.lora_B.weight"] = strength * torch.randn(size, rank, generator=torch_generator)
    folder.mkdir()
    save_file(weights, folder / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "bias": "none",
        "target_modules": ["q_proj", "v_proj"], "base_model_name_or_path": str(model),
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


_EVENNESS = 0.1


def save_seq2seq_model(folder: Path, texts: Sequence[str] = (), *, longest: int = 64, vocabulary: int = 400) -> Path:
    """A T5 of two layers with random weights that writes any words, and a BPE tokenizer trained on the spot.

    Args:
        folder: Where it is saved.
        texts: What its tokenizer learns; a few words if not given.
        longest: Tokens of a text that it says it reads.
        vocabulary: Tokens it knows at most.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(list(texts) or [f"{first} {second}" for first in WORDS for second in WORDS], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=longest
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(fast), d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, decoder_start_token_id=0,
        pad_token_id=0, eos_token_id=1, dropout_rate=0.0, tie_word_embeddings=False,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        model.lm_head.weight *= _EVENNESS
    model.save_pretrained(folder)
    return folder
