"""Train a WordPiece tokenizer as BERT's: lower case, no accents, [CLS] … [SEP]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_MOST_CHARACTERS = 1000


def train_wordpieces(texts: Sequence[str], vocabulary_size: int) -> Tokenizer:
    """A tokenizer of at most that many pieces; equal texts give an equal one.

    Characters beyond the thousand most frequent ones, or beyond half the vocabulary, are unknown to it.
    """
    tokenizer = _tokenizer({})
    characters = _characters(tokenizer, texts, min(_MOST_CHARACTERS, (vocabulary_size - len(SPECIAL_TOKENS)) // 2))
    # The trainer numbers continuing characters as a hash map happens to give them, and breaks ties by number:
    # as special tokens they have their numbers before it starts. The pieces then go to a tokenizer without them.
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[*SPECIAL_TOKENS.values(), *(f"##{character}" for character in characters)],
        initial_alphabet=characters,
        limit_alphabet=len(characters),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _tokenizer(tokenizer.get_vocab())


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL_TOKENS["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    if vocabulary:
        tokenizer.add_special_tokens(list(SPECIAL_TOKENS.values()))
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
        )
    return tokenizer


def _characters(tokenizer: Tokenizer, texts: Sequence[str], most: int) -> list[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokenizer.normalizer.normalize_str(text))
    frequent = sorted((-count, character) for character, count in counts.items() if not character.isspace())
    return sorted(character for _, character in frequent[:most])
