"""Which weights of a transformer are trained, and how its memory is spared."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pairforge.errors import MissingExtraError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import labelled, nli, scored, spec_of, triplets

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="the extra lora is not installed")


def _changed(model: Path, base: ModelSpec) -> set[str]:
    """Names of the weights that training moved."""
    from safetensors.numpy import load_file

    before, after = load_file(base.path / "model.safetensors"), load_file(model / "model.safetensors")
    assert before.keys() == after.keys()
    return {name for name in after if not np.array_equal(before[name], after[name])}


def test_frozen_embeddings_and_layers_stay_as_they_are(transformer_base: ModelSpec):
    context, options = StepContext(), TrainOptions(batch_size=8, max_steps=2, freeze_layers=0, learning_rate=0.01)
    names = _changed(train(triplets(), base=transformer_base, options=options, context=context), transformer_base)
    assert names
    assert all(name.startswith("encoder.layer.0.") for name in names)
    assert note_of(context, "3,").endswith("%)")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"freeze_layers": 1}, "freeze_layers is given, but .* is a static model, which has no layers; omit it"),
        ({"gradient_checkpointing": True}, "gradient_checkpointing is given, but"),
        ({"lora_rank": 2}, "lora_rank is given, but"),
    ],
)
def test_static_model_has_no_layers_to_speak_of(options: dict[str, object], sentence: str, static_base: ModelSpec):
    with pytest.raises(OptionsError, match=sentence):
        train(triplets(), base=static_base, options=TrainOptions(batch_size=8, **options))


def test_more_layers_than_there_are_cannot_be_frozen(transformer_base: ModelSpec):
    with pytest.raises(OptionsError, match=r"freeze_layers is 2, but .* has 1 layers; lower it"):
        train(triplets(), base=transformer_base, options=TrainOptions(batch_size=8, freeze_layers=2))


def test_layers_computed_twice_learn_the_same(transformer_base: ModelSpec):
    digests = {
        weights_digest(
            train(
                triplets(), base=transformer_base,
                options=TrainOptions(batch_size=8, max_steps=3, gradient_checkpointing=twice),
            )
        )
        for twice in (False, True)
    }  # fmt: skip
    assert len(digests) == 1


def test_accumulated_batches_learn_what_one_batch_of_all_learns(static_base: ModelSpec):
    """Of a loss that looks at each row by itself, with gradients cut so short that their length counts."""
    from safetensors.numpy import load_file

    def weights(**options: int) -> np.ndarray:
        settings = TrainOptions(
            loss="cosine", epochs=1, group_by_length=False, weight_decay=0.1, schedule="constant", **options
        )
        return load_file(train(scored(), base=static_base, options=settings) / "model.safetensors")["embedding.weight"]

    np.testing.assert_allclose(weights(batch_size=4, accumulate=2), weights(batch_size=8), atol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "mnr"])
def test_accumulation_resumes_to_the_same_weights(loss: str, static_base: ModelSpec, tmp_path: Path):
    corpus = nli() if loss == "softmax" else triplets()
    options = TrainOptions(loss=loss, batch_size=5, accumulate=3, epochs=3, save_steps=2)
    whole, context = StepContext(), StepContext(workspace=tmp_path)
    model = train(corpus, base=static_base, options=options, context=whole)
    with pytest.raises(KeyboardInterrupt):
        train(
            corpus, base=static_base, options=options,
            context=StepContext(workspace=tmp_path, progress=stopping_after(7)),
        )  # fmt: skip
    resumed = train(corpus, base=static_base, options=options, context=context)
    assert weights_digest(resumed) == weights_digest(model)
    assert whole.ledger.counts["steps"] == 12
    assert note_of(context, "went on from step 6")
    assert "3 epochs in batches of 5, 3 to a step" in note_of(whole, "encoder from")


@needs_peft
@pytest.mark.parametrize("kind", ["encoder", "cross-encoder"])
def test_lora_is_merged_into_a_plain_model(kind: str, transformer_base: ModelSpec, tmp_path: Path):
    from pairforge.training.fitting import fit_trainee, load_trainee
    from pairforge.training.plan import plan_training

    corpus = triplets() if kind == "encoder" else labelled()
    options = TrainOptions(kind=kind, batch_size=8, max_steps=80, lora_rank=8, learning_rate=0.01)
    plan = plan_training([corpus], None, transformer_base, options)
    trainee = load_trainee(plan)
    outcome = fit_trainee(trainee, plan, tmp_path)
    model = tmp_path / "model"
    assert outcome.final_loss < outcome.first_loss
    assert not list(model.rglob("adapter*"))
    trainee.model.eval()
    if kind == "encoder":
        from sentence_transformers import SentenceTransformer

        names = _changed(model, transformer_base)
        assert names == {name for name in names if (name.startswith("encoder.layer.") and name.endswith("dense.weight"))
                         or ".self." in name}  # fmt: skip
        texts = ["a cat sleeps", "no fish"]
        plain = SentenceTransformer(str(model), device="cpu").encode(texts)
        np.testing.assert_allclose(plain, trainee.model.encode(texts), atol=1e-5)
    else:
        from sentence_transformers import CrossEncoder

        pairs = [("a cat sleeps", "one cat"), ("no", "fish")]
        plain = CrossEncoder(str(model), device="cpu").predict(pairs)
        np.testing.assert_allclose(plain, trainee.model.predict(pairs), atol=1e-5)


@needs_peft
def test_lora_resumes_to_the_same_weights_and_keeps_the_best_step(transformer_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(
        loss="softmax", batch_size=8, epochs=2, save_steps=2, eval_steps=3, lora_rank=2, lora_dropout=0.1
    )
    whole = train(nli(), scored(), base=transformer_base, options=options)
    with pytest.raises(KeyboardInterrupt):
        train(
            nli(), scored(), base=transformer_base, options=options,
            context=StepContext(workspace=tmp_path, progress=stopping_after(7)),
        )  # fmt: skip
    context = StepContext(workspace=tmp_path)
    resumed = train(nli(), scored(), base=transformer_base, options=options, context=context)
    assert weights_digest(resumed) == weights_digest(whole)
    assert "learning rate 0.0002" in note_of(context, "encoder from")


@needs_peft
def test_matrices_for_lora_are_named_by_their_ends(transformer_base: ModelSpec):
    options = TrainOptions(batch_size=8, max_steps=2, lora_rank=2, lora_target=("query", "value"), learning_rate=0.01)
    names = _changed(train(triplets(), base=transformer_base, options=options), transformer_base)
    assert {name.split(".")[-2] for name in names} == {"query", "value"}
    wrong = options.model_copy(update={"lora_target": ("q_proj",)})
    with pytest.raises(OptionsError, match=r"names no matrix of the layers of .*end with: dense, key, query, value"):
        train(triplets(), base=transformer_base, options=wrong)


def test_lora_without_its_package_says_how_to_get_it(transformer_base: ModelSpec, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pairforge.training.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"LoRA \(lora_rank\) needs: pip install 'pairforge\[lora\]'"):
        train(triplets(), base=transformer_base, options=TrainOptions(batch_size=8, lora_rank=2))


def test_options_of_lora_want_a_rank():
    with pytest.raises(OptionsError, match="lora_alpha is given, but no lora_rank"):
        TrainOptions(lora_alpha=4)
    with pytest.raises(OptionsError, match="leave freeze_layers out"):
        TrainOptions(lora_rank=4, freeze_layers=1)


def test_precision_that_a_cpu_lacks_is_refused(static_base: ModelSpec):
    cpu = spec_of(static_base.path, device="cpu")
    with pytest.raises(OptionsError, match="precision='tf32' needs a CUDA GPU, but the device is cpu"):
        train(triplets(), base=cpu, options=TrainOptions(batch_size=8, precision="tf32"))
