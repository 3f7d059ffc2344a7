"""What was published of a recipe, and which stage, model and metrics of it are to be compared with that.

[published]
stage = "scores"               # the stage that evaluates; the last one if not given
model = "stage:student"        # of its models; the last one that a stage trained if not given
start = "${start}"             # the first one that no stage trained if not given
metrics = { pearson_cosine = 0.5982, spearman_cosine = 0.6027 }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pairforge.option_faults import nearest_names
from pairforge.pipeline.faults import Faults, validated
from pairforge.pipeline.stage_table import Draft, reference_in

_EVALUATES = "evaluate"
_TRAINS = "train"


@dataclass(frozen=True)
class Target:
    """The scores by which a recipe is told from others.

    Args:
        stage: The stage that evaluates.
        model: The place of the recipe's model among those that it evaluates.
        start: The place of the untrained one; None where there is no other.
        trained: The stage that made the model; None where no stage did.
        metrics: Metric → what was published; empty where nothing was.
    """

    stage: str
    model: int
    start: int | None
    trained: str | None
    metrics: Mapping[str, float]


class _Published(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stage: str | None = None
    model: str | None = None
    start: str | None = None
    metrics: dict[str, Annotated[float, Field(ge=-1, le=1)]] = {}


def target_of(table: Mapping[str, Any] | None, drafts: Sequence[Draft], faults: Faults) -> Target | None:
    """What a recipe is judged by; None where no stage of it evaluates, or where the table is wrong.

    Args:
        table: The recipe's table `published`, settings filled in; None if it has none.
        drafts: Its stages, in the order in which they run.
        faults: Where what is wrong with the table is noted.
    """
    published = validated(_Published, table or {}, "published", faults)
    judging = {made.name: made for made in drafts if made.step.name == _EVALUATES and made.valid}
    if published is None or (table is None and not judging):
        return None
    stage = published.stage or next(reversed(judging), "")
    if stage not in judging:
        faults.add("published", f"there is no stage '{stage}' that evaluates; {nearest_names(stage, judging)}.")
        return None
    asked = [request.name for requests in judging[stage].models.values() for request in requests]
    if not asked:
        return None
    trained = _trained(asked, drafts)
    last = max((place for place, is_trained in enumerate(trained) if is_trained), default=len(asked) - 1)
    first = trained.index(False) if False in trained else 0
    model = _place(published.model, asked, stage, faults, otherwise=last)
    start = _place(published.start, asked, stage, faults, otherwise=first)
    made_by = reference_in(asked[model])
    return Target(
        stage, model, start if start != model else None, made_by.stage if made_by else None, published.metrics
    )


def _trained(asked: Sequence[str], drafts: Sequence[Draft]) -> list[bool]:
    steps = {made.name: made.step.name for made in drafts}
    references = [reference_in(name) for name in asked]
    return [reference is not None and steps.get(reference.stage) == _TRAINS for reference in references]


def _place(name: str | None, asked: Sequence[str], stage: str, faults: Faults, *, otherwise: int) -> int:
    if name is not None and name not in asked:
        faults.add("published", f"stage '{stage}' judges no model '{name}'; {nearest_names(name, asked)}.")
    return asked.index(name) if name in asked else otherwise
