from __future__ import annotations

from pathlib import Path

import pytest

from pairforge.errors import FileError
from pairforge.execution.workspace import Workspace

FINGERPRINT = "0123456789abcdef" * 4


def test_workspace_that_kept_nothing_leaves_no_trace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new" / "out.parquet", FINGERPRINT)
    with workspace.held():
        assert workspace.for_step.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_workspace_keeps_what_was_written_until_it_is_discarded(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "out.parquet", FINGERPRINT)
    with workspace.held():
        (workspace.for_step / "checkpoint").touch()
    with workspace.held():
        assert (workspace.for_step / "checkpoint").exists()
        workspace.discard()
    assert list(tmp_path.iterdir()) == []


def test_discarding_removes_other_fingerprints_and_nothing_that_is_the_user_s(tmp_path: Path) -> None:
    other = Workspace(tmp_path / "out.parquet", "f" * 64)
    with other.held():
        (other.for_step / "checkpoint").touch()
    mine = tmp_path / "out.parquet.parts" / "notes"
    mine.mkdir()
    workspace = Workspace(tmp_path / "out.parquet", FINGERPRINT)
    with workspace.held():
        workspace.discard()
    assert not other.folder.exists()
    assert mine.exists()


def test_lock_of_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    root = tmp_path / "out.parquet.parts"
    root.mkdir()
    (root / "lock").write_text("1")
    with Workspace(tmp_path / "out.parquet", FINGERPRINT).held():
        assert (root / "lock").read_text() != "1"


def test_workspace_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "out.parquet.parts").touch()
    with (
        pytest.raises(FileError, match=r"out\.parquet\.parts: cannot be made"),
        Workspace(tmp_path / "out.parquet", FINGERPRINT).held(),
    ):
        pass
