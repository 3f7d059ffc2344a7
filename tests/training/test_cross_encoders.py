from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import classed, labelled, listed, nli, scored, spec_of, triplets

NAMES = ["entailment", "neutral", "contradiction"]


def options(**given: object) -> TrainOptions:
    return TrainOptions.model_validate({"kind": "cross-encoder", "batch_size": 8, "learning_rate": 0.01, **given})


@pytest.fixture(scope="module")
def ready(transformer_base: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """A cross-encoder that tells the classes of NLI."""
    folder = tmp_path_factory.mktemp("ready") / "model"
    return spec_of(train(nli(), base=transformer_base, options=options(max_steps=3), output=folder))


@pytest.mark.parametrize(
    "corpus", [scored(), labelled(), listed(), triplets()], ids=["scored", "labelled", "lists", "triplets"]
)
def test_one_output_with_a_sigmoid_is_trained_on_labels_and_scores(
    corpus: pl.DataFrame, transformer_base: ModelSpec, tmp_path: Path
) -> None:
    from sentence_transformers import CrossEncoder
    from torch import nn

    context = StepContext()
    folder = train(corpus, base=transformer_base, options=options(max_steps=2), context=context, output=tmp_path / "m")
    model = CrossEncoder(str(folder), device="cpu")
    assert model.num_labels == 1
    assert isinstance(model.activation_fn, nn.Sigmoid)
    scores = model.predict([("a cat sleeps", "one cat that sleeps")], show_progress_bar=False)
    assert 0 < float(scores[0]) < 1
    assert note_of(context, "loss ").startswith("loss binary-cross-entropy, chosen for the shape")


def test_nli_classes_are_told_apart_and_named(ready: ModelSpec) -> None:
    from sentence_transformers import CrossEncoder
    from torch import nn

    model = CrossEncoder(str(ready.path), device="cpu")
    assert list(model.config.id2label.values()) == NAMES
    assert isinstance(model.activation_fn, nn.Identity)
    assert model.predict([("a", "b"), ("c", "d")], show_progress_bar=False).shape == (2, 3)


def test_it_learns_to_tell_equal_texts_from_others(transformer_base: ModelSpec) -> None:
    texts = [f"{animal} {deed}" for animal in ("cat", "dog", "cow") for deed in ("sleeps", "runs", "eats", "sings")]
    rows = pl.DataFrame(
        [(text, other, int(text == other)) for text in texts for other in (text, *texts[:2])],
        schema=["sentence1", "sentence2", "label"], orient="row",
    )  # fmt: skip
    context = StepContext()
    train(rows, rows, base=transformer_base, options=options(epochs=40, patience=None), context=context)
    note = note_of(context, "kept step")
    start, best = (float(note.split(words)[1].split()[0].rstrip(";")) for words in ("the start had ", "precision "))
    assert best > max(0.9, start)


def test_a_ready_head_is_trained_on_and_one_of_other_classes_gives_way(ready: ModelSpec, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    def head(folder: Path) -> list[list[float]]:
        return load_file(folder / "model.safetensors")["classifier.weight"].tolist()

    still = options(max_steps=1, learning_rate=1e-30)
    assert head(train(nli(), base=ready, options=still)) == head(ready.path)
    assert len(head(train(scored(), base=ready, options=still))) == 1


def test_a_base_with_other_order_of_classes_keeps_it_and_is_trained_on_the_right_ones(
    ready: ModelSpec, tmp_path: Path
) -> None:
    """The head's rows and names turned alike: the same model, so that the same rows move it alike."""
    from safetensors.torch import load_file
    from sentence_transformers import CrossEncoder

    turned = CrossEncoder(str(ready.path), device="cpu")
    turned.model.classifier.weight.data = turned.model.classifier.weight.data[[2, 0, 1]]
    turned.model.classifier.bias.data = turned.model.classifier.bias.data[[2, 0, 1]]
    turned.config.id2label = dict(enumerate(["Contradiction", "Entailment", "Neutral"]))
    turned.config.label2id = {name: output for output, name in turned.config.id2label.items()}
    turned.save_pretrained(str(tmp_path / "turned"), create_model_card=False)
    few = options(max_steps=3)
    contexts = (StepContext(), StepContext())
    plain, other = (
        train(nli(), nli(), base=base, options=few, context=context)
        for base, context in zip((ready, spec_of(tmp_path / "turned")), contexts, strict=True)
    )
    weights, turned_weights = (
        load_file(folder / "model.safetensors")["classifier.weight"] for folder in (plain, other)
    )
    assert weights[[2, 0, 1]].numpy() == pytest.approx(turned_weights.numpy(), abs=1e-4)
    assert CrossEncoder(str(other), device="cpu").config.id2label[0] == "Contradiction"
    assert note_of(contexts[0], "kept step") == note_of(contexts[1], "kept step")


@pytest.mark.parametrize(
    ("corpus", "dev", "measure"),
    [
        (scored(), scored(), "Spearman"),
        (labelled(), labelled(), "average precision"),
        (nli(), nli(), "accuracy"),
        (nli(), labelled(), "average precision"),
        (nli(), scored(), "Spearman"),
    ],
)
def test_dev_rows_are_judged_by_their_shape(
    corpus: pl.DataFrame, dev: pl.DataFrame, measure: str, transformer_base: ModelSpec
) -> None:
    context = StepContext()
    train(corpus, dev, base=transformer_base, options=options(max_steps=2, eval_steps=1), context=context)
    assert f"the best on the dev rows: {measure} " in note_of(context, "kept step")


def test_the_dev_score_is_that_of_the_saved_model(transformer_base: ModelSpec) -> None:
    from sentence_transformers import CrossEncoder
    from sklearn.metrics import average_precision_score

    context, rows = StepContext(), labelled()
    folder = train(rows, rows, base=transformer_base, options=options(max_steps=4, eval_steps=1), context=context)
    pairs = list(zip(rows["sentence1"], rows["sentence2"], strict=True))
    predicted = CrossEncoder(str(folder), device="cpu").predict(pairs, show_progress_bar=False)
    expected = average_precision_score(rows["label"].to_list(), predicted)
    assert f"average precision {expected:.4f};" in note_of(context, "kept step")


def test_a_run_that_was_broken_off_ends_with_the_same_weights(transformer_base: ModelSpec, tmp_path: Path) -> None:
    """Six steps an epoch: broken off in the second one, after a checkpoint and two dev scores."""
    settings = options(epochs=2, save_steps=5, eval_steps=3)
    whole = train(nli(), nli(), base=transformer_base, options=settings)
    with pytest.raises(KeyboardInterrupt):
        train(
            nli(), nli(), base=transformer_base, options=settings,
            context=StepContext(workspace=tmp_path, progress=stopping_after(8)),
        )  # fmt: skip
    resumed = train(nli(), nli(), base=transformer_base, options=settings, context=StepContext(workspace=tmp_path))
    assert weights_digest(resumed) == weights_digest(whole)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"kind": "cross-encoder", "loss": "cosent"}, "the cosent loss trains no cross-encoder"),
        ({"loss": "bce"}, r"trains no encoder \(its losses: multiple-negatives-ranking, "),
        ({"kind": "bi-encoder"}, "'encoder', 'cross-encoder', .* or 'image-text'"),
        (
            {"kind": "cross-encoder", "loss": "ce", "scale": 2},
            "scale=2.0 is given, but the cross-entropy loss has none",
        ),
    ],
)
def test_a_loss_of_the_other_kind_is_refused(settings: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        TrainOptions.model_validate(settings)


@pytest.mark.parametrize(
    ("corpus", "dev", "request_settings", "error", "sentence"),
    [
        (scored(), None, {"query_prompt": "find: "}, OptionsError, "a cross-encoder reads two texts at once"),
        (labelled(), nli(), {}, FrameError, "dev: holds NLI classes, which only a cross-encoder with cross-entropy"),
        (labelled(), labelled().filter(label=1), {}, FrameError, "dev: its label is 1 in every row"),
        (labelled(), labelled().head(1), {}, FrameError, "dev: has one row"),
        (listed().with_columns(labels=pl.lit([1])), None, {}, FrameError, "row 1 has 2 documents and 1 labels"),
        (listed().with_columns(labels=pl.lit([3, 1])), None, {}, FrameError, "its labels run from 1 to 3, but one"),
        (scored().with_columns(score=5.0), None, {}, FrameError, "'score' should lie in 0 to 1"),
        (classed(), None, {}, FrameError, "from which no cross-encoder can learn"),
    ],
)
def test_what_cannot_train_is_refused_in_one_sentence(
    corpus: pl.DataFrame,
    dev: pl.DataFrame | None,
    request_settings: dict[str, object],
    error: type[Exception],
    sentence: str,
    transformer_base: ModelSpec,
) -> None:
    base = spec_of(transformer_base.path, device="cpu", **request_settings)
    with pytest.raises(error, match=sentence) as raised:
        train(corpus, dev, base=base, options=options())
    assert str(raised.value).endswith(".")


def test_a_static_base_is_refused(static_base: ModelSpec) -> None:
    with pytest.raises(ModelError, match="the model is static"):
        train(scored(), base=static_base, options=options())


def test_an_encoder_is_not_judged_by_nli_classes(transformer_base: ModelSpec) -> None:
    with pytest.raises(FrameError, match="dev: holds NLI classes"):
        train(nli(), nli(), base=transformer_base)


def test_rows_of_like_length_are_batched_unless_told_otherwise(transformer_base: ModelSpec) -> None:
    grouped, drawn = StepContext(), StepContext()
    first = train(scored(), base=transformer_base, options=options(max_steps=2), context=grouped)
    other = train(scored(), base=transformer_base, options=options(max_steps=2, group_by_length=False), context=drawn)
    assert weights_digest(first) != weights_digest(other)
    assert "of like lengths" in note_of(grouped, "cross-encoder from")
    assert "of like lengths" not in note_of(drawn, "cross-encoder from")
