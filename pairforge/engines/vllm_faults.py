"""What vLLM says when it fails, in one sentence with a mend."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence

from pairforge.errors import ModelError
from pairforge.generators import GeneratorSpec
from pairforge.quoting import quotable, repeats

_SAID = re.compile(r"^(?:\(.*?\) )?(?:\w+ \S+ \S+ \[\S+\] )?[\w.]*(?:Error|Exception): (?P<what>.+)$", re.MULTILINE)
_ELSEWHERE = re.compile("Engine core initialization failed|EngineCore encountered an issue")
_MENDS = (
    (
        re.compile(r"memory|KV cache|cache blocks", re.IGNORECASE),
        "has too little memory for it",
        "Lower --context-length, change --gpu-memory (VLLM_CPU_KVCACHE_SPACE on a CPU), spread it with "
        "--tensor-parallel, or name a smaller or quantised model.",
    ),
    (re.compile(r"quantization", re.IGNORECASE), "cannot use that quantisation", "Change or leave out --quantization."),
    (re.compile(r"max_model_len|maximum.*length", re.IGNORECASE), "cannot use that context", "Lower --context-length."),
    (re.compile(r"architecture", re.IGNORECASE), "does not know such a model", "Name a causal language model."),
    (re.compile(r"lora", re.IGNORECASE), "cannot use the adapter", "Name one that was made for this model."),
)


def vllm_fault(spec: GeneratorSpec, what: str, error: Exception, words: str, texts: Sequence[str] = ()) -> ModelError:
    """The error to raise where vLLM failed, with its cause, if that repeats no text.

    Args:
        spec: The model.
        what: What vLLM could not do, where nothing better is known ("cannot load it").
        error: What vLLM raised.
        words: What it and its processes printed; where a process of its own failed, only there it says why.
        texts: The texts that it was asked about, which no sentence and no traceback may show.
    """
    said = one_line(error)
    if _ELSEWHERE.search(said):
        causes = [cause["what"] for cause in _SAID.finditer(words)]
        said = next((cause for cause in causes if not _ELSEWHERE.search(cause)), said)
        error.add_note(f"vLLM's own words:\n{words}")
    known = ((better, mend) for pattern, better, mend in _MENDS if pattern.search(said))
    what, mend = next(known, (what, "--debug shows more."))
    told = _shortened(said) if not texts else quotable(said, texts) or type(error).__name__
    fault = ModelError(f"{spec.name}: vLLM {what} ({told}). {mend}")
    fault.__cause__ = None if texts and repeats("".join(traceback.format_exception(error)), texts) else error
    return fault


def one_line(error: Exception) -> str:
    """What an error says, in one line without a full stop."""
    return " ".join((str(error) or type(error).__name__).split()).rstrip(".")


def _shortened(said: str, most: int = 300) -> str:
    told = " ".join(said.split()).rstrip(".")
    return told if len(told) <= most else f"{told[:most]} …"
