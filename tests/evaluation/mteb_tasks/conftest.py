from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer

from pairforge.engines.encoders import load_encoder
from pairforge.evaluation.mteb_tasks.library import load_mteb, quiet_mteb
from pairforge.model_files import resolve
from pairforge.models import Encoder, ModelKind, ModelRequest
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions

THEMES = {
    "animals": "cat dog bird fish horse sheep wolf bear",
    "weather": "rain snow wind cloud storm frost sun fog",
    "food": "bread cheese apple soup rice bean cake tea",
}


def texts_of(theme: str, number: int, seed: int = 0) -> list[str]:
    """Texts of one theme's words, a few of another theme's among them."""
    draw = np.random.default_rng([seed, len(theme)])
    own, every = THEMES[theme].split(), " ".join(THEMES.values()).split()
    return [" ".join([*draw.choice(own, 2), *draw.choice(every, 3)]) + f" {row}" for row in range(number)]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = pl.DataFrame({"text": [text for theme in THEMES for text in texts_of(theme, 30)]})
    options = InitModelOptions(kind="static", dimension=16, tokenizer_from="corpus", vocabulary_size=200)
    return init_model(rows, options=options, output=tmp_path_factory.mktemp("model") / "static")


@pytest.fixture
def encoder(model_folder: Path) -> Encoder:
    return load_encoder(resolve(ModelRequest(name=str(model_folder)), ModelKind.ENCODER))


@pytest.fixture
def plain(model_folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(model_folder), device="cpu")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Texts of three classes under other column names, a train and a test file."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    for seed, (split, number) in enumerate({"train": 20, "test": 15}.items()):
        rows = [{"sentence": text, "intent": theme} for theme in THEMES for text in texts_of(theme, number, seed)]
        pl.DataFrame(rows).sample(fraction=1, shuffle=True, seed=1).write_parquet(folder / f"{split}.parquet")
    return folder


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    folder = tmp_path / "scored"
    folder.mkdir()
    _pairs().write_ndjson(folder / "test.jsonl")
    return folder


@pytest.fixture
def true_or_not(tmp_path: Path) -> Path:
    folder = tmp_path / "true_or_not"
    folder.mkdir()
    pairs = _pairs().select("sentence1", "sentence2", is_duplicate=(pl.col("score") > 2.5).cast(pl.Int64))
    pairs.write_csv(folder / "test.csv")
    return folder


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """BEIR's layout: a query and the documents of its theme."""
    folder = tmp_path / "searched"
    (folder / "qrels").mkdir(parents=True)
    documents = [(f"{theme}-{row}", text) for theme in THEMES for row, text in enumerate(texts_of(theme, 12))]
    corpus = [{"_id": name, "title": text.split()[0], "text": text} for name, text in documents]
    queries = [
        {"_id": f"q-{theme}-{row}", "text": text} for theme in THEMES for row, text in enumerate(texts_of(theme, 4, 5))
    ]
    judged = [
        {"query-id": query["_id"], "corpus-id": document["_id"], "score": 1 + int(document["_id"].endswith("1"))}
        for query in queries
        for document in corpus
        if document["_id"].split("-")[0] == query["_id"].split("-")[1]
    ]
    pl.DataFrame(corpus).write_ndjson(folder / "corpus.jsonl")
    pl.DataFrame(queries).write_ndjson(folder / "queries.jsonl")
    pl.DataFrame(judged).write_csv(folder / "qrels" / "test.tsv", separator="\t")
    ranked = [{"query-id": query["_id"], "corpus-ids": [one["_id"] for one in corpus[::2]]} for query in queries]
    pl.DataFrame(ranked).write_ndjson(folder / "top_ranked.jsonl")
    return folder


def _pairs() -> pl.DataFrame:
    draw = np.random.default_rng(3)
    words = " ".join(THEMES.values()).split()
    firsts = [list(draw.choice(words, 5, replace=False)) for _ in range(40)]
    kept = draw.integers(0, 6, size=40)
    seconds = [[*first[:number], *draw.choice(words, 5 - number)] for first, number in zip(firsts, kept, strict=True)]
    scores = np.clip(kept + draw.normal(0, 1, size=40), 0, 5).round(2)
    return pl.DataFrame(
        {
            "sentence1": [" ".join(one) for one in firsts],
            "sentence2": [" ".join(one) for one in seconds],
            "score": scores,
        }
    )


@pytest.fixture
def directly(plain: SentenceTransformer) -> Callable[[Any], dict[str, float]]:
    """What mteb itself says of the plain model, without anything of this house, on a task whose rows are set."""

    def judged(task: Any) -> dict[str, float]:
        task.data_loaded = True
        with quiet_mteb():
            result = load_mteb().evaluate(plain, task, cache=None, co2_tracker=False, show_progress_bar=False)
        scores: dict[str, float] = result.task_results[0].scores["test"][0]
        return scores

    return judged
