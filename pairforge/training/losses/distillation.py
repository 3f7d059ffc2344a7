"""The losses by which an encoder learns what a teacher holds: its margins, its scores or its vectors."""

from __future__ import annotations

from pairforge.frames import MARGIN, N_TUPLE, PAIR, SCORED_N_TUPLE, TEXT, TRIPLET
from pairforge.training.losses.loss import Loss, LossParameter
from pairforge.training.unrolling import scored_tuples

_SIMILARITY = LossParameter("similarity", "similarity", "dot")
_ONE_LENGTH = {"matryoshka": "the teacher's vectors have one length"}

DISTILLATION_LOSSES = (
    Loss(
        "margin-mse",
        "margin-mse",
        (MARGIN, SCORED_N_TUPLE),
        "pairforge.training.objectives:margin_mse",
        "fits how much more similar the positive is than each negative to the teacher's margin",
        default_for=(MARGIN,),
        parameters=(_SIMILARITY,),
        row_by_row=True,
        reads=scored_tuples,
    ),
    Loss(
        "distill-kl-div",
        "distil-kl",
        (SCORED_N_TUPLE,),
        "pairforge.training.objectives:distill_kl_div",
        "fits the softmax of the similarities to a positive and its negatives to that of the teacher's scores",
        default_for=(SCORED_N_TUPLE,),
        parameters=(_SIMILARITY, LossParameter("temperature", "temperature", 1.0)),
        row_by_row=True,
        reads=scored_tuples,
    ),
    Loss(
        "embed-distill",
        "embed-distil",
        (N_TUPLE, TRIPLET, PAIR, TEXT),
        "EmbedDistillLoss",
        "turns each text's vector to the teacher's vector of it; through a learnt projection, saved beside the model, "
        "where the teacher's are of another length",
        row_by_row=True,
        models=("teacher",),
        unwrapped=_ONE_LENGTH,
        head="projection.safetensors",
    ),
    Loss(
        "mse",
        "mse",
        (PAIR, TEXT),
        "MSELoss",
        "gives each text of a row the teacher's vector of the first one: a text and its translation for a student of "
        "many languages; projected as by embed-distill",
        row_by_row=True,
        models=("teacher",),
        taught_by_first=True,
        unwrapped=_ONE_LENGTH,
        head="projection.safetensors",
    ),
)
