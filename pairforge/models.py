"""What a model is to the rest of the house: protocols to call it by, and an identity that cannot lie.

Steps see models through `Encoder`, `ImageEncoder`, `PairScorer` and `TextMatcher` alone (language models:
`generators.py`). A `ModelRequest` is what the user asked for; a `ModelSpec` is what was found, with a digest of the
files themselves, so that a fine-tuned checkpoint never meets vectors or scores cached for another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pairforge.progress import Progress, silent

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DEFAULT_ENCODER = "all-MiniLM-L6-v2"

NOT_IN_IDENTITY = ("name", "revision", "device", "batch_size")
"""The settings of a request that do not decide a model's output, once its files are known by digest."""

Floats = npt.NDArray[np.float32]
Source = Literal["folder", "hub cache", "embedded", "hub", "server", "file", "built in"]
"""Where a model was found."""
TextPair = tuple[str, str]
"""Two texts in the order in which a scorer reads them."""
ImageSource = str | bytes | Mapping[str, Any]
"""The path of a file, its bytes, or both by name, as datasets keeps images: bytes come before the path."""


class ModelKind(StrEnum):
    """The ways a step can use a model."""

    ENCODER = "encoder"
    SCORER = "scorer"
    MATCHER = "text matcher"
    JUDGED = "judged"
    """Whatever can be judged: encoder, scorer or matcher, as its configuration or its name says."""
    GENERATOR = "generator"
    WEIGHTS = "weights"
    """Not loaded for the step: it gets the `ModelSpec` and loads the weights its own way (a trainer's start)."""


class Side(StrEnum):
    """Which side of a search a text stands on; asymmetric models and prompts tell them apart."""

    QUERY = "query"
    DOCUMENT = "document"


class ModelRequest(BaseModel):
    """What a user asks for: a model by name or folder, and how it is to be used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        str, Field(min_length=1, description="Model folder, hub name or the embedded all-MiniLM-L6-v2.")
    ] = DEFAULT_ENCODER
    revision: Annotated[str | None, Field(description="Hub revision (branch, tag or commit).")] = None
    query_prompt: Annotated[
        str | None, Field(description="Text put before every query; the model's own if not given.")
    ] = None
    document_prompt: Annotated[
        str | None, Field(description="Text put before every document; the model's own if not given.")
    ] = None
    max_length: Annotated[
        int | None, Field(ge=1, description="Tokens read of each text or pair; the model's own limit if not given.")
    ] = None
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"],
        Field(description="Precision of the weights while encoding or scoring."),
    ] = "float32"
    device: Annotated[str | None, Field(description="cpu, cuda, cuda:1, mps …; the best one if not given.")] = None
    batch_size: Annotated[int, Field(ge=1, description="Texts encoded, or pairs scored, at once.")] = 32
    trust_remote_code: Annotated[bool, Field(description="Run Python code that comes with the model.")] = False


class ModelSpec(BaseModel):
    """A model that was found: where its files lie and what tells it from every other.

    Args:
        request: What was asked for.
        kind: How it will be used.
        digest: SHA-256 over the names and contents of the model's files (weights, tokenizer, configuration), and over
            its method.
        path: The folder that holds them, or the file of word vectors; None for a model without files.
        source: Where it was found.
        method: How it compares texts, where its name says so and not its configuration: "bm25", "tfidf", "words", or
            the way in which an encoder's token vectors are pooled ("cls", "mean" …).
    """

    model_config = ConfigDict(frozen=True)

    request: ModelRequest
    kind: ModelKind
    digest: str
    path: Path | None = None
    source: Source = "folder"
    method: str | None = None

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self.request.name

    @property
    def vector_identity(self) -> str:
        """Digest of everything but the text (prompt included) that decides a text's vector."""
        return _digest([self.digest, self.request.max_length, self.request.dtype, *self._own_code])

    @property
    def identity(self) -> str:
        """Digest of everything that decides this model's output; device and batch size do not count."""
        output_settings = self.request.model_dump(mode="json", exclude={*NOT_IN_IDENTITY, "trust_remote_code"})
        return _digest([self.digest, self.kind, output_settings, *self._own_code])

    @property
    def _own_code(self) -> list[str]:
        # Code that comes with a model takes the place of the library's own, where there is both.
        return ["trust_remote_code"] if self.request.trust_remote_code else []


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors."""

    @property
    def spec(self) -> ModelSpec:
        """The identity under which vectors may be cached."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers in one vector."""
        ...

    def side_key(self, side: Side) -> str:
        """What this side adds to a text before encoding (its prompt, its route); equal for sides that encode alike."""
        ...

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """A length for each text by which batches may be planned; only their order matters."""
        ...

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """One batch of texts as the model gives them (not normalised), float32, shape (len(texts), dimension)."""
        ...


@runtime_checkable
class ImageEncoder(Protocol):
    """Turns images into vectors; with an `Encoder` in one, whose texts lie in the same space, it is one of both."""

    def encode_images(self, images: Sequence[ImageSource]) -> Floats:
        """One batch of images as the model gives them (not normalised), float32, shape (len(images), dimension).

        Raises:
            MissingExtraError: pillow is not installed.
        """
        ...


@runtime_checkable
class PairScorer(Protocol):
    """Reads two texts together and says how they belong together (a cross-encoder)."""

    @property
    def spec(self) -> ModelSpec:
        """The identity under which logits may be cached."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its outputs, in order; one for a model that gives one number a pair."""
        ...

    @property
    def activation(self) -> str:
        """What its outputs are meant to go through: a class of torch.nn ("Sigmoid"), or the path of another."""
        ...

    def token_counts(self, pairs: Sequence[TextPair]) -> npt.NDArray[np.int64]:
        """A length for each pair by which batches may be planned; only their order matters."""
        ...

    def logits(self, pairs: Sequence[TextPair]) -> Floats:
        """One batch of pairs, the outputs before any activation, float32, shape (len(pairs), len(labels))."""
        ...


class MatcherIndex(Protocol):
    """Documents that were read, to be compared with queries."""

    def scores(self, queries: Sequence[str]) -> Floats:
        """How close every document is to each query; higher is closer, float32, shape (queries, documents)."""
        ...

    def pair_scores(self, queries: Sequence[str], rows: Sequence[int]) -> Floats:
        """How close document rows[i] is to query i, float32, shape (queries,)."""
        ...

    def vectors(self) -> csr_array | None:
        """The documents as sparse rows, shape (documents, width), for classifiers and clusters; None without such."""
        ...


@runtime_checkable
class TextMatcher(Protocol):
    """Compares texts without giving each one dense vector: by words, by sparse vectors, or by many vectors a text."""

    @property
    def spec(self) -> ModelSpec:
        """Its identity."""
        ...

    @property
    def closeness(self) -> str:
        """What its numbers are: "bm25", or a similarity of sentence-transformers ("cosine", "dot", "maxsim" …)."""
        ...

    def index(self, documents: Sequence[str], progress: Progress = silent) -> MatcherIndex:
        """Read the documents, to compare them with queries.

        Raises:
            ModelError: the model cannot be loaded, or gives NaN or an infinity.
        """
        ...
