"""From a cross-encoder's outputs to one number a pair: a score in [0, 1], or log-odds without bounds.

Heads differ: one output that is a score already, one that a sigmoid turns into a probability, or an output for each of
several classes, one of which says that the two texts mean the same (in NLI, entailment). Which class that is, its name
decides: its place differs from model to model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pairforge.engines.search import Doubles
from pairforge.errors import ModelError, OptionsError
from pairforge.execution.step import StepOptions
from pairforge.models import Floats, PairScorer

HeadName = Literal["sigmoid", "identity", "softmax", "nli"]

_ENTAILMENT = ("entailment", "entails", "entailed")
_NO_ENTAILMENT = ("neutral", "contradiction", "contradicts", "contradicted")
_ALIKE = ("duplicate", "paraphrase", "equivalent", "similar", "relevant", "match", "same", "true", "yes")
_UNNAMED = ("label_0", "label_1")

_STRAY = 0.5
"""How far outputs that were trained to be scores in [0, 1] may stray from it; logits of a ranker stray farther."""


class OutputOptions(StepOptions):
    """Options of a step that reads one of a cross-encoder's outputs."""

    positive_label: Annotated[
        str | None,
        Field(
            description="Of a head with several classes, the one that means the same or relevant, by its name or its "
            "number from 0; found by its name if not given."
        ),
    ] = None


class HeadOptions(OutputOptions):
    """Options of a step that reads a cross-encoder's outputs as scores."""

    head: Annotated[
        Literal["auto", "sigmoid", "identity", "softmax", "nli"],
        Field(
            description="How outputs become a score in [0, 1]: one output by its sigmoid or as it is; of several the "
            "probability of the positive class, of nli that of entailment; auto goes by the model's files."
        ),
    ] = "auto"


class ScoreBoundOptions(HeadOptions):
    """Options of a step whose negatives a cross-encoder may refuse."""

    max_score: Annotated[
        float | None,
        Field(ge=0, le=1, description="Greatest score in [0, 1] that the cross-encoder of --scorer gives a negative."),
    ] = None
    score_margin: Annotated[
        float | None,
        Field(ge=0, le=1, description="Score by which a negative must lie below the positive, by that cross-encoder."),
    ] = None

    @property
    def needs_scorer(self) -> bool:
        """Whether a cross-encoder reads negatives."""
        return self.max_score is not None or self.score_margin is not None


@dataclass(frozen=True)
class Head:
    """How a model's outputs are read.

    Args:
        name: sigmoid, identity, softmax or nli.
        output: The output that grows with the score, from 0.
        sentence: What was chosen and why, for the user.
        model: The model's name, for errors.
    """

    name: HeadName
    output: int
    sentence: str
    model: str


def choose_head(scorer: PairScorer, options: HeadOptions) -> Head:
    """The head that was asked for, or the one that the model's files speak for.

    Raises:
        ModelError: the model has no such head, or its files do not say which output means the same.
        OptionsError: a positive label is named for a model of one output, is none of its labels, or is not entailment
            where that is read.
    """
    if options.head != "auto":
        _check_outputs(scorer, options.head)
    output = positive_output(scorer, options, nli=options.head == "nli")
    if options.head == "nli" and _plain(scorer.labels[output]) in _NO_ENTAILMENT:
        raise OptionsError(
            f"the head nli reads entailment, but --positive-label is {scorer.labels[output]}. Leave it out, or choose "
            "--head softmax."
        )
    name = _own_head(scorer, output) if options.head == "auto" else options.head
    how = {
        "sigmoid": "the sigmoid of its one output",
        "identity": "its one output as it is",
    }.get(name, f"the probability of '{scorer.labels[output]}' among {', '.join(scorer.labels)}")
    chosen = ", chosen by its files; --head names another" if options.head == "auto" else ""
    return Head(name, output, f"the score is {how} (head {name}{chosen})", scorer.spec.name)


def _check_outputs(scorer: PairScorer, head: HeadName) -> None:
    single = len(scorer.labels) == 1
    if single == (head in ("sigmoid", "identity")):
        return
    has = "one output" if single else f"{len(scorer.labels)} outputs"
    raise ModelError(
        f"{scorer.spec.name}: has {has}, which the head '{head}' cannot read. "
        f"Choose --head {'sigmoid or identity' if single else 'softmax or nli'}."
    )


def positive_output(scorer: PairScorer, options: OutputOptions, *, nli: bool = False) -> int:
    """The output that says how much two texts mean the same, from 0.

    Args:
        scorer: The model.
        options: Which label was named, if one was.
        nli: Whether only entailment will do.

    Raises:
        ModelError: no label is known to say that.
        OptionsError: a positive label is named for a model of one output, or is none of its labels.
    """
    labels = [_plain(label) for label in scorer.labels]
    if options.positive_label is not None:
        return _named_output(scorer, options.positive_label)
    if len(labels) == 1:
        return 0
    known = _ENTAILMENT if nli else (*_ENTAILMENT, *_ALIKE)
    found = [output for output, label in enumerate(labels) if label in known]
    if not found and not nli and tuple(labels) == _UNNAMED:
        return 1
    if len(found) != 1:
        raise ModelError(
            f"{scorer.spec.name}: of its outputs ({', '.join(scorer.labels)}), it is not known which one says that two "
            f"texts {'entail each other' if nli else 'mean the same'}. Name it with --positive-label."
        )
    return found[0]


def _named_output(scorer: PairScorer, name: str) -> int:
    labels = [_plain(label) for label in scorer.labels]
    if len(labels) == 1:
        raise OptionsError(
            f"--positive-label is '{name}', but {scorer.spec.name} has one output and no classes. Leave it out."
        )
    if _plain(name) in labels:
        return labels.index(_plain(name))
    if name.isdecimal() and int(name) < len(labels):
        return int(name)
    raise OptionsError(
        f"--positive-label is '{name}', but the outputs of {scorer.spec.name} are {', '.join(scorer.labels)}. "
        f"Name one of them, or its number from 0 to {len(labels) - 1}."
    )


def _own_head(scorer: PairScorer, output: int) -> HeadName:
    if len(scorer.labels) > 1:
        return "nli" if _plain(scorer.labels[output]) in _ENTAILMENT else "softmax"
    if scorer.activation not in ("Sigmoid", "Identity"):
        raise ModelError(
            f"{scorer.spec.name}: its output goes through {scorer.activation}, of which it is not known how it gives "
            "scores in [0, 1]. Choose --head sigmoid or identity."
        )
    return "sigmoid" if scorer.activation == "Sigmoid" else "identity"


def _plain(label: str) -> str:
    return label.strip().lower().replace("-", "_").replace(" ", "_")


def pair_scores(logits: Floats, head: Head) -> Doubles:
    """One score in [0, 1] a pair, float64 (pairs,).

    Args:
        logits: A model's outputs before any activation, (pairs, outputs).
        head: How they are read.

    Raises:
        ModelError: outputs that are to be scores as they are lie far outside [0, 1].
    """
    if head.name != "identity":
        return sigmoid(log_odds(logits, head.output))
    scores = logits[:, head.output].astype(np.float64)
    if len(scores) and (scores.min() < -_STRAY or scores.max() > 1 + _STRAY):
        raise ModelError(
            f"{head.model}: its outputs run from {scores.min():.3g} to {scores.max():.3g}, so they are no scores in "
            "[0, 1] as they are. If they are logits, as those of a ranker, choose --head sigmoid."
        )
    clipped: Doubles = np.clip(scores, 0, 1)
    return clipped


def log_odds(logits: Floats, output: int) -> Doubles:
    """One unbounded number a pair, float64 (pairs,): the logit itself of a model of one output.

    Of several classes, the logit of the one less the log of the others' summed exponentials, so that its sigmoid is the
    class's softmax.
    """
    own = logits[:, output].astype(np.float64)
    others = np.delete(logits.astype(np.float64), output, axis=1)
    return own - np.logaddexp.reduce(others, axis=1) if others.shape[1] else own


def sigmoid(values: npt.ArrayLike) -> Doubles:
    """1 / (1 + e^-x), in [0, 1] for any finite x."""
    probabilities: Doubles = np.exp(-np.logaddexp(0, -np.asarray(values, dtype=np.float64)))
    return probabilities
