"""Damaging texts, side by side with sentence-transformers' way, and the memory that a corpus of any size takes.

    python benchmarks/noise.py                       # STSb sentences and MedQuAD answers, three rounds
    python benchmarks/noise.py --large 2000000       # two million short texts: read slice by slice, and whole

Every run is a process of its own, so that peak memory is its own, and the two take turns within a round. Both go from a
parquet file to a parquet file with the same number of threads; each deletes 60% of nltk's Treebank words and joins the
rest by nltk. sentence-transformers' way is its `DenoisingAutoEncoderDataset` with a loop like its own `delete`, but
without the sentence splitter, which has to be downloaded. "damaging" counts from the imported libraries to the finished
file, "process" from start to end. pairforge starts with no word remembered.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VERSIONS = ("pairforge", "sentence-transformers", "nltk", "polars", "numpy")
SHOWN = {"damaging": "damaging (s)", "rate": "texts a second", "process": "process (s)", "peak": "peak memory (MiB)"}
Runs = list[dict[str, Any]]


def main() -> None:
    arguments = _arguments()
    if arguments.system:
        print(json.dumps(_measured(arguments.system, *arguments.files)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.large:
            print(_large(arguments, Path(scratch)))
        else:
            print(_side_by_side(arguments, Path(scratch)))
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    print(f"\n{arguments.rounds} rounds; threads: {arguments.threads}; {versions}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="Times that each is run.")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="Threads of both.")
    parser.add_argument("--large", type=int, default=0, help="Rows of a made corpus, whose memory is measured instead.")
    parser.add_argument("--system", choices=tuple(SYSTEMS), help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _side_by_side(arguments: argparse.Namespace, scratch: Path) -> str:
    lines = ["| texts | median of | pairforge | sentence-transformers | ratio |", "| --- | --- | ---: | ---: | ---: |"]
    systems = ["pairforge", "sentence-transformers"]
    for name, write in {"STSb sentences": _sentences, "MedQuAD answers": _answers}.items():
        rows = write(scratch / "texts.parquet")
        runs = _in_turns(systems, rows, arguments, scratch)
        for what, shown in SHOWN.items():
            ours, theirs = ([run[what] for run in runs[system]] for system in systems)
            factors = [a / b if what == "rate" else b / a for a, b in zip(ours, theirs, strict=True)]
            values = " | ".join(f"{statistics.median(side):,.1f}" for side in (ours, theirs))
            lines.append(f"| {name} ({rows:,}) | {shown} | {values} | {statistics.median(factors):.1f}× |")
    return "\n".join(lines)


def _large(arguments: argparse.Namespace, scratch: Path) -> str:
    _made_up(scratch / "texts.parquet", arguments.large)
    size = (scratch / "texts.parquet").stat().st_size / 2**20
    runs = _in_turns(["pairforge", "pairforge, whole"], arguments.large, arguments, scratch)
    lines = ["| read | damaging (s) | peak memory (MiB) |", "| --- | ---: | ---: |"]
    for shown, of_system in zip(("slice by slice", "whole"), runs.values(), strict=True):
        values = (statistics.median(run[what] for run in of_system) for what in ("damaging", "peak"))
        lines.append(f"| {shown} | {' | '.join(f'{value:,.0f}' for value in values)} |")
    return "\n".join([*lines, "", f"{arguments.large:,} texts, {size:,.0f} MiB of parquet."])


def _in_turns(systems: list[str], rows: int, arguments: argparse.Namespace, scratch: Path) -> dict[str, Runs]:
    runs: dict[str, Runs] = {system: [] for system in systems}
    for number in range(arguments.rounds):
        for system in systems if number % 2 == 0 else reversed(systems):
            run = _run(system, scratch, arguments.threads)
            runs[system].append(run | {"rate": rows / run["damaging"]})
            print(f"round {number + 1}, {rows:,} texts, {system}: {run['damaging']:.1f} s", file=sys.stderr)
    return runs


def _run(system: str, scratch: Path, threads: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        files = [str(scratch / "texts.parquet"), f"{folder}/damaged.parquet"]
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")}
        started = time.perf_counter()
        command = [sys.executable, __file__, "--system", system, *files]
        done = subprocess.run(command, env=os.environ | limits, check=True, capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1]) | {"process": time.perf_counter() - started}


def _measured(system: str, source: Path, out: Path) -> dict[str, float]:
    damage = SYSTEMS[system](source, out)
    started = time.perf_counter()
    damage()
    seconds = time.perf_counter() - started
    return {"damaging": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _pairforge(source: Path, out: Path, *, streamed: bool = True) -> Callable[[], object]:
    from dataclasses import replace

    import nltk.tokenize  # noqa: F401 - its import is not the work

    from pairforge.execution.stage import FileInput, Stage, run_stage
    from pairforge.steps.add_noise import STEP, AddNoiseOptions

    assert STEP.row_wise is not None
    prepare = STEP.row_wise.prepare
    assert prepare is not None
    whole = replace(
        STEP.row_wise,
        streamed=False,
        prepare=lambda texts, options, context: prepare(options=options, context=context),
    )
    step = STEP if streamed else replace(STEP, row_wise=whole)
    stage = Stage(step, AddNoiseOptions(), {"texts": FileInput((str(source),))}, outputs={"corpus": out})
    return lambda: run_stage(stage, cache=out.parent / "cache")


def _sentence_transformers(source: Path, out: Path) -> Callable[[], object]:
    import numpy as np
    import polars as pl
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.tokenize.treebank import TreebankWordDetokenizer
    from sentence_transformers.sentence_transformer.datasets import DenoisingAutoEncoderDataset

    tokenizer = NLTKWordTokenizer()

    def delete(text: str) -> str:
        words = tokenizer.tokenize(text)
        if not words:
            return text
        kept = np.random.rand(len(words)) > 0.6
        if not kept.any():
            kept[np.random.choice(len(words))] = True
        return TreebankWordDetokenizer().detokenize(np.array(words)[kept])

    def damage() -> None:
        dataset = DenoisingAutoEncoderDataset(pl.read_parquet(source)["text"].to_list(), noise_fn=delete)
        made = [dataset[row].texts for row in range(len(dataset))]
        pl.DataFrame(made, schema=["damaged", "original"], orient="row").write_parquet(out)

    return damage


SYSTEMS: dict[str, Callable[[Path, Path], Callable[[], object]]] = {
    "pairforge": _pairforge,
    "pairforge, whole": lambda source, out: _pairforge(source, out, streamed=False),
    "sentence-transformers": _sentence_transformers,
}


def _data() -> Path:
    return Path(os.environ.get("PAIRFORGE_TEST_DATA", Path(__file__).parent / "../../shared/data"))


def _sentences(path: Path) -> int:
    import polars as pl

    sets = [pl.read_parquet(_data() / f"stsb/{name}.parquet") for name in ("train", "dev", "test")]
    sides = [one[side].alias("text") for one in sets for side in ("sentence1", "sentence2")]
    texts = pl.concat(sides).unique(maintain_order=True).to_frame()
    texts.write_parquet(path)
    return texts.height


def _answers(path: Path) -> int:
    import polars as pl

    texts = pl.read_parquet(_data() / "medquad/qa.parquet").select(text="answer")
    texts.write_parquet(path)
    return texts.height


def _made_up(path: Path, rows: int) -> None:
    """Short texts, each of its own: the sentences of STSb over and over, numbered."""
    import polars as pl

    number = _sentences(path)
    texts = pl.concat([pl.read_parquet(path)] * (rows // number + 1)).head(rows).with_row_index()
    texts.select(text=pl.format("{} {}", "index", "text")).write_parquet(path, row_group_size=100_000)


if __name__ == "__main__":
    main()
