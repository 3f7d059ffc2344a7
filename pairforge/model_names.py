"""Names of models that are no folder: `bm25`, `tfidf`, `words:FILE`, and `cls:MODEL` and the other poolings.

They say how texts are compared where no configuration does: the method.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pairforge.errors import ModelError
from pairforge.files import digest_path
from pairforge.generators import digest_of
from pairforge.models import ModelKind, ModelRequest, ModelSpec

BM25, TFIDF, WORD_VECTORS = "bm25", "tfidf", "words"

LEXICAL = (BM25, TFIDF)
"""The methods that need no file at all."""

POOLINGS: Mapping[str, str] = {
    "cls": "cls",
    "mean": "mean",
    "max": "max",
    "weighted-mean": "weightedmean",
    "last-token": "lasttoken",
}
"""Way of pooling, as options and names spell it → as sentence-transformers does."""

K1, B = 1.5, 0.75
"""BM25's own settings: how late a word's repetition stops counting, and how much long texts are held back."""

# Between the words of these scripts stands no blank.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORD = rf"[\w--[{_UNSPACED}]]{{2,}}|[{_UNSPACED}]"
"""A word, to all that goes by words: a regular expression for texts in lower case, in polars' dialect."""

_SETTINGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    BM25: ("bm25s", {"method": "lucene", "k1": K1, "b": B}),
    TFIDF: ("scikit-learn", {"norm": "l2", "smooth_idf": True, "sublinear_tf": False}),
}
"""Method → the package that has it, and how it is set."""


def split_name(name: str) -> tuple[str, str] | None:
    """The method that a name says, and what it is used on (empty for `bm25` and `tfidf`); None for other names."""
    if name in LEXICAL:
        return name, ""
    prefix, colon, rest = name.partition(":")
    return (prefix, rest) if colon and prefix in (WORD_VECTORS, *POOLINGS) else None


def check_method(request: ModelRequest, kind: ModelKind, method: str, rest: str) -> None:
    """See that a model of that method can be used as this kind.

    Raises:
        ModelError: it cannot, nothing stands behind the colon, or a length is given to what reads whole texts.
    """
    name = request.name
    if kind in (ModelKind.SCORER, ModelKind.WEIGHTS):
        wanted = "a cross-encoder" if kind is ModelKind.SCORER else "a model folder with weights of its own"
        mend = f"Name {rest} itself" if kind is ModelKind.WEIGHTS and method in POOLINGS else "Name one"
        raise ModelError(f"{name}: {wanted} is wanted, but this name stands for no such one. {mend}.")
    if kind is ModelKind.ENCODER and method in LEXICAL:
        raise ModelError(
            f"{name}: compares texts by their words and gives them no vectors of fixed size, but an encoder is wanted. "
            f"Name one; {name} is only for being judged."
        )
    if method not in LEXICAL and not rest:
        behind = "a file of word vectors" if method == WORD_VECTORS else "a model"
        raise ModelError(f"{name}: {behind} is wanted behind the colon, but nothing stands there. Name one.")
    if method not in POOLINGS and request.max_length is not None:
        raise ModelError(f"{name}: reads whole texts, so that --max-length does not apply. Leave it out.")


def lexical_spec(request: ModelRequest, kind: ModelKind, method: str) -> ModelSpec:
    """BM25 or TF-IDF as set here, by the version of its package."""
    package, settings = _SETTINGS[method]
    digest = digest_of([method, settings, WORD, package, version(package)])
    return ModelSpec(request=_bare(request), kind=kind, digest=digest, source="built in", method=method)


def word_vectors_spec(request: ModelRequest, kind: ModelKind, file: Path, cache: Path | None) -> ModelSpec:
    """Word vectors of a file, by its contents.

    Raises:
        ModelError: there is no such file.
        FileError: it cannot be read.
    """
    if not file.is_file():
        found = "a folder" if file.is_dir() else "nothing of that name"
        nearest = "" if file.is_dir() else _nearest_files(file)
        raise ModelError(f"{request.name}: a file of word vectors is wanted, but {file} is {found}.{nearest}")
    digest = digest_of([WORD_VECTORS, WORD, digest_path(file, cache=cache)])
    return ModelSpec(request=_bare(request), kind=kind, digest=digest, path=file, source="file", method=WORD_VECTORS)


def near_names(name: str, kind: ModelKind) -> list[str]:
    """The names of methods that may have been meant."""
    if kind in (ModelKind.ENCODER, ModelKind.JUDGED) and ":" in name:
        prefix, _, rest = name.partition(":")
        close = difflib.get_close_matches(prefix, (WORD_VECTORS, *POOLINGS), n=1)
        return [f"{one}:{rest}" for one in close]
    return difflib.get_close_matches(name.lower(), LEXICAL, n=1) if kind is ModelKind.JUDGED else []


def _bare(request: ModelRequest) -> ModelRequest:
    # What is set for the models beside it says nothing to this one, and must not make another of it.
    return ModelRequest(name=request.name)


def _nearest_files(file: Path) -> str:
    try:
        nearby = sorted(entry.name for entry in file.parent.iterdir() if entry.is_file())
    except OSError:
        return " Check the path."
    close = difflib.get_close_matches(file.name, nearby, n=3)
    return f" Nearest: {', '.join(str(file.parent / one) for one in close)}." if close else " Check the path."
