"""Frame contracts: what each corpus shape holds, checked wherever a corpus enters or leaves a step.

A contract names its columns in the order that sentence-transformers' losses expect. Other columns may stand
beside them and travel through every step; a trainer sees `FrameContract.view` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from pairforge.errors import FrameError


class ColumnKind(StrEnum):
    """What a column holds; each kind has one canonical polars type."""

    TEXT = "text"
    IDENTIFIER = "identifiers"
    LABEL = "whole-number labels"
    SCORE = "scores"
    TEXTS = "lists of texts"
    LABELS = "lists of labels"
    SCORES = "lists of scores"
    ANY = "any value"
    """Left as it is, nulls too: the step that takes it reads it its own way."""


_DTYPES: Mapping[ColumnKind, pl.DataType] = {
    ColumnKind.TEXT: pl.String(),
    ColumnKind.IDENTIFIER: pl.String(),
    ColumnKind.LABEL: pl.Int64(),
    ColumnKind.SCORE: pl.Float64(),
    ColumnKind.TEXTS: pl.List(pl.String()),
    ColumnKind.LABELS: pl.List(pl.Int64()),
    ColumnKind.SCORES: pl.List(pl.Float64()),
}


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Args:
        name: Its name; a `numbered` column stands for `name_1` … `name_n`.
        kind: What it holds.
        minimum: The least value allowed (labels and scores).
        maximum: The greatest value allowed (labels and scores).
        aliases: Names under which raw files are known to carry it, in order of preference, lower case.
        numbered: Whether it stands for one or more numbered columns.
        required: Whether a frame without it is refused.
    """

    name: str
    kind: ColumnKind = ColumnKind.TEXT
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()
    numbered: bool = False
    required: bool = True

    def names_in(self, columns: Sequence[str]) -> list[str]:
        """The frame columns that stand for this one, in order."""
        if not self.numbered:
            return [self.name] if self.name in columns else []
        pattern = re.compile(rf"{re.escape(self.name)}_([1-9]\d*)")
        numbers = sorted(int(match[1]) for name in columns if (match := pattern.fullmatch(name)))
        return [f"{self.name}_{number}" for number in numbers]

    @property
    def shown_name(self) -> str:
        """The name as a sentence shows it."""
        return f"{self.name}_1" if self.numbered else self.name

    @property
    def option(self) -> str:
        """The command-line flag that names another column to be read as this one."""
        return f"--{self.name.replace('_', '-')}-column"


@dataclass(frozen=True)
class FrameContract:
    """The columns of one corpus shape, in training order."""

    name: str
    columns: tuple[Column, ...]

    def check(self, frame: pl.DataFrame, place: str) -> pl.DataFrame:
        """The frame with its contract columns in their canonical types.

        Args:
            frame: Any frame.
            place: Where it came from (a path, a step's output), for the error's first words.

        Raises:
            FrameError: a column is missing, of another type, null somewhere or out of range, or there is no row.
        """
        if frame.is_empty():
            raise FrameError(f"{place}: a {self.name} corpus was wanted, but it has no rows.")
        return frame.with_columns(
            _checked_series(frame[name], column, place)
            for column in self.columns
            for name in self._names(column, frame, place)
        )

    def view(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The contract's columns alone, in order: what a trainer may see."""
        return frame.select(name for column in self.columns for name in column.names_in(frame.columns))

    def missing(self, columns: Sequence[str]) -> list[Column]:
        """The required columns that a frame with these columns lacks."""
        return [column for column in self.columns if column.required and not column.names_in(columns)]

    def _names(self, column: Column, frame: pl.DataFrame, place: str) -> list[str]:
        names = column.names_in(frame.columns)
        if column.required and not names:
            raise FrameError(
                f"{place}: column '{column.shown_name}' is missing (found: {', '.join(frame.columns)}). "
                + (f"Name it with {column.option}." if not column.numbered else "Rename the file's columns.")
            )
        return names


def _checked_series(series: pl.Series, column: Column, place: str) -> pl.Series:
    if column.kind is ColumnKind.ANY:
        return series
    wanted = _DTYPES[column.kind]
    where = f"{place}: column '{series.name}'"
    if series.null_count() == len(series):
        raise FrameError(f"{where} holds nothing but nulls; {column.kind} was wanted. {_mend(column)}")
    if not _castable(series.dtype, column.kind):
        raise FrameError(f"{where} should hold {column.kind}, but it is of type {series.dtype}. {_mend(column)}")
    if series.null_count():
        first = int(series.is_null().arg_true()[0])
        raise FrameError(
            f"{where} is null in {series.null_count():,} of {len(series):,} rows, first in row {first + 1}; "
            "fill or remove those rows."
        )
    cast = series.cast(wanted, strict=False)
    _check_values(series, cast, column, where)
    return cast


def _castable(dtype: pl.DataType, kind: ColumnKind) -> bool:
    if kind in (ColumnKind.TEXTS, ColumnKind.LABELS, ColumnKind.SCORES):
        if not isinstance(dtype, pl.List | pl.Array):
            return False
        item = {ColumnKind.TEXTS: ColumnKind.TEXT, ColumnKind.LABELS: ColumnKind.LABEL}.get(kind, ColumnKind.SCORE)
        inner = dtype.inner
        return isinstance(inner, pl.DataType) and _castable(inner, item)
    if kind is ColumnKind.TEXT:
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)
    if kind is ColumnKind.IDENTIFIER:
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum) or dtype.is_integer()
    return dtype.is_numeric() or isinstance(dtype, pl.Boolean)


def _check_values(given: pl.Series, cast: pl.Series, column: Column, where: str) -> None:
    if column.kind in (ColumnKind.TEXT, ColumnKind.IDENTIFIER):
        return
    flat_given, flat = _flat(given), _flat(cast)
    if flat.null_count():
        raise FrameError(f"{where} has a list with a null in it; fill or remove it.")
    if flat.dtype == pl.Int64 and flat_given.dtype.is_float() and (flat_given != flat).any():
        raise FrameError(f"{where} should hold whole-number labels, but it holds {_example(flat_given, flat)}.")
    if flat.dtype == pl.Float64 and not flat.is_finite().all():
        raise FrameError(f"{where} holds NaN or an infinity; remove those rows.")
    low, high = column.minimum, column.maximum
    if (low is not None and (flat < low).any()) or (high is not None and (flat > high).any()):
        lowest, highest = float(flat.to_numpy().min()), float(flat.to_numpy().max())
        bounds = f"{'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"
        raise FrameError(
            f"{where} should lie in {bounds}, but it runs from {lowest:g} to {highest:g}. {_mend_range(column)}"
        )


def _flat(series: pl.Series) -> pl.Series:
    return series.explode() if isinstance(series.dtype, pl.List | pl.Array) else series


def _example(given: pl.Series, cast: pl.Series) -> object:
    return given.filter(given != cast)[0]


def _mend(column: Column) -> str:
    if column.kind is ColumnKind.LABEL and column.maximum == 2:
        return f"Turn it into 0, 1 and 2 by convert-nli --to labelled, or name another column with {column.option}."
    return f"Name another column with {column.option}."


def _mend_range(column: Column) -> str:
    if column.kind is ColumnKind.SCORE and column.maximum is not None:
        return "Give its top value with --score-scale."
    return _mend(column)


_ANCHOR = Column("anchor", aliases=("query", "question", "sentence1", "sentence_a", "text1", "premise", "title"))
_POSITIVE = Column(
    "positive",
    aliases=(
        "pos",
        "answer",
        "document",
        "passage",
        "context",
        "sentence2",
        "sentence_b",
        "text2",
        "hypothesis",
    ),
)
_SENTENCE1 = Column("sentence1", aliases=("sentence_a", "sentence_1", "text1", "text_a", "s1", "anchor"))
_SENTENCE2 = Column("sentence2", aliases=("sentence_b", "sentence_2", "text2", "text_b", "s2", "positive"))
_SCORE_ALIASES = ("similarity_score", "similarity", "gold_score", "relatedness_score", "label", "labels")

_PREMISE = Column("premise", aliases=("sentence1", "sentence_a", "sentence_1"))
_HYPOTHESIS = Column("hypothesis", aliases=("sentence2", "sentence_b", "sentence_2"))
_NLI_LABEL_ALIASES = ("gold_label", "labels", "entailment_judgment")
NLI = FrameContract("nli", (_PREMISE, _HYPOTHESIS, Column("label", ColumnKind.LABEL, 0, 2, aliases=_NLI_LABEL_ALIASES)))
RAW_NLI = FrameContract("raw nli", (_PREMISE, _HYPOTHESIS, Column("label", ColumnKind.ANY, aliases=_NLI_LABEL_ALIASES)))
"""NLI as it is published: labels in words or numbers, some rows unlabelled."""
PAIR = FrameContract("pair", (_ANCHOR, _POSITIVE))
TRIPLET = FrameContract(
    "triplet", (_ANCHOR, _POSITIVE, Column("negative", aliases=("neg", "hard_negative", "negative_1")))
)
N_TUPLE = FrameContract("n-tuple", (_ANCHOR, _POSITIVE, Column("negative", numbered=True)))
SCORED_PAIR = FrameContract(
    "scored pair", (_SENTENCE1, _SENTENCE2, Column("score", ColumnKind.SCORE, 0, 1, aliases=_SCORE_ALIASES))
)
LABELLED_PAIR = FrameContract(
    "labelled pair",
    (_SENTENCE1, _SENTENCE2, Column("label", ColumnKind.LABEL, 0, 1, aliases=("labels", "is_duplicate"))),
)
_QUERY = Column("query", aliases=("question", "anchor"))
_DOCUMENTS = Column("documents", ColumnKind.TEXTS, aliases=("passages", "docs"))
LABELLED_LIST = FrameContract(
    "labelled list", (_QUERY, _DOCUMENTS, Column("labels", ColumnKind.LABELS, 0, aliases=("label",)))
)
SCORED_LIST = FrameContract(
    "scored list", (_QUERY, _DOCUMENTS, Column("scores", ColumnKind.SCORES, aliases=("score",)))
)
MARGIN = FrameContract(
    "margin",
    (
        _QUERY,
        Column("positive", aliases=("pos",)),
        Column("negative", aliases=("neg",)),
        Column("score", ColumnKind.SCORE, aliases=("margin", "label")),
    ),
)
DENOISING = FrameContract("denoising", (Column("damaged"), Column("original")))
TEXT = FrameContract(
    "text",
    (Column("text", aliases=("sentence", "document", "passage", "content", "answer", "positive", "question")),),
)
CORPUS = FrameContract(
    "corpus",
    (
        Column("doc_id", ColumnKind.IDENTIFIER, aliases=("_id", "id", "docid"), required=False),
        TEXT.columns[0],
    ),
)
QUERIES = FrameContract(
    "queries",
    (
        Column("query_id", ColumnKind.IDENTIFIER, aliases=("_id", "id", "qid")),
        Column("text", aliases=("query", "question")),
    ),
)
QRELS = FrameContract(
    "qrels",
    (
        Column("query_id", ColumnKind.IDENTIFIER, aliases=("query-id", "qid")),
        Column("doc_id", ColumnKind.IDENTIFIER, aliases=("corpus-id", "docid", "corpus_id")),
        Column("relevance", ColumnKind.LABEL, aliases=("score", "label")),
    ),
)

ANY_CORPUS = FrameContract("any", ())
"""A corpus of whatever columns, with one row at least: what a step leaves that keeps its input's shape."""

SHAPES: Mapping[str, FrameContract] = {
    contract.name: contract
    for contract in (
        N_TUPLE, TRIPLET, MARGIN, NLI, SCORED_PAIR, LABELLED_PAIR, LABELLED_LIST, SCORED_LIST, DENOISING, PAIR, TEXT,
    )
}  # fmt: skip
"""Every corpus shape a trainer may be handed, the most specific first."""

TEXT_BEARING_SHAPES = tuple(RAW_NLI if shape is NLI else shape for shape in SHAPES.values())
"""The same for who looks at the texts alone: NLI labels may be words, or missing."""


def detect_shape(frame: pl.DataFrame, place: str, shapes: Sequence[FrameContract] | None = None) -> FrameContract:
    """The first of the shapes (most specific first; by default all) whose required columns the frame has.

    Raises:
        FrameError: no shape fits.
    """
    among = tuple(SHAPES.values()) if shapes is None else shapes
    for shape in among:
        if not shape.missing(frame.columns):
            return shape
    wanted = "; ".join(f"{shape.name}: {', '.join(c.shown_name for c in shape.columns)}" for shape in among)
    raise FrameError(
        f"{place}: its columns ({', '.join(frame.columns)}) fit no wanted shape ({wanted}). "
        "Rename them, or name them with the --…-column options."
    )


def training_view(frame: pl.DataFrame, shape: FrameContract) -> pl.DataFrame:
    """The columns of `shape` alone, in order: sentence-transformers trains every text column it is shown."""
    return shape.view(frame)


@dataclass(frozen=True)
class Adopted:
    """A raw frame with its columns named as a contract wants, and a line for each guess that was made."""

    frame: pl.DataFrame
    shape: FrameContract
    guesses: tuple[str, ...] = ()


def adopt(
    frame: pl.DataFrame,
    shapes: Sequence[FrameContract],
    place: str,
    *,
    columns: Mapping[str, str] | None = None,
    score_scale: float | None = None,
) -> Adopted:
    """Give a raw frame the names and the score scale of the first of the `shapes` that it can fit, and check it.

    Args:
        frame: A frame as it was read.
        shapes: The contracts allowed, the most specific first.
        place: Where the frame came from, for errors.
        columns: Contract column → the frame's own column name, where the user said so.
        score_scale: The score that means "the same"; scores are divided by it. Guessed as 5 for scores above 1
            and up to 5 (the STS scale).

    Raises:
        FrameError: a named column does not exist, a renaming would overwrite a column, or no shape fits.
    """
    frame = _rename(frame, {raw: name for name, raw in (columns or {}).items() if raw != name}, place)
    guesses: list[str] = []
    shape = next((shape for shape in shapes if not shape.missing(frame.columns)), None)
    if shape is None:
        shape, renaming = _guess(frame, shapes, place)
        frame = _rename(frame, renaming, place)
        guesses += [f"{place}: reads column '{raw}' as '{name}'" for raw, name in renaming.items()]
    frame, scale_guess = _rescale(frame, shape, place, score_scale)
    return Adopted(shape.check(frame, place), shape, (*guesses, *scale_guess))


def _rename(frame: pl.DataFrame, renaming: Mapping[str, str], place: str) -> pl.DataFrame:
    for raw, name in renaming.items():
        if raw not in frame.columns:
            raise FrameError(
                f"{place}: column '{raw}', named as '{name}', is missing (found: {', '.join(frame.columns)}). "
                "Name one of these."
            )
        if name in frame.columns and name not in renaming:
            raise FrameError(
                f"{place}: column '{raw}' cannot be read as '{name}', which exists too; remove one of them."
            )
    return frame.rename(dict(renaming))


def _guess(frame: pl.DataFrame, shapes: Sequence[FrameContract], place: str) -> tuple[FrameContract, dict[str, str]]:
    for shape in shapes:
        renaming = dict(_guessed_names(shape, frame.columns))
        if not shape.missing([renaming.get(name, name) for name in frame.columns]):
            return shape, renaming
    if len(shapes) == 1:
        shapes[0].check(frame, place)
    return detect_shape(frame, place, shapes), {}


def _guessed_names(shape: FrameContract, columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    taken = {name for column in shape.columns for name in column.names_in(columns)}
    free = {name.lower(): name for name in columns if name not in taken}
    for column in shape.columns:
        if column.names_in(columns) or column.numbered:
            continue
        raw = next((free.pop(alias) for alias in (column.name, *column.aliases) if alias in free), None)
        if raw is not None:
            yield raw, column.name


def _rescale(
    frame: pl.DataFrame, shape: FrameContract, place: str, scale: float | None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    bounded = next((c for c in shape.columns if c.kind is ColumnKind.SCORE and c.maximum == 1), None)
    if bounded is None or not frame[bounded.name].dtype.is_numeric():
        return frame, ()
    guess: tuple[str, ...] = ()
    top = frame[bounded.name].max()
    if scale is None and isinstance(top, int | float) and 1 < top <= 5:
        scale, guess = (
            5.0,
            (f"{place}: divides '{bounded.name}' by 5 (scores above 1; --score-scale says otherwise)",),
        )
    if scale is None or scale == 1:
        return frame, guess
    return frame.with_columns(pl.col(bounded.name) / scale), guess
