"""What a training is refused for before torch is loaded: options and models that do not go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from pairforge.errors import ModelError, OptionsError
from pairforge.frames import DENOISING
from pairforge.models import ModelSpec
from pairforge.training.bases import base_kind
from pairforge.training.companions import Companions
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.lessons import Lesson
from pairforge.training.options import TrainOptions

_WITHOUT_PROMPTS = {
    TrainedKind.CROSS_ENCODER: "a cross-encoder reads two texts at once",
    TrainedKind.IMAGE_TEXT: "an image-text model reads captions as they are",
}


def check_companions(lessons: Sequence[Lesson], companions: Companions) -> None:
    """Refuse further models that are missing, that no loss asks, or that cannot serve.

    Raises:
        OptionsError: one is missing, or nobody asks it.
        ModelError: it cannot serve.
    """
    for role in (field.name for field in fields(Companions)):
        given = getattr(companions, role) is not None
        asking = [lesson.loss.name for lesson in lessons if role in lesson.loss.models]
        usable = any(role in (*lesson.loss.models, *lesson.loss.optional_models) for lesson in lessons)
        if asking and not given:
            raise OptionsError(f"the {asking[0]} loss asks a {role}; name one with --{role}.")
        if given and not usable:
            chosen = " and ".join(dict.fromkeys(lesson.loss.name for lesson in lessons))
            raise OptionsError(f"a {role} is given, but {chosen} asks none; omit it, or name a loss that does.")
    for role in ("guide", "teacher"):
        spec = getattr(companions, role)
        kind = spec and base_kind(spec, TrainedKind.ENCODER, f"--{role}")
        if kind is BaseKind.STATIC and role == "guide":
            raise ModelError(
                f"{spec.name}: is a static model, which cannot read a student's tokens as a guide; name a transformer "
                "with --guide."
            )


def check_together(lessons: Sequence[Lesson], kind: TrainedKind) -> None:
    """Refuse corpora that one model cannot learn together.

    Raises:
        OptionsError: they want a cross-encoder of different numbers of outputs.
    """
    if kind is TrainedKind.CROSS_ENCODER and len({lesson.num_labels for lesson in lessons}) > 1:
        outputs = "; ".join(f"{lesson.name}: {lesson.num_labels or 1}" for lesson in lessons)
        raise OptionsError(
            f"the corpora want a cross-encoder of different numbers of outputs ({outputs}); train them one after the "
            "other, or convert NLI with convert-nli --to binary."
        )


def check_options(
    options: TrainOptions, base: ModelSpec, kind: BaseKind, lessons: Sequence[Lesson], *, has_dev: bool
) -> None:
    """Refuse options that are at odds with the losses, the base or each other.

    Raises:
        OptionsError: naming the option.
    """
    for option in options.without_effect([lesson.loss for lesson in lessons]):
        chosen = " and ".join(
            f"the {lesson.loss.name} loss, chosen for the shape {lesson.choice.shape.name}" for lesson in lessons
        )
        raise OptionsError(
            f"{option}={getattr(options, option)} is given, but {chosen}, has none; name a loss that has one with "
            "--loss."
        )
    drawn = [lesson for lesson in lessons if lesson.loss.has("deletion_ratio")]
    if options.deletion_ratio is not None and all(lesson.shape is DENOISING for lesson in drawn):
        raise OptionsError(
            f"deletion_ratio={options.deletion_ratio} is given, but {drawn[0].name} holds texts that are damaged "
            "already; omit it, or give plain texts."
        )
    for option, default in (("patience", None), ("restarts", 1)):
        if (given := getattr(options, option)) != default and not has_dev:
            raise OptionsError(f"{option}={given} is given, but no dev rows to choose by; give them with --dev.")
    if kind is BaseKind.STATIC and (options.max_length or base.request.max_length):
        raise OptionsError(f"max_length is given, but {base.name} is a static model, which reads texts whole; omit it.")
    if kind is BaseKind.STATIC and options.pooling:
        raise OptionsError(
            f"pooling is given, but {base.name} is a static model, whose vectors are always averaged; omit it."
        )
    prompted = base.request.query_prompt or base.request.document_prompt
    if prompted and options.trained_kind in _WITHOUT_PROMPTS:
        raise OptionsError(f"a prompt is given, but {_WITHOUT_PROMPTS[options.trained_kind]}, without any; omit it.")
    device = base.request.device or ""
    if ":" in device and device.split(":")[1] != "0":
        number = device.split(":")[1]
        raise OptionsError(
            f"the device is {device}, but training uses the first GPU it sees; "
            f"set CUDA_VISIBLE_DEVICES={number} and leave the device out."
        )
