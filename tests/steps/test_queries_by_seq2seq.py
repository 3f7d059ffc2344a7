"""generate-queries with a model that follows no instructions, through the real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pairforge.engines.loading import load
from pairforge.errors import ModelError, OptionsError
from pairforge.execution.stage import FileInput, Outcome, Stage, run_stage
from pairforge.execution.step import StepContext
from pairforge.generator_files import find_generator
from pairforge.generators import Answer, Ask, FoundModel, GeneratorRequest, GeneratorSpec, Schema, TextGenerator
from pairforge.pipeline.registry import load_step
from pairforge.steps.generate_queries import GenerateQueriesOptions, generate_queries, preview
from tests.tiny_models import WORDS, save_seq2seq_model

ROWS = 9
DOCUMENTS = pl.DataFrame(
    {
        "text": [
            " ".join(WORDS[(row * 5 + place * (row + 2)) % len(WORDS)] for place in range(8 + row))
            for row in range(ROWS)
        ],
        "source": range(ROWS),
    }
)
STEP = load_step("generate-queries")
OPTIONS: dict[str, Any] = {"num_queries": 3, "round_trip": "bm25", "top_k": 4, "check_language": False, "attempts": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_seq2seq_model(tmp_path_factory.mktemp("seq2seq") / "tiny")


@pytest.fixture
def made(folder: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Runs the stage; settings of the generator and options are told by their names."""
    DOCUMENTS.write_parquet(tmp_path / "in.parquet")

    def run(out: str, cache: str = "cache", means: dict[str, Any] | None = None, **given: Any) -> Outcome:
        settings = {name: given.pop(name) for name in list(given) if name in GeneratorRequest.model_fields}
        request = {"name": f"seq2seq:{folder}", "max_tokens": 30, "temperature": 1.2, "device": "cpu", **settings}
        stage = Stage(
            STEP,
            STEP.options.model_validate({**OPTIONS, **given}),
            {"documents": FileInput((str(tmp_path / "in.parquet"),))},
            {"generator": (GeneratorRequest.model_validate(request),)},
            {"corpus": tmp_path / f"{out}.parquet"},
        )
        return run_stage(stage, cache=tmp_path / cache, **(means or {}))

    return run


class Counting:
    """A generator that counts what it is asked, and stops after so many answers.

    Args:
        model: The real one.
        most: Answers it gives at most.
    """

    def __init__(self, model: TextGenerator, most: int = 1_000_000) -> None:
        self.model, self.most, self.asked, self.spec = model, most, 0, model.spec

    def prompt_tokens(self, asks: Sequence[Ask]) -> list[int]:
        return self.model.prompt_tokens(asks)

    def answers(self, asks: Sequence[Ask], schema: Schema | None) -> Iterator[tuple[int, Answer]]:
        for answer in self.model.answers(asks, schema):
            if self.asked == self.most:
                raise ModelError("the plug was pulled")
            self.asked += 1
            yield answer


def counting(most: int = 1_000_000) -> tuple[Callable[[FoundModel], object], list[Counting]]:
    """What loads counting generators, and a list of those that it loaded."""
    found: list[Counting] = []

    def loaded(spec: FoundModel) -> object:
        model = load(spec)
        if isinstance(spec, GeneratorSpec):
            found.append(Counting(model, most))  # type: ignore[arg-type]
            return found[-1]
        return model

    return loaded, found


def test_parts_and_batches_of_any_size_give_the_same_bytes(made: Callable[..., Outcome]) -> None:
    whole = made("whole", "cache")
    contents = {whole.outputs["corpus"].read_bytes()}
    for part_rows, batch_size in ((1, 32), (4, 1), (100, 5)):
        name = f"{part_rows} {batch_size}"
        outcome = made(name, f"cache {name}", {"part_rows": part_rows}, batch_size=batch_size)
        contents.add(outcome.outputs["corpus"].read_bytes())
        assert outcome.ledger.counts == whole.ledger.counts
        assert outcome.ledger.dropped == whole.ledger.dropped
    assert len(contents) == 1


def test_a_run_that_was_killed_ends_with_the_same_bytes_and_asks_only_the_rest(made: Callable[..., Outcome]) -> None:
    loaded, [*_] = counting()
    whole = made("whole", "cache", {"load": loaded})
    dying, died = counting(most=17)
    with pytest.raises(ModelError, match="plug"):
        made("resumed", "other cache", {"load": dying, "part_rows": 2}, batch_size=4)
    loaded, again = counting()
    resumed = made("resumed", "other cache", {"load": loaded, "part_rows": 2}, batch_size=7)
    assert resumed.outputs["corpus"].read_bytes() == whole.outputs["corpus"].read_bytes()
    assert resumed.ledger.counts == whole.ledger.counts
    assert sum(model.asked for model in [*died, *again]) == whole.ledger.counts["questions"]


def test_a_second_run_asks_nothing(made: Callable[..., Outcome]) -> None:
    loaded, found = counting()
    first = made("first", "cache", {"load": loaded})
    second = made("second", "cache", {"load": loaded})
    assert [model.asked for model in found] == [first.ledger.counts["questions"], 0]
    assert first.outputs["corpus"].read_bytes() == second.outputs["corpus"].read_bytes()


def test_every_draw_is_kept_refused_or_not_used_and_every_row_kept_or_dropped(made: Callable[..., Outcome]) -> None:
    outcome = made("out")
    counts, rows = outcome.ledger.counts, pl.read_parquet(outcome.outputs["corpus"])
    refused = sum(number for name, number in counts.items() if name.startswith(("queries refused", "draws not used")))
    assert 0 < rows.height < counts["questions"]
    dropped = sum(outcome.ledger.dropped.values())
    assert rows["source"].n_unique() + dropped == ROWS
    assert counts["questions"] == rows.height + refused
    assert rows.columns == ["anchor", "positive", "source", "kind"]
    assert rows["kind"].null_count() == rows.height
    assert rows.group_by("positive").len()["len"].max() <= 3


def test_prompts_and_a_limit_work_as_with_other_models(made: Callable[..., Outcome]) -> None:
    said: list[str] = []
    outcome = made("out", means={"say": said.append}, limit=4, attempts=1, save_prompts=True, output_price=1e6)
    rows = pl.read_parquet(outcome.outputs["corpus"])
    assert rows["asked"].to_list() == rows["positive"].to_list()
    assert all(anchor in answered.split("\n") for anchor, answered in rows.select("anchor", "answered").iter_rows())
    assert outcome.ledger.dropped["beyond the limit"] == ROWS - 4
    assert said[0].startswith("12 questions to seq2seq:")
    assert "of answers if each is asked once, about 180.00 at the given prices" in said[0]


def test_at_temperature_0_each_document_is_asked_about_once(folder: Path, tmp_path: Path) -> None:
    request = GeneratorRequest(name=f"seq2seq:{folder}", temperature=0, max_tokens=5)
    generator, context = load(find_generator(request)), StepContext(cache=tmp_path)
    options = GenerateQueriesOptions(num_queries=1, round_trip="none", attempts=3)
    made = generate_queries(DOCUMENTS, generator=generator, options=options, context=context)  # type: ignore[arg-type]
    assert context.ledger.counts["questions"] == ROWS
    assert made.height + sum(context.ledger.dropped.values()) == ROWS


def test_documents_that_are_too_long_are_counted_or_cut_as_asked_for(folder: Path, tmp_path: Path) -> None:
    documents = DOCUMENTS.head(3).with_columns(
        text=pl.when(pl.col("source") == 1).then(pl.lit("the cat sat " * 30)).otherwise("text")
    )

    def queries(**settings: Any) -> tuple[pl.DataFrame, StepContext]:
        request = {"name": f"seq2seq:{folder}", "temperature": 1.2, "max_tokens": 10, **settings}
        generator = load(find_generator(GeneratorRequest.model_validate(request)))
        context = StepContext(cache=tmp_path / "cache")
        options = GenerateQueriesOptions.model_validate({**OPTIONS, "round_trip": "none"})
        return generate_queries(documents, generator=generator, options=options, context=context), context  # type: ignore[arg-type]

    whole, context = queries()
    assert context.ledger.dropped["too few queries, lastly: the prompt does not fit the context"] == 1
    assert 1 not in whole["source"]
    assert not any("first" in name for name in context.ledger.counts)
    _, context = queries(max_length=50)
    assert context.ledger.counts["rows of which the model read the first 50 tokens alone"] == 1
    assert not any("context" in reason for reason in context.ledger.dropped)


def test_words_may_stand_about_the_document(folder: Path, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_text("For T5.\n\n# User\ngenerate query: {{ document }}\n")
    models = {"generator": (GeneratorRequest(name=f"seq2seq:{folder}"),)}
    shown = preview(DOCUMENTS.head(1), options=GenerateQueriesOptions(prompt=str(prompt)), models=models)
    assert shown == [f"[user]\ngenerate query: {DOCUMENTS['text'][0]}"]
    assert preview(DOCUMENTS.head(1), options=GenerateQueriesOptions(), models=models) == [
        f"[user]\n{DOCUMENTS['text'][0]}"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "# System\nBe good.\n# User\n{{ document }}",
            "has a heading '# System', but the model follows no instructions",
        ),
        ("# User\n{{ document }} {{ number }}", r"no value for \{\{ number \}\} \(fields: document\)"),
        ("{{ document }}", "the heading '# User' is missing"),
    ],
)
def test_a_prompt_for_another_kind_of_model_is_refused(text: str, fault: str, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_text(text)

    def stage() -> Stage:
        options = GenerateQueriesOptions(prompt=str(prompt))
        return Stage(STEP, options, models={"generator": (GeneratorRequest(name="seq2seq:m"),)})

    with pytest.raises(OptionsError, match=fault):
        stage()


def test_functions_refuse_such_a_model_too(folder: Path, tmp_path: Path) -> None:
    from pairforge.steps.generate_paraphrases import generate_paraphrases

    generator: Any = load(find_generator(GeneratorRequest(name=f"seq2seq:{folder}")))
    with pytest.raises(OptionsError, match="follows no instructions"):
        generate_paraphrases(DOCUMENTS, generator=generator, context=StepContext(cache=tmp_path))
    options = GenerateQueriesOptions(kind=("title",), round_trip="none")
    with pytest.raises(OptionsError, match="kind='title' says nothing"):
        generate_queries(DOCUMENTS, generator=generator, options=options, context=StepContext(cache=tmp_path))
