from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pairforge.pipeline.registry import STEPS

_HEAVY = {"torch", "transformers", "sentence_transformers", "faiss", "datasets", "polars"}


def _modules_after(code: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.strip().splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import pairforge",
        "from pairforge.cli.app import main; main(['--help'])",
        "from pairforge.cli.app import main; main(['--version'])",
        "from pairforge.cli.app import main; main(['cache', 'info'])",
    ],
)
def test_what_needs_no_corpus_loads_nothing_heavy(code: str) -> None:
    assert not _HEAVY & _modules_after(code)


@pytest.mark.parametrize("name", STEPS)
def test_help_of_a_step_loads_no_model_library(name: str) -> None:
    loaded = _modules_after(f"from pairforge.cli.app import main; assert main(['{name}', '--help']) == 0")
    assert not (_HEAVY - {"polars"}) & loaded


def test_a_run_with_nothing_to_do_loads_neither_torch_nor_sentence_transformers(run: Callable, nli: Path) -> None:
    assert run("convert-nli", nli).code == 0
    loaded = _modules_after(f"from pairforge.cli.app import main; assert main(['convert-nli', '{nli}']) == 0")
    assert not {"torch", "sentence_transformers", "transformers", "datasets", "faiss"} & loaded


def test_help_lists_every_step_with_its_summary(run: Callable) -> None:
    shown = run("--help")
    assert shown.code == 0
    for name, entry in STEPS.items():
        assert name in shown.out
        assert entry.summary[:40] in shown.out


def test_no_words_at_all_show_the_help(run: Callable) -> None:
    assert run().out == run("--help").out


def test_version_names_the_program(run: Callable) -> None:
    assert run("--version").out.startswith("pairforge ")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pairforge mi", ["mine-negatives"]),
        ("pairforge convert-nli --bid", ["--bidirectional"]),
        ("pairforge convert-nli --to tri", ["triplet"]),
        ("pairforge cache cl", ["clear"]),
        ("pairforge cache clear vec", ["vectors"]),
    ],
)
def test_the_shell_completes(words: str, expected: list[str]) -> None:
    environment = {
        **os.environ,
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "_PAIRFORGE_COMPLETE": "complete_bash",
    }
    code = "from pairforge.cli.app import main; import sys; sys.exit(main([]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split() == expected, done.stderr


def test_the_completion_script_is_shown_for_a_shell(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = run("--show-completion", "bash")
    assert shown.code == 0
    assert "_PAIRFORGE_COMPLETE" in shown.out


def test_the_summary_says_what_was_made_and_what_was_dropped(run: Callable, nli: Path) -> None:
    done = run("convert-nli", nli, "--to", "pair", "-o", "pairs.parquet")
    assert (done.code, done.out) == (0, "")
    assert "→ pairs.parquet" in done.err
    assert "6 nli" in done.err
    assert "dropped      4" in done.err
    assert "the default" not in done.err


def test_a_chosen_output_path_is_said_to_be_the_default(run: Callable, nli: Path) -> None:
    done = run("convert-nli", nli)
    assert "the default; -o names another" in done.err
    assert len(list(nli.parent.glob("nli.*.jsonl"))) == 1


def test_nothing_to_do_is_one_line(run: Callable, nli: Path) -> None:
    run("convert-nli", nli, "-o", "pairs.parquet")
    again = run("convert-nli", nli, "-o", "pairs.parquet")
    assert (again.code, again.err) == (0, "convert-nli: pairs.parquet is up to date.\n")


def test_json_is_one_object_on_stdout_and_nothing_else(run: Callable, nli: Path) -> None:
    done = run("convert-nli", nli, "--json", "-o", "pairs.parquet")
    told = json.loads(done.out)
    assert told["status"] == "done"
    assert told["rows_in"] == {"nli": 6}
    assert sum(told["rows_out"].values()) + sum(told["dropped"].values()) == 6
    assert done.err == ""


def test_the_cache_folder_of_a_command_can_be_named(run: Callable, nli: Path, tmp_path: Path) -> None:
    os.utime(nli, (0, 0))  # A file changed just now is not remembered.
    assert run("convert-nli", nli, "--cache-dir", tmp_path / "own").code == 0
    assert (tmp_path / "own").is_dir()
    assert os.environ["PAIRFORGE_CACHE"] != str(tmp_path / "own")
