"""The classes that a classifier learns to tell."""

from __future__ import annotations

from collections.abc import Sequence

from pairforge.errors import FrameError, OptionsError
from pairforge.training.dev import DevRows
from pairforge.training.lessons import Lesson


def settle_classes(lessons: Sequence[Lesson], dev: DevRows | None) -> tuple[str, ...]:
    """The names of the classes, in order.

    Raises:
        OptionsError: there are several corpora, which would have heads of their own.
        FrameError: there is one class alone, or the dev rows have one that is not trained.
    """
    if len(lessons) > 1:
        raise OptionsError(
            f"{len(lessons)} corpora are given, but a classifier has one head; put their rows in one file."
        )
    labels = lessons[0].rows["label"].unique().sort().to_list()
    if len(labels) < 2:
        raise FrameError(f"corpus: its label is {labels[0]!r} in every row; a classifier needs two classes or more.")
    unknown = [] if dev is None else sorted(set(dev.rows["label"]) - set(labels))
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise FrameError(f"dev: has the class {unknown[0]!r}{more}, which no row of the corpus has; remove those rows.")
    return tuple(labels)
