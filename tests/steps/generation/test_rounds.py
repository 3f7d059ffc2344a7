from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from pairforge.execution.step import StepContext
from pairforge.generators import Answer, GeneratorRequest, NoReply, Reply
from pairforge.steps.generation.asking import Case, ask, first_prompts, saved_prompts, told_cost
from pairforge.steps.generation.options import GeneratingOptions
from pairforge.steps.generation.prompts import Prompt, RowText
from pairforge.steps.generation.questions import Question, read_answer
from tests.fakes import ScriptedGenerator


class Colour(BaseModel):
    colour: str


@dataclass
class Thing:
    name: str
    colours: list[str] = field(default_factory=list)


class Options(GeneratingOptions):
    step: ClassVar[str] = "generate-negatives"
    fields: ClassVar[tuple[str, ...]] = ("name",)


def _take(answers: Sequence[tuple[Thing, Colour]]) -> list[str | None]:
    for thing, given in answers:
        thing.colours.append(given.colour)
    return [None if given.colour == "red" else "not red" for _, given in answers]


QUESTION = Question(
    Prompt("here", "# System\nName colours.\n# User\n{{ name }}", ("name",)),
    Colour,
    lambda thing: {"name": RowText(thing.name)},
    _take,
)


def _cases(*names: str, first: int = 0) -> list[Case[Thing]]:
    return [Case(Thing(name), first + row) for row, name in enumerate(names)]


def _ask(
    folder: Path, cases: list[Case[Thing]], script: Callable[[str], str | None], **options: Any
) -> tuple[ScriptedGenerator, StepContext]:
    generator, context = ScriptedGenerator(script), StepContext(cache=folder)
    ask(QUESTION, cases, generator=generator, options=Options.model_validate(options), context=context)
    return generator, context


def test_a_row_is_asked_about_until_it_is_served_and_no_more(tmp_path: Path) -> None:
    replies = {"apple": iter(['{"colour": "red"}']), "leaf": iter(['{"colour": "green"}', '{"colour": "red"}'])}
    cases = _cases("apple", "leaf")
    generator, context = _ask(tmp_path, cases, lambda prompt: next(replies["apple" if "apple" in prompt else "leaf"]))
    assert [case.fault for case in cases] == [None, None]
    assert [case.subject.colours for case in cases] == [["red"], ["green", "red"]]
    assert len(generator.asked) == 3
    assert context.ledger.counts["questions"] == 3
    assert context.ledger.counts["not used: not red"] == 1
    assert context.ledger.counts["answer tokens"] == 6


def test_rounds_are_bounded_and_each_draws_anew(tmp_path: Path) -> None:
    cases = _cases("sky")
    generator, context = _ask(tmp_path, cases, lambda prompt: '{"colour": "blue"}', attempts=4)
    assert cases[0].fault == "not red"
    assert len({asked.seed for asked in generator.asked}) == len(generator.asked) == 4
    assert context.ledger.counts["not used: not red"] == 4


def test_draws_hang_on_the_seed_the_row_and_the_round_alone(tmp_path: Path) -> None:
    def seeds(cases: list[Case[Thing]], folder: str, **options: int) -> set[int]:
        asked = _ask(tmp_path / folder, cases, lambda prompt: '{"colour": "blue"}', **options)[0].asked
        return {one.seed for one in asked}

    whole = seeds(_cases("a", "b", "c", "d"), "whole")
    assert seeds(_cases("a", "b"), "first") | seeds(_cases("c", "d", first=2), "second") == whole
    assert not seeds(_cases("a", "b", "c", "d"), "other", seed=7) & whole
    assert len(whole) == 4 * 3


def test_no_run_asks_twice_what_was_answered(tmp_path: Path) -> None:
    _ask(tmp_path, _cases("apple", "leaf"), lambda prompt: '{"colour": "blue"}' if "leaf" in prompt else None)
    again, _ = _ask(tmp_path, _cases("apple", "leaf"), lambda prompt: '{"colour": "red"}')
    assert {asked.messages[-1].text for asked in again.asked} == {"```\napple\n```"}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (NoReply("the prompt does not fit the context"), "the prompt does not fit the context"),
        (Reply(""), "empty answer"),
        (Reply("  \n"), "empty answer"),
        (Reply("red"), "answer is not of the wanted form"),
        (Reply('{"colour": 3}'), "answer is not of the wanted form"),
        (Reply('{"color": "red"}'), "answer is not of the wanted form"),
        (Reply("null"), "answer is not of the wanted form"),
        (Reply('{"colour": "re', whole=False), "answer cut at --max-tokens"),
        (Reply('{"colour": "' + "r" * 1_000_000 + '"}'), "answer too long to be read"),
        (Reply("</think>"), "empty answer"),
        (Reply('The answer is {"colour": "red"}'), "answer is not of the wanted form"),
    ],
)
def test_an_unreadable_answer_is_never_read_as_anything(answer: Answer, fault: str) -> None:
    assert read_answer(answer, Colour) == fault


@pytest.mark.parametrize(
    "text",
    [
        '{"colour": "red"}',
        '\n {"colour": "red"} ',
        '```json\n{"colour": "red"}\n```',
        '<think>blue? {"colour": "blue"}</think>\n{"colour": "red"}',
        '{"colour": "red", "why": "it is"}',
    ],
)
def test_a_thought_a_fence_and_more_fields_are_read_past(text: str) -> None:
    assert read_answer(Reply(text), Colour) == Colour(colour="red")


@pytest.mark.parametrize("colour", ["light\nred", "red\t", "red\x00\x1b", "\n"])
def test_a_bare_control_character_in_a_text_is_read_as_its_escape(colour: str) -> None:
    assert read_answer(Reply(f'{{\n\t"colour": "{colour}"\n}}'), Colour) == Colour(colour=colour)


@pytest.mark.parametrize(
    "text",
    [
        '{"colour": "light\nred",}',
        '{"colour": "light\nred"} and more',
        '{"colour": ["light\nred"]}',
        '{"colour":\x00 "red"}',
        '{"colour": "\n\\ud83d"}',
        "[" * 100_000 + "\n",
    ],
)
def test_all_else_that_is_no_json_of_the_form_is_unreadable_beside_a_control_character(text: str) -> None:
    assert read_answer(Reply(text), Colour) == "answer is not of the wanted form"


def test_faults_are_counted_by_reason(tmp_path: Path) -> None:
    replies = {"a": None, "b": "", "c": "no JSON", "d": '{"colour": "red"}'}
    cases = _cases(*replies)
    _, context = _ask(tmp_path, cases, lambda prompt: replies[prompt.split("\n")[1]], attempts=1)
    faults = ["no answer in the script", "empty answer", "answer is not of the wanted form"]
    assert [case.fault for case in cases] == [*faults, None]
    assert {context.ledger.counts[f"not used: {fault}"] for fault in faults} == {1}


def test_prompts_and_answers_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    cases = _cases("apple", "leaf")
    _ask(tmp_path, cases, lambda prompt: '{"colour": "red"}' if "apple" in prompt else None)
    saved = saved_prompts(cases, Options(save_prompts=True))
    assert saved["asked"][0] == "Name colours.\n\n```\napple\n```"
    assert saved["answered"] == ['{"colour": "red"}', ""]
    assert saved_prompts(cases, Options()) == {}


def test_a_preview_names_the_roles() -> None:
    assert first_prompts(QUESTION, [Thing("sky")]) == ["[system]\nName colours.\n\n[user]\n```\nsky\n```"]


def test_the_cost_counts_tokens_and_money_where_a_price_is_known() -> None:
    def told(**request: Any) -> str:
        generator = ScriptedGenerator(lambda prompt: None)
        named = GeneratorRequest(name="openai:scripted", **request)
        generator.spec = generator.spec.model_copy(update={"request": named})
        return told_cost(
            QUESTION, _cases(*["sky"] * 100), generator=generator, options=Options(), output_tokens=lambda cases: 10.0
        )

    assert told() == (
        "100 questions to openai:scripted: about 500 tokens of prompts and 1,000 of answers if each is asked once"
    )
    assert told(input_price=1000, output_price=2000).endswith(", about 2.50 at the given prices")
    assert "and 500 of answers" in told(max_tokens=5)


def test_nothing_to_ask_costs_nothing() -> None:
    nothing = told_cost(
        QUESTION, [], generator=ScriptedGenerator(lambda prompt: None), options=Options(), output_tokens=lambda _: 1.0
    )
    assert nothing == "nothing to ask"
