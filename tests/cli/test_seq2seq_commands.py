"""Commands that are given a model which follows no instructions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pairforge.pipeline.registry import STEPS, load_step
from tests.cli.conftest import Ran
from tests.tiny_models import WORDS, save_seq2seq_model

REFUSED: list[tuple[list[str], str]] = [
    (["--kind", "title"], "--kind title says nothing to seq2seq:m, which follows no instructions and is shown"),
    (["--examples", "e.jsonl"], "--examples e.jsonl says nothing to seq2seq:m"),
    (["--temperature", "0"],
     "seq2seq:m writes one query of a document at temperature 0, ever the same, but --num-queries is 3."),
    (["--concurrency", "3"], "--concurrency 3 says nothing to seq2seq:m but something to a generator of openai."),
    (["--base-url", "http://a/v1", "--lora", "x"],
     "--base-url http://a/v1 and --lora x say nothing to seq2seq:m. Leave them out."),
    (["--thinking"], "--thinking True says nothing to seq2seq:m but something to a generator of vllm or openai."),
]  # fmt: skip


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_what_means_nothing_to_such_a_model_is_refused_in_one_sentence(
    words: list[str], sentence: str, run: Callable[..., Ran]
) -> None:
    ran = run("generate-queries", "nowhere.parquet", "--generator", "seq2seq:m", "--round-trip", "bm25", *words)
    assert (ran.code, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert line.startswith(f"error: {sentence}")


@pytest.mark.parametrize(
    ("engine", "words", "sentence"),
    [
        ("vllm", ["--base-url", "http://a/v1"], "--base-url http://a/v1 says nothing to vllm:m but something to a"),
        ("openai", ["--generator-dtype", "float16"],
         "--generator-dtype float16 says nothing to openai:m but something to a generator of vllm or seq2seq."),
        ("openai", ["--generator-device", "cpu"],
         "--generator-device cpu says nothing to openai:m but something to a generator of seq2seq. Leave it out."),
    ],
)  # fmt: skip
def test_settings_of_other_engines_are_refused_by_their_flags(
    engine: str, words: list[str], sentence: str, run: Callable[..., Ran]
) -> None:
    ran = run("generate-queries", "nowhere.parquet", "--generator", f"{engine}:m", *words)
    assert ran.code == 2
    assert ran.err.startswith(f"error: {sentence}")


ASKING = [name for name in STEPS if load_step(name).preview is not None and name != "generate-queries"]


@pytest.mark.parametrize("name", ASKING)
def test_steps_that_need_instructions_refuse_such_a_model_at_once(name: str, run: Callable[..., Ran]) -> None:
    for dry in ([], ["--dry-run"]):
        ran = run(name, "nowhere.parquet", "--generator", "seq2seq:m", *dry)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == (
            f"error: {name}: seq2seq:m follows no instructions: it turns one text into another, as generate-queries "
            "can use it. Name an instruct model, as vllm:MODEL or openai:MODEL.\n"
        )


def test_the_second_judge_has_to_follow_instructions_too(run: Callable[..., Ran]) -> None:
    given = ["--generator", "openai:m", "--second-generator", "seq2seq:m"]
    assert "judge: seq2seq:m follows no instructions" in run("judge", "nowhere.parquet", *given).err


def test_a_setting_of_one_of_two_judges_is_for_that_one(run: Callable[..., Ran]) -> None:
    given = ["--generator", "vllm:./m", "--second-generator", "openai:m"]
    told = run("judge", "nowhere.parquet", *given, "--base-url", "http://a/v1", "--context-length", "99").err
    assert "says nothing" not in told
    told = run("judge", "nowhere.parquet", "--generator", "vllm:./m", "--base-url", "http://a/v1").err
    assert "--base-url http://a/v1 says nothing to vllm:./m" in told


def test_a_recipe_lists_such_faults_with_all_others(run: Callable[..., Ran]) -> None:
    Path("r.toml").write_text(
        """
        [stages.asked]
        step = "generate-queries"
        documents = "nowhere.parquet"
        round_trip = "bm25"
        kind = ["title"]
        generator = "seq2seq:./nowhere"
        [stages.judged]
        step = "judge"
        corpus = "stage:asked"
        generator = { name = "vllm:./nowhere", concurrency = 4 }
        """
    )
    told = run("run", "r.toml").err
    assert "stages.asked: kind='title' says nothing to seq2seq:./nowhere" in told
    assert "stages.asked: generator: nowhere: no such model folder" in told
    assert "stages.judged: generator: concurrency='4' says nothing to vllm:./nowhere" in told


def test_the_command_writes_queries_and_tells_what_became_of_all(run: Callable[..., Ran], tmp_path: Path) -> None:
    folder = save_seq2seq_model(tmp_path / "tiny")
    documents = [" ".join(WORDS[row : row + 12]) for row in range(9)]
    pl.DataFrame({"text": documents}).write_parquet("documents.parquet")
    words = ["generate-queries", "documents.parquet", "--generator", f"seq2seq:{folder}", "--round-trip", "bm25",
             "--top-k", 4, "--no-check-language", "--temperature", 1.2, "--max-tokens", 30]  # fmt: skip
    dry = run(*words, "--dry-run")
    assert documents[0] in dry.out
    ran = run(*words, "--json", "--generator-device", "cpu", "--generator-batch-size", 2)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["counts"]["questions"] >= 3 * len(documents)
    assert told["rows_out"]["corpus"] == pl.read_parquet("documents.queries.parquet").height
