"""How long texts are to a model, for planning batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_COUNTED_AT_ONCE = 4096


def token_counts(tokenizer: Any, texts: Sequence[str], longest: int | None) -> npt.NDArray[np.int64]:
    """Tokens of each text, special ones included, up to `longest`; letters where the tokenizer is no fast one.

    Args:
        tokenizer: A tokenizer of transformers, or None.
        texts: The texts.
        longest: Tokens that the model reads at most; None where it knows no limit.
    """
    fast = getattr(tokenizer, "_tokenizer", None)
    if fast is None:
        return np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    fast.no_padding()
    fast.no_truncation()
    counts = np.empty(len(texts), dtype=np.int64)
    for start in range(0, len(texts), _COUNTED_AT_ONCE):
        encodings = fast.encode_batch_fast(list(texts[start : start + _COUNTED_AT_ONCE]))
        counts[start : start + _COUNTED_AT_ONCE] = [len(encoding) for encoding in encodings]
    return counts if longest is None else np.minimum(counts, longest).astype(np.int64)
