"""The losses that train an encoder on plain texts, without labels."""

from __future__ import annotations

from pairforge.frames import DENOISING, LABELLED_PAIR, TEXT
from pairforge.training.kinds import BaseKind
from pairforge.training.losses.loss import Loss, LossParameter
from pairforge.training.redrawn import damaged_anew, distinct_texts, pairs_in_tension
from pairforge.training.text_bases import decoder_fault, dropout_fault, masking_fault

MASKING_HEAD = "mlm_head.safetensors"
_CLASSES = "pairforge.training.text_losses"
_SCALE = LossParameter("scale", "scale", 20.0)
_WHOLE_DECODER = "its decoder has all of the encoder's layers"
_OF_TWO_MODELS = {
    "matryoshka": "its second model gives vectors of one length",
    "adaptive_layers": "its second model has all layers",
}

TEXT_LOSSES = (
    Loss(
        "tsdae",
        "tsdae",
        (TEXT, DENOISING),
        f"{_CLASSES}:Denoising",
        "writes each text again from the [CLS] vector of what is left of it, other words lost in each epoch, by a "
        "decoder that shares the encoder's weights",
        default_for=(DENOISING,),
        parameters=(LossParameter("deletion_ratio", None, 0.6),),
        refuses={BaseKind.STATIC: "it has no layers that a decoder could share; choose --loss contrastive-tension"},
        row_by_row=True,
        draws=damaged_anew,
        encodes=("damaged",),
        optional_models=("decoder",),
        pooling="cls",
        unwrapped={"matryoshka": "its decoder reads vectors of one length", "adaptive_layers": _WHOLE_DECODER},
        base_fault=decoder_fault,
    ),
    Loss(
        "simcse",
        "simcse",
        (TEXT,),
        f"{_CLASSES}:Twins",
        "ranks each text, read twice with other units dropped out, above the other texts of the batch",
        default_for=(TEXT,),
        parameters=(_SCALE,),
        refuses={
            BaseKind.STATIC: "it has no dropout, so that a text read twice is the same; "
            "choose --loss contrastive-tension"
        },
        in_batch=True,
        unwrapped={"adaptive_layers": "it reads each text twice, and the wrapper keeps the layers of one reading"},
        base_fault=dropout_fault,
    ),
    Loss(
        "contrastive-tension",
        "ct",
        (TEXT, LABELLED_PAIR),
        f"{_CLASSES}:Tension",
        "pulls a text and itself together and random texts apart by their dot product, each side read by a copy of the "
        "model, one pair in eight of a text and itself, drawn anew in each epoch",
        row_by_row=True,
        reads=distinct_texts,
        draws=pairs_in_tension,
        unwrapped=_OF_TWO_MODELS,
        encodes=("sentence1", "sentence2"),
    ),
    Loss(
        "contrastive-tension-in-batch-negatives",
        "ct-in-batch",
        (TEXT,),
        f"{_CLASSES}:TensionInBatch",
        "ranks each text, read by two copies of the model, above the other texts of the batch",
        parameters=(_SCALE,),
        unwrapped=_OF_TWO_MODELS,
        in_batch=True,
    ),
    Loss(
        "masked-language-modelling",
        "mlm",
        (TEXT,),
        f"{_CLASSES}:Masking",
        "names the tokens of each text that were masked, others in each epoch, through a head that is saved beside the "
        "model",
        parameters=(LossParameter("mask_ratio", "mask_ratio", 0.15),),
        refuses={BaseKind.STATIC: "it reads each token by itself; choose --loss contrastive-tension"},
        row_by_row=True,
        unwrapped=dict.fromkeys(
            ("matryoshka", "adaptive_layers"), "it learns from the vectors of tokens, not of texts"
        ),
        base_fault=masking_fault,
        head=MASKING_HEAD,
    ),
)
