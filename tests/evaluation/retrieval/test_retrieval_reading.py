from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FileError, FrameError, OptionsError, PairforgeError
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.retrieval.reading import RetrievalSet, read_retrieval_set

DOCUMENTS = [
    {"_id": "10", "title": "Cats", "text": "They purr. "},
    {"_id": "9", "title": "", "text": " They bark."},
    {"_id": "é", "title": None, "text": "They sing."},
]
QUERIES = [{"_id": "q2", "text": "who barks"}, {"_id": "q1", "text": "who purrs"}, {"_id": "q3", "text": "unjudged"}]
JUDGED = [("q1", "10", 2), ("q2", "9", 1), ("q2", "10", 0)]
PLAIN = RetrievalOptions()


def _lines(path: Path, rows: list[dict[str, object]]) -> None:
    written = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(written) if path.suffix == ".gz" else written)


def _judged(path: Path, rows: list[tuple[str, str, int]] = JUDGED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in [("query-id", "corpus-id", "score"), *rows]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small task as BEIR publishes its own."""
    task = tmp_path / "task"
    _lines(task / "corpus.jsonl", [{**row, "metadata": {}} for row in DOCUMENTS])
    _lines(task / "queries.jsonl", [{**row, "metadata": {row["_id"]: [1]}} for row in QUERIES])
    _judged(task / "qrels" / "test.tsv")
    return task


def _read(folder: Path, options: RetrievalOptions = PLAIN) -> RetrievalSet:
    return read_retrieval_set(str(folder), options)


def test_beirs_layout_is_read_without_a_guess(folder: Path) -> None:
    found = _read(folder)
    assert found.documents.rows() == [("é", "They sing."), ("9", "They bark."), ("10", "Cats They purr.")]
    assert found.queries.rows() == [("q1", "who purrs"), ("q2", "who barks")]
    assert found.judgements.rows() == [("q1", "10", 2), ("q2", "10", 0), ("q2", "9", 1)]
    assert found.guesses == ()


def test_other_formats_and_names_hold_the_same(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _lines(other / "corpus" / "shard-1.jsonl.gz", DOCUMENTS[:1])
    _lines(other / "corpus" / "shard-2.jsonl.gz", DOCUMENTS[1:])
    pl.DataFrame(QUERIES).rename({"_id": "query_id"}).write_parquet(other / "queries.parquet")
    names = ["query_id", "doc_id", "relevance"]
    _lines(other / "qrels.jsonl", [dict(zip(names, row, strict=True)) for row in JUDGED])
    ours, theirs = _read(folder), _read(other)
    assert theirs.documents.equals(ours.documents)
    assert theirs.queries.equals(ours.queries)
    assert theirs.judgements.equals(ours.judgements)
    assert theirs.guesses == ()


def test_the_order_of_rows_changes_nothing(folder: Path) -> None:
    before = _read(folder)
    _lines(folder / "corpus.jsonl", DOCUMENTS[::-1])
    _lines(folder / "queries.jsonl", QUERIES[::-1])
    _judged(folder / "qrels" / "test.tsv", JUDGED[::-1])
    after = _read(folder)
    for part in ("documents", "queries", "judgements"):
        assert getattr(before, part).equals(getattr(after, part))


def test_names_that_are_neither_ours_nor_beirs_are_guessed_and_told(folder: Path) -> None:
    _lines(folder / "queries.jsonl", [{"qid": row["_id"], "question": row["text"]} for row in QUERIES])
    found = _read(folder)
    assert found.queries["text"].to_list() == ["who purrs", "who barks"]
    assert any("'qid' as 'query_id'" in guess for guess in found.guesses)


def test_ids_that_are_numbers_in_one_file_meet_those_that_are_texts_in_another(folder: Path) -> None:
    pl.DataFrame({"_id": [9, 10], "text": ["a", "b"]}).write_parquet(folder / "corpus.parquet")
    (folder / "corpus.jsonl").unlink()
    assert _read(folder).documents["doc_id"].to_list() == ["9", "10"]


# splits


def test_test_is_the_split_unless_another_is_named(folder: Path) -> None:
    _judged(folder / "qrels" / "dev.tsv", [("q3", "9", 1), ("q1", "10", 1)])
    assert _read(folder).queries["query_id"].to_list() == ["q1", "q2"]
    assert _read(folder, RetrievalOptions(split="dev")).queries["query_id"].to_list() == ["q1", "q3"]


def test_a_split_that_is_the_only_one_is_read_and_told(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "train.tsv")
    assert any("reads split 'train'" in guess for guess in _read(folder).guesses)


def _with_split(part: str, folder: Path, splits: list[str]) -> None:
    (folder / "qrels" / "test.tsv").unlink()
    (folder / "qrels").rmdir()
    judged = pl.DataFrame(JUDGED, schema=["query-id", "corpus-id", "score"], orient="row")
    if part == "qrels":
        judged = judged.with_columns(split=pl.Series(splits))
    else:
        _lines(folder / "queries.jsonl", [row | {"split": at} for row, at in zip(QUERIES, splits, strict=True)])
    judged.write_csv(folder / "qrels.csv")


def test_a_column_of_judgements_may_name_the_split(folder: Path) -> None:
    _with_split("qrels", folder, ["test", "test", "train"])
    assert _read(folder).judgements.rows() == [("q1", "10", 2), ("q2", "9", 1)]
    with pytest.raises(FileError, match=r"qrels.csv: there is no split 'dev' \(found: test, train\)"):
        _read(folder, RetrievalOptions(split="dev"))


def test_a_column_of_queries_may_name_the_split(folder: Path) -> None:
    _with_split("queries", folder, ["test", "test", "train"])
    assert _read(folder).queries["query_id"].to_list() == ["q1", "q2"]
    assert _read(folder).guesses == ()


def test_a_split_of_what_has_none_is_refused(folder: Path) -> None:
    _judged(folder / "qrels.tsv")
    (folder / "qrels" / "test.tsv").unlink()
    (folder / "qrels").rmdir()
    assert _read(folder).queries.height == 2
    with pytest.raises(FrameError, match="split 'dev' was wanted"):
        _read(folder, RetrievalOptions(split="dev"))


# documents that bear a query's id


def _with_identical_ids(folder: Path, texts: tuple[str, str]) -> None:
    _lines(folder / "queries.jsonl", [{"_id": "10", "text": texts[0]}, {"_id": "9", "text": texts[1]}])
    _judged(folder / "qrels" / "test.tsv", [("10", "9", 1), ("9", "10", 1)])


def test_a_document_that_is_the_query_stands_in_no_ranking_of_it(folder: Path) -> None:
    _with_identical_ids(folder, ("They purr.", "Cats that bark"))
    found = _read(folder)
    assert sorted(found.left_out.rows()) == [("10", "10"), ("9", "9")]
    assert any("--no-ignore-identical-ids" in guess for guess in found.guesses)
    assert _read(folder, RetrievalOptions(ignore_identical_ids=False)).left_out.is_empty()


def test_ids_that_are_equal_by_chance_are_kept_unless_told_otherwise(folder: Path) -> None:
    _with_identical_ids(folder, ("who purrs", "who barks"))
    assert _read(folder).left_out.is_empty()
    assert _read(folder).guesses == ()
    assert _read(folder, RetrievalOptions(ignore_identical_ids=True)).left_out.height == 2


# what the user should know


def test_judgements_that_name_what_is_not_there_are_told(folder: Path) -> None:
    _judged(folder / "qrels" / "test.tsv", [*JUDGED, ("q9", "9", 1), ("q1", "lost", 3), ("q3", "9", 0)])
    found = _read(folder)
    assert found.judgements.filter(doc_id="lost").height == 1
    told = "\n".join(found.guesses)
    assert "names 1 queries that are not there" in told
    assert "1 of 3 relevant documents are not in the corpus" in told
    assert "1 of 3 queries have no relevant document" in told


# wrong inputs


def test_a_folder_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no such folder"):
        _read(tmp_path / "nowhere")
    (tmp_path / "file.jsonl").write_text("{}")
    with pytest.raises(FileError, match="is a file, but a folder"):
        _read(tmp_path / "file.jsonl")


@pytest.mark.parametrize("part", ["corpus.jsonl", "queries.jsonl", "qrels"])
def test_a_missing_part_is_named_with_what_is_there(folder: Path, part: str) -> None:
    (folder / part).rename(folder / f"old-{part}")
    with pytest.raises(FileError, match=rf"{Path(part).stem} is missing \(found: .*old-{part}") as error:
        _read(folder)
    assert str(folder) in str(error.value)


def test_two_files_that_could_be_one_part_are_refused(folder: Path) -> None:
    pl.DataFrame(DOCUMENTS).write_parquet(folder / "corpus.parquet")
    with pytest.raises(FileError, match=r"corpus.jsonl and corpus.parquet could each be its corpus"):
        _read(folder)


@pytest.mark.parametrize(
    ("part", "rows", "fault"),
    [
        ("corpus", [], "is empty"),
        ("corpus", [{"name": "1", "text": "a"}], r"'doc_id' is missing \(found: name, text\). Rename"),
        ("corpus", [{"_id": "1", "title": "a"}], "'text' is missing"),
        ("corpus", [*DOCUMENTS, {"_id": "9", "text": "again"}], "doc_id '9' stands in more than one row"),
        ("corpus", [*DOCUMENTS, {"_id": "11", "text": None}], "'text' is null in 1 of 4 rows, first in row 4"),
        ("corpus", DOCUMENTS[:1], "two documents or more, but there is only one"),
        (
            "corpus",
            [{"_id": "x", "text": "a"}, {"_id": "y", "text": "b"}],
            "names a query and a document that are there",
        ),
        ("queries", [*QUERIES, QUERIES[0]], "query_id 'q2' stands in more than one row"),
        ("queries", [{"_id": "1.5", "text": "a"}], "names a query and a document that are there"),
        ("queries", QUERIES[:1], "two queries or more"),
        ("queries", [{"_id": 1.5, "text": "a"}], "should hold identifiers.*Rename the file's columns"),
    ],
)
def test_a_part_that_cannot_be_right_gets_one_sentence(
    folder: Path, part: str, rows: list[dict[str, object]], fault: str
) -> None:
    _lines(folder / f"{part}.jsonl", rows)
    _refused(folder, fault)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "has a header, but no rows"),
        ([("q1", "10", 0), ("q2", "9", -1)], "not one of 2 judgements calls a document relevant"),
        ([*JUDGED, JUDGED[1]], "query_id 'q2' and doc_id '9' stands in more than one row"),
        ([("q1", "10", 0.5)], "whole-number labels, but it holds 0.5"),
        ([("q1", "10", "yes")], "should hold whole-number labels"),
    ],
)
def test_judgements_that_judge_nothing_get_one_sentence(
    folder: Path, rows: list[tuple[str, str, int]], fault: str
) -> None:
    _judged(folder / "qrels" / "test.tsv", rows)
    _refused(folder, fault)


def _refused(folder: Path, fault: str) -> None:
    with pytest.raises(PairforgeError, match=fault) as error:
        _read(folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("cutoffs", [(), (0,), (10, 10)])
def test_cutoffs_that_make_no_sense_are_refused(cutoffs: tuple[int, ...]) -> None:
    with pytest.raises(OptionsError, match="cutoff"):
        RetrievalOptions(cutoff=cutoffs)


def test_cutoffs_are_put_in_order() -> None:
    assert RetrievalOptions(cutoff=(100, 1, 10)).cutoff == (1, 10, 100)
