from __future__ import annotations

from pathlib import Path

import pytest

from pairforge.files import default_output


@pytest.mark.parametrize(
    ("source", "suffix", "output"),
    [
        ("a/pairs.parquet", "negatives", "a/pairs.negatives.parquet"),
        ("a/corpus.parquet", ".model", "a/corpus.model"),
        ("pairs.jsonl.gz", "negatives", "pairs.negatives.jsonl.gz"),
        ("a.b/pairs.v2.CSV", "scored", "a.b/pairs.v2.scored.csv"),
        ("pairs.json", "negatives", "pairs.negatives.jsonl"),
        ("a/shards/*.parquet", "negatives", "a/shards.negatives.parquet"),
        ("a/**/x-*.jsonl", ".model", "a.model"),
        ("hub:glue/mnli:train", "pairs", "glue-mnli-train.pairs.parquet"),
        ("hub:owner/name:train[:10%]", ".model", "owner-name-train-10.model"),
        (["a/x.csv", "b/y.csv"], "pairs", "a/x.pairs.csv"),
    ],
)
def test_the_default_output_is_named_after_the_input(source: str, suffix: str, output: str) -> None:
    assert default_output(source, suffix) == Path(output)


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_output_of_a_folder_of_shards_goes_beside_it(tmp_path: Path, ending: str) -> None:
    (tmp_path / "shards.v1").mkdir()
    assert default_output(f"{tmp_path}/shards.v1{ending}", "negatives") == tmp_path / "shards.v1.negatives.parquet"


@pytest.mark.parametrize("source", [".", "*.csv", "../texts/*.csv"])
def test_the_output_of_the_current_folder_goes_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    (tmp_path / "texts").mkdir()
    monkeypatch.chdir(tmp_path / "texts")
    assert default_output(source, "pairs").resolve() == tmp_path / "texts.pairs.parquet"
