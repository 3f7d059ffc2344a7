from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pairforge.engines.loading import load
from pairforge.engines.vectors import VectorStore
from pairforge.engines.word_files import read_words
from pairforge.errors import FileError, ModelError
from pairforge.model_files import resolve
from pairforge.models import Encoder, ModelKind, ModelRequest, Side

GLOVE = "the 1 0 0\n, 9 9 9\ncat 0 2 0\ndog 0 0 4\n猫 1 1 1\n"
BY_HAND = {
    "the cat": (0.5, 1, 0),
    "The cat, the CAT!": (0.5, 1, 0),
    "cat cat dog": (0, 4 / 3, 4 / 3),
    "a cat of unknown words": (0, 2, 0),
    "猫猫 dog": (2 / 3, 2 / 3, 2),
    "xyzzy ,": (0, 0, 0),
    "": (0, 0, 0),
}


def _file(folder: Path, content: str, name: str = "vectors.txt") -> Path:
    (folder / name).write_text(content, "utf-8")
    return folder / name


def _encoder(file: Path) -> Encoder:
    encoder = load(resolve(ModelRequest(name=f"words:{file}"), ModelKind.JUDGED))
    assert isinstance(encoder, Encoder)
    return encoder


def _compressed(folder: Path, content: str) -> Path:
    file = folder / "vectors.gz"
    file.write_bytes(gzip.compress(content.encode()))
    return file


@pytest.mark.parametrize("content", [GLOVE, f"5 3\n{GLOVE}", GLOVE.replace("\n", " \r\n"), GLOVE.rstrip()])
@pytest.mark.parametrize("write", [_file, _compressed])
def test_a_text_is_the_mean_of_its_words(write: object, content: str, tmp_path: Path) -> None:
    encoder = _encoder(write(tmp_path, content))  # type: ignore[operator]
    assert encoder.dimension == 3
    for side in Side:
        vectors = encoder.encode(list(BY_HAND), side)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, np.array(list(BY_HAND.values())), rtol=1e-6)
    assert encoder.side_key(Side.QUERY) == encoder.side_key(Side.DOCUMENT)
    assert encoder.encode([], Side.QUERY).shape == (0, 3)


def test_a_word_in_capitals_stands_in_where_there_is_no_other(tmp_path: Path) -> None:
    table = read_words(_file(tmp_path, "Paris 1 0\nPARIS 2 0\nCAT 3 0\ncat 4 0\ncat 5 0\nCat 6 0\ndon't 7 0\nx 8 0\n"))
    assert {word: table.vectors[row].tolist() for word, row in table.row_of.items()} == {"paris": [1, 0], "cat": [4, 0]}
    assert len(table.vectors) == 2


def test_words_may_have_blanks(tmp_path: Path) -> None:
    table = read_words(_file(tmp_path, "cat 1 0\n. . . 2 0\nat name@domain.com 3 0\ndog 4 0\n"))
    assert list(table.row_of) == ["cat", "dog"]


def test_many_words_are_read_in_order(tmp_path: Path) -> None:
    lines = [f"word{number} {number} {-number}\n" for number in range(10_000)]
    table = read_words(_file(tmp_path, "".join(lines)))
    rows = [table.row_of[f"word{number}"] for number in range(10_000)]
    assert table.vectors[rows, 0].tolist() == list(range(10_000))
    assert table.vectors.dtype == np.float32


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("the 1 0 0\ncat 0 2\n", "line 2: a word and 3 finite numbers were wanted.* 'cat 0 2' \\(3 fields\\)"),
        ("the 1 0 0\ncat 0 2 0 7\n", "line 2: .* \\(5 fields\\)"),
        ("the 1 0 0\ncat 0 two 0\n", "line 2: .*'cat 0 two 0'"),
        ("the 1 0 0\n\ncat 0 nan 0\n", "line 3: .*'cat 0 nan 0'"),
        ("the 1 0 0\ncat 0 1e99 0\n", "line 2: .*'cat 0 1e99 0'"),
        ("2 3\nthe 1 0 0\ncat 0 2\n", "line 3: a word and 3"),
        ("3 3\nthe 1 0 0\ncat 0 2 0\n", "3 words were wanted, as its first line says, but it has 2"),
        ("word\n", "line 1: a word and its numbers were wanted.* 'word'"),
        ("", "line 1: .*an empty line"),
        (", 1 0\n. 2 0\n", "has no word that a text could have \\(2 lines\\)"),
    ],
)  # fmt: skip
def test_malformed_files_are_named_with_the_line(content: str, fault: str, tmp_path: Path) -> None:
    file = _file(tmp_path, content)
    with pytest.raises(ModelError, match=f"vectors.txt.*{fault}"):
        _encoder(file).encode(["the cat"], Side.QUERY)


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    file = tmp_path / "vectors.gz"
    file.write_bytes(gzip.compress("".join(f"w{n} {n}\n" for n in range(9_000)).encode())[:-900])
    with pytest.raises(FileError, match=r"vectors\.gz: cannot be read to its end"):
        _encoder(file).encode(["the cat"], Side.QUERY)


def test_what_is_no_compressed_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"vectors\.gz: cannot be read to its end"):
        _ = _encoder(_file(tmp_path, GLOVE, "vectors.gz")).dimension


def test_vectors_are_stored_by_the_files_content(tmp_path: Path) -> None:
    first, same = _encoder(_file(tmp_path, GLOVE)), _encoder(_file(tmp_path, GLOVE, "same.txt"))
    other = _encoder(_file(tmp_path, GLOVE.replace("2", "3"), "other.txt"))
    assert first.spec.vector_identity == same.spec.vector_identity != other.spec.vector_identity
    store = VectorStore(tmp_path / "store")
    for encoder, number in ((first, 2), (same, 2), (other, 3)):
        table = store.tables(encoder, {Side.QUERY: ["cat", "xyzzy"]})[Side.QUERY]
        assert table.take([0, 1]).tolist() == [[0, number, 0], [0, 0, 0]]
    assert len(list((tmp_path / "store").iterdir())) == 2
