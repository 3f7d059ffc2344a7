"""What a comparison of corpora means: ranks, and sentences that say what is beyond noise and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from pairforge.evaluation.statistics import Estimate
from pairforge.pipeline.comparison import Tried
from pairforge.pipeline.standings import shown_difference

Ahead = Callable[[Tried, Tried], Estimate]
"""How far one is ahead of another by the first measure of a task."""


def ranks(ordered: Sequence[Tried], ahead: Ahead) -> list[str]:
    """The places of corpora; each that cannot be told from the next shares one with it, as "2–4".

    Args:
        ordered: The corpora, the best first.
        ahead: How far one is ahead of another.
    """
    groups: list[list[Tried]] = []
    for place, one in enumerate(ordered):
        if place and not ahead(ordered[place - 1], one).excludes_zero:
            groups[-1].append(one)
        else:
            groups.append([one])
    places: list[str] = []
    for group in groups:
        first, last = len(places) + 1, len(places) + len(group)
        places += [f"{first}–{last}" if last > first else str(first)] * len(group)
    return places


def of_corpora(
    ordered: Sequence[Tried], untrained: Tried, baseline: Tried, ahead: Ahead, scored: Callable[[Tried], str]
) -> Iterator[str]:
    """What came of whole corpora, the best first, in sentences.

    Args:
        ordered: The corpora, the best first.
        untrained: The student as it starts.
        baseline: The corpus that the others are compared with.
        ahead: How far one is ahead of another.
        scored: A corpus' score, for the reader.
    """
    best, others = ordered[0], ordered[1:]
    start = f"{shown_difference(ahead(best, untrained))} against the untrained student"
    if best is baseline:
        yield f"{_name(best)}, the baseline, is best with {scored(best)}, {start}."
    else:
        yield f"{_name(best)} is best with {scored(best)}, {_against(best, baseline, ahead)}, {start}."
    alike = [_name(one) for one in others if not ahead(best, one).excludes_zero]
    if alike:
        behind = "; all others are behind it beyond noise" if len(alike) < len(others) else ""
        yield f"It cannot be told from {_listed(alike)}{behind}."
    else:
        yield "It is ahead of every other corpus beyond noise."
    yield from _by_direction([one for one in ordered if one is not baseline], baseline, ahead)
    lost = [_name(one) for one in ordered if not ahead(one, untrained).low > 0]
    if lost:
        yield f"Not beyond noise above the untrained student: {_listed(lost)}."


def _by_direction(corpora: Sequence[Tried], baseline: Tried, ahead: Ahead) -> Iterator[str]:
    found = [(_name(one), ahead(one, baseline)) for one in corpora]
    told = {
        f"Better than {_name(baseline)} beyond noise": [name for name, by in found if by.low > 0],
        "worse": [name for name, by in found if by.high < 0],
        "unclear": [name for name, by in found if not by.excludes_zero],
    }
    sentence = "; ".join(f"{what}: {_listed(names) if names else 'none'}" for what, names in told.items())
    yield f"{sentence}."


def of_curve(points: Sequence[Tried], ahead: Ahead) -> Iterator[str]:
    """What more rows of one corpus bring, in one sentence.

    Args:
        points: Its samples by rising size.
        ahead: How far one is ahead of another.
    """
    gains = [ahead(later, earlier) for earlier, later in pairwise(points)]
    steps = [
        f"from {earlier.contestant.rows:,} to {later.contestant.rows:,} rows {shown_difference(gain)}"
        for (earlier, later), gain in zip(pairwise(points), gains, strict=True)
    ]
    if gains[-1].low > 0:
        verdict = "the curve still rises at its end"
    elif gains[-1].high < 0:
        verdict = "the last rows do harm at this number of steps"
    else:
        verdict = "what the last rows bring is not beyond noise"
    yield f"{_name(points[-1])}: {', '.join(steps)}; {verdict}."


def of_mix(whole: Tried, parts: Sequence[tuple[str, Tried]], ahead: Ahead) -> Iterator[str]:
    """What each source of a mix does, in sentences.

    Args:
        whole: The whole mix.
        parts: Source → the mix without it.
        ahead: How far one is ahead of another.
    """
    for source, part in parts:
        by = ahead(part, whole)
        verdict = "is unclear" if not by.excludes_zero else "hurts" if by.value > 0 else "helps"
        yield f"{source} {verdict}: without it {shown_difference(by)}."


def _against(one: Tried, baseline: Tried, ahead: Ahead) -> str:
    return f"{shown_difference(ahead(one, baseline))} against {_name(baseline)}"


def _name(one: Tried) -> str:
    return one.contestant.name


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
