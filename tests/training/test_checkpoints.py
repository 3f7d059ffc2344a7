from pathlib import Path

from pairforge.training.checkpoints import mark_complete, newest_complete, notes_of


def test_newest_complete_checkpoint_counts_and_half_written_ones_go(tmp_path: Path):
    for step in (5, 10, 20):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-20" / "model.safetensors").write_bytes(b"half")
    mark_complete(tmp_path / "checkpoint-10", {"seen": 3})
    (tmp_path / "checkpoint-30").mkdir()
    found = newest_complete(tmp_path)
    assert found == tmp_path / "checkpoint-10"
    assert notes_of(found) == {"seen": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-10"]


def test_there_is_none_in_a_new_workspace(tmp_path: Path):
    assert newest_complete(tmp_path / "absent") is None
