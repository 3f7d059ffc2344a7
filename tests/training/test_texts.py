"""Rows drawn of plain texts, and the losses that learn from them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pairforge.engines.configuration import ModelConfiguration
from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.frames import LABELLED_PAIR, TEXT
from pairforge.models import ModelSpec
from pairforge.steps.add_noise import AddNoiseOptions, add_noise
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses import loss_of
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training
from pairforge.training.pooling import settle_pooling
from pairforge.training.redrawn import damaged_anew, distinct_texts, pairs_in_tension
from pairforge.training.text_bases import DECODERS, MASKED_MODELS
from pairforge.training.train import train
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import damaged, labelled, spec_of, texts, triplets

ROWS = np.arange(48)


# Rows


def test_rows_of_an_epoch_are_damaged_as_add_noise_damages_them():
    made = damaged_anew(texts(), ROWS, 7, deletion_ratio=0.4)
    wanted = add_noise(texts(), options=AddNoiseOptions(deletion_ratio=0.4, seed=7))
    assert made.equals(wanted)
    assert not made.equals(damaged_anew(texts(), ROWS, 8, deletion_ratio=0.4))


def test_rows_that_are_damaged_already_stay():
    assert damaged_anew(damaged(), ROWS[5:9], 7, deletion_ratio=0.4).equals(damaged()[5:9])


@pytest.mark.parametrize("draw", [partial(damaged_anew, deletion_ratio=0.6), pairs_in_tension])
def test_what_is_drawn_of_a_row_hangs_on_its_place_and_the_seed_alone(draw: Callable[..., pl.DataFrame]):
    whole = draw(texts(), ROWS, 3)
    some = np.array([40, 2, 17])
    assert draw(texts(), some, 3).equals(whole[some])


def test_a_pair_in_eight_is_a_text_and_itself_and_the_others_are_two_texts():
    many = pl.DataFrame({"text": [f"text {number}" for number in range(8_000)]})
    made = pairs_in_tension(many, np.arange(8_000), 5)
    assert LABELLED_PAIR.check(made, "pairs").equals(made)
    assert made["sentence1"].equals(many["text"].alias("sentence1"))
    same = made["sentence1"] == made["sentence2"]
    assert same.to_list() == (made["label"] == 1).to_list()
    assert 900 < same.sum() < 1_100
    assert made["sentence2"].n_unique() > 4_500
    again = pairs_in_tension(many, np.arange(8_000), 6)
    assert (again["sentence2"] == made["sentence2"]).sum() < 200


def test_texts_in_tension_stand_once_and_labelled_pairs_as_they_are():
    twice = pl.concat([texts(), texts()])
    rows, shape = distinct_texts(twice, TEXT)
    assert (rows.to_dicts(), shape) == (texts().to_dicts(), TEXT)
    rows, shape = distinct_texts(labelled(), LABELLED_PAIR)
    assert rows.equals(labelled())
    assert pairs_in_tension(rows, ROWS[3:6], 1).equals(labelled()[3:6])


# TSDAE


def _loaded(base: ModelSpec) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(base.path), device="cpu")


def _with_other_weights(base: ModelSpec) -> Any:
    import torch

    model = _loaded(base)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(0.01)
    return model


def _state(module: Any) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def test_decoder_takes_the_weights_in_hand_whatever_lies_on_the_disk(cls_base: ModelSpec):
    import torch

    from pairforge.training.text_losses import Denoising

    model = _with_other_weights(cls_base)
    before, parameters = _state(model), dict(model.named_parameters())
    losses = [Denoising(model), Denoising(model)]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter is parameters[name] for name, parameter in model.named_parameters())
    encoder = dict(model.transformers_model.named_parameters())
    for decoder in (loss.decoder for loss in losses):
        shared = [name for name, weights in decoder.base_model.named_parameters() if encoder.get(name) is weights]
        assert set(encoder) - set(shared) == {"pooler.dense.weight", "pooler.dense.bias"}
        assert decoder.get_output_embeddings().weight is encoder["embeddings.word_embeddings.weight"]
        assert decoder.training


def test_weights_in_hand_stay_in_fp32_when_the_base_was_saved_in_half_precision(cls_base: ModelSpec, tmp_path: Path):
    import torch

    from pairforge.training.text_losses import Denoising

    half = _loaded(cls_base).to(torch.bfloat16)
    half.save_pretrained(str(tmp_path), create_model_card=False)
    model = _loaded(spec_of(tmp_path)).to(torch.float32)
    before = _state(model)
    loss = Denoising(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert {weights.dtype for weights in loss.parameters()} == {torch.float32}


@pytest.mark.parametrize("loss", ["tsdae", "mlm"])
def test_a_step_that_learns_nothing_leaves_the_weights_of_the_base(loss: str, cls_base: ModelSpec, tmp_path: Path):
    import torch

    model = _with_other_weights(cls_base)
    model.save_pretrained(str(tmp_path / "other"), create_model_card=False)
    options = TrainOptions(loss=loss, batch_size=8, max_steps=2, learning_rate=1e-30, warmup_ratio=0)
    trained = _loaded(spec_of(train(texts(), base=spec_of(tmp_path / "other"), options=options)))
    assert all(torch.equal(tensor, trained.state_dict()[name]) for name, tensor in model.state_dict().items())


def _plain(base: ModelSpec, folder: Path) -> ModelSpec:
    """The transformer alone, as transformers saves it."""
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base.path / name, folder)
    return spec_of(folder)


def test_plain_transformer_is_pooled_by_its_cls_token(transformer_base: ModelSpec, tmp_path: Path):
    plain, context = _plain(transformer_base, tmp_path / "plain"), StepContext()
    model = train(texts(), base=plain, options=TrainOptions(loss="tsdae", batch_size=8, max_steps=1), context=context)
    assert _loaded(spec_of(model))[1].pooling_mode == "cls"
    assert note_of(context, "vectors are pooled by cls, as the tsdae loss learns")
    other = train(texts(), base=plain, options=TrainOptions(loss="mlm", batch_size=8, max_steps=1))
    assert _loaded(spec_of(other))[1].pooling_mode == "mean"


def test_base_that_pools_otherwise_is_refused(transformer_base: ModelSpec):
    with pytest.raises(
        ModelError, match="its vectors are pooled by mean, but the tsdae loss learns by cls; say --pooling cls"
    ):
        plan_training([texts()], None, transformer_base, TrainOptions(loss="tsdae"))


@pytest.mark.parametrize(
    ("settings", "ways"),
    [
        ({"pooling_mode": "cls"}, ("cls",)),
        ({"pooling_mode": ["cls", "mean"]}, ("cls", "mean")),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, ("mean",)),
        ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, ("cls", "max")),
    ],
)
def test_pooling_is_read_as_new_and_old_models_state_it(
    settings: dict[str, object], ways: tuple[str, ...], tmp_path: Path
):
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(settings))
    assert ModelConfiguration(tmp_path).pooling == ways


def test_chosen_pooling_is_set_and_one_that_a_loss_does_not_learn_by_refused(tmp_path: Path):
    tsdae, simcse = (loss_of(TrainedKind.ENCODER, name) for name in ("tsdae", "simcse"))
    assert tsdae
    assert simcse
    plain = ModelConfiguration(tmp_path)
    assert settle_pooling([tsdae], "bert", plain) == settle_pooling([tsdae], "bert", plain, "cls") == "cls"
    assert settle_pooling([simcse], "bert", plain) is None
    assert settle_pooling([simcse], "bert", plain, "max") == "max"
    with pytest.raises(ModelError, match="bert: its vectors are pooled by max, but the tsdae loss learns by cls"):
        settle_pooling([simcse, tsdae], "bert", plain, "max")


TYPES: Mapping[str, dict[str, Any]] = {
    "mpnet": {"dropout": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}},
    "distilbert": {},
    "roberta": {},
    "electra": {"embedding_size": 16},
    "modernbert": {"global_attn_every_n_layers": 1},
    "albert": {"embedding_size": 16},
}
"""Encoders, as transformers calls them, and what their tiny form needs."""


def _encoder(kind: str, tokenizer: ModelSpec, folder: Path, **settings: Any) -> ModelSpec:
    """A tiny random encoder of that kind, as sentence-transformers saves it, pooled by its cls token."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    torch.manual_seed(0)
    reader = AutoTokenizer.from_pretrained(str(tokenizer.path))
    config = AutoConfig.for_model(
        kind, vocab_size=len(reader), pad_token_id=reader.pad_token_id, bos_token_id=None, eos_token_id=None,
        cls_token_id=None, sep_token_id=None, **_sizes(kind), **settings,
    )  # fmt: skip
    plain = folder / "plain"
    AutoModel.from_config(config).save_pretrained(plain)
    reader.save_pretrained(plain)
    modules = [Transformer(str(plain), max_seq_length=16), Pooling(16, "cls")]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder / "model"), create_model_card=False)
    return spec_of(folder / "model")


def _sizes(kind: str) -> dict[str, int]:
    if kind == "distilbert":
        return {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 24}
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings")
    return dict(zip(names, (16, 1, 2, 32, 24), strict=True))


@pytest.mark.parametrize("kind", ["mpnet", "distilbert", "modernbert"])
def test_encoder_without_a_decoding_form_is_refused_and_trains_with_an_untied_decoder(
    kind: str, cls_base: ModelSpec, tmp_path: Path
):
    import torch

    base = _encoder(kind, cls_base, tmp_path, **{k: v for k, v in TYPES[kind].items() if k != "dropout"})
    options = TrainOptions(loss="tsdae", batch_size=8, max_steps=3, learning_rate=0.01)
    with pytest.raises(ModelError, match=f"a {kind} has no form that decodes.*with --decoder, of 16 dimensions"):
        train(texts(), base=base, options=options)
    decoder = cls_base.path / "model.safetensors"
    before = decoder.read_bytes()
    model = train(texts(), base=base, decoder=cls_base, options=options)
    assert weights_digest(model) != weights_digest(base.path)
    assert decoder.read_bytes() == before
    assert not torch.isnan(_loaded(spec_of(model)).encode("a cat", convert_to_tensor=True)).any()


def test_decoder_that_cannot_decode_or_has_other_dimensions_is_refused(
    cls_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
):
    other = _encoder("distilbert", cls_base, tmp_path)
    options = TrainOptions(loss="tsdae")
    with pytest.raises(ModelError, match="a distilbert, has no form that decodes; name another"):
        train(texts(), base=cls_base, decoder=other, options=options)
    config = json.loads((transformer_base.path / "config.json").read_text()) | {"hidden_size": 32}
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="has 32 dimensions, the base 16; name one of as many"):
        train(texts(), base=cls_base, decoder=spec_of(tmp_path / "large"), options=options)
    with pytest.raises(OptionsError, match="a decoder is given, but masked-language-modelling asks none"):
        train(texts(), base=cls_base, decoder=cls_base, options=TrainOptions(loss="mlm"))


def test_decoder_with_another_vocabulary_reads_the_texts_anew(cls_base: ModelSpec, tmp_path: Path):
    from pairforge.training.init_model import init_model
    from pairforge.training.options import InitModelOptions
    from pairforge.training.text_losses import Denoising

    words = pl.DataFrame({"text": ["entirely other words stand here", "nothing of it is of animals"]})
    sizes = {"dimension": 16, "layers": 1, "heads": 2, "vocabulary_size": 120}
    settings = InitModelOptions.model_validate({"kind": "transformer", "tokenizer_from": "corpus"} | sizes)
    other = init_model(words, options=settings, output=tmp_path / "decoder")
    model = _loaded(cls_base)
    untied = Denoising(model, decoder=str(other))
    assert untied.need_retokenization
    assert not Denoising(model, decoder=str(cls_base.path)).need_retokenization
    features = [model.preprocess(column) for column in (["cat runs", "dog"], ["a cat runs", "a dog sleeps"])]
    assert untied(features, None).isfinite()


def test_table_of_decoders_is_that_of_transformers():
    """Each gets further weights by cross-attention, which is what a decoder of a vector looks through."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def weights(kind: str, *, attends: bool) -> int:
        config = AutoConfig.for_model(kind)
        config.update({"num_hidden_layers": 1, "n_layer": 1, "num_layers": 1, "is_decoder": True})
        config.add_cross_attention = attends
        with torch.device("meta"):
            return len(list(AutoModelForCausalLM.from_config(config).parameters()))

    for kind in sorted(DECODERS - {"prophetnet"}):
        assert weights(kind, attends=True) > weights(kind, attends=False), kind


def test_table_of_masked_models_is_that_of_transformers():
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    assert set(MODEL_FOR_MASKED_LM_MAPPING_NAMES) >= MASKED_MODELS


# SimCSE


def test_twins_are_ranked_as_multiple_negatives_ranking_ranks_them(transformer_base: ModelSpec):
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from pairforge.training.text_losses import Twins

    model = _loaded(transformer_base).train()
    features = [model.preprocess(texts()["text"][:6].to_list()) for _ in range(2)]
    torch.manual_seed(1)
    twins = Twins(model)(features[:1])
    torch.manual_seed(1)
    assert twins.item() == MultipleNegativesRankingLoss(model)(features, None).item() > 0


@pytest.mark.parametrize("kind", ["mpnet", "modernbert"])
def test_model_without_dropout_has_no_twins(kind: str, cls_base: ModelSpec, tmp_path: Path):
    settings = TYPES[kind].get("dropout", {})
    base = _encoder(kind, cls_base, tmp_path, **settings, **{k: v for k, v in TYPES[kind].items() if k != "dropout"})
    with pytest.raises(ModelError, match=r"the simcse loss cannot train it: its dropout is 0 \(.*attention.*in config"):
        train(texts(), base=base, options=TrainOptions(loss="simcse"))


# Contrastive tension


def test_both_copies_of_the_model_learn_with_dropout(transformer_base: ModelSpec):
    from pairforge.training.text_losses import Tension, TensionInBatch

    for build in (Tension, TensionInBatch):
        model = _loaded(transformer_base)
        loss: Any = build(model)
        assert loss.model is loss.model2 is model
        assert all(module.training for module in (*loss.model1.modules(), *loss.model.modules()))
        texts_read = [loss.model.preprocess(["a cat", "a dog"]) for _ in range(2)]
        loss.eval()
        first, second = (copy(dict(texts_read[0]))["sentence_embedding"] for copy in (loss.model1, loss.model))
        np.testing.assert_array_equal(first.detach(), second.detach())


# Masked language modelling


def _masking(base: ModelSpec) -> Any:
    from pairforge.training.text_losses import Masking

    return Masking(_loaded(base))


@pytest.mark.parametrize("kind", ["bert", *TYPES])
def test_masked_tokens_are_named_as_transformers_names_them(kind: str, cls_base: ModelSpec, tmp_path: Path):
    import torch
    from transformers import AutoModelForMaskedLM

    settings = {name: value for name, value in TYPES.get(kind, {}).items() if name != "dropout"}
    base = cls_base if kind == "bert" else _encoder(kind, cls_base, tmp_path, **settings)
    loss = _masking(base).eval()
    whole = AutoModelForMaskedLM.from_pretrained(str(base.path)).eval()
    whole.load_state_dict(loss.head.state_dict(), strict=False)
    features = loss.model.preprocess(texts()["text"][:16].to_list())
    torch.manual_seed(3)
    found = loss([features])
    torch.manual_seed(3)
    shown, wanted = loss.collator.torch_mask_tokens(features["input_ids"].clone())
    expected = whole(input_ids=shown, attention_mask=features["attention_mask"], labels=wanted).loss
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_batch_of_which_no_token_is_masked_teaches_nothing(cls_base: ModelSpec):
    from pairforge.training.text_losses import Masking

    loss = Masking(_loaded(cls_base), mask_ratio=1e-9)
    value = loss([loss.model.preprocess(["a cat"])])
    value.backward()
    assert value.item() == 0


def test_head_goes_on_where_an_earlier_training_left_it(cls_base: ModelSpec):
    from safetensors.torch import load_file

    options = TrainOptions(loss="mlm", batch_size=8, max_steps=5, learning_rate=0.01)
    model = train(texts(), base=cls_base, options=options)
    saved = load_file(model / "mlm_head.safetensors")
    assert {name.split(".")[0] for name in saved} == {"head"}
    assert not any("word_embeddings" in name or name.endswith("decoder.weight") for name in saved)
    held = _masking(spec_of(model)).state_dict()
    assert all((held[name] == tensor).all() for name, tensor in saved.items())


def test_head_of_the_base_s_own_files_is_taken(transformer_base: ModelSpec, tmp_path: Path):
    from transformers import AutoModelForMaskedLM

    plain = _plain(transformer_base, tmp_path / "plain")
    with_head = AutoModelForMaskedLM.from_pretrained(str(plain.path))
    with_head.save_pretrained(plain.path)
    held = _masking(plain).state_dict()
    own = {name: tensor for name, tensor in with_head.state_dict().items() if name.startswith("cls.")}
    assert len(own) > 3
    assert all((held[f"head.{name}"] == tensor).all() for name, tensor in own.items())


def test_base_without_a_head_for_masked_tokens_is_refused(cls_base: ModelSpec, tmp_path: Path):
    folder = tmp_path / "other"
    shutil.copytree(cls_base.path, folder)
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "t5"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="a t5 has no head that names masked tokens; choose --loss simcse"):
        train(texts(), base=spec_of(folder), options=TrainOptions(loss="mlm"))


# All of them


@pytest.mark.parametrize("stop", [3, 8, 11])
@pytest.mark.parametrize("loss", ["tsdae", "ct", "ct-in-batch", "mlm"])
def test_run_that_was_broken_off_ends_with_the_same_weights_whatever_the_loss_holds(
    loss: str, stop: int, cls_base: ModelSpec, tmp_path: Path
):
    """Six steps an epoch, rows and dropout drawn anew in each, a checkpoint every other step."""
    options = TrainOptions(loss=loss, batch_size=8, epochs=2, save_steps=2, learning_rate=0.01)
    whole = train(texts(), base=cls_base, options=options)
    broken = StepContext(workspace=tmp_path, progress=stopping_after(stop))
    with pytest.raises(KeyboardInterrupt):
        train(texts(), base=cls_base, options=options, context=broken)
    context = StepContext(workspace=tmp_path)
    resumed = train(texts(), base=cls_base, options=options, context=context)
    assert weights_digest(resumed) == weights_digest(whole)
    assert note_of(context, f"went on from step {stop // 2 * 2}")


@pytest.mark.model
@pytest.mark.parametrize("loss", ["tsdae", "mnr"])
def test_command_killed_at_some_step_ends_with_the_same_weights(loss: str, cls_base: ModelSpec, tmp_path: Path):
    corpus = texts() if loss == "tsdae" else triplets()
    corpus.write_parquet(tmp_path / "corpus.parquet")
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}

    def command(output: str) -> list[str]:
        settings = {"--model": cls_base.path, "--loss": loss, "--batch-size": 8, "--epochs": 12, "--save-steps": 3}
        given = [str(word) for pair in settings.items() for word in pair]
        out = ["-o", str(tmp_path / output / "model")]
        return [sys.executable, "-m", "pairforge", "train", str(tmp_path / "corpus.parquet"), *given, *out]

    killed = subprocess.Popen(command("killed"), env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    while killed.poll() is None and not list((tmp_path / "killed").rglob("checkpoint-*/complete.json")):
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model").exists()
    told = [
        subprocess.run(command(output), env=environment, check=True, capture_output=True, text=True)
        for output in ("killed", "whole")
    ]
    resumed, whole = (told[place].stdout + told[place].stderr for place in (0, 1))
    assert "which an earlier run had reached" in resumed
    assert "which an earlier run had reached" not in whole
    assert weights_digest(tmp_path / "killed" / "model") == weights_digest(tmp_path / "whole" / "model")


def test_prompt_goes_before_what_the_encoder_reads(cls_base: ModelSpec):
    options = TrainOptions(loss="tsdae", batch_size=8, max_steps=2, learning_rate=0.01)
    prompted = spec_of(cls_base.path, query_prompt="a ")
    assert weights_digest(train(texts(), base=prompted, options=options)) != weights_digest(
        train(texts(), base=cls_base, options=options)
    )


def test_plain_texts_and_pairs_are_learnt_together(cls_base: ModelSpec):
    from safetensors.torch import load_file

    options = TrainOptions(loss=("mlm", "mnr", "tsdae"), batch_size=8, max_steps=12)
    model = train([texts(), triplets(), texts()], base=cls_base, options=options)
    assert sorted(path.name for path in model.glob("*.safetensors")) == ["mlm_head.safetensors", "model.safetensors"]
    assert all(tensor.isfinite().all() for tensor in load_file(model / "model.safetensors").values())


def test_texts_that_have_nothing_to_be_told_from_are_refused(static_base: ModelSpec):
    alone = pl.concat([texts()[:1]] * 40)
    with pytest.raises(FrameError, match="holds one text over and over"):
        train(alone, base=static_base, options=TrainOptions(loss="ct"))


def test_noise_for_texts_that_are_damaged_already_is_refused(cls_base: ModelSpec):
    with pytest.raises(
        OptionsError, match=r"deletion_ratio=0\.3 is given, but corpus holds texts that are damaged already"
    ):
        train(damaged(), base=cls_base, options=TrainOptions(loss="tsdae", deletion_ratio=0.3))


@pytest.mark.parametrize(("loss", "option", "value"), [("simcse", "deletion_ratio", 0.5), ("tsdae", "mask_ratio", 0.5)])
def test_option_of_another_loss_is_refused(loss: str, option: str, value: float):
    with pytest.raises(ValueError, match=f"{option}=0.5 is given, but the {loss} loss has none"):
        TrainOptions.model_validate({"loss": loss, option: value})
