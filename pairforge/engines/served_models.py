"""A language model at a server: what is asked first, what is asked at a time, and what a user is told when it fails.

The first question goes alone: it shows whether the server can be reached, takes the key, has the model and understands
how answers are held to a schema.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from pairforge.engines.in_flight import in_flight
from pairforge.engines.server_faults import PassingFault, Refusal
from pairforge.engines.server_requests import Manner, request_body
from pairforge.errors import ModelError
from pairforge.generators import DOES_NOT_FIT, Answer, Ask, GeneratorSpec, NoReply, Reply, Schema, digest_of

FILTERED = NoReply("the server's filter refuses the question")

_FAILURES_AT_FIRST, _FEWEST_FAILURES = 3, 20
_BYTES_A_TOKEN, _TOKENS_A_MESSAGE = 4, 4


class Connected(Protocol):
    """Sends requests to one server."""

    def chat(self, body: Mapping[str, Any], texts: Sequence[str], abandoned: Event) -> Reply:
        """What it answers; raises PassingFault or Refusal."""
        ...

    def models(self) -> list[str]:
        """The models that it lists; raises PassingFault or Refusal."""
        ...


@dataclass
class ServedModel:
    """A language model that a server has.

    Args:
        spec: Who it is.
        connection: The way to its server.
        has_key: Whether a key is sent.
    """

    spec: GeneratorSpec
    connection: Connected
    has_key: bool
    _manners: dict[str, Manner] = field(default_factory=dict, init=False)
    _is_found: bool = field(default=False, init=False)
    _failures: int = field(default=0, init=False)

    def prompt_tokens(self, asks: Sequence[Ask]) -> list[int]:
        """An estimate: a token for each four bytes of text, and four for each message."""
        return [
            sum(_TOKENS_A_MESSAGE + len(message.text.encode()) // _BYTES_A_TOKEN for message in ask.messages)
            for ask in asks
        ]

    def answers(self, asks: Sequence[Ask], schema: Schema | None) -> Iterator[tuple[int, Answer]]:
        """See `TextGenerator.answers`; as many questions as the request's `concurrency` are under way at a time."""
        places, form = iter(range(len(asks))), digest_of(schema)
        while form not in self._manners:
            place = next(places, None)
            if place is None:
                return
            yield place, self._patient(self._first_answer(asks[place], schema), _FAILURES_AT_FIRST)

        def answer(place: int, abandoned: Event) -> Answer:
            return self._later_answer(asks[place], schema, self._manners[form], abandoned)

        concurrency = self.spec.request.concurrency
        for place, given in in_flight(answer, places, concurrency):
            yield place, self._patient(given, max(_FEWEST_FAILURES, 2 * concurrency))

    def _first_answer(self, ask: Ask, schema: Schema | None) -> Answer:
        """An answer, from which is known how the server wants to be asked."""
        manner = Manner("json_schema" if schema is not None else None)
        self._find()
        while True:
            try:
                answer = self._answer(ask, schema, manner, Event())
            except Refusal as refusal:
                milder = manner.milder(refusal) if refusal.is_about_manner else None
                if milder is None:
                    raise self._refused(refusal) from None
                manner = milder
            else:
                if isinstance(answer, Reply):
                    self._manners[digest_of(schema)] = manner
                return answer

    def _later_answer(self, ask: Ask, schema: Schema | None, manner: Manner, abandoned: Event) -> Answer:
        try:
            return self._answer(ask, schema, manner, abandoned)
        except Refusal as refusal:
            # It took others: what it refuses is this question.
            if refusal.status in (400, 403, 422):
                return NoReply(f"the server refuses the question ({refusal.status})")
            raise self._refused(refusal) from None

    def _answer(self, ask: Ask, schema: Schema | None, manner: Manner, abandoned: Event) -> Answer:
        """What the server answers; a refusal that is not for what the prompt holds is raised."""
        body = request_body(self.spec.request, ask, schema, manner)
        try:
            return self.connection.chat(body, [message.text for message in ask.messages], abandoned)
        except PassingFault as fault:
            return NoReply(f"the server gave no answer ({fault.what})")
        except Refusal as refusal:
            if refusal.is_about_context:
                return DOES_NOT_FIT
            if refusal.is_about_content:
                return FILTERED
            raise

    def _patient(self, answer: Answer, most: int) -> Answer:
        """The answer, unless it is the last straw."""
        # What is wrong with a prompt says nothing against the server.
        failed = isinstance(answer, NoReply) and answer not in (DOES_NOT_FIT, FILTERED)
        self._failures = self._failures + 1 if failed else 0
        if isinstance(answer, NoReply) and self._failures >= most:
            raise ModelError(
                f"{self._place}: {self._failures} questions in a row got no answer, the last as {answer.reason}. "
                "Answers until then are kept: run the same command again once the server is well; a smaller "
                "--concurrency or a longer --timeout may help."
            )
        return answer

    def _find(self) -> None:
        """See that the server is there, and does not list other models only."""
        if self._is_found:
            return
        names: list[str] = []
        try:
            names = self.connection.models()
        except PassingFault as fault:
            if fault.unreachable:
                raise ModelError(
                    f"{self._place}: no server answers there ({fault.what}). Start it, or name its address with "
                    "--base-url."
                ) from None
        except Refusal as refusal:
            # Some keys may ask, but not list models; some servers have no list.
            if refusal.status == 401:
                raise self._refused(refusal) from None
        if names and not any(_is_called(self._model, name) for name in names):
            raise self._unknown(names)
        self._is_found = True

    def _refused(self, refusal: Refusal) -> ModelError:
        if refusal.status == 404:
            return self._unknown(self._listed())
        complaint, mend = self._complaint(refusal)
        return ModelError(f"{self._place}: {complaint}. {mend}")

    def _complaint(self, refusal: Refusal) -> tuple[str, str]:
        """What the server does not like, and the mend."""
        if refusal.is_about_quota:
            return f"the account of the key has nothing left ({refusal.status})", "Top it up."
        if refusal.status in (401, 403) and self.has_key:
            return f"refuses the key in OPENAI_API_KEY ({refusal.status})", "Set one that it takes."
        if refusal.status in (401, 403):
            return f"wants a key ({refusal.status}), but the environment variable OPENAI_API_KEY is not set", "Set it."
        if refusal.is_about_schema:
            return (
                f"cannot hold the answers of {self._model} to the JSON schema of this step ({refusal.told})",
                "Ask another server or model, or change the options that the schema follows from.",
            )
        return f"refuses what it is asked ({refusal.told})", "Change the settings of the generator."

    def _listed(self) -> list[str]:
        with suppress(PassingFault, Refusal):
            return self.connection.models()
        return []

    def _unknown(self, known: Sequence[str]) -> ModelError:
        if not known:
            return ModelError(
                f"{self._place}: has no model '{self._model}', or speaks no OpenAI protocol there (404). Check the "
                "name and --base-url, which mostly ends in /v1."
            )
        near = difflib.get_close_matches(self._model, known, n=3, cutoff=0.3) or sorted(known)[:3]
        return ModelError(
            f"{self._place}: has no model '{self._model}'. Name one that it has, as openai:{near[0]}"
            f"{''.join(f' or openai:{name}' for name in near[1:])}."
        )

    @property
    def _place(self) -> str:
        return str(self.spec.base_url)

    @property
    def _model(self) -> str:
        return self.spec.request.model


def _is_called(model: str, listed: str) -> bool:
    """Whether a server that lists this name may take the other for it: some leave out a folder or a tag."""
    return _bare(model) == _bare(listed)


def _bare(name: str) -> str:
    return name.rpartition("/")[2].partition(":")[0]
