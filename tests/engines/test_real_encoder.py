"""all-MiniLM-L6-v2 itself, encoding real texts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.encoders import load_encoder
from pairforge.engines.vectors import VectorStore
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, Side

pytestmark = pytest.mark.model

_ENCODE = """
import sys
from pathlib import Path
import polars as pl
from pairforge.engines import stored_rows, vectors
from pairforge.engines.loading import load
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, Side
stored_rows._SHARD_ROWS = 64
texts = pl.read_parquet(sys.argv[1])["text"].to_list()[:1000]
encoder = load(resolve(ModelRequest(device="cpu"), ModelKind.ENCODER))
vectors.VectorStore(Path(sys.argv[2])).tables(encoder, {Side.DOCUMENT: texts})
"""


def test_vectors_are_those_of_sentence_transformers(shared_data: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    spec = resolve(ModelRequest(device="cpu"), ModelKind.ENCODER)
    texts = pl.read_parquet(shared_data / "medquad" / "qa.parquet")["answer"].to_list()[:40]
    texts += pl.read_parquet(shared_data / "banking77" / "test.parquet")["text"].to_list()[:400]
    table = VectorStore(tmp_path).tables(load_encoder(spec), {Side.DOCUMENT: texts})[Side.DOCUMENT]
    wanted = SentenceTransformer(str(spec.path), device="cpu").encode(texts)
    assert np.abs(table.take(range(len(texts))) - wanted).max() < 1e-5


def test_a_killed_run_goes_on_to_the_same_bytes(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "banking77" / "train.parquet"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def encode(folder: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", _ENCODE, str(file), str(tmp_path / folder)], env=environment)

    assert encode("undisturbed").wait() == 0
    killed = encode("killed")
    while len(list((tmp_path / "killed").rglob("*.keys.npy"))) < 5:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    at_first = len(list((tmp_path / "killed").rglob("*.keys.npy")))
    assert encode("killed").wait() == 0
    assert at_first < len(list((tmp_path / "killed").rglob("*.keys.npy")))
    assert not list((tmp_path / "killed").rglob("*.plan.npy"))
    texts = pl.read_parquet(file)["text"].to_list()[:1000]
    encoder = load_encoder(resolve(ModelRequest(device="cpu"), ModelKind.ENCODER))
    undisturbed, resumed = (
        VectorStore(tmp_path / folder).tables(encoder, {Side.DOCUMENT: texts})[Side.DOCUMENT].take(range(1000))
        for folder in ("undisturbed", "killed")
    )
    assert undisturbed.tobytes() == resumed.tobytes()
