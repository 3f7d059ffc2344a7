"""Questions asked of a language model until what comes back is verified, or for so many rounds.

All rows are asked in one round, so that an engine can work on many at a time; then what came back is verified, and the
rows that it did not serve are asked about again with other draws. An answer that cannot be read is counted, and asked
for again.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic

from pairforge.engines.answers import AnswerStore
from pairforge.execution.step import StepContext
from pairforge.generators import Answer, Ask, GeneratorRequest, NoReply, Reply, TextGenerator
from pairforge.randomness import row_uniforms
from pairforge.steps.generation.options import GeneratingOptions
from pairforge.steps.generation.questions import Given, Question, Subject

_SEEDS = 2**31
_BETWEEN_DRAWS = 1_000_000
_SAMPLE = 32


@dataclass
class Case(Generic[Subject]):
    """One subject, and how far it is.

    Args:
        subject: What is wanted.
        row: The ordinal of its row in the stage's whole input.
        number: Which of the row's subjects it is, from 0.
        fault: Why it is not served; None once it is.
        read_in_part: Whether the model read only the beginning of what it was asked, as its request says.
        asked: The last prompt.
        answered: The last answer, or answers.
    """

    subject: Subject
    row: int
    number: int = 0
    fault: str | None = "not asked"
    read_in_part: bool = False
    asked: str = field(default="", repr=False)
    answered: str = field(default="", repr=False)

    def keep(self, asked: Sequence[Ask], answers: Sequence[Answer], request: GeneratorRequest) -> None:
        """Keep what was asked and answered in a round."""
        replies = [answer for answer in answers if not isinstance(answer, NoReply)]
        self.asked = "\n\n".join(message.text for message in asked[0].messages)
        self.answered = "\n".join(reply.text for reply in replies)
        self.read_in_part |= any(reply.prompt_tokens > _read_tokens(reply, request) for reply in replies)


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
    the row, the round and its number alone. Counted in the ledger: questions, tokens, answers that could not be used by
    reason, and rows that were read in part.

    Raises:
        ModelError: the model cannot be asked any more.
        OptionsError: the prompt cannot be rendered, or the model follows no instructions.
    """
    request, left = generator.spec.request, list(cases)
    store = AnswerStore(context.cache / "answers")
    for attempt in range(question.rounds(request, options.attempts)):
        asks = [_asks(question, case, attempt, options.seed) for case in left]
        flat = list(itertools.chain.from_iterable(asks))
        answers = store.answers(generator, flat, question.schema, context.progress) if flat else []
        _count(answers, request, context)
        readable, came = [], iter(answers)
        for case, asked in zip(left, asks, strict=True):
            answered = list(itertools.islice(came, len(asked)))
            case.keep(asked, answered, request)
            given, faults = question.read(answered)
            if given is None:
                case.fault = faults[-1]
            else:
                readable.append((case, given))
            for unused in faults if question.drawn else ():
                context.ledger.count(f"draws not used: {unused}", 1)
        verdicts = question.take([(case.subject, given) for case, given in readable]) if readable else []
        for (case, _), fault in zip(readable, verdicts, strict=True):
            case.fault = fault
        left = [case for case in left if case.fault is not None]
        for fault, number in Counter(str(case.fault) for case in left).items():
            context.ledger.count(f"not used: {fault}", number)
    if in_part := sum(case.read_in_part for case in cases):
        context.ledger.count(f"rows of which the model read the first {request.max_length:,} tokens alone", in_part)


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
    """What asking will take, in one line: questions, tokens, and money where a price is known.

    Args:
        question: What is asked.
        cases: All that will be asked about.
        generator: The model, which counts the tokens of a sample of prompts.
        options: The step's options.
        output_tokens: Estimates the tokens of one answer from a sample of cases.

    Raises:
        OptionsError: the model follows no instructions.
    """
    request = generator.spec.request
    question.rounds(request, options.attempts)
    sample = cases[:: max(1, math.ceil(len(cases) / _SAMPLE))]
    if not sample:
        return "nothing to ask"
    prompts = generator.prompt_tokens([_asks(question, case, 0, options.seed)[0] for case in sample])
    read = sum(min(tokens, request.max_length or tokens) for tokens in prompts) / len(prompts)
    questions = sum(question.draws(case.subject) for case in cases)
    prompt_total, answer_total = read * questions, min(output_tokens(sample), request.max_tokens) * questions
    money = ""
    if request.input_price is not None or request.output_price is not None:
        price = (prompt_total * (request.input_price or 0) + answer_total * (request.output_price or 0)) / 1e6
        money = f", about {price:,.2f} at the given prices"
    return (
        f"{questions:,} questions to {generator.spec.name}: about {prompt_total:,.0f} tokens of prompts and "
        f"{answer_total:,.0f} of answers if each is asked once{money}"
    )


def _asks(question: Question[Subject, Given], case: Case[Subject], attempt: int, seed: int) -> list[Ask]:
    messages = question.prompt.render(question.values(case.subject))
    draws = [case.number * 1000 + attempt + _BETWEEN_DRAWS * draw for draw in range(question.draws(case.subject))]
    return [Ask(messages, int(draw * _SEEDS)) for draw in row_uniforms(seed, case.row, draws, stream=7)]


def _read_tokens(reply: Reply, request: GeneratorRequest) -> int:
    """Tokens of a question that the model read."""
    return min(reply.prompt_tokens, request.max_length or reply.prompt_tokens)


def _count(answers: Sequence[Answer], request: GeneratorRequest, context: StepContext) -> None:
    given = [answer for answer in answers if not isinstance(answer, NoReply)]
    context.ledger.count("questions", len(answers))
    context.ledger.count("prompt tokens", sum(_read_tokens(reply, request) for reply in given))
    context.ledger.count("answer tokens", sum(reply.output_tokens for reply in given))
