import math
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.options import TrainOptions
from pairforge.training.train import STEP, train
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import labelled, nli, scored, spec_of, triplets


@pytest.mark.parametrize(
    ("corpus", "options"),
    [
        (triplets(), TrainOptions(batch_size=8)),
        (triplets().drop("negative"), TrainOptions(batch_size=8, scale=10, distinct_batches=False)),
        (triplets(), TrainOptions(loss="triplet", margin=1)),
        (nli(), TrainOptions(loss="softmax", schedule="cosine")),
        (labelled(), TrainOptions(loss="contrastive")),
        (labelled(), TrainOptions(loss="cosent")),
        (scored(), TrainOptions(loss="cosine", schedule="constant")),
    ],
)
def test_every_loss_trains_a_model_that_sentence_transformers_loads(
    corpus: pl.DataFrame, options: TrainOptions, static_base: ModelSpec, tmp_path: Path
):
    from sentence_transformers import SentenceTransformer

    context = StepContext(workspace=tmp_path)
    model = train(corpus, base=static_base, options=options, context=context)
    assert model.is_relative_to(tmp_path)
    assert weights_digest(model) != weights_digest(static_base.path)
    assert SentenceTransformer(str(model), device="cpu").encode(["a cat"]).shape == (1, 8)
    assert (model / "softmax_head.safetensors").exists() == (options.loss == ("softmax",))
    assert context.ledger.counts["steps"] == math.ceil(corpus.height / options.batch_size)
    assert any(note.startswith("loss ") for note in context.ledger.notes)


def test_cached_loss_trains_a_transformer_as_the_plain_one_does(transformer_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(loss="cached-mnr", mini_batch_size=4, batch_size=8, max_steps=2)
    model = train(triplets(), base=transformer_base, options=options, output=tmp_path / "model")
    assert model == tmp_path / "model"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_trainer_sees_the_columns_of_the_shape_alone(static_base: ModelSpec):
    options = TrainOptions(batch_size=8, max_steps=2)
    plain = train(triplets(), base=static_base, options=options)
    strewn = triplets().select(pl.lit("noise").alias("topic"), pl.lit(0.5).alias("similarity"), pl.all())
    assert weights_digest(train(strewn, base=static_base, options=options)) == weights_digest(plain)


def test_rows_that_fit_no_batch_are_told(static_base: ModelSpec):
    context = StepContext()
    alike = triplets().with_columns(positive=pl.lit("an animal"))
    train(alike, base=static_base, options=TrainOptions(batch_size=8), context=context)
    assert any(note.startswith("42 of 48 rows were left out of an epoch") for note in context.ledger.notes)


def test_seed_decides_the_weights(static_base: ModelSpec):
    first, again, other = (
        train(nli(), base=static_base, options=TrainOptions(batch_size=8, seed=seed)) for seed in (1, 1, 2)
    )
    assert weights_digest(first) == weights_digest(again) != weights_digest(other)


@pytest.mark.parametrize("stop", [3, 6, 7, 11])
@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_run_that_was_broken_off_ends_with_the_same_weights(
    stop: int, kind: str, static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
):
    """Six steps an epoch, checkpoints every other step; softmax has a head of its own, the transformer dropout."""
    base = static_base if kind == "static" else transformer_base
    options = TrainOptions(loss="softmax", batch_size=8, epochs=2, save_steps=2, eval_steps=3, learning_rate=0.01)
    whole = train(nli(), scored(), base=base, options=options)
    with pytest.raises(KeyboardInterrupt):
        train(
            nli(), scored(), base=base, options=options,
            context=StepContext(workspace=tmp_path, progress=stopping_after(stop)),
        )  # fmt: skip
    half_written = tmp_path / "checkpoints" / "checkpoint-99"
    half_written.mkdir()
    (half_written / "model.safetensors").write_bytes(b"half")
    context = StepContext(workspace=tmp_path)
    resumed = train(nli(), scored(), base=base, options=options, context=context)
    assert weights_digest(resumed) == weights_digest(whole)
    assert f"went on from step {stop // 2 * 2}, which an earlier run had reached" in context.ledger.notes


def test_distinct_batches_resume_in_the_same_order(static_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(batch_size=8, epochs=3, save_steps=5)
    whole = train(triplets(), base=static_base, options=options)
    with pytest.raises(KeyboardInterrupt):
        train(
            triplets(), base=static_base, options=options,
            context=StepContext(workspace=tmp_path, progress=stopping_after(13)),
        )  # fmt: skip
    resumed = train(triplets(), base=static_base, options=options, context=StepContext(workspace=tmp_path))
    assert weights_digest(resumed) == weights_digest(whole)


def test_run_that_ended_but_was_not_saved_is_not_trained_on(static_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(batch_size=8, max_steps=7, save_steps=7)
    first, again = StepContext(workspace=tmp_path), StepContext(workspace=tmp_path)
    digest = weights_digest(train(nli(), base=static_base, options=options, context=first))
    assert weights_digest(train(nli(), base=static_base, options=options, context=again)) == digest
    assert "went on from step 7, which an earlier run had reached" in again.ledger.notes
    assert next(n for n in first.ledger.notes if n.startswith("loss ") and "mean of" in n) in again.ledger.notes


def test_checkpoint_is_written_when_the_last_one_is_old(
    static_base: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pairforge.training.watch._SECONDS_BETWEEN_CHECKPOINTS", 0)
    context = StepContext(workspace=tmp_path, progress=stopping_after(4))
    with pytest.raises(KeyboardInterrupt):
        train(nli(), base=static_base, options=TrainOptions(batch_size=8), context=context)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["checkpoint-4"]


def test_best_step_on_dev_is_kept(static_base: ModelSpec, tmp_path: Path):
    """Scores turned round: the more the model learns, the worse they fit, so that the first score is the best."""
    dev = scored().with_columns(score=1 - pl.col("score"))
    options = TrainOptions(loss="cosine", batch_size=8, epochs=5, eval_steps=1, learning_rate=0.1)
    context = StepContext(workspace=tmp_path)
    kept = train(scored(), dev, base=static_base, options=options, context=context)
    note = note_of(context, "kept step")
    step = int(note.split()[2])
    assert step < 30
    assert "the start had" in note
    last = train(scored(), base=static_base, options=options)
    assert weights_digest(kept) != weights_digest(last)


def test_labelled_pairs_judge_an_encoder_by_average_precision(static_base: ModelSpec):
    context = StepContext()
    train(labelled(), labelled(), base=static_base, options=TrainOptions(batch_size=8), context=context)
    assert "the best on the dev rows: average precision of the cosine" in note_of(context, "kept step")


@pytest.mark.parametrize("stop", [7, 9])
def test_patience_ends_a_run_the_same_way_however_it_was_broken_off(stop: int, static_base: ModelSpec, tmp_path: Path):
    """Scores turned round, so that learning lowers them: the best is the first, and two more are waited for."""
    dev = scored().with_columns(score=1 - pl.col("score"))
    options = TrainOptions(
        loss="cosine", batch_size=8, epochs=5, eval_steps=3, learning_rate=0.1, patience=2, save_steps=3
    )
    whole = train(scored(), dev, base=static_base, options=options)
    broken_off = StepContext(workspace=tmp_path, progress=stopping_after(stop))
    with suppress(KeyboardInterrupt):  # Step 9 is the last, so that the run is not broken off any more.
        train(scored(), dev, base=static_base, options=options, context=broken_off)
    context = StepContext(workspace=tmp_path)
    kept = train(scored(), dev, base=static_base, options=options, context=context)
    assert f"went on from step {stop // 3 * 3}, which an earlier run had reached" in context.ledger.notes
    assert weights_digest(kept) == weights_digest(whole)
    assert context.ledger.counts["steps"] == 9
    note = note_of(context, "kept step 3 of 30")
    assert note.endswith("; stopped at step 9 for want of a gain")


def test_dev_pairs_are_scored_as_evaluate_scores_them(transformer_base: ModelSpec, tmp_path: Path):
    from pairforge.engines.encoders import load_encoder
    from pairforge.evaluation.evaluate import evaluate
    from pairforge.evaluation.options import EvaluateOptions

    prompted = spec_of(transformer_base.path, query_prompt="find this one: ", device="cpu")
    context, dev = StepContext(), scored()
    train(dev, dev, base=prompted, options=TrainOptions(batch_size=8, max_steps=1), context=context)
    start = float(next(note for note in context.ledger.notes if "the start had" in note).rsplit(" ", 1)[1])
    dev.write_parquet(tmp_path / "dev.parquet")
    options = EvaluateOptions(task=(f"sts:{tmp_path / 'dev.parquet'}",), bootstrap_samples=100)

    def judged(spec: ModelSpec) -> float:
        scores = evaluate([load_encoder(spec)], options=options).tasks[0].models[0]
        return round(scores.metrics["spearman_cosine"].value, 4)

    assert start == judged(prompted) != judged(transformer_base)


def test_loss_that_is_no_number_stops_the_run(static_base: ModelSpec, tmp_path: Path):
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(static_base.path), device="cpu")
    with torch.no_grad():
        model[0].embedding.weight.fill_(float("nan"))
    model.save_pretrained(str(tmp_path / "broken"), create_model_card=False)
    with pytest.raises(ModelError, match=r"the loss became nan at step 1, learning rate 0\.1"):
        train(triplets(), base=spec_of(tmp_path / "broken"), options=TrainOptions(batch_size=8))


def test_learning_rate_suits_the_weights(static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path):
    from sentence_transformers import SentenceTransformer

    small = SentenceTransformer(str(static_base.path), device="cpu")
    small[0].embedding.weight.data /= 10
    small.save_pretrained(str(tmp_path / "small"), create_model_card=False)

    def rate(base: ModelSpec, **options: float) -> str:
        context = StepContext()
        train(nli(), base=base, options=TrainOptions(max_steps=1, **options), context=context)
        return next(note for note in context.ledger.notes if "learning rate" in note).split("learning rate ")[1]

    assert rate(static_base).startswith("0.1, linear")
    assert rate(spec_of(tmp_path / "small")).startswith("0.01, linear")
    assert rate(transformer_base).startswith("2e-05 after 1 steps of warm-up")
    assert rate(static_base, learning_rate=0.5).startswith("0.5,")


def test_bf16_trains_fp32_weights(transformer_base: ModelSpec):
    from safetensors.torch import load_file

    context = StepContext()
    options = TrainOptions(batch_size=8, max_steps=2, precision="bf16")
    model = train(triplets(), base=transformer_base, options=options, context=context)
    assert any("bf16" in note for note in context.ledger.notes)
    assert {str(weights.dtype) for weights in load_file(model / "model.safetensors").values()} == {"torch.float32"}
    exact = train(triplets(), base=transformer_base, options=options.model_copy(update={"precision": "fp32"}))
    assert weights_digest(exact) != weights_digest(model)


def test_weights_that_break_at_the_last_step_stop_the_run(static_base: ModelSpec):
    options = TrainOptions(batch_size=8, max_steps=1, learning_rate=1e38, weight_decay=1e38)
    with pytest.raises(ModelError, match="weights are no numbers after 1 steps"):
        train(triplets(), base=static_base, options=options)


def test_prompts_go_before_the_texts_and_stay_with_the_model(transformer_base: ModelSpec):
    from sentence_transformers import SentenceTransformer

    options = TrainOptions(batch_size=8, max_steps=2)
    prompted = spec_of(transformer_base.path, query_prompt="find: ", document_prompt="text: ")
    model = train(triplets(), base=prompted, options=options)
    assert SentenceTransformer(str(model), device="cpu").prompts == {"query": "find: ", "document": "text: "}
    assert weights_digest(model) != weights_digest(train(triplets(), base=transformer_base, options=options))


@pytest.mark.parametrize(
    ("corpus", "options", "error", "sentence"),
    [
        (triplets(), TrainOptions(loss="cached-mnr", batch_size=8), ModelError, "cannot train a static model"),
        (triplets(), TrainOptions(batch_size=64), FrameError, "48 rows, fewer than one batch of 64"),
        (triplets(), TrainOptions(batch_size=8, margin=1), OptionsError, "margin=1.0 is given, but the multiple-neg"),
        (triplets(), TrainOptions(batch_size=8, max_length=5), OptionsError, "reads texts whole"),
        (triplets(), TrainOptions(batch_size=8, precision="fp16"), OptionsError, "needs a CUDA GPU"),
        (scored(), TrainOptions(loss="mnr"), FrameError, "losses for this corpus: cosine-similarity, cosent"),
        (
            labelled().with_columns(label=pl.lit(2)),
            TrainOptions(loss="contrastive"),
            FrameError,
            "should lie in 0 to 1",
        ),
    ],
)
def test_what_cannot_train_is_refused_in_one_sentence(
    corpus: pl.DataFrame, options: TrainOptions, error: type[Exception], sentence: str, static_base: ModelSpec
):
    cpu = spec_of(static_base.path, device="cpu")
    with pytest.raises(error, match=sentence) as raised:
        train(corpus, base=cpu, options=options)
    assert str(raised.value).endswith(".")


def test_broken_weights_are_refused_in_one_sentence(static_base: ModelSpec, tmp_path: Path):
    for path in static_base.path.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    (tmp_path / "modules.json").write_bytes((static_base.path / "modules.json").read_bytes())
    with pytest.raises(ModelError, match="cannot be loaded as a sentence encoder"):
        train(triplets(), base=spec_of(tmp_path), options=TrainOptions(batch_size=8))


def test_existing_output_and_other_gpus_are_refused(static_base: ModelSpec, tmp_path: Path):
    with pytest.raises(OptionsError, match="exists; name another output"):
        train(triplets(), base=static_base, output=tmp_path)
    with pytest.raises(OptionsError, match="set CUDA_VISIBLE_DEVICES=1"):
        train(triplets(), base=spec_of(static_base.path, device="cuda:1"), options=TrainOptions(batch_size=8))


def test_record_names_a_function_of_these_inputs():
    assert list(STEP.inputs) == ["corpus", "dev"]
    assert STEP.models["base"].default == "all-MiniLM-L6-v2"
    assert STEP.outputs(TrainOptions())["model"].model


def test_importing_the_records_loads_no_heavy_library():
    code = (
        "import sys, pairforge.training.train, pairforge.training.plan, pairforge.training.init_model;"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'datasets', 'tokenizers', 'faiss'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


_KILLED_RUN = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from pairforge.execution.step import StepContext
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.tiny import nli, spec_of

@contextmanager
def progress(label, total, unit):
    done = []
    def advance(more):
        done.extend(range(more))
        if len(done) > 7:
            os.kill(os.getpid(), signal.SIGKILL)
    yield advance

options = TrainOptions(loss="softmax", batch_size=8, epochs=2, save_steps=2, learning_rate=0.01)
context = StepContext(workspace=Path(sys.argv[2]), progress=progress)
train(nli(), base=spec_of(Path(sys.argv[1])), options=options, context=context)
"""


@pytest.mark.model
def test_killed_process_leaves_a_run_that_ends_with_the_same_weights(transformer_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(loss="softmax", batch_size=8, epochs=2, save_steps=2, learning_rate=0.01)
    command = [sys.executable, "-c", _KILLED_RUN, str(transformer_base.path), str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    killed = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = train(nli(), base=transformer_base, options=options, context=StepContext(workspace=tmp_path))
    whole = train(nli(), base=transformer_base, options=options)
    assert weights_digest(resumed) == weights_digest(whole)
