from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pairforge.engines.plots import Lines, Mark, Rows, check_plots, write_svg
from pairforge.errors import MissingExtraError, OptionsError

_ROWS = Rows("sts: $a$", "less that of b", [Mark("a & b  .61", 0.1, 0.05, 0.2), Mark("c  .51", 0, 0, 0)], 0.0)
_LINES = Lines(
    "sts", "rows", "spearman", [("a", [Mark("", 0.5, 0.4, 0.6, 10), Mark("", 0.6, 0.5, 0.7, 100)])], (0.4, "untrained")
)


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        write_svg([_ROWS, _LINES], tmp_path / name)
    one, two = ((tmp_path / name).read_bytes() for name in ("one.svg", "two.svg"))
    assert one == two
    assert b"<dc:date>" not in one


def test_a_plot_holds_every_label_as_it_is(tmp_path: Path) -> None:
    write_svg([_ROWS, _LINES], tmp_path / "plot.svg")
    texts = {"".join(found.itertext()).strip() for found in ElementTree.parse(tmp_path / "plot.svg").iter()}
    assert {"sts: $a$", "a & b  .61", "c  .51", "less that of b", "10", "100", "untrained", "spearman"} <= texts


def test_what_is_no_svg_is_refused() -> None:
    with pytest.raises(OptionsError, match=r"plot\.png: plots are drawn as SVG"):
        check_plots(Path("plot.png"))


def test_a_missing_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str, *also: Any) -> Any:
        return None

    monkeypatch.setattr("pairforge.engines.plots.find_spec", absent)
    assert importlib.util.find_spec("matplotlib") is not None
    with pytest.raises(MissingExtraError, match=r"a plot needs: pip install 'pairforge\[plot\]'"):
        check_plots(Path("plot.svg"))
