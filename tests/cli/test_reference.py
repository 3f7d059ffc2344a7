from __future__ import annotations

from pathlib import Path

import pytest

from pairforge.cli.reference import commands_reference, main
from pairforge.pipeline.registry import STEPS, load_step


def test_the_page_has_every_step_and_every_option() -> None:
    page = commands_reference()
    for name in STEPS:
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for option, field in load_step(name).options.model_fields.items():
            assert f"`--{option.replace('_', '-')}`" in section or f"| {option.upper()} |" in section
            assert (field.description or "no description").split("|")[0][:40] in section


def test_check_fails_on_a_stale_page_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "commands.md"
    assert main([str(page), "--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert main([str(page), "--check"]) == 1
