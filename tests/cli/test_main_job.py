"""The main job, command by command, with real weights."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_OURS = re.compile(r"✓ |  [a-z ]{12} |(encoding|training|resampling|searching|mining).*: |.* is up to date\.$")


def _pairforge(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pairforge", *map(str, words)]
    environment = {**os.environ, "PAIRFORGE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.mark.model
def test_the_main_job_says_nothing_but_its_summaries(tmp_path: Path) -> None:
    commands = [
        ("convert-nli", _EXAMPLES / "nli.jsonl", "--to", "pair", "-o", "pairs.parquet"),
        ("mine-negatives", "pairs.parquet"),
        ("init-model", "static"),
        ("train", "pairs.negatives.parquet", "--model", "static.model", "--max-steps", "5"),
        ("evaluate", "static.model", "pairs.negatives.model", "--task", f"sts:{_EXAMPLES / 'sts.jsonl'}"),
    ]
    for command in commands:
        done = _pairforge(*command, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert [line for line in done.stderr.splitlines() if not _OURS.match(line)] == []
    assert "pairs.negatives.model" in done.stdout
    assert "Against the first" in done.stdout
    again = _pairforge(*commands[-1], folder=tmp_path)
    assert (again.stdout, again.stderr) == (done.stdout, "evaluate: static.results.json is up to date.\n")
    told = _pairforge(*commands[-1], "--json", folder=tmp_path)
    answer = json.loads(told.stdout)
    assert answer["status"] == "up to date"
    assert [scores["model"] for scores in answer["results"]["tasks"][0]["models"]] == list(commands[-1][1:3])
