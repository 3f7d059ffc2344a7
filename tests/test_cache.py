from __future__ import annotations

from pathlib import Path

import pytest

from pairforge.cache import CacheSection, cache_folder, cache_info, clear_cache
from pairforge.errors import FileError, OptionsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("vectors/model/shard.npy", "12345"), ("digests/digests.sqlite", "123"), ("letters/x", "1")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "notes").write_text("mine")
    return tmp_path


def test_the_folder_is_named_by_the_variable_else_lies_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PAIRFORGE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("PAIRFORGE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert cache_folder() == Path("/var/cache/pairforge")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/.cache/pairforge")


def test_sections_are_counted_and_strangers_are_not(folder: Path) -> None:
    assert cache_info(folder) == [CacheSection("vectors", 1, 5), CacheSection("digests", 1, 3)]


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert cache_info(tmp_path / "none") == []
    assert clear_cache(tmp_path / "none") == 0


def test_one_section_is_cleared_alone(folder: Path) -> None:
    assert clear_cache(folder, "vectors") == 5
    assert sorted(path.name for path in folder.iterdir()) == ["digests", "letters", "notes"]


def test_clearing_everything_deletes_nothing_that_is_unknown(folder: Path) -> None:
    assert clear_cache(folder) == 8
    assert sorted(path.name for path in folder.iterdir()) == ["letters", "notes"]


def test_an_unknown_section_is_refused(folder: Path) -> None:
    with pytest.raises(OptionsError, match=r"no section 'letters' \(known: vectors, scores, answers, digests"):
        clear_cache(folder, "letters")
    assert (folder / "letters" / "x").exists()


def test_a_section_that_leads_elsewhere_is_not_emptied(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "precious").write_text("x")
    clear_cache(folder, "vectors")
    (folder / "vectors").symlink_to(elsewhere)
    with pytest.raises(FileError, match="cannot be deleted"):
        clear_cache(folder, "vectors")
    assert (elsewhere / "precious").exists()
