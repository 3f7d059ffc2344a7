from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.engines import stored_rows
from pairforge.engines.shards import Shards, text_keys
from pairforge.engines.vectors import VectorStore
from pairforge.errors import FileError, ModelError
from pairforge.models import Floats, Side
from tests.fakes import LetterEncoder, TableEncoder

QUERY, DOCUMENT = Side.QUERY, Side.DOCUMENT


def test_rows_are_the_vectors_of_the_texts_in_their_order(tmp_path: Path) -> None:
    encoder = TableEncoder({"a": (1, 0), "bb": (0, 1), "ccc": (1, 1)}, raw=True)
    table = VectorStore(tmp_path).tables(encoder, {DOCUMENT: ["ccc", "a", "bb", "a"]})[DOCUMENT]
    assert len(table) == 4
    assert table.dimension == 2
    assert table.take(range(4)).tolist() == [[1, 1], [1, 0], [0, 1], [1, 0]]
    assert table.take([2, 0]).tolist() == [[0, 1], [1, 1]]
    assert table.take([]).shape == (0, 2)


def test_a_row_or_a_vector_that_is_not_there_is_never_read_as_another(tmp_path: Path) -> None:
    encoder = TableEncoder({"a": (1, 0), "bb": (0, 1)})
    table = VectorStore(tmp_path).tables(encoder, {DOCUMENT: ["a", "bb"]})[DOCUMENT]
    with pytest.raises(IndexError, match="none of a table's"):
        table.take([0, -1])
    shards = Shards(tmp_path / encoder.spec.vector_identity[:32], "vectors")
    locations = shards.locate(np.sort(text_keys(encoder.side_key(DOCUMENT), ["a", "new"])))
    assert sorted(locations < 0) == [False, True]
    with pytest.raises(IndexError, match="no vectors stored"):
        shards.read(locations)


def test_a_text_on_both_sides_is_encoded_once(tmp_path: Path) -> None:
    encoder = LetterEncoder()
    tables = VectorStore(tmp_path).tables(encoder, {QUERY: ["cat", "dog", "cat"], DOCUMENT: ["dog", "emu"]})
    assert sorted(encoder.encoded) == ["cat", "dog", "emu"]
    assert (tables[QUERY].take([1]) == tables[DOCUMENT].take([0])).all()


def test_sides_with_prompts_of_their_own_are_encoded_apart(tmp_path: Path) -> None:
    encoder = TableEncoder({"cat": (1, 0)}, prompts={QUERY: "query: "})
    VectorStore(tmp_path).tables(encoder, {QUERY: ["cat"], DOCUMENT: ["cat"]})
    assert encoder.encoded == ["cat", "cat"]
    assert [len(batch) for batch in encoder.batches] == [1, 1]


def test_a_side_may_add_any_character_to_a_text(tmp_path: Path) -> None:
    encoder = TableEncoder({"a": (1, 0), "b": (0, 1)}, prompts={Side.QUERY: "\0", Side.DOCUMENT: "q\0"})
    tables = VectorStore(tmp_path).tables(encoder, {Side.QUERY: ["a"], Side.DOCUMENT: ["b"]})
    assert tables[Side.QUERY].take([0]).tolist() == [[1, 0]]
    assert tables[Side.DOCUMENT].take([0]).tolist() == [[0, 1]]


def test_what_is_stored_is_not_encoded_again(tmp_path: Path) -> None:
    VectorStore(tmp_path).tables(LetterEncoder(), {DOCUMENT: ["cat", "dog"]})
    encoder = LetterEncoder()
    table = VectorStore(tmp_path).tables(encoder, {QUERY: ["dog"], DOCUMENT: ["cat", "emu"]})[DOCUMENT]
    assert encoder.encoded == ["emu"]
    assert table.take([0, 1]).sum(axis=1).tolist() == [3, 3]


def test_models_do_not_share_vectors(tmp_path: Path) -> None:
    VectorStore(tmp_path).tables(TableEncoder({"cat": (1, 0)}), {DOCUMENT: ["cat"]})
    other = TableEncoder({"cat": (0, 1)})
    table = VectorStore(tmp_path).tables(other, {DOCUMENT: ["cat"]})[DOCUMENT]
    assert table.take([0]).tolist() == [[0, 1]]


def test_unit_divides_by_the_length_and_leaves_zero_vectors_zero(tmp_path: Path) -> None:
    encoder = TableEncoder({"a": (3, 4), "b": (0, 0)}, raw=True)
    table = VectorStore(tmp_path).tables(encoder, {DOCUMENT: ["a", "b"]})[DOCUMENT]
    assert np.allclose(table.unit().take([0, 1]), [[0.6, 0.8], [0, 0]])
    assert table.take([0]).tolist() == [[3, 4]]


def test_no_texts_give_an_empty_table(tmp_path: Path) -> None:
    tables = VectorStore(tmp_path).tables(LetterEncoder(8), {QUERY: [], DOCUMENT: ["cat"]})
    assert len(tables[QUERY]) == 0
    assert tables[QUERY].unit().take([]).shape == (0, 8)
    assert len(VectorStore(tmp_path).tables(LetterEncoder(8), {QUERY: []})[QUERY]) == 0


@given(st.lists(st.text(), max_size=30), st.lists(st.text(), max_size=30), st.integers(1, 5))
def test_every_text_gets_its_own_vector(queries: list[str], documents: list[str], batch_size: int) -> None:
    encoder = LetterEncoder(16, batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder:
        tables = VectorStore(Path(folder)).tables(encoder, {QUERY: queries, DOCUMENT: documents})
        for side, texts in ((QUERY, queries), (DOCUMENT, documents)):
            got = tables[side].take(range(len(texts)))
            assert (got == LetterEncoder(16).encode(texts, side)).all()
    assert len(encoder.encoded) == len({*queries, *documents})


def test_batches_hold_texts_of_like_length(tmp_path: Path) -> None:
    encoder = LetterEncoder(batch_size=2)
    VectorStore(tmp_path).tables(encoder, {DOCUMENT: ["a", "bbbb", "cc", "ddddd"]})
    assert encoder.batches == [["ddddd", "bbbb"], ["cc", "a"]]


class Killed(BaseException):
    pass


class BatchSensitiveEncoder(LetterEncoder):
    """Its vectors tell the batch they were encoded in, and it dies at a given batch."""

    def __init__(self, dies_at: int | None = None) -> None:
        super().__init__(8, batch_size=3)
        self.dies_at = dies_at

    def encode(self, texts: list[str], side: Side) -> Floats:  # type: ignore[override]
        if len(self.batches) == self.dies_at:
            raise Killed
        letters = super().encode(texts, side)
        return letters + np.float32(0.001) * len("".join(texts))


@pytest.mark.parametrize("killed_at", [[1], [4], [2, 3, 1], [0, 0]])
def test_a_resumed_run_meets_the_same_batches(
    killed_at: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "_SHARD_ROWS", 4)
    texts = [f"{'x' * (7 * number % 11)} {number}" for number in range(25)]
    undisturbed = VectorStore(tmp_path / "a").tables(BatchSensitiveEncoder(), {DOCUMENT: texts})[DOCUMENT]
    for batch in killed_at:
        with pytest.raises(Killed):
            VectorStore(tmp_path / "b").tables(BatchSensitiveEncoder(batch), {DOCUMENT: texts})
    resumed = BatchSensitiveEncoder()
    table = VectorStore(tmp_path / "b").tables(resumed, {DOCUMENT: texts})[DOCUMENT]
    assert (table.take(range(25)) == undisturbed.take(range(25))).all()
    assert len(resumed.encoded) < 25 or sum(killed_at) == 0
    assert not list(tmp_path.rglob("*.plan.npy"))


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.rglob(f"*.{kind}.npy"))


@pytest.mark.parametrize("kind", ["vectors", "keys"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "absent", "foreign", "text"])
def test_a_broken_shard_is_encoded_again(kind: str, damage: str, tmp_path: Path) -> None:
    texts = ["cat", "dog", "emu"]
    sound = VectorStore(tmp_path).tables(LetterEncoder(), {DOCUMENT: texts})[DOCUMENT].take(range(3))
    [file] = _files(tmp_path, kind)
    content = file.read_bytes()
    if damage == "absent":
        file.unlink()
    elif damage == "foreign":
        with file.open("wb") as written:
            np.save(written, np.zeros((2, 5), dtype=np.float64))
    else:
        file.write_bytes({"truncated": content[:-7], "empty": b"", "text": b"not a shard"}[damage])
    encoder = LetterEncoder()
    table = VectorStore(tmp_path).tables(encoder, {DOCUMENT: texts})[DOCUMENT]
    assert (table.take(range(3)) == sound).all()
    assert len(encoder.encoded) == 3


def test_a_broken_plan_is_planned_anew(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(20)]
    with pytest.raises(Killed):
        VectorStore(tmp_path).tables(BatchSensitiveEncoder(2), {DOCUMENT: texts})
    [plan] = _files(tmp_path, "plan")
    plan.write_bytes(plan.read_bytes()[:-5])
    assert len(VectorStore(tmp_path).tables(BatchSensitiveEncoder(), {DOCUMENT: texts})[DOCUMENT]) == 20


def test_nan_is_refused_at_once(tmp_path: Path) -> None:
    encoder = TableEncoder({"good": (1, 0), "bad": (float("nan"), 0)}, raw=True, batch_size=1)
    with pytest.raises(ModelError, match="NaN or an infinity for the text 'bad'"):
        VectorStore(tmp_path).tables(encoder, {DOCUMENT: ["bad", "good"]})


def test_many_shards_are_read_through_few_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "_SHARD_ROWS", 1)
    monkeypatch.setattr("pairforge.engines.shards._OPEN_SHARDS", 3)
    texts = ["".join(letters) for letters in itertools.product("abc", repeat=3)]
    encoder = LetterEncoder(batch_size=1)
    table = VectorStore(tmp_path).tables(encoder, {DOCUMENT: texts})[DOCUMENT]
    assert len(_files(tmp_path, "vectors")) == 27
    assert (table.take(range(27)) == LetterEncoder().encode(texts, DOCUMENT)).all()


def test_the_order_of_the_texts_decides_no_batch(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(20)]
    there, back = LetterEncoder(batch_size=3), LetterEncoder(batch_size=3)
    VectorStore(tmp_path / "a").tables(there, {DOCUMENT: texts})
    VectorStore(tmp_path / "b").tables(back, {DOCUMENT: texts[::-1]})
    assert there.batches == back.batches


def test_a_cache_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"vectors cannot be stored there \(.*\).* --cache-dir"):
        VectorStore(tmp_path / "file").tables(LetterEncoder(), {DOCUMENT: ["cat"]})


def test_a_store_deleted_while_in_use_is_one_clear_error(tmp_path: Path) -> None:
    table = VectorStore(tmp_path).tables(LetterEncoder(), {DOCUMENT: ["cat"]})[DOCUMENT]
    for file in _files(tmp_path, "vectors"):
        file.unlink()
    with pytest.raises(FileError, match="deleted while they were in use"):
        table.take([0])


def test_progress_counts_the_texts_that_are_left(tmp_path: Path) -> None:
    from contextlib import contextmanager

    seen = []

    @contextmanager
    def counted(label: str, total: int, unit: str):  # type: ignore[no-untyped-def]
        seen.append((label, total, unit))
        yield seen.append

    store = VectorStore(tmp_path)
    store.tables(LetterEncoder(batch_size=2), {DOCUMENT: ["a", "b", "c"]}, counted)
    store.tables(LetterEncoder(batch_size=2), {DOCUMENT: ["a", "b", "c"]}, counted)
    assert seen == [("encoding", 3, "texts"), 2, 1]
