from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from pairforge.errors import FileError
from pairforge.files import open_frames, read_frame, read_frames, source_exists, write_frame

NOBODY = 65534

MANY = b"a,b\n" + b"x,1\n" * 3000


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def parquet(tmp_path: Path) -> bytes:
    pl.DataFrame({"a": ["x"] * 100}).write_parquet(tmp_path / "whole.parquet")
    return (tmp_path / "whole.parquet").read_bytes()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may read everything, so root stops being root for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


WRONG = [
    ("empty.csv", b"", "is empty (0 bytes)"),
    ("empty.jsonl.gz", b"", "is empty (0 bytes)"),
    ("header.csv", b"a,b\n", "has a header, but no rows"),
    ("header.tsv.gz", gzip.compress(b"a\tb\n"), "has a header, but no rows"),
    ("blank.jsonl", b"\n \n", "holds nothing but blank lines"),
    ("latin.csv", "a,b\nx,1\né,2\n".encode("latin-1"), "line 3 is not UTF-8"),
    ("latin_late.csv", MANY + "é,1\n".encode("latin-1"), "line 3002 is not UTF-8"),
    ("latin.jsonl", '{"a": "x"}\n{"a": "é"}\n'.encode("latin-1"), "line 2 is not UTF-8"),
    ("utf16.csv", "a,b\nx,1\n".encode("utf-16"), "line 1 is not UTF-8"),
    ("mark.jsonl", '\ufeff{"a": 1}\n'.encode(), "line 1 begins with a byte-order mark"),
    ("long.csv", b"a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, but the header names 2"),
    ("short.csv", b"a,b\n1,2\n1\n", "line 3 has 1 field, but the header names 2"),
    ("short.tsv", b'a\tb\n"x\ny"\t1\nz\n', "line 4 has 1 field, but the header names 2"),
    ("long.tsv", b"a\tb\nx\t1\t2\n", "line 2 has 3 fields, but the header names 2"),
    ("quote.csv", b'a,b\n"x,2\n1,2\n', "a quote that is not closed"),
    ("twice.csv", b"a,b,a\n1,2,3\n", "column 'a' stands twice in its header"),
    ("half.jsonl", b'{"a": 1}\n{"a":\n{"a": 3}\n', "line 2 is not one whole JSON object"),
    ("array.jsonl", b'{"a": 1}\n[1, 2]\n', "line 2 holds no JSON object"),
    ("nan.jsonl", b'{"a": 1.0}\n{"a": NaN}\n', "line 2 is not one whole JSON object (JSON knows no NaN)"),
    ("mixed.jsonl", b'{"a": true}\n{"a": 1}\n', "cannot be read as json lines"),
    ("half.json", b'[{"a": 1},\n{"a"', "is not valid JSON at line 2"),
    ("numbers.json", b"[1, 2]", "is no list of JSON objects"),
    ("cut.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 50)[:-10], "compressed data is truncated or damaged"),
    ("cut.csv.zst", zstd(MANY)[:-10], "compressed data is truncated or damaged"),
    ("plain.jsonl.gz", b'{"a": 1}\n{"a":\n', "compressed data is truncated or damaged"),
    ("text.parquet", b"a,b\n1,2\n", "is not a whole parquet file"),
    ("notes.txt", b"hello", "its suffix (.txt) names no known format. Use .parquet, .jsonl"),
    ("notes", b"hello", "its suffix (none) names no known format"),
]


@pytest.mark.parametrize("read", [read_frame, lambda path: open_frames([str(path)])], ids=["whole", "in slices"])
@pytest.mark.parametrize(("name", "content", "fault"), WRONG, ids=[name for name, _, _ in WRONG])
def test_an_unreadable_file_gets_one_sentence(
    tmp_path: Path, name: str, content: bytes, fault: str, read: Callable[[Path], object]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read(path)
    message = str(caught.value)
    assert fault in message
    assert message.startswith(f"{path}: ")
    assert message.endswith((".", "?"))
    assert "\n" not in message


def test_a_truncated_parquet_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(parquet(tmp_path)[:-30])
    with pytest.raises(FileError, match="It is truncated or damaged; make it anew"):
        read_frame(tmp_path / "cut.parquet")


def test_parquet_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pyarrow.parquet.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(FileError, match="two columns of one name"):
        read_frame(tmp_path / "twice.parquet")


def test_a_missing_file_is_answered_with_the_nearest_names(tmp_path: Path) -> None:
    (tmp_path / "pairs.parquet").write_bytes(b"x")
    with pytest.raises(FileError, match=r"no such file \(nearest names there: pairs.parquet\)"):
        read_frame(tmp_path / "pears.parquet")
    with pytest.raises(FileError, match="does not exist either"):
        read_frame(tmp_path / "nowhere" / "pairs.parquet")


def test_a_file_closed_to_the_user_is_called_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("open")
    for parent in (folder, *folder.parents[:3]):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(0o755)
    path = folder / "pairs.csv"
    path.write_text("a,b\n1,2\n")
    path.chmod(0)
    with unprivileged():
        if os.access(path, os.R_OK, effective_ids=True):
            pytest.skip("this user may read everything")
        with pytest.raises(FileError, match="may not be read by this user"):
            read_frame(path)


@pytest.mark.parametrize(("suffix", "squeezed"), [(".gz", gzip.compress), (".zst", zstd)])
@pytest.mark.parametrize(
    ("kind", "content"), [("jsonl", b'{"a": "\xc3\xa9"}\n'), ("csv", b"a\n\xc3\xa9\n"), ("tsv", b"a\n\xc3\xa9\n")]
)
def test_compressed_text_is_read(tmp_path: Path, suffix, squeezed, kind: str, content: bytes) -> None:
    path = tmp_path / f"x.{kind}{suffix}"
    path.write_bytes(squeezed(content))
    assert read_frame(path).to_dicts() == [{"a": "é"}]


def test_keys_that_rows_lack_are_null_and_late_keys_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 2000 + b'{"b": "x", "a": 2.5}\n')
    rows = read_frame(path)
    assert rows.shape == (2001, 2)
    assert rows["b"].null_count() == 2000
    assert rows["a"][-1] == 2.5


def test_json_is_read_as_an_array_or_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"a": 1}, {"b": 2}]')
    assert read_frame(path).to_dicts() == [{"a": 1, "b": None}, {"a": None, "b": 2}]
    path.write_text('{"a": 1}\n{"b": 2}\n')
    assert read_frame(path).to_dicts() == [{"a": 1, "b": None}, {"a": None, "b": 2}]


def test_a_csv_column_is_numbers_only_if_all_its_fields_are(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = ["whole,real,name,long,flag,mixed", f"1,1.5,007,{10**19},True,1", "-2,NaN,010,1,false,x"]
    path.write_text("\n".join(rows))
    assert read_frame(path).schema == {
        "whole": pl.Int64,
        "real": pl.Float64,
        "name": pl.String,
        "long": pl.String,
        "flag": pl.Boolean,
        "mixed": pl.String,
    }


def test_blank_lines_of_a_csv_are_passed_over_and_rows_of_nulls_are_not(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\n\na,b\n1,2\n\n,\n3,4\n\n\n")
    assert read_frame(path).rows() == [(1, 2), (None, None), (3, 4)]


def test_a_field_longer_than_the_csv_module_likes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"a,b\n{'x' * 200_000},\n")
    assert read_frame(path)["a"].str.len_chars().to_list() == [200_000]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b'a\tb\n"He said\t1\nfoo\t2\nyes"\t3\n', ['"He said', "foo", 'yes"']),
        (b'a\tb\n"Hi" he\t1\nsize 3"\t2\n', ['"Hi" he', 'size 3"']),
        (b'"a"\t"b"\n"x ""y"""\t1\nz\t2\n', ['x "y"', "z"]),
        (b'a\tb\n"x\ny"\t1\n"t\tu"\t2\n', ["x\ny", "t\tu"]),
    ],
    ids=["open quotes", "quotes inside", "whole fields quoted", "line ends quoted"],
)
def test_a_tsv_keeps_quotes_that_quote_nothing(tmp_path: Path, content: bytes, texts: list[str]) -> None:
    path = tmp_path / "x.tsv"
    path.write_bytes(content)
    assert read_frame(path)["a"].to_list() == texts


def test_names_with_glob_characters_and_capital_suffixes_are_read_literally(tmp_path: Path) -> None:
    for name in ("a[1].jsonl", "a[1].csv", "a[1].parquet", "A.JSONL"):
        path = tmp_path / name
        write_frame(pl.DataFrame({"a": [1]}), path)
        assert read_frame(str(path)).rows() == [(1,)]


def shards(folder: Path) -> Path:
    folder.mkdir()
    for number in (1, 0):
        write_frame(pl.DataFrame({"a": [number], "b": ["x"]}), folder / f"part-{number}.parquet")
    return folder


def test_shards_are_read_by_name_from_a_folder_or_a_glob(tmp_path: Path) -> None:
    folder = shards(tmp_path / "shards")
    (folder / ".part-2.parquet.partial-ab").write_bytes(b"half")
    (folder / "part-0.parquet.manifest.json").write_text("{}")
    for source in (folder, f"{folder}/*.parquet", f"{tmp_path}/**/*.parquet"):
        assert read_frame(source)["a"].to_list() == [0, 1]


@pytest.mark.parametrize("read", [read_frame, lambda folder: open_frames([str(folder)])], ids=["whole", "in slices"])
def test_shards_that_disagree_name_the_odd_one(tmp_path: Path, read: Callable[[Path], object]) -> None:
    folder = shards(tmp_path / "shards")
    write_frame(pl.DataFrame({"a": [2], "c": ["x"]}), folder / "part-2.parquet")
    with pytest.raises(FileError, match=r"part-2.parquet: its columns \(a, c\) are not those of .*part-0.parquet"):
        read(folder)
    write_frame(pl.DataFrame({"a": [[2]], "b": ["x"]}), folder / "part-2.parquet")
    with pytest.raises(FileError, match=r"part-2.parquet: column 'a' is of another type than in .*part-0.parquet"):
        read(folder)


def test_several_sources_are_one_corpus_whatever_the_order_of_their_columns(tmp_path: Path) -> None:
    write_frame(pl.DataFrame({"a": [1], "b": ["x"]}), tmp_path / "one.csv")
    write_frame(pl.DataFrame({"b": ["y"], "a": [2.5]}), tmp_path / "two.jsonl")
    both = read_frames([str(tmp_path / "one.csv"), str(tmp_path / "two.jsonl")])
    assert both.to_dict(as_series=False) == {"a": [1.0, 2.5], "b": ["x", "y"]}


def test_folders_without_shards_or_with_mixed_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"without a corpus file \(found: no file at all\)"):
        read_frame(tmp_path)
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(FileError, match=r"mixes formats \(csv, json lines\). Choose with a glob"):
        read_frame(tmp_path)
    with pytest.raises(FileError, match="no file matches this pattern"):
        read_frame(f"{tmp_path}/*.parquet")


def test_a_source_is_checked_without_being_read(tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl").write_text("{")
    source_exists(str(tmp_path / "broken.jsonl"))
    (tmp_path / "empty.jsonl").write_text("")
    for name in ("missing.jsonl", "empty.jsonl"):
        with pytest.raises(FileError):
            source_exists(str(tmp_path / name))


def test_a_parquet_file_without_rows_is_a_frame_without_rows(tmp_path: Path) -> None:
    nothing = pl.DataFrame(schema={"a": pl.String})
    write_frame(nothing, tmp_path / "none.parquet")
    assert read_frame(tmp_path / "none.parquet").equals(nothing)
