"""Reading a retrieval task from its folder, each part checked against its contract and against the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from pairforge.errors import FrameError
from pairforge.evaluation.retrieval.layout import RetrievalFiles, chosen_split, retrieval_files
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.files import read_frame
from pairforge.frames import CORPUS, QRELS, QUERIES, FrameContract, adopt

_BODY = "__body"


def _of_a_task(contract: FrameContract) -> FrameContract:
    return FrameContract(
        contract.name, tuple(replace(column, required=True, has_flag=False) for column in contract.columns)
    )


_CONTRACTS = {"corpus": _of_a_task(CORPUS), "queries": _of_a_task(QUERIES), "qrels": _of_a_task(QRELS)}
_PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "corpus": {"doc_id": "_id"},
    "queries": {"query_id": "_id"},
    "qrels": {"query_id": "query-id", "doc_id": "corpus-id", "relevance": "score"},
}
"""Part → contract column → its name in BEIR's files, of which nothing need be said."""


@dataclass(frozen=True)
class RetrievalSet:
    """Documents, queries and judgements that fit each other, in an order that the files' own order does not change.

    Args:
        documents: doc_id and text (title and text in one), in descending order of the id, byte by byte.
        queries: query_id and text (or image) of the queries with judgements, in ascending order of the id.
        judgements: query_id, doc_id and relevance; of these queries, the documents may be others.
        left_out: query_id and doc_id of what stands in no ranking, for the document is the query.
        guesses: What was guessed in reading them, and what else the user should know of them.
    """

    documents: pl.DataFrame
    queries: pl.DataFrame
    judgements: pl.DataFrame
    left_out: pl.DataFrame
    guesses: tuple[str, ...]

    @property
    def of_images(self) -> bool:
        """Whether the queries are images."""
        return "image" in self.queries.columns


def refuse_one(place: str, number: int, what: str) -> None:
    """Refuse a search of which a single answer is possible.

    Raises:
        FrameError: there are fewer than two.
    """
    if number < 2:
        raise FrameError(f"{place}: a search needs two {what} or more that differ, but there is only one.")


def read_retrieval_set(folder: str, options: RetrievalOptions) -> RetrievalSet:
    """Read a folder in BEIR's layout; see `retrieval_files`.

    Documents have `_id`, `text` and often `title`, queries `_id` and `text`, judgements `query-id`, `corpus-id` and
    `score`; the names that pairforge gives these columns do as well, and others that are common. A column `split` of
    the judgements, or else of the queries, chooses among them.

    Args:
        folder: The task's folder.
        options: Split, and what to do with documents that bear a query's id.

    Raises:
        FileError: a part is missing or cannot be read, or the split is not there.
        FrameError: a part lacks a column, has values that cannot be right or an id twice, or the parts do not fit.
    """
    files = retrieval_files(folder, options.split)
    documents, of_documents = _adopted(files.corpus, "corpus")
    queries, of_queries = _adopted(files.queries, "queries")
    judgements, of_judgements = _adopted(files.qrels, "qrels")
    judgements, queries, of_split = _of_split(files, judgements, queries, options.split)
    _refuse_twice(files.corpus, documents, ["doc_id"])
    _refuse_twice(files.queries, queries, ["query_id"])
    _refuse_twice(files.qrels, judgements, ["query_id", "doc_id"])
    _refuse_misfits(files, judgements, queries, documents)
    documents = _whole_texts(documents).sort("doc_id", descending=True)
    kept = judgements.select("query_id", "doc_id", "relevance").join(queries, on="query_id", how="semi")
    asked = queries.join(judgements, on="query_id", how="semi").select("query_id", "text").sort("query_id")
    left_out, of_identical = _identical(files.corpus, documents, asked, options.ignore_identical_ids)
    told = _told(files.qrels, judgements, kept, documents)
    return RetrievalSet(
        documents.select("doc_id", "text"),
        asked,
        kept.sort("query_id", "doc_id"),
        left_out,
        (*files.guesses, *of_documents, *of_queries, *of_judgements, *of_split, *told, *of_identical),
    )


def _adopted(source: str, part: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    raw = read_frame(source)
    columns = {
        name: published
        for name, published in _PUBLISHED[part].items()
        if published in raw.columns and name not in raw.columns
    }
    adopted = adopt(raw, (_CONTRACTS[part],), source, columns=columns)
    return adopted.frame, adopted.guesses


def _of_split(
    files: RetrievalFiles, judgements: pl.DataFrame, queries: pl.DataFrame, wanted: str | None
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """The judgements and queries of the split, by whichever of them names it, and what is said of it."""
    of_rows = pl.col("split").cast(pl.String)
    if "split" in judgements.columns:
        chosen, guesses = chosen_split(files.qrels, _split_names(judgements), wanted)
        return judgements.filter(of_rows == chosen), queries, guesses
    if "split" in queries.columns and not files.in_splits:
        chosen, guesses = chosen_split(files.queries, _split_names(queries), wanted)
        of_others = queries.filter(of_rows.ne_missing(chosen))
        asked = queries.filter(of_rows == chosen)
        strange = of_others.join(asked, on="query_id", how="anti")
        return judgements.join(strange, on="query_id", how="anti"), asked, guesses
    if wanted is not None and not files.in_splits:
        raise FrameError(
            f"{files.qrels}: split '{wanted}' was wanted, but neither it nor {files.queries} has a column 'split'. "
            "Leave out --split."
        )
    return judgements, queries, ()


def _split_names(frame: pl.DataFrame) -> list[str]:
    return frame["split"].cast(pl.String).drop_nulls().unique().to_list()


def _refuse_twice(source: str, frame: pl.DataFrame, key: list[str]) -> None:
    twice = frame.filter(pl.struct(key).is_duplicated())
    if not twice.is_empty():
        named = " and ".join(f"{name} '{twice[name][0]}'" for name in key)
        raise FrameError(
            f"{source}: {named} stands in more than one row ({twice.height:,} rows repeat each other so); one row each "
            "was wanted. Keep one of them."
        )


def _refuse_misfits(
    files: RetrievalFiles, judgements: pl.DataFrame, queries: pl.DataFrame, documents: pl.DataFrame
) -> None:
    qrels = files.qrels
    relevant = judgements.filter(pl.col("relevance") > 0)
    if relevant.is_empty():
        raise FrameError(
            f"{qrels}: not one of {judgements.height:,} judgements calls a document relevant (above 0). Give the "
            "judgements of a retrieval task."
        )
    if documents.height < 2:
        raise FrameError(f"{files.corpus}: a ranking needs two documents or more, but there is only one.")
    asked = relevant.join(queries, on="query_id", how="semi")
    if asked.join(documents, on="doc_id", how="semi").is_empty():
        raise FrameError(
            f"{qrels}: not one relevant judgement names a query and a document that are there (they begin with "
            f"'{relevant['query_id'][0]}' and '{relevant['doc_id'][0]}', the queries with '{queries['query_id'][0]}', "
            f"the corpus with '{documents['doc_id'][0]}'). Give files that belong together."
        )
    if asked["query_id"].n_unique() < 2:
        raise FrameError(f"{qrels}: a judgement needs two queries or more with relevant documents, but there is one.")


def _whole_texts(documents: pl.DataFrame) -> pl.DataFrame:
    body = pl.col("text").str.strip_chars()
    if "title" not in documents.columns:
        return documents.with_columns(body, body.alias(_BODY))
    title = pl.col("title").cast(pl.String).fill_null("")
    whole = (title + " " + pl.col("text")).str.strip_chars()
    return documents.with_columns(whole.alias("text"), body.alias(_BODY))


def _identical(
    source: str, documents: pl.DataFrame, queries: pl.DataFrame, ignored: bool | None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The documents that bear a query's id where they are to be left out, and what is said of them.

    Ids may be equal because queries are documents of the corpus (ArguAna), or by chance (Cranfield counts both from 1).
    """
    both = documents.join(queries.rename({"text": "query"}), left_on="doc_id", right_on="query_id", coalesce=False)
    query = pl.col("query").str.strip_chars()
    same = both.filter((query == pl.col("text")) | (query == pl.col(_BODY)))
    if ignored is False or both.is_empty() or (ignored is None and 2 * same.height < both.height):
        return both.clear().select("query_id", "doc_id"), ()
    told = (
        f"{source}: documents that bear the id of a query stand in no ranking of that query ({both.height:,} of "
        f"{queries.height:,} queries have one); --no-ignore-identical-ids keeps them"
    )
    return both.select("query_id", "doc_id"), (told,)


def _told(qrels: str, judgements: pl.DataFrame, kept: pl.DataFrame, documents: pl.DataFrame) -> tuple[str, ...]:
    relevant = kept.filter(pl.col("relevance") > 0)
    queries, missing = kept["query_id"].n_unique(), relevant.join(documents, on="doc_id", how="anti").height
    strange, fruitless = judgements["query_id"].n_unique() - queries, queries - relevant["query_id"].n_unique()
    sentences = {
        f"names {strange:,} queries that are not there; they are left out": strange,
        f"{missing:,} of {relevant.height:,} relevant documents are not in the corpus and count as not found": missing,
        f"{fruitless:,} of {queries:,} queries have no relevant document; as in trec_eval, all is 0 there": fruitless,
    }
    return tuple(f"{qrels}: {sentence}" for sentence, number in sentences.items() if number)
