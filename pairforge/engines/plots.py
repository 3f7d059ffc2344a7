"""Plots as SVG files, the same bytes for the same numbers; the one home of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pairforge.errors import MissingExtraError, OptionsError
from pairforge.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _ASIDE = 7.0, 0.012
_INK, _PALE = "#1f4e79", "#9a9a9a"
_COLOURS = (_INK, "#c55a11", "#548235", "#7030a0", "#bf9000", "#c00000", "#2e75b6", "#7f6000")
_SETTINGS = {
    # Without a salt of its own each file gets random names for its parts.
    "svg.hashsalt": "pairforge",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titleweight": "bold",
    "axes.titlesize": 9,
}


@dataclass(frozen=True)
class Mark:
    """One value with its interval.

    Args:
        label: What stands beside it; of a line's mark nothing.
        value: The value.
        low: Lower end of the interval; the value itself where there is none.
        high: Upper end of the interval.
        at: Where it lies along a line.
    """

    label: str
    value: float
    low: float
    high: float
    at: float = 0.0


@dataclass(frozen=True)
class Rows:
    """A panel of marks below each other, each with its interval.

    Args:
        title: What is shown.
        measure: What the axis shows.
        marks: From top to bottom.
        reference: Where a vertical line stands.
    """

    title: str
    measure: str
    marks: Sequence[Mark]
    reference: float | None = None

    @property
    def height(self) -> float:
        """In inches."""
        return 0.9 + 0.28 * len(self.marks)

    def draw(self, axes: Axes) -> None:
        """Draw it."""
        for place, mark in enumerate(self.marks):
            axes.plot([mark.low, mark.high], [place, place], color=_INK, linewidth=1.6, solid_capstyle="butt")
            axes.plot([mark.value], [place], marker="o", markersize=5, color=_INK)
        if self.reference is not None:
            axes.axvline(self.reference, color=_PALE, linewidth=1, linestyle="--", zorder=0)
        axes.set_yticks(range(len(self.marks)), [_plain(mark.label) for mark in self.marks])
        axes.set_ylim(len(self.marks) - 0.5, -0.5)
        axes.set_xlabel(_plain(self.measure))
        axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
        axes.set_axisbelow(True)


@dataclass(frozen=True)
class Lines:
    """A panel of lines, a mark with its interval at each point.

    Args:
        title: What is shown.
        along: What the horizontal axis shows, on a scale of ratios.
        measure: What the vertical axis shows.
        lines: Name and marks.
        reference: Where a horizontal line stands, and what it is called.
    """

    title: str
    along: str
    measure: str
    lines: Sequence[tuple[str, Sequence[Mark]]]
    reference: tuple[float, str] | None = None

    @property
    def height(self) -> float:
        """In inches."""
        return 3.4

    def draw(self, axes: Axes) -> None:
        """Draw it."""
        ticks = sorted({mark.at for _, marks in self.lines for mark in marks})
        for place, (name, marks) in enumerate(self.lines):
            # Side by side, for intervals at one place would hide each other.
            aside = (ticks[-1] / ticks[0]) ** (_ASIDE * (place - (len(self.lines) - 1) / 2))
            colour, xs = _COLOURS[place % len(_COLOURS)], [mark.at * aside for mark in marks]
            axes.plot(xs, [mark.value for mark in marks], marker="o", markersize=4, color=colour, label=_plain(name))
            axes.vlines(xs, [mark.low for mark in marks], [mark.high for mark in marks], color=colour, linewidth=1.4)
        if self.reference is not None:
            value, name = self.reference
            axes.axhline(value, color=_PALE, linewidth=1, linestyle="--", label=_plain(name), zorder=0)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel(_plain(self.along))
        axes.set_ylabel(_plain(self.measure))
        axes.grid(color="#e5e5e5", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False)


def check_plots(path: Path) -> None:
    """See that a plot can be drawn there, without loading what draws it.

    Raises:
        OptionsError: the file would be no SVG.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() != ".svg":
        raise OptionsError(f"{path}: plots are drawn as SVG. Give it the ending .svg.")
    if find_spec("matplotlib") is None:
        raise MissingExtraError("a plot", "plot")


def write_svg(panels: Sequence[Rows | Lines], path: Path) -> None:
    """Draw panels below each other.

    Args:
        panels: What is drawn, from top to bottom.
        path: The file, replaced at once when it is whole.

    Raises:
        MissingExtraError: matplotlib is not installed.
        FileError: the file cannot be written.
    """
    check_plots(path)
    from matplotlib import rc_context  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    heights = [panel.height for panel in panels]
    with rc_context(_SETTINGS), atomic_path(path) as temporary:
        figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
        grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for axes, panel in zip(grid[:, 0], panels, strict=True):
            axes.set_title(_plain(panel.title), loc="left")
            panel.draw(axes)
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def _plain(text: str) -> str:
    """Text as it is: between dollar signs matplotlib would read a formula."""
    return text.replace("$", r"\$")
