"""Hard-negative mining, side by side with sentence-transformers' `mine_hard_negatives(use_faiss=True)`.

    python benchmarks/mining.py                       # Banking77 train, cold and warm, three rounds
    python benchmarks/mining.py --rounds 1 --rows 500

Each text of Banking77 is paired with another of its intent; both mine five negatives a pair out of the hundred nearest
texts, with a relative margin of 0.05, from the same weights and with the same number of threads. Every run is a process
of its own, so that peak memory is its own, and the two take turns within a round. Cold: nothing is cached. Warm: the
vectors of the cold run are there (in pairforge's cache, in sentence-transformers' `cache_folder`). "mining" counts from
loaded model to finished corpus, "process" from start to end.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

NUM_NEGATIVES = 5
MAX_RANK = 100
RELATIVE_MARGIN = 0.05
SEED = 42
VERSIONS = ("pairforge", "sentence-transformers", "transformers", "torch", "faiss-cpu", "polars")


def main() -> None:
    arguments = _arguments()
    if arguments.system:
        print(json.dumps(_measured(arguments)))
        return
    runs = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(arguments.rounds):
            for cache in ("cold", "warm"):
                order = list(SYSTEMS) if number % 2 == 0 else list(reversed(SYSTEMS))
                for system in order:
                    run = _run(system, Path(scratch, f"{system}-{number}"), arguments)
                    runs.append(run | {"system": system, "cache": cache, "round": number})
                    print(f"round {number + 1}, {cache}, {system}: {run['mining']:.1f} s", file=sys.stderr)
    print(_table(runs, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="Times that each is run, cold and warm.")
    parser.add_argument("--rows", type=int, default=None, help="Texts; all 10,003 if not given.")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="Threads of both.")
    parser.add_argument("--system", choices=tuple(SYSTEMS), help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(system: str, cache: Path, arguments: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--system", system, "--cache", str(cache)]
    if arguments.rows:
        command += ["--rows", str(arguments.rows)]
    threads = {"OMP_NUM_THREADS": str(arguments.threads), "RAYON_NUM_THREADS": str(arguments.threads)}
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    started = time.perf_counter()
    done = subprocess.run(command, env=os.environ | threads | quiet, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"process": time.perf_counter() - started}


def _measured(arguments: argparse.Namespace) -> dict[str, float]:
    arguments.cache.mkdir(parents=True, exist_ok=True)
    mine = SYSTEMS[arguments.system](_pairs(arguments.rows), arguments.cache)
    started = time.perf_counter()
    rows = mine()
    seconds = time.perf_counter() - started
    return {"mining": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "rows": rows}


def _pairs(rows: int | None) -> Any:
    """Each text with another of its intent: its successor in a seeded order, the last with the first."""
    import polars as pl

    folder = Path(os.environ.get("PAIRFORGE_TEST_DATA", Path(__file__).parent / "../../shared/data"))
    texts = pl.read_parquet(folder / "banking77" / "train.parquet").sample(
        rows, fraction=None if rows else 1, seed=SEED
    )
    following = pl.col("text").shift(-1).fill_null(pl.col("text").first()).over("category")
    return texts.select(anchor="text", positive=following)


def _pairforge(pairs: Any, cache: Path) -> Callable[[], int]:
    from pairforge.engines.encoders import load_encoder
    from pairforge.execution.step import StepContext
    from pairforge.model_files import resolve
    from pairforge.models import ModelKind, ModelRequest
    from pairforge.steps.mine_negatives import MineNegativesOptions, mine_negatives

    encoder = load_encoder(resolve(ModelRequest(), ModelKind.ENCODER))
    if not (cache / "vectors").exists():
        _ = encoder.dimension  # loads the weights, which a warm run never needs
    options = MineNegativesOptions(
        num_negatives=NUM_NEGATIVES, max_rank=MAX_RANK, relative_margin=RELATIVE_MARGIN, output_format="n-tuple"
    )
    return lambda: mine_negatives(pairs, encoder=encoder, options=options, context=StepContext(cache=cache)).height


def _sentence_transformers(pairs: Any, cache: Path) -> Callable[[], int]:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import mine_hard_negatives

    from pairforge.model_files import resolve
    from pairforge.models import ModelKind, ModelRequest

    model = SentenceTransformer(str(resolve(ModelRequest(), ModelKind.ENCODER).path))
    dataset = Dataset.from_dict(pairs.to_dict(as_series=False))
    return lambda: len(
        mine_hard_negatives(
            dataset,
            model,
            range_max=MAX_RANK,
            relative_margin=RELATIVE_MARGIN,
            num_negatives=NUM_NEGATIVES,
            output_format="n-tuple",
            use_faiss=True,
            verbose=False,
            cache_folder=str(cache),
        )
    )


SYSTEMS: dict[str, Callable[[Any, Path], Callable[[], int]]] = {
    "pairforge": _pairforge,
    "sentence-transformers": _sentence_transformers,
}


def _table(runs: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> str:
    def median(system: str, cache: str, what: str) -> float:
        return statistics.median(run[what] for run in runs if (run["system"], run["cache"]) == (system, cache))

    def ratio(cache: str, what: str) -> str:
        ours, theirs = (
            [run[what] for run in runs if (run["system"], run["cache"]) == (system, cache)] for system in SYSTEMS
        )
        return f"{statistics.median(b / a for a, b in zip(ours, theirs, strict=True)):.2f}x"

    shown = {"mining": "mining (s)", "process": "process (s)", "peak": "peak memory (MiB)", "rows": "rows out"}
    lines = ["| cache | median of | pairforge | sentence-transformers | ratio |", "| --- | --- | ---: | ---: | ---: |"]
    for cache in ("cold", "warm"):
        for what, name in shown.items():
            values = " | ".join(f"{median(system, cache, what):,.1f}" for system in SYSTEMS)
            lines.append(f"| {cache} | {name} | {values} | {ratio(cache, what) if what != 'rows' else ''} |")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    size = f"{arguments.rows or 10_003:,} pairs, {NUM_NEGATIVES} negatives, {arguments.rounds} rounds"
    return "\n".join([*lines, "", f"{size}; {arguments.threads} threads of {_processor()}; {versions}."])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
