"""vLLM in process: real vLLM on the CPU, with a tiny random model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pairforge.engines.loading import load_generator
from pairforge.errors import ModelError
from pairforge.generator_files import find_generator
from pairforge.generators import Ask, GeneratorRequest, Message, NoReply, Reply, TextGenerator
from tests.tiny_models import save_language_model

pytestmark = pytest.mark.vllm

SCHEMA = {
    "type": "object",
    "properties": {
        "texts": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 30},
            "minItems": 1,
            "maxItems": 2,
        }
    },
    "required": ["texts"],
    "additionalProperties": False,
}


def _ask(text: str, seed: int = 1) -> Ask:
    return Ask((Message("system", "You write texts."), Message("user", text)), seed)


def test_every_answer_fits_the_schema_and_stands_at_its_place(generator: TextGenerator) -> None:
    answers = dict(generator.answers([_ask(f"cat {number}", number) for number in range(60)], SCHEMA))
    assert sorted(answers) == list(range(60))
    for answer in answers.values():
        assert isinstance(answer, Reply)
        assert answer.whole
        texts = json.loads(answer.text)["texts"]
        assert all(1 <= len(text) <= 30 for text in texts)
        assert 1 <= len(texts) <= 2
    assert len({answer.text for answer in answers.values() if isinstance(answer, Reply)}) > 30


def test_same_question_and_seed_give_the_same_answer_whatever_else_is_asked(generator: TextGenerator) -> None:
    asks = [_ask(f"dog {number}", number) for number in range(12)]
    together = dict(generator.answers(asks, SCHEMA))
    alone = {place: dict(generator.answers([asks[place]], SCHEMA))[0] for place in (3, 7)}
    assert alone == {place: together[place] for place in (3, 7)}
    other = dict(generator.answers([Ask(asks[3].messages, 99)], SCHEMA))[0]
    assert other != together[3]


def test_tokens_of_a_prompt_are_those_that_vllm_reads(generator: TextGenerator) -> None:
    asks = [_ask(text) for text in ("", "a cat sat", "ünïcödé 🐈 " * 20)]
    answers = dict(generator.answers(asks, SCHEMA))
    assert generator.prompt_tokens(asks) == [
        answer.prompt_tokens for _, answer in sorted(answers.items()) if isinstance(answer, Reply)
    ]


def test_a_prompt_that_does_not_fit_is_refused_and_the_others_are_answered(generator: TextGenerator) -> None:
    room = 4096 - generator.spec.request.max_tokens
    frame = generator.prompt_tokens([_ask("")])[0]
    filler = "z" * (room - frame)
    asks = [_ask("cat"), _ask(filler), _ask(filler + "zz"), _ask("z " * 50_000)]
    assert generator.prompt_tokens(asks[1:3]) == [room, room + 2]
    answers = dict(generator.answers(asks, SCHEMA))
    assert [isinstance(answers[place], Reply) for place in range(4)] == [True, True, False, False]
    assert answers[2] == NoReply("the prompt does not fit the context")


def test_an_answer_that_reaches_the_limit_of_tokens_is_not_whole(generator: TextGenerator) -> None:
    (answer,) = dict(generator.answers([_ask("cat")], {"type": "string", "minLength": 4000})).values()
    assert isinstance(answer, Reply)
    assert not answer.whole
    assert answer.output_tokens == generator.spec.request.max_tokens


def test_no_questions_give_no_answers(generator: TextGenerator) -> None:
    assert list(generator.answers([], SCHEMA)) == []


def test_a_schema_that_cannot_be_held_is_one_sentence(generator: TextGenerator) -> None:
    with pytest.raises(ModelError, match="vLLM cannot answer"):
        list(generator.answers([_ask("cat")], {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}))
    assert dict(generator.answers([_ask("cat")], SCHEMA))


def _load(folder: Path, cache: Path, **settings: object) -> TextGenerator:
    request = GeneratorRequest.model_validate(
        {"name": f"vllm:{folder}", "dtype": "float32", "max_tokens": 64, **settings}
    )
    return load_generator(find_generator(request, cache=cache))


def test_an_unknown_quantisation_is_one_sentence(
    model_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match=r"vLLM cannot use that quantisation .*--quantization\.$"):
        _load(model_folder, tmp_path, quantization="finest")
    assert capfd.readouterr() == ("", "")


def test_too_little_memory_is_one_sentence(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "100000")
    with pytest.raises(ModelError, match="vLLM has too little memory for it"):
        _load(model_folder, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_model_without_a_chat_template_is_one_sentence(tmp_path: Path) -> None:
    folder = save_language_model(tmp_path / "plain", chat_template=None)
    with pytest.raises(ModelError, match=r"plain: has no chat template\. Name an instruct or chat model\.$"):
        _load(folder, tmp_path)


_STAYS_LOADED = """
import pairforge as pf

if __name__ == "__main__":
    model = pf.load_generator("vllm:{folder}")
    print(len(dict(model.answers([], None))), "answers")
"""


def test_process_that_still_holds_the_model_ends(model_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "stays_loaded.py"
    script.write_text(_STAYS_LOADED.format(folder=model_folder))
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=180, check=False)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "0 answers"), ended.stderr
