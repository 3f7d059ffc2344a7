"""The settings of a command's models, and the parameters that set them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pairforge.execution.step import ModelRole, Step
from pairforge.generator_engines import uses
from pairforge.generators import AnyRequest, GeneratorRequest, request_type
from pairforge.models import ModelKind, ModelRequest

_OF_ENCODERS = (
    "query_prompt", "document_prompt", "max_length", "dtype", "device", "batch_size", "revision", "trust_remote_code",
)  # fmt: skip
_SETTINGS: Mapping[ModelKind, tuple[str, ...]] = {
    ModelKind.ENCODER: _OF_ENCODERS,
    ModelKind.SCORER: ("max_length", "dtype", "device", "batch_size", "revision", "trust_remote_code"),
    ModelKind.JUDGED: _OF_ENCODERS,
    ModelKind.WEIGHTS: ("device", "revision", "trust_remote_code"),
}
"""Which settings of a model request say something to each kind; a language model's engine decides that of one."""


def _settings(role: ModelRole) -> Sequence[str]:
    """The settings that say something to a model of a step."""
    if role.kind is not ModelKind.GENERATOR:
        return _SETTINGS[role.kind]
    return [
        name for name in GeneratorRequest.model_fields if name != "name" and any(uses(e, name) for e in role.engines)
    ]


@dataclass(frozen=True)
class ModelSetting:
    """A setting of the models of one or more kinds, and the parameter that sets it.

    Args:
        name: The request's field.
        request: The request that has it.
        parameter: The parameter of the command.
    """

    name: str
    request: type[AnyRequest]
    parameter: str


def model_settings(step: Step, role: ModelRole | None = None) -> list[ModelSetting]:
    """The settings of a step's models, or of one of them, in the order of help.

    One that the step's options also have gets `encode_` before it, and one that language models share with other models
    of the step gets `generator_`.
    """
    taken = {*step.options.model_fields, *step.inputs, *(model.flag for model in step.models.values())}
    of_others = {
        name for model in step.models.values() if model.kind is not ModelKind.GENERATOR for name in _settings(model)
    }
    roles = [role] if role else list(step.models.values())
    found = []
    for request, prefix, clashing in (
        (ModelRequest, "encode", taken),
        (GeneratorRequest, "generator", taken | of_others),
    ):
        used = {name for model in roles if request_type(model.kind) is request for name in _settings(model)}
        found += [
            ModelSetting(name, request, f"{prefix}_{name}" if name in clashing else name)
            for name in request.model_fields
            if name in used
        ]
    return found


def own_settings(step: Step, role: ModelRole) -> list[ModelSetting]:
    """The settings that a model may have to itself: those it shares with a model before it, behind its flag's name."""
    roles = list(step.models.values())
    shared = {setting.parameter for other in roles[: roles.index(role)] for setting in model_settings(step, other)}
    return [
        replace(setting, parameter=f"{identifier(role)}_{setting.name}")
        for setting in model_settings(step, role)
        if setting.parameter in shared
    ]


def identifier(role: ModelRole) -> str:
    """The parameter that holds a model's name."""
    return role.flag.replace("-", "_")
