from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.engines.answers import AnswerStore
from pairforge.errors import FileError, ModelError
from pairforge.generators import Answer, Ask, Message, Reply, Schema
from tests.fakes import ScriptedGenerator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = {"type": "object"}


def question(text: str, seed: int = 0) -> Ask:
    return Ask((Message("user", text),), seed)


QUESTIONS = [question("one"), question("two"), question("three")]


def shouted(text: str) -> str:
    return text.upper()


def texts(answers: Sequence[Answer]) -> list[str]:
    return [answer.text if isinstance(answer, Reply) else f"({answer.reason})" for answer in answers]


def test_answers_stand_in_the_order_of_their_questions(tmp_path: Path) -> None:
    answers = AnswerStore(tmp_path).answers(ScriptedGenerator(shouted), QUESTIONS, SCHEMA)
    assert texts(answers) == ["ONE", "TWO", "THREE"]


def test_each_question_is_asked_once_however_often_it_stands_there(tmp_path: Path) -> None:
    generator = ScriptedGenerator(shouted)
    answers = AnswerStore(tmp_path).answers(generator, [*QUESTIONS, *QUESTIONS[::-1]], SCHEMA)
    assert texts(answers) == ["ONE", "TWO", "THREE", "THREE", "TWO", "ONE"]
    assert sorted(texts_of(generator)) == ["one", "three", "two"]


def texts_of(generator: ScriptedGenerator) -> list[str]:
    return [asked.messages[-1].text for asked in generator.asked]


def test_a_later_run_asks_only_what_is_new_and_gets_all_of_a_reply(tmp_path: Path) -> None:
    first = AnswerStore(tmp_path).answers(ScriptedGenerator(shouted, max_tokens=2), [question("a b c")], SCHEMA)
    again = ScriptedGenerator(shouted, max_tokens=2)
    answers = AnswerStore(tmp_path).answers(again, [question("new"), question("a b c")], SCHEMA)
    assert texts_of(again) == ["new"]
    assert answers[1:] == first == [Reply("A B", whole=False, prompt_tokens=1, output_tokens=2)]


def test_another_seed_schema_model_or_sampling_is_another_question(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    store.answers(ScriptedGenerator(shouted), QUESTIONS[:1], SCHEMA)
    for generator, asked, schema in (
        (ScriptedGenerator(shouted), question("one", 1), SCHEMA),
        (ScriptedGenerator(shouted), question("one"), None),
        (ScriptedGenerator(shouted, max_tokens=9), question("one"), SCHEMA),
    ):
        store.answers(generator, [asked], schema)
        assert len(generator.asked) == 1


def test_what_got_no_answer_is_asked_anew_by_the_next_run(tmp_path: Path) -> None:
    failing = ScriptedGenerator(lambda text: None if text == "two" else text.upper())
    assert texts(AnswerStore(tmp_path).answers(failing, QUESTIONS, SCHEMA)) == [
        "ONE", "(no answer in the script)", "THREE",
    ]  # fmt: skip
    mended = ScriptedGenerator(shouted)
    assert texts(AnswerStore(tmp_path).answers(mended, QUESTIONS, SCHEMA)) == ["ONE", "TWO", "THREE"]
    assert texts_of(mended) == ["two"]


def test_a_question_that_an_engine_forgot_counts_as_unanswered(tmp_path: Path) -> None:
    class Forgetful(ScriptedGenerator):
        def answers(self, asks: Sequence[Ask], schema: Schema | None) -> Iterator[tuple[int, Answer]]:
            yield from list(super().answers(asks, schema))[1:]

    answers = AnswerStore(tmp_path).answers(Forgetful(shouted), QUESTIONS, SCHEMA)
    assert texts(answers) == ["ONE", "TWO", "(the model gave no answer)"]


def test_what_came_before_the_model_failed_is_kept(tmp_path: Path) -> None:
    def failing(text: str) -> str:
        if text == "one":
            raise ModelError("gone")
        return text.upper()

    with pytest.raises(ModelError, match="gone"):
        AnswerStore(tmp_path).answers(ScriptedGenerator(failing), QUESTIONS, SCHEMA)
    after = ScriptedGenerator(shouted)
    assert texts(AnswerStore(tmp_path).answers(after, QUESTIONS, SCHEMA)) == ["ONE", "TWO", "THREE"]
    assert texts_of(after) == ["one"]


def test_no_questions_give_no_answers(tmp_path: Path) -> None:
    assert AnswerStore(tmp_path).answers(ScriptedGenerator(shouted), [], SCHEMA) == []


@settings(max_examples=25)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=8))
def test_any_text_comes_back_as_it_was_given(tmp_path_factory: pytest.TempPathFactory, asked: list[str]) -> None:
    folder = tmp_path_factory.mktemp("answers")
    echo = ScriptedGenerator(lambda text: text)
    questions = [question(text) for text in asked]
    assert texts(AnswerStore(folder).answers(echo, questions, None)) == asked
    kept = ScriptedGenerator(lambda text: None)
    assert texts(AnswerStore(folder).answers(kept, questions, None)) == asked


def test_a_killed_run_keeps_what_it_got(tmp_path: Path) -> None:
    killed = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from pairforge.engines.answers import AnswerStore
        from tests.engines.test_answers import QUESTIONS, SCHEMA
        from tests.fakes import ScriptedGenerator
        def script(text):
            return text.upper() if text != "one" else os.kill(os.getpid(), signal.SIGKILL)
        AnswerStore(Path({str(tmp_path)!r})).answers(ScriptedGenerator(script), QUESTIONS, SCHEMA)
    """)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", killed], env=environment, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    after = ScriptedGenerator(shouted)
    assert texts(AnswerStore(tmp_path).answers(after, QUESTIONS, SCHEMA)) == ["ONE", "TWO", "THREE"]
    assert texts_of(after) == ["one"]


def _ask_many(folder: Path, start: int) -> None:
    questions = [question(f"question {number}") for number in range(start, start + 200)]
    answers = AnswerStore(folder).answers(ScriptedGenerator(shouted), questions, SCHEMA)
    assert texts(answers) == [f"QUESTION {number}" for number in range(start, start + 200)]


def test_two_processes_may_keep_answers_in_one_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_ask_many, args=(tmp_path, start)) for start in (0, 100)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0, 0]
    after = ScriptedGenerator(shouted)
    AnswerStore(tmp_path).answers(after, [question(f"question {number}") for number in range(300)], SCHEMA)
    assert after.asked == []


def test_a_store_that_cannot_be_written_is_told_with_its_place(tmp_path: Path) -> None:
    place = tmp_path / "answers"
    place.write_text("a file")
    with pytest.raises(FileError, match=r"answers cannot be kept there .*--cache-dir"):
        AnswerStore(place).answers(ScriptedGenerator(shouted), QUESTIONS, SCHEMA)


def test_a_damaged_store_is_told_in_a_sentence(tmp_path: Path) -> None:
    generator = ScriptedGenerator(shouted)
    (tmp_path / f"{generator.spec.identity[:32]}.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(FileError, match="answers cannot be kept there"):
        AnswerStore(tmp_path).answers(generator, QUESTIONS, SCHEMA)
