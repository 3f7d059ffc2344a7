from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from pairforge.engines.loading import load_generator
from pairforge.engines.token_draws import TokenDraws
from pairforge.errors import ModelError
from pairforge.generator_files import find_generator
from pairforge.generators import DOES_NOT_FIT, Answer, Ask, GeneratorRequest, Message, Reply, TextGenerator
from pairforge.models import DEFAULT_ENCODER
from tests.tiny_models import save_cross_encoder, save_language_model, save_seq2seq_model

TEXTS = ["the cat sat on the mat", "a dog ran", "the dog sat on a cat and the cat ran to the mat"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_seq2seq_model(tmp_path_factory.mktemp("seq2seq") / "tiny")


def loaded(folder: Path | str, **settings: object) -> TextGenerator:
    given = {"name": f"seq2seq:{folder}", "max_tokens": 12, "device": "cpu", **settings}
    return load_generator(find_generator(GeneratorRequest.model_validate(given)))


def asks(texts: Sequence[str] = TEXTS, draws: int = 4) -> list[Ask]:
    return [Ask((Message("user", text),), 1000 * row + draw) for row, text in enumerate(texts) for draw in range(draws)]


def answered(model: TextGenerator, questions: Sequence[Ask]) -> list[Answer]:
    answers = dict(model.answers(questions, None))
    assert sorted(answers) == list(range(len(questions)))
    return [answers[place] for place in range(len(questions))]


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"batch_size": 5}, {"batch_size": 100}])
def test_a_texts_draws_hang_on_its_seed_alone(folder: Path, settings: dict[str, object]) -> None:
    whole = answered(loaded(folder, temperature=1.3), asks())
    assert answered(loaded(folder, temperature=1.3, **settings), asks()) == whole
    backwards = answered(loaded(folder, temperature=1.3, **settings), asks()[::-1])
    assert backwards[::-1] == whole
    assert answered(loaded(folder, temperature=1.3, **settings), asks()[3:4]) == whole[3:4]
    assert len({str(answer) for answer in whole}) > len(TEXTS)


def test_at_temperature_0_the_likeliest_text_is_written_as_transformers_writes_it(folder: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    written = [
        model.generate(**tokenizer(text, return_tensors="pt"), do_sample=False, max_new_tokens=12)[0] for text in TEXTS
    ]
    wanted = [tokenizer.decode(tokens, skip_special_tokens=True).strip() for tokens in written]
    found = answered(loaded(folder, temperature=0), asks(draws=2))
    assert [answer.text for answer in found if isinstance(answer, Reply)] == [text for text in wanted for _ in range(2)]


def test_a_text_that_meets_the_limit_is_not_whole(folder: Path) -> None:
    replies = [
        answer for answer in answered(loaded(folder, temperature=1.5), asks(draws=20)) if isinstance(answer, Reply)
    ]
    assert {reply.whole for reply in replies} == {True, False}
    assert all(reply.output_tokens == 12 for reply in replies if not reply.whole)
    assert all(1 <= reply.output_tokens <= 12 for reply in replies)


def test_a_text_longer_than_the_model_reads_is_not_asked_unless_it_may_be_cut(folder: Path) -> None:
    long = " ".join(TEXTS * 5)
    whole = loaded(folder)
    [tokens] = whole.prompt_tokens(asks([long], 1))
    assert tokens > 64
    found = answered(whole, asks([long, TEXTS[0]], 1))
    assert found[0] == DOES_NOT_FIT
    assert isinstance(found[1], Reply)
    [cut] = answered(loaded(folder, max_length=20), asks([long], 1))
    assert isinstance(cut, Reply)
    assert cut.prompt_tokens == tokens
    [longer] = answered(loaded(folder, max_length=500), asks([long], 1))
    assert isinstance(longer, Reply)
    assert longer.text != cut.text


def test_what_is_cut_away_does_not_matter(folder: Path) -> None:
    first, other = (" ".join([*["the cat sat"] * 8, *[end] * 8]) for end in ("a dog ran", "on the mat"))
    replies = answered(loaded(folder, max_length=20), [*asks([first], 1), *asks([other], 1)])
    assert [answer.text for answer in replies if isinstance(answer, Reply)] == [replies[0].text] * 2  # type: ignore[union-attr]


def test_weights_are_loaded_with_the_first_text_alone(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "model")
    model = loaded(copy)
    (copy / "model.safetensors").unlink()
    assert model.prompt_tokens(asks(draws=1))
    assert answered(model, []) == []
    with pytest.raises(ModelError, match="cannot be loaded as a seq2seq model"):
        answered(model, asks())


def test_no_json_can_be_wanted(folder: Path) -> None:
    with pytest.raises(ModelError, match="follows no instructions and writes no JSON"):
        dict(loaded(folder).answers(asks(), {"type": "object"}))


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda folder: DEFAULT_ENCODER, r"no seq2seq model: it lacks an encoder or a decoder \(model type bert\)"),
        (save_language_model, r"no seq2seq model: it lacks an encoder or a decoder \(model type llama\)"),
        (save_cross_encoder, r"no seq2seq model: it lacks an encoder or a decoder \(model type bert\)"),
        (lambda folder: _without(folder, "tokenizer.json", "tokenizer_config.json"), "has no tokenizer in"),
        (lambda folder: _without(folder, "model.safetensors"), "has no weights in safetensors"),
        (lambda folder: _with(folder, "config.json", "[]"), "its config.json cannot be read"),
        (lambda folder: _with(folder, "tokenizer.json", "{}"), "cannot be loaded as a seq2seq model"),
        (lambda folder: folder / "nowhere", "no such model folder"),
    ],
)  # fmt: skip
def test_what_is_no_seq2seq_model_is_refused_before_anything_is_asked(make, fault: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match=fault) as refused:
        loaded(make(tmp_path / "made"))
    assert "\n" not in str(refused.value)


def _without(folder: Path, *names: str) -> Path:
    save_seq2seq_model(folder)
    for name in names:
        (folder / name).unlink()
    return folder


def _with(folder: Path, name: str, content: str) -> Path:
    (save_seq2seq_model(folder) / name).write_text(content)
    return folder


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed, which reads it")
def test_a_tokenizer_that_would_know_no_words_is_refused(tmp_path: Path) -> None:
    folder = _without(tmp_path / "made", "tokenizer.json")
    (folder / "spiece.model").write_bytes(b"\n")
    with pytest.raises(ModelError, match=r"file of SentencePiece alone.*pip install sentencepiece protobuf"):
        loaded(folder)


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_seq2seq_model(tmp_path / "made")
    weights = load_file(folder / "model.safetensors")
    weights.pop("decoder.block.0.layer.0.SelfAttention.q.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="its files lack weights"):
        answered(loaded(folder), asks())


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_named(folder: Path, device: str) -> None:
    with pytest.raises(ModelError, match=f"there is no device '{device}' here .*Name another, as cpu") as refused:
        loaded(folder, device=device)
    assert "\n" not in str(refused.value)


def test_beams_and_samplers_that_a_model_was_saved_with_do_not_count(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "model")
    file = other / "generation_config.json"
    saved = {"do_sample": True, "num_beams": 3, "num_return_sequences": 2, "top_k": 2, "max_length": 5,
             "forced_eos_token_id": 1}  # fmt: skip
    file.write_text(json.dumps(json.loads(file.read_text()) | saved))
    assert answered(loaded(other, temperature=1.2), asks()) == answered(loaded(folder, temperature=1.2), asks())


def test_a_model_of_bounded_positions_reads_and_writes_no_more(tmp_path: Path) -> None:
    from transformers import BartConfig, BartForConditionalGeneration

    folder = _without(tmp_path / "bart", "model.safetensors", "config.json", "generation_config.json")
    config = BartConfig(
        vocab_size=100, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32, pad_token_id=0,
        eos_token_id=1, bos_token_id=2, decoder_start_token_id=1, forced_eos_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    BartForConditionalGeneration(config).save_pretrained(folder)
    assert {type(answer) for answer in answered(loaded(folder), asks(TEXTS[:2]))} == {Reply}
    [long] = answered(loaded(folder), asks([" ".join(TEXTS * 3)], 1))
    assert long == DOES_NOT_FIT
    for setting in ("max_tokens", "max_length"):
        with pytest.raises(ModelError, match=f"up to 32 tokens, but the generator's {setting} is 33"):
            loaded(folder, **{setting: 33})


def _drawn(temperature: float, top_p: float, logits: torch.Tensor, rows: int = 20_000) -> np.ndarray:
    draws = TokenDraws(range(rows), temperature, top_p)
    scores = draws(torch.zeros(rows, 1, dtype=torch.long), logits.expand(rows, -1))
    return np.bincount(scores.argmax(dim=-1).numpy(), minlength=logits.numel()) / rows


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.tensor([0.0, 1.0, -torch.inf, 2.0, -1.0])
    for temperature in (0.5, 1.0, 2.0):
        wanted = (logits / temperature).softmax(0).numpy()
        assert np.abs(_drawn(temperature, 1.0, logits) - wanted).max() < 0.015
    assert _drawn(1.0, 1.0, logits)[2] == 0


def test_only_the_likeliest_tokens_are_drawn_from_where_that_is_asked_for() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    assert _drawn(1.0, 0.5, logits).tolist() == [1, 0, 0, 0]
    assert np.abs(_drawn(1.0, 0.79, logits) - np.array([5 / 8, 3 / 8, 0, 0])).max() < 0.015
    assert _drawn(1.0, 0.01, logits).tolist() == [1, 0, 0, 0]


def test_scores_that_are_no_numbers_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(folder)
    answered(model, asks())
    with torch.no_grad():
        model._model.shared.weight.fill_(float("nan"))  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match=r"no numbers in auto. Give its dtype as float32, or bfloat16"):
        answered(model, asks())
