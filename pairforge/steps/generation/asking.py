"""Questions asked of a language model until what comes back is verified, or for so many rounds.

All rows are asked in one round, so that an engine can work on many at a time; then what came back is verified, and the
rows that it did not serve are asked about again with other draws. An answer that cannot be read is never read as
anything; it is counted, and asked for again.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from pairforge.engines.answers import AnswerStore
from pairforge.execution.step import StepContext
from pairforge.generators import LONGEST_ANSWER, Answer, Ask, NoReply, TextGenerator
from pairforge.randomness import row_uniforms
from pairforge.steps.generation.options import GeneratingOptions
from pairforge.steps.generation.prompts import Prompt

Subject = TypeVar("Subject")
"""What a step wants of one row, and keeps of what it got: an object of the step's own."""
Given = TypeVar("Given", bound=BaseModel)
"""What an answer holds."""

_SEEDS = 2**31
_SAMPLE = 32
_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True)
class Question(Generic[Subject, Given]):
    """What is asked about a row, and how an answer is verified.

    Args:
        prompt: The prompt.
        answer: What an answer has to hold; its JSON schema is what the model is held to.
        values: From a subject to the prompt's fields, called anew for each round.
        take: Verifies the answers of a round, each with its subject, and keeps what is good of them in the subject.
            Gives for each the reason why the row is to be asked about again, or None where it is served.
    """

    prompt: Prompt
    answer: type[Given]
    values: Callable[[Subject], Mapping[str, Any]]
    take: Callable[[Sequence[tuple[Subject, Given]]], Sequence[str | None]]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of an answer."""
        return self.answer.model_json_schema()


@dataclass
class Case(Generic[Subject]):
    """One subject, and how far it is.

    Args:
        subject: What is wanted.
        row: The ordinal of its row in the stage's whole input.
        number: Which of the row's subjects it is, from 0.
        fault: Why it is not served; None once it is.
        asked: The last prompt.
        answered: The last answer.
    """

    subject: Subject
    row: int
    number: int = 0
    fault: str | None = "not asked"
    asked: str = field(default="", repr=False)
    answered: str = field(default="", repr=False)


def ask(
    question: Question[Subject, Given],
    cases: Sequence[Case[Subject]],
    *,
    generator: TextGenerator,
    options: GeneratingOptions,
    context: StepContext,
) -> None:
    """Ask about every case until it is served, `options.attempts` times at most; what came of it is left in the cases.

    Answers are kept in the cache as they come, so that no run asks twice. The draws of an answer follow from the seed,
    the row and the round alone. Counted in the ledger: questions, tokens, and answers that could not be used by reason.

    Raises:
        ModelError: the model cannot be asked any more.
        OptionsError: the prompt cannot be rendered.
    """
    store, left = AnswerStore(context.cache / "answers"), list(cases)
    for attempt in range(options.attempts):
        asks = [_asked(question, case, attempt, options.seed) for case in left]
        answers = store.answers(generator, asks, question.schema, context.progress) if asks else []
        _count(answers, context)
        readable = []
        for case, asked, answer in zip(left, asks, answers, strict=True):
            given = read_answer(answer, question.answer)
            case.asked = "\n\n".join(message.text for message in asked.messages)
            case.answered = "" if isinstance(answer, NoReply) else answer.text
            if isinstance(given, str):
                case.fault = given
            else:
                readable.append((case, given))
        verdicts = question.take([(case.subject, given) for case, given in readable]) if readable else []
        for (case, _), fault in zip(readable, verdicts, strict=True):
            case.fault = fault
        left = [case for case in left if case.fault is not None]
        for fault, number in Counter(str(case.fault) for case in left).items():
            context.ledger.count(f"not used: {fault}", number)


def read_answer(answer: Answer, wanted: type[Given]) -> Given | str:
    """What an answer holds, or why it cannot be used."""
    if isinstance(answer, NoReply):
        return answer.reason
    if len(answer.text) > LONGEST_ANSWER:
        return "answer too long to be read"
    text = _json_in(answer.text)
    if not text:
        return "empty answer"
    try:
        return wanted.model_validate_json(_escaped(text))
    except ValidationError:
        return "answer is not of the wanted form" if answer.whole else "answer cut at --max-tokens"


def saved_prompts(cases: Sequence[Case[Subject]], options: GeneratingOptions) -> dict[str, list[str]]:
    """The last prompt and answer of each case, by the column that they are kept in; nothing unless asked for."""
    if not options.save_prompts:
        return {}
    return {"asked": [case.asked for case in cases], "answered": [case.answered for case in cases]}


def first_prompts(question: Question[Subject, Given], subjects: Iterable[Subject]) -> list[str]:
    """What would be asked about these, as one text each."""
    rendered = (question.prompt.render(question.values(subject)) for subject in subjects)
    return ["\n\n".join(f"[{message.role}]\n{message.text}" for message in messages) for messages in rendered]


def told_cost(
    question: Question[Subject, Given],
    cases: Sequence[Case[Subject]],
    *,
    generator: TextGenerator,
    options: GeneratingOptions,
    output_tokens: Callable[[Sequence[Case[Subject]]], float],
) -> str:
    """What asking will take, in one line: rows, tokens, and money where a price is known.

    Args:
        question: What is asked.
        cases: All that will be asked about.
        generator: The model, which counts the tokens of a sample of prompts.
        options: The step's options.
        output_tokens: Estimates the tokens of one answer from a sample of cases.
    """
    sample = cases[:: max(1, math.ceil(len(cases) / _SAMPLE))]
    if not sample:
        return "nothing to ask"
    prompts = sum(generator.prompt_tokens([_asked(question, case, 0, options.seed) for case in sample])) / len(sample)
    answers = min(output_tokens(sample), generator.spec.request.max_tokens)
    prompt_total, answer_total = prompts * len(cases), answers * len(cases)
    request = generator.spec.request
    money = ""
    if request.input_price is not None or request.output_price is not None:
        price = (prompt_total * (request.input_price or 0) + answer_total * (request.output_price or 0)) / 1e6
        money = f", about {price:,.2f} at the given prices"
    return (
        f"{len(cases):,} questions to {generator.spec.name}: about {prompt_total:,.0f} tokens of prompts and "
        f"{answer_total:,.0f} of answers if each is asked once{money}"
    )


def _asked(question: Question[Subject, Given], case: Case[Subject], attempt: int, seed: int) -> Ask:
    draw = row_uniforms(seed, case.row, [case.number * 1000 + attempt], stream=7)
    return Ask(question.prompt.render(question.values(case.subject)), int(draw[0] * _SEEDS))


def _json_in(text: str) -> str:
    """The JSON in an answer: what follows a thought, without the fence that some models put about it."""
    answer = text.rpartition("</think>")[2].strip()
    if answer.startswith("```"):
        answer = answer.partition("\n")[2].rpartition("```")[0]
    return answer.strip()


def _escaped(text: str) -> str:
    """The JSON, control characters in its texts as escapes: some servers that hold a model to a schema let them in."""
    if not _CONTROL.search(text):
        return text
    try:
        return json.dumps(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return text


def _count(answers: Sequence[Answer], context: StepContext) -> None:
    given = [answer for answer in answers if not isinstance(answer, NoReply)]
    context.ledger.count("questions", len(answers))
    context.ledger.count("prompt tokens", sum(reply.prompt_tokens for reply in given))
    context.ledger.count("answer tokens", sum(reply.output_tokens for reply in given))
