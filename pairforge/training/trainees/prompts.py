"""What goes before the texts of a corpus, and on which side of a search they stand."""

from __future__ import annotations

from typing import Any

from pairforge.models import Side
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan


def prompts_of(plan: TrainingPlan, lesson: Lesson) -> dict[str, str]:
    """The query prompt goes before the first text of a row, the document prompt before the others.

    Before texts of equal standing, which are drawn from one, goes the query prompt.
    """
    if lesson.loss.encodes:
        prompt = plan.base.request.query_prompt
        return dict.fromkeys(lesson.loss.encodes, prompt) if prompt else {}
    asked = {Side.QUERY: plan.base.request.query_prompt, Side.DOCUMENT: plan.base.request.document_prompt}
    by_column = {name: asked[side] for name, side in sides_of(lesson).items()}
    return {name: prompt for name, prompt in by_column.items() if prompt}


def sides_of(lesson: Lesson) -> dict[str, Side]:
    """Text column of a corpus → the side it stands on: the first is the query, the others are documents."""
    first, *others = lesson.text_columns
    return {first: Side.QUERY, **dict.fromkeys(others, Side.DOCUMENT)}


def set_prompts(model: Any, plan: TrainingPlan) -> None:
    """Let a model keep the prompts that it is trained with."""
    request = plan.base.request
    for name, prompt in (("query", request.query_prompt), ("document", request.document_prompt)):
        if prompt is not None:
            model.prompts[name] = prompt
