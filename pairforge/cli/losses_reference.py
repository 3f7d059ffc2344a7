"""The tables of docs/losses.md, from the losses themselves."""

from __future__ import annotations

from pairforge.training.kinds import TrainedKind
from pairforge.training.losses import Loss, losses_of

_INTRODUCTION = """# Losses

<!-- Made by `make docs` from the table of losses; change it there. -->

What `pairforge train --loss NAME` learns, by the kind of model that `--kind` names. Short names are good everywhere.
Without `--loss` the one is taken that is the default for the corpus' shape, and the run says which and why.
"""

_OF_KIND = {
    TrainedKind.SPARSE_ENCODER: "Beside each loss stand regularisers of queries and documents, `--query-regularizer` "
    "and `--document-regularizer`, which grow from 0 over a third of the run.\n",
}


def losses_reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(kind) for kind in TrainedKind)])


def _section(kind: TrainedKind) -> str:
    head = ["| loss | short | learns from | it … | may be set |", "| --- | --- | --- | --- | --- |"]
    wrapped = [_wrappers(), ""] if kind is TrainedKind.ENCODER else []
    told = [_OF_KIND[kind]] if kind in _OF_KIND else []
    return "\n".join([f"## {kind}", "", *told, *head, *map(_row, losses_of(kind)), "", *wrapped])


def _wrappers() -> str:
    """Around which losses the wrappers cannot stand."""
    sentences = [
        f"`{flag}` cannot stand around "
        + ", ".join(loss.short for loss in losses_of(TrainedKind.ENCODER) if option in (loss.unwrapped or {}))
        for option, flag in (("matryoshka", "--matryoshka"), ("adaptive_layers", "--adaptive-layers"))
    ]
    return f"{'; '.join(sentences)}. Around all others both can, together as 2-D Matryoshka."


def _row(loss: Loss) -> str:
    shapes = ", ".join(f"{shape.name}{' (default)' if shape in loss.default_for else ''}" for shape in loss.shapes)
    settable = ", ".join(f"`--{option.replace('_', '-')}`" for option in _settable(loss))
    refused = "; not for " + " or ".join(f"{kind} models" for kind in loss.refuses) if loss.refuses else ""
    return f"| {loss.name} | {loss.short} | {shapes} | {loss.learns}{refused} | {settable} |"


def _settable(loss: Loss) -> list[str]:
    return [*dict.fromkeys(parameter.option for parameter in loss.parameters), *loss.models]
