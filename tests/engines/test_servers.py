from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from pairforge.engines import server_faults
from pairforge.engines.loading import load_generator
from pairforge.errors import MissingExtraError, ModelError
from pairforge.generator_files import find_generator
from pairforge.generators import LONGEST_ANSWER, Answer, Ask, GeneratorRequest, Message, NoReply, Reply, TextGenerator
from pairforge.steps.generation.questions import read_answer
from tests.asking_step import SCHEMA, Opposite
from tests.scripted_server import Call, Script, ScriptedServer, Turn, refusing, serve

GOOD = Turn('{"opposite": "cold"}')
KEY = "sk-planted-0123456789"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(server_faults, "_FIRST_WAIT", 0.01)


@pytest.fixture
def served() -> Iterator[Callable[..., ScriptedServer]]:
    with ExitStack() as stack:
        yield lambda script, **given: stack.enter_context(serve(script, **given))


def generator(server: ScriptedServer | str, **settings: object) -> TextGenerator:
    address = server if isinstance(server, str) else server.base_url
    given = {"name": "openai:small", "base_url": address, "max_retries": 2, "concurrency": 4, **settings}
    return load_generator(find_generator(GeneratorRequest.model_validate(given)))


def questions(number: int) -> list[Ask]:
    return [Ask((Message("system", "Be brief."), Message("user", f"question {row}")), row) for row in range(number)]


def answered(asked: TextGenerator, number: int = 1, schema: object = SCHEMA) -> list[Answer]:
    answers = dict(asked.answers(questions(number), schema))  # type: ignore[arg-type]
    assert sorted(answers) == list(range(number))
    return [answers[place] for place in range(number)]


def always(*turns: Turn) -> Script:
    """The turns in order at each call of a question, the last one ever after."""
    return lambda asked, number: turns[min(number, len(turns)) - 1]


def formats(calls: Sequence[Call]) -> list[str]:
    return [call.body.get("response_format", {}).get("type", "none") for call in calls]


def test_a_request_holds_the_question_the_schema_and_the_sampling(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(GOOD))
    settings = {"temperature": 0.3, "top_p": 0.8, "max_tokens": 77, "thinking": False}
    assert answered(generator(server, **settings)) == [Reply('{"opposite": "cold"}', True, 7, 2)]
    [call] = server.calls
    assert call.body == {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "question 0"}],
        "seed": 0,
        "temperature": 0.3,
        "top_p": 0.8,
        "max_tokens": 77,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_without_a_schema_any_text_is_asked_for(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(Turn("cold")))
    assert answered(generator(server), schema=None) == [Reply("cold", True, 7, 1)]
    assert "response_format" not in server.calls[0].body
    assert "chat_template_kwargs" not in server.calls[0].body


def test_only_the_first_question_of_all_goes_alone(served: Callable[..., ScriptedServer]) -> None:
    together = threading.Barrier(3, timeout=10)

    def script(asked: Ask, number: int) -> Turn:
        return GOOD

    asked = generator(server := served(script), concurrency=3)
    answered(asked)
    met = server.met
    server.met = lambda *given: (together.wait(), met(*given))[1]  # type: ignore[method-assign]
    assert len(answered(asked, 3)) == 3


def test_no_questions_need_no_server() -> None:
    assert answered(generator("http://127.0.0.1:9/v1"), 0) == []


def test_a_schema_is_sent_as_hosted_servers_want_it(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(GOOD))
    inner = {"type": "object", "properties": {"b": {"type": "string", "default": ""}}}
    answered(generator(server), schema={"type": "object", "properties": {"a": {"type": "array", "items": inner}}})
    sent = server.calls[0].body["response_format"]["json_schema"]["schema"]
    assert (sent["required"], sent["additionalProperties"]) == (["a"], False)
    assert sent["properties"]["a"]["items"]["required"] == ["b"]


def test_no_more_questions_are_under_way_than_allowed_and_as_many_as_allowed(
    served: Callable[..., ScriptedServer],
) -> None:
    together = threading.Barrier(4)

    def script(asked: Ask, number: int) -> Turn:
        return GOOD

    server = served(script)
    met = server.met

    def meeting(*given: object) -> object:
        if len(server.calls) > 4:
            together.wait(10)  # Ends only once four are here at once.
        return met(*given)

    server.met = meeting  # type: ignore[method-assign]
    assert len(answered(generator(server, concurrency=4), 13)) == 13
    assert server.most_at_once <= 4


def test_a_question_is_begun_only_when_an_earlier_answer_was_kept(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(GOOD))
    for kept, _ in enumerate(generator(server, concurrency=3).answers(questions(20), SCHEMA)):
        time.sleep(0.01)
        assert len(server.calls) <= kept + 3


@pytest.mark.parametrize(
    "fault",
    [
        Turn(stalls=True),
        refusing(429, "slow down"),
        Turn(status=429, body=b"", headers={"Retry-After": "0"}),
        refusing(500, "oops"),
        Turn(status=503, body=b"<html>busy</html>"),
        Turn(body=b'{"choices": [{"mess'),
        Turn(body=b"<html>hello</html>"),
        Turn(body=b'{"error": {"code": 502}}'),
        Turn(body=b"[" * 100_000),
    ],
)
def test_a_passing_fault_is_met_by_sending_again(served: Callable[..., ScriptedServer], fault: Turn) -> None:
    server = served(always(fault, fault, GOOD))
    assert answered(generator(server, timeout=0.3), 2) == [Reply('{"opposite": "cold"}', True, 7, 2)] * 2
    assert [call.number for call in server.calls] == [1, 2, 3] * 2


def test_a_request_is_never_sent_more_often_than_allowed(served: Callable[..., ScriptedServer]) -> None:
    server = served(lambda asked, number: refusing(500, "oops") if asked.seed % 2 else GOOD)
    answers = answered(generator(server, max_retries=3), 6)
    assert answers[1::2] == [NoReply("the server gave no answer (500)")] * 3
    assert all(isinstance(answer, Reply) for answer in answers[::2])
    assert max(call.number for call in server.calls) == 4
    assert len(server.calls) == 3 * 4 + 3


def test_a_server_that_asks_to_be_left_alone_is(served: Callable[..., ScriptedServer]) -> None:
    begun = []

    def script(asked: Ask, number: int) -> Turn:
        begun.append(time.monotonic())
        return Turn(status=429, body=b"", headers={"Retry-After": "0.4"}) if number == 1 else GOOD

    answered(generator(served(script)))
    assert begun[1] - begun[0] >= 0.4


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", 4), ("-3", 0), ("86400", 600), (None, 4)],
)
def test_waiting_follows_the_server_or_doubles(
    header: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_faults, "_FIRST_WAIT", 0.5)
    headers = {} if header is None else {"retry-after": header}
    fault = server_faults.fault_of(503, headers, None, server_faults.Sent((), KEY))
    assert isinstance(fault, server_faults.PassingFault)
    assert fault.wait(3) == seconds


def test_an_answer_that_drips_is_not_waited_for_longer_than_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stopped = threading.Event()

        def drip() -> None:
            while not stopped.is_set():
                with listening.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                    while not stopped.wait(0.05):
                        try:
                            connection.sendall(b" ")
                        except OSError:
                            break

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        asked = generator(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", timeout=0.3, max_retries=0)
        asked._is_found = True  # type: ignore[attr-defined]
        assert answered(asked) == [NoReply("the server gave no answer (timeout)")]
        stopped.set()


@pytest.mark.parametrize(
    ("turn", "fault"),
    [
        (Turn(json.dumps({"opposite": "x" * 1_000_000})), "answer too long to be read"),
        (Turn(body=b'{"choices": [{"message": {"content": "' + b"x" * 4_000_000 + b'"}}]}'),
         "answer too long to be read"),
        (Turn(""), "empty answer"),
        (Turn(body=b'{"choices": [{"message": {"content": null}}]}'), "empty answer"),
        (Turn('{"opposite": "co', finish="length"), "answer cut at --max-tokens"),
        (Turn('{"opposite": "co'), "answer is not of the wanted form"),
        (Turn('{"negative": "cold"}'), "answer is not of the wanted form"),
        (Turn(body=b'{"choices": [{"message": {"content": "\\ud83d"}}]}'), "answer is not of the wanted form"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_kept_small_and_says_why(
    served: Callable[..., ScriptedServer], turn: Turn, fault: str
) -> None:
    [answer] = answered(generator(served(always(turn))))
    assert isinstance(answer, Reply)
    assert len(answer.text.encode()) <= LONGEST_ANSWER + 1
    assert read_answer(answer, Opposite) == fault


@pytest.mark.parametrize(
    ("refusal", "tried"),
    [
        (refusing(400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
         ["json_schema", "json_object"]),
        (refusing(422, "Extra inputs are not permitted", param="response_format"), ["json_schema", "json_object"]),
        (refusing(400, "json_schema is not supported"), ["json_schema", "json_object"]),
        (refusing(400, "bad request"), ["json_schema", "json_object"]),
    ],
)  # fmt: skip
def test_a_server_that_knows_no_schema_is_told_it_in_the_prompt(
    served: Callable[..., ScriptedServer], refusal: Turn, tried: list[str]
) -> None:
    server = served(always(refusal, GOOD))
    server.script = lambda asked, number: GOOD if "JSON schema" in asked.messages[-1].text else refusal
    asked = generator(server)
    assert len(answered(asked, 5)) == 5
    assert formats(server.calls) == tried + ["json_object"] * 4
    assert json.dumps(SCHEMA) in server.calls[-1].asked.messages[-1].text
    answered(asked, 2)
    assert formats(server.calls[6:]) == ["json_object"] * 2


def test_a_server_without_response_format_is_asked_in_words_alone(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(refusing(400, "unknown field: response_format")))
    known = server.met

    def meeting(body: dict[str, object], key: str) -> object:
        server.script = always(GOOD if "response_format" not in body else refusing(400, "response_format is unknown"))
        return known(body, key)

    server.met = meeting  # type: ignore[method-assign, assignment]
    assert len(answered(generator(server, concurrency=1), 3)) == 3
    assert formats(server.calls) == ["json_schema", "json_object", "none", "none", "none"]


def test_a_server_that_calls_the_limit_otherwise_is_followed(served: Callable[..., ScriptedServer]) -> None:
    message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    server = served(always(refusing(400, message, param="max_tokens"), GOOD))
    answered(generator(server, max_tokens=9))
    assert formats(server.calls) == ["json_schema"] * 2
    assert server.calls[1].body["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    "refusal",
    [
        refusing(400, "This model's maximum context length is 256 tokens. However, your request has 300 input tokens.",
                 code=400, type="BadRequestError"),
        refusing(400, "the request exceeds the available context size", type="exceed_context_size_error"),
        refusing(400, "Please reduce your prompt.", code="context_length_exceeded"),
        refusing(413, "Payload too large"),
    ],
)  # fmt: skip
def test_a_prompt_longer_than_the_context_is_counted_and_not_cut(
    served: Callable[..., ScriptedServer], refusal: Turn
) -> None:
    server = served(lambda asked, number: refusal if asked.seed != 50 else GOOD)
    answers = answered(generator(server), 51)
    assert answers[:50] == [NoReply("the prompt does not fit the context")] * 50
    assert isinstance(answers[50], Reply)
    assert len(server.calls) == 51


def test_what_a_filter_refuses_is_counted(served: Callable[..., ScriptedServer]) -> None:
    server = served(lambda asked, number: GOOD if asked.seed else refusing(400, "No.", code="content_filter"))
    assert answered(generator(server), 2)[0] == NoReply("the server's filter refuses the question")


def test_one_question_that_is_refused_stops_no_others(served: Callable[..., ScriptedServer]) -> None:
    server = served(lambda asked, number: refusing(400, "not this one") if asked.seed == 3 else GOOD)
    answers = answered(generator(server), 9)
    assert answers[3] == NoReply("the server refuses the question (400)")
    assert sum(isinstance(answer, Reply) for answer in answers) == 8


def sentence(asked: TextGenerator, number: int = 50) -> str:
    with pytest.raises(ModelError) as caught:
        answered(asked, number)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1"
    assert sentence(generator(address)) == (
        f"{address}: no server answers there (no connection). Start it, or name its address with --base-url."
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_the_server_refuses_is_told_at_once(
    served: Callable[..., ScriptedServer], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    server = served(always(refusing(status, f"Incorrect API key provided: {KEY}.")))
    assert sentence(generator(server)) == (
        f"{server.base_url}: refuses the key in OPENAI_API_KEY ({status}). Set one that it takes."
    )
    assert [call.key for call in server.calls] == [KEY]


def test_a_server_that_wants_a_key_where_none_is_set_says_so(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(refusing(401, "who are you?")))
    assert sentence(generator(server)) == (
        f"{server.base_url}: wants a key (401), but the environment variable OPENAI_API_KEY is not set. Set it."
    )


def test_a_model_that_the_server_does_not_list_is_told_with_the_near_ones(
    served: Callable[..., ScriptedServer],
) -> None:
    server = served(always(GOOD), models=["smell-7b", "other", "small-8b", "zebra"])
    assert sentence(generator(server)) == (
        f"{server.base_url}: has no model 'small'. Name one that it has, as openai:small-8b or openai:smell-7b."
    )
    assert server.calls == []


@pytest.mark.parametrize("listed", ["small", "small:latest", "models/small", "org/small:free"])
def test_a_model_may_be_listed_with_a_folder_or_a_tag(served: Callable[..., ScriptedServer], listed: str) -> None:
    assert len(answered(generator(served(always(GOOD), models=["other", listed])))) == 1


def test_a_model_that_the_server_has_not_is_told_though_it_is_listed(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(refusing(404, "The model `small` does not exist.")), models=["org/small", "x"])
    assert sentence(generator(server)) == (
        f"{server.base_url}: has no model 'small'. Name one that it has, as openai:org/small."
    )


def test_an_address_that_is_not_the_protocols_is_told(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(GOOD))
    address = server.base_url.removesuffix("/v1")
    assert sentence(generator(address)) == (
        f"{address}: has no model 'small', or speaks no OpenAI protocol there (404). Check the name and --base-url, "
        "which mostly ends in /v1."
    )


def test_a_server_without_a_list_of_models_is_asked_all_the_same(served: Callable[..., ScriptedServer]) -> None:
    assert len(answered(generator(served(always(GOOD), models=None)), 2)) == 2


@pytest.mark.parametrize(
    "message",
    [
        "Invalid schema for response_format 'answer': 'pattern' is not supported",
        "The provided JSON schema contains features not supported by xgrammar",
        "failed to parse grammar",
    ],
)
def test_a_schema_that_cannot_be_met_is_told_at_once(served: Callable[..., ScriptedServer], message: str) -> None:
    server = served(always(refusing(400, f"{message}.")))
    assert sentence(generator(server)) == (
        f"{server.base_url}: cannot hold the answers of small to the JSON schema of this step (400: {message}). "
        "Ask another server or model, or change the options that the schema follows from."
    )
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "message", ["'temperature' has to be 1 for this model", "max_tokens=512 cannot be greater than max_model_len=256"]
)
def test_a_setting_that_the_server_refuses_is_told_in_its_words(
    served: Callable[..., ScriptedServer], message: str
) -> None:
    server = served(always(refusing(400, f"{message}.")))
    assert sentence(generator(server)) == (
        f"{server.base_url}: refuses what it is asked (400: {message}). Change the settings of the generator."
    )
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    "message", [f"bad key {KEY[3:15]}", "cannot read 'question 0' after 'Be brief. \n question 0'", "<html>no</html>"]
)
def test_a_server_that_repeats_the_key_or_the_chat_is_not_quoted(
    served: Callable[..., ScriptedServer], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    told = sentence(generator(served(always(refusing(400, message)))))
    assert "refuses what it is asked (400). Change" in told


def test_an_account_without_money_is_told_at_once(served: Callable[..., ScriptedServer]) -> None:
    server = served(always(refusing(429, "You exceeded your quota.", code="insufficient_quota")))
    assert "the account of the key has nothing left (429)" in sentence(generator(server))
    assert len(server.calls) == 1


def test_a_server_that_fails_from_the_start_is_told_after_three_questions(
    served: Callable[..., ScriptedServer],
) -> None:
    server = served(always(refusing(500, "oops")))
    assert sentence(generator(server)).startswith(
        f"{server.base_url}: 3 questions in a row got no answer, the last as the server gave no answer (500). "
    )
    assert len(server.calls) == 9


def test_a_server_that_fails_on_the_way_stops_the_run(served: Callable[..., ScriptedServer]) -> None:
    server = served(lambda asked, number: GOOD if asked.seed < 30 else refusing(500, "oops"))
    assert "20 questions in a row got no answer" in sentence(generator(server), 500)
    assert len(server.calls) <= 30 + 3 * 24


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("127.0.0.1:8000/v1", "'127.0.0.1:8000/v1' is no address of a server"),
        ("http:///v1", "'http:///v1' is no address of a server"),
        ("http://me:secret@127.0.0.1/v1", "the address on 127.0.0.1 has a user, a password or a query in it"),
        ("http://127.0.0.1/v1?key=secret", "the address on 127.0.0.1 has a user, a password or a query in it"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1: wants a key, but the environment variable"),
    ],
)
def test_an_address_that_is_none_or_would_be_kept_with_a_secret_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(ModelError) as caught:
        generator(address)
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-plänted", "sk-plan\nted"])
def test_a_key_that_cannot_be_sent_is_told_without_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ModelError, match="OPENAI_API_KEY has a character in it that no key has") as caught:
        generator("http://127.0.0.1:1/v1")
    assert "plän" not in str(caught.value)


def test_without_openai_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"openai:small needs: pip install 'pairforge\[llm\]'"):
        generator("http://127.0.0.1:1/v1")


def test_nothing_is_sent_and_nothing_shown_of_the_key_before_the_first_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    asked = generator("http://127.0.0.1:1/v1")
    assert KEY not in repr(asked)
    assert asked.prompt_tokens(questions(2)) == [12, 12]


def test_a_run_that_is_stopped_does_not_wait_for_a_silent_server(served: Callable[..., ScriptedServer]) -> None:
    server = served(lambda asked, number: GOOD if asked.seed == 0 else Turn(stalls=True))
    script = (
        "import os, signal\nfrom tests.engines.test_servers import *\n"
        f"answers = generator({server.base_url!r}, timeout=60).answers(questions(9), SCHEMA)\n"
        "next(answers)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "next(answers)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert "KeyboardInterrupt" in done.stderr
