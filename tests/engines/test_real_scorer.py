"""A cross-encoder over all-MiniLM-L6-v2 with an untrained head, scoring real pairs."""

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

from pairforge.engines.scorers import load_scorer
from pairforge.engines.scores import ScoreStore
from pairforge.engines.sentence_models import load_cross_encoder
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, PairScorer, TextPair

pytestmark = pytest.mark.model

_SCORE = """
import sys
from pathlib import Path
import polars as pl
from pairforge.engines import stored_rows
from pairforge.engines.loading import load
from pairforge.engines.scores import ScoreStore
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest
stored_rows._SHARD_ROWS = 64
rows = pl.read_parquet(sys.argv[2]).select("sentence1", "sentence2").rows()[:400]
scorer = load(resolve(ModelRequest(name=sys.argv[1], device="cpu"), ModelKind.SCORER))
ScoreStore(Path(sys.argv[3])).logits(scorer, rows)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.manual_seed(0)
    base = resolve(ModelRequest(device="cpu"), ModelKind.WEIGHTS)
    folder = tmp_path_factory.mktemp("models") / "minilm"
    made = load_cross_encoder(base, dtype="float32", max_length=None, num_labels=1)
    made.save_pretrained(str(folder), create_model_card=False)
    return folder


def _scorer(model: Path) -> PairScorer:
    return load_scorer(resolve(ModelRequest(name=str(model), device="cpu"), ModelKind.SCORER))


def _pairs(shared_data: Path) -> list[TextPair]:
    return pl.read_parquet(shared_data / "stsb" / "dev.parquet").select("sentence1", "sentence2").rows()[:400]


def test_logits_are_those_of_sentence_transformers(model: Path, shared_data: Path, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    pairs = _pairs(shared_data)[:200]
    logits = ScoreStore(tmp_path).logits(_scorer(model), pairs)
    wanted = CrossEncoder(str(model), device="cpu").predict(pairs, activation_fn=torch.nn.Identity())
    assert np.abs(logits[:, 0] - wanted).max() < 1e-4


def test_a_killed_run_goes_on_to_the_same_bytes(model: Path, shared_data: Path, tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    file = shared_data / "stsb" / "dev.parquet"

    def score(folder: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", _SCORE, str(model), str(file), str(tmp_path / folder)]
        return subprocess.Popen(words, env=environment)

    assert score("undisturbed").wait() == 0
    killed = score("killed")
    while len(list((tmp_path / "killed").rglob("*.keys.npy"))) < 3:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    at_first = len(list((tmp_path / "killed").rglob("*.keys.npy")))
    assert score("killed").wait() == 0
    assert at_first < len(list((tmp_path / "killed").rglob("*.keys.npy")))
    undisturbed, resumed = (
        ScoreStore(tmp_path / folder).logits(_scorer(model), _pairs(shared_data))
        for folder in ("undisturbed", "killed")
    )
    assert undisturbed.tobytes() == resumed.tobytes()
