"""Tabulate how small an encoder's vectors can be and what it costs, and write the smaller model that is wanted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from pairforge.errors import ModelError, OptionsError
from pairforge.evaluation.cost import weights_bytes
from pairforge.evaluation.shrinking.forms import AS_IT_IS, Form, forms_of
from pairforge.evaluation.shrinking.quality import Judge, Retrieval, ScoredPairs, Sides
from pairforge.evaluation.shrinking.quantised import PRECISIONS, Precision
from pairforge.evaluation.statistics import interval
from pairforge.execution.step import Artifact, Input, ModelRole, Outputs, SeededOptions, Step, StepContext
from pairforge.frames import PAIR, SCORED_PAIR, TEXT, Column, ColumnKind, FrameContract, detect_shape
from pairforge.model_files import resolve
from pairforge.models import Encoder, Floats, ModelKind, ModelRequest, Side

STATIC = "static"
SIZES = FrameContract(
    "sizes",
    (
        Column("model", ColumnKind.IDENTIFIER),
        Column("dimension", ColumnKind.LABEL, 1),
        Column("precision", ColumnKind.IDENTIFIER),
        Column("rescored", ColumnKind.ANY),
        Column("bytes", ColumnKind.LABEL, 1),
        Column("weights_bytes", ColumnKind.LABEL, 0),
        Column("quality", ColumnKind.SCORE),
        Column("share", ColumnKind.SCORE),
        Column("difference", ColumnKind.SCORE),
        Column("difference_low", ColumnKind.SCORE),
        Column("difference_high", ColumnKind.SCORE),
    ),
)
"""One row a form of the vectors, the model as it is first: bytes of a text's vector and of the model's weights, the
quality, its share of the first row's, and the difference to that with its interval."""

_SMALLEST_HALF = 32


class ShrinkOptions(SeededOptions):
    """Which sizes are tried, and which is written."""

    dimension: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(description="First numbers of a vector to keep; the model's own and its halves down to 32 if not given."),
    ] = ()
    precision: Annotated[tuple[Precision, ...], Field(min_length=1, description="How each number is kept.")] = (
        PRECISIONS
    )
    oversampling: Annotated[
        int,
        Field(ge=1, description="Times ten that a search by int8 or binary vectors finds first, to be rescored by the "
                                "query's own numbers."),
    ] = 4  # fmt: skip
    static_dimension: Annotated[
        int | None,
        Field(ge=1, description="Also distil a transformer into a static model of so many dimensions."),
    ] = None
    keep: Annotated[
        int | None,
        Field(
            ge=1, description="Write a model that gives the first so many numbers; the static one if it is distilled."
        ),
    ] = None
    bootstrap_samples: Annotated[
        int, Field(ge=100, le=1_000_000, description="Resamples of the rows behind each interval.")
    ] = 1000
    confidence: Annotated[float, Field(gt=0, lt=1, description="Share of the resamples an interval holds.")] = 0.95

    @model_validator(mode="after")
    def _static_holds_what_is_kept(self) -> ShrinkOptions:
        if self.keep and self.static_dimension and self.keep > self.static_dimension:
            raise ValueError(
                f"keep={self.keep} is more than static_dimension={self.static_dimension}, the static model's; lower it"
            )
        return self

    @property
    def writes(self) -> bool:
        """Whether a model is written."""
        return self.keep is not None or self.static_dimension is not None


def shrink(
    judge: pl.DataFrame,
    texts: pl.DataFrame | None = None,
    *,
    encoder: Encoder,
    options: ShrinkOptions | None = None,
    context: StepContext | None = None,
) -> dict[str, pl.DataFrame | Path]:
    """Measure the encoder's vectors cut to fewer numbers and kept in fewer bits, beside the bytes of each.

    Vectors are cut to their first numbers (Matryoshka, Kusupati et al. 2022) and brought to length 1. int8 takes one
    affine scale a dimension from the documents, binary the signs. A rescored form is searched by the small codes; what
    is found first is compared again: the query's own numbers with what is kept of the texts (for binary, either the
    signs or int8 beside them). A static model is what the encoder makes of single word pieces.

    Args:
        judge: Pairs (an anchor has to find its positive among all positives: MRR@10), or scored pairs (Spearman).
        texts: In which a static model's word pieces are counted; without them the vocabulary's order stands for it.
        encoder: The model.
        options: The sizes.
        context: Caches, ledger, progress; its workspace holds the model that is written.

    Returns:
        sizes (see `SIZES`), and with `keep` or `static_dimension` smaller, the folder of the smaller one.

    Raises:
        OptionsError: a dimension is larger than the model's.
        ModelError: a transformer was wanted for a static model.
    """
    options, context = options or ShrinkOptions(), context or StepContext()
    _check(encoder, options)
    judged = _judge(judge, options)
    folder = context.workspace or Path(tempfile.mkdtemp(prefix="pairforge-shrink-"))
    compared = [_of_model(AS_IT_IS, encoder, judged, options, context)]
    if options.static_dimension is not None:
        static = _static(encoder, texts, options, folder, context)
        compared.append(_of_model(STATIC, static, judged, options, context))
    sizes = _sizes(compared, judged, options)
    _tell(sizes, judged, context)
    results: dict[str, pl.DataFrame | Path] = {"sizes": sizes}
    if options.writes:
        results["smaller"] = _written(encoder, options, folder)
    return results


def _check(encoder: Encoder, options: ShrinkOptions) -> None:
    for name, asked in (
        *(("dimension", dimension) for dimension in options.dimension),
        ("static_dimension", options.static_dimension),
        ("keep", options.keep),
    ):
        if asked is not None and asked > encoder.dimension:
            raise OptionsError(
                f"{name}={asked} is given, but the vectors of {encoder.spec.name} have {encoder.dimension} numbers; "
                "lower it."
            )


def _judge(rows: pl.DataFrame, options: ShrinkOptions) -> Judge:
    shape = detect_shape(rows, "judge", (SCORED_PAIR, PAIR))
    return ScoredPairs(rows) if shape is SCORED_PAIR else Retrieval(rows, options.oversampling)


@dataclass(frozen=True)
class _Compared:
    """The forms of one model, what each gives the judged rows, and the bytes of the weights."""

    forms: Sequence[Form]
    predictions: Floats
    weights_bytes: int


def _of_model(name: str, encoder: Encoder, judge: Judge, options: ShrinkOptions, context: StepContext) -> _Compared:
    from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - the record needs no engine

    queries, documents = judge.texts
    store = VectorStore(context.cache / "vectors")
    tables = store.tables(encoder, {Side.QUERY: queries, Side.DOCUMENT: documents}, context.progress)
    vectors = [tables[side].take(range(len(tables[side]))) for side in (Side.QUERY, Side.DOCUMENT)]
    full = vectors[0].shape[1]
    dimensions = sorted({min(d, full) for d in options.dimension or _halves(full)}, reverse=True)
    forms = list(forms_of(name, full, dimensions, options.precision, rescoring=judge.searches))
    with context.progress(f"comparing {name}", len(forms), "forms") as advance:
        predictions = []
        for form in forms:
            predictions.append(judge.predictions(Sides.of(vectors[0], vectors[1], form)))
            advance(1)
    return _Compared(forms, np.stack(predictions), weights_bytes(encoder.spec.path) or 0)


def _halves(full: int) -> list[int]:
    sizes = [full]
    while sizes[-1] // 2 >= _SMALLEST_HALF:
        sizes.append(sizes[-1] // 2)
    return sizes


def _static(
    encoder: Encoder, texts: pl.DataFrame | None, options: ShrinkOptions, folder: Path, context: StepContext
) -> Encoder:
    if not (folder / STATIC / "modules.json").exists():
        from pairforge.evaluation.shrinking.smaller import save_distilled  # noqa: PLC0415 - loads torch

        counted = None if texts is None else texts["text"].to_list()
        save_distilled(encoder.spec, options.static_dimension or 0, counted, folder / STATIC, context.progress)
    from pairforge.engines.encoders import load_encoder  # noqa: PLC0415 - loads torch

    return load_encoder(resolve(ModelRequest(name=str(folder / STATIC)), ModelKind.ENCODER))


def _written(encoder: Encoder, options: ShrinkOptions, folder: Path) -> Path:
    if options.keep is None:
        return folder / STATIC
    from pairforge.evaluation.shrinking.smaller import save_cut  # noqa: PLC0415 - loads torch

    distilled = options.static_dimension is not None
    whole = resolve(ModelRequest(name=str(folder / STATIC)), ModelKind.ENCODER) if distilled else encoder.spec
    save_cut(whole, options.keep, folder / "cut")
    return folder / "cut"


def _sizes(compared: Sequence[_Compared], judge: Judge, options: ShrinkOptions) -> pl.DataFrame:
    predictions = np.concatenate([one.predictions for one in compared])
    if not np.isfinite(predictions).all():
        raise ModelError("a form of the vectors gives no numbers; the model's vectors hold NaN or an infinity.")
    values = [judge.value(row) for row in predictions]
    draws = judge.draws(predictions, options.bootstrap_samples, options.seed)
    rows = []
    forms = [(form, one.weights_bytes) for one in compared for form in one.forms]
    for (form, weights), value, drawn in zip(forms, values, draws, strict=True):
        difference = interval(value - values[0], drawn - draws[0], options.confidence)
        rows.append(
            {
                "model": form.model,
                "dimension": form.dimension,
                "precision": form.precision,
                "rescored": form.rescored,
                "bytes": form.bytes,
                "weights_bytes": weights,
                "quality": value,
                "share": value / values[0] if values[0] else float("nan"),
                "difference": difference.value,
                "difference_low": difference.low,
                "difference_high": difference.high,
            }
        )
    return pl.DataFrame(rows, schema_overrides={"rescored": pl.String})


def _tell(sizes: pl.DataFrame, judge: Judge, context: StepContext) -> None:
    for row in sizes.iter_rows(named=True):
        form = Form(row["model"], row["dimension"], row["precision"], row["rescored"])
        between = f", {row['difference_low']:+.4f} to {row['difference_high']:+.4f}" if row["difference"] else ""
        context.ledger.note(
            f"{form.shown}: {row['bytes']:,} bytes, {judge.measure} {row['quality']:.4f} ({row['share']:.1%}{between})"
        )


def _outputs(options: ShrinkOptions) -> Outputs:
    model = {"smaller": Artifact(suffix=".model", folder=True, model=True)} if options.writes else {}
    return {"sizes": SIZES, **model}


STEP = Step(
    name="shrink",
    run=shrink,
    options=ShrinkOptions,
    inputs={
        "judge": Input("Pairs whose positives have to be found again, or scored pairs.", (SCORED_PAIR, PAIR)),
        "texts": Input("Texts in which a static model's word pieces are counted.", (TEXT,), required=False),
    },
    outputs=_outputs,
    models={"encoder": ModelRole("The model to shrink.", ModelKind.ENCODER)},
    suffix="sizes",
)
