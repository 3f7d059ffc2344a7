"""Average the weights of models that were trained from the same start (model soups)."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder, quiet
from pairforge.errors import MissingExtraError, ModelError, OptionsError
from pairforge.execution.step import Artifact, ModelRole, Step, StepContext, StepOptions
from pairforge.models import ModelKind, ModelSpec

_WEIGHTS = "model"
"""How the names of files with a model's own weights begin."""


class MergeOptions(StepOptions):
    """How models are averaged."""

    weight: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(description="Weight of each model in the average; all alike if not given."),
    ] = ()


def merge(
    models: Sequence[ModelSpec],
    *,
    options: MergeOptions | None = None,
    context: StepContext | None = None,
    output: Path | None = None,
) -> Path:
    """Average the weights of two or more models of the same make and give the folder of the result.

    Worth it for models that were trained from the same start, with other seeds, rates or corpora. Source: Wortsman et
    al. 2022 (model soups). The work is done by mergekit, through sentence-transformers.

    Args:
        models: sentence-transformers models of one kind: encoders, cross-encoders, sparse or multi-vector encoders.
        options: The weights.
        context: What a stage lends.
        output: Where the model shall lie; without it in the stage's workspace or a new temporary folder.

    Raises:
        OptionsError: there are fewer than two models, or not as many weights as models.
        ModelError: they are not of the same make.
        MissingExtraError: mergekit is not installed.
    """
    options, context = options or MergeOptions(), context or StepContext()
    _check(models, options)
    if output is not None and output.exists():
        raise OptionsError(f"{output} exists; name another output or remove it.")
    weights = options.weight or (1.0,) * len(models)
    folder = output or (context.workspace or Path(tempfile.mkdtemp(prefix="pairforge-merge-"))) / "model"
    with quiet():
        _merged(models, weights).save_pretrained(str(folder), create_model_card=False)
    total = sum(weights)
    shares = ", ".join(f"{spec.name} {weight / total:.1%}" for spec, weight in zip(models, weights, strict=True))
    context.ledger.note(f"averaged {len(models)} models: {shares}")
    for note in _left_behind(models):
        context.ledger.note(note)
    return folder


def _check(models: Sequence[ModelSpec], options: MergeOptions) -> None:
    if len(models) < 2:
        raise OptionsError(f"two models at least are wanted to be averaged, but {len(models)} is given; name more.")
    if options.weight and len(options.weight) != len(models):
        raise OptionsError(
            f"{len(options.weight)} weights are given for {len(models)} models; give one for each, or none."
        )
    if importlib.util.find_spec("mergekit") is None:
        raise MissingExtraError("merging models", "merge")
    classes = {spec.name: _class_name(spec) for spec in models}
    if len(set(classes.values())) > 1:
        found = ", ".join(f"{name}: {kind}" for name, kind in classes.items())
        raise ModelError(f"models of one kind were wanted to be averaged, but these are of several ({found}).")


def _left_behind(models: Sequence[ModelSpec]) -> Iterator[str]:
    """A sentence on the heads beside models, which are none of their own weights."""
    files = {file.name for spec in models for file in model_folder(spec).glob("*.safetensors")}
    if names := {name for name in files if not name.startswith(_WEIGHTS)}:
        yield f"what lies beside the models is not averaged and left out: {', '.join(sorted(names))}"


def _class_name(spec: ModelSpec) -> str:
    configuration = ModelConfiguration(model_folder(spec))
    return "CrossEncoder" if configuration.is_cross_encoder else configuration.model_type or "SentenceTransformer"


def _merged(models: Sequence[ModelSpec], weights: Sequence[float]) -> Any:
    import sentence_transformers  # noqa: PLC0415 - seconds

    library_class = getattr(sentence_transformers, _class_name(models[0]))
    try:
        return library_class.merge(
            [str(model_folder(spec)) for spec in models],
            parameters={"weight": list(weights)},
            local_files_only=True,
            trust_remote_code=any(spec.request.trust_remote_code for spec in models),
        )
    except ValueError as fault:
        names = ", ".join(spec.name for spec in models)
        raise ModelError(
            f"{names}: cannot be averaged ({str(fault).rstrip('.')}); "
            "name models that were trained from the same start."
        ) from fault


STEP = Step(
    name="merge",
    run=merge,
    options=MergeOptions,
    inputs={},
    outputs=lambda options: {"model": Artifact(suffix=".model", folder=True, model=True)},
    models={
        "models": ModelRole(
            "Models of the same make, trained from the same start.",
            ModelKind.WEIGHTS,
            flag="models",
            default=None,
            many=True,
        )
    },
    suffix="merged",
)
