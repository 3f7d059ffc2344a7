"""pair-texts on real corpora, and what is trained on it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.execution.step import StepContext
from pairforge.frames import adopt, training_view
from pairforge.models import Encoder, ModelRequest
from pairforge.sentences import sentence_spans, word_spans
from pairforge.steps.pair_texts import STEP, PairTextsOptions, pair_texts
from pairforge.steps.pair_texts_fields import FIELDS
from pairforge.text import normalised


@pytest.fixture(scope="module")
def cranfield(shared_data: Path) -> pl.DataFrame:
    return pl.read_parquet(shared_data / "cranfield" / "corpus.parquet")


def joined(text: str) -> str:
    return "".join(text.split())


def test_cloze_of_cranfield_is_every_document_taken_apart(cranfield: pl.DataFrame) -> None:
    context = StepContext()
    options = PairTextsOptions(by="cloze", keep_sentence=0, passage_words=10_000)
    made = pair_texts(cranfield, options=options, context=context)
    assert (made.height, context.ledger.dropped) == (1_398, {"empty_text": 2})
    for anchor, rest, row in made.select("anchor", "positive", "source_row").rows():
        assert sorted(joined(anchor) + joined(rest)) == sorted(joined(cranfield["text"][row]))


def test_neighbours_of_cranfield_are_its_adjacent_sentences(cranfield: pl.DataFrame) -> None:
    context = StepContext()
    made = pair_texts(cranfield, options=PairTextsOptions(by="neighbours"), context=context)
    assert context.ledger.dropped == {"empty_text": 2}
    text = cranfield["text"][0]
    sentences = [text[start:end] for start, end in sentence_spans(text)]
    of_first = made.filter(pl.col("source_row") == 0)
    assert of_first["anchor"].to_list() == sentences[:-1]
    assert of_first["positive"].to_list() == sentences[1:]
    assert 5 < made.height / 1_398 < 7


def test_crops_of_cranfield_are_within_their_bounds(cranfield: pl.DataFrame) -> None:
    made = pair_texts(cranfield, options=PairTextsOptions(by="crops", pairs_per_text=2))
    assert made.height == 2 * 1_398
    for anchor, positive, row in made.select("anchor", "positive", "source_row").rows():
        text = cranfield["text"][row]
        most = max(5, min(256, len(word_spans(text))) // 2)
        assert anchor in text
        assert positive in text
        assert all(5 <= len(word_spans(crop)) <= most for crop in (anchor, positive))


@pytest.mark.parametrize(
    ("file", "guessed", "dropped"),
    [
        ("medquad/qa.parquet", ("question", "answer"), {"duplicate": 48}),
        ("scifact/corpus.parquet", ("title", "text"), {}),
        ("cranfield/corpus.parquet", ("title", "text"), {"empty_text": 2}),
    ],
)
def test_fields_of_real_corpora_are_found(
    file: str, guessed: tuple[str, str], dropped: dict[str, int], shared_data: Path
) -> None:
    raw, context = pl.read_parquet(shared_data / file), StepContext()
    made = pair_texts(
        adopt(raw, (FIELDS,), file).frame, options=PairTextsOptions(by="fields", cut_anchor=True), context=context
    )
    assert context.ledger.dropped == dropped
    assert made["anchor"].to_list() == raw[guessed[0]].gather(made["source_row"]).to_list()
    own = raw[guessed[1]].gather(made["source_row"])
    assert all(text.endswith(positive) for text, positive in zip(own, made["positive"], strict=True))


@pytest.fixture(scope="module")
def potion(shared_data: Path) -> Encoder:
    from pairforge import load_encoder

    folder = shared_data.parent / "models" / "potion-4m"
    if not folder.is_dir():
        pytest.skip(f"the small real encoder is absent: no folder {folder}")
    return load_encoder(ModelRequest(name=str(folder), device="cpu"))


@pytest.fixture
def encoder(request: pytest.FixtureRequest, potion: Encoder) -> Encoder:
    from pairforge import load_encoder

    return potion if request.param == "potion" else load_encoder(ModelRequest(name=request.param, device="cpu"))


@pytest.mark.model
@pytest.mark.parametrize(
    ("encoder", "pairs", "alike"), [("potion", 2_919, 0.893), ("all-MiniLM-L6-v2", 2_896, 0.917)], indirect=["encoder"]
)
def test_mined_paraphrases_of_stsb_are_rated_alike_by_people(
    shared_data: Path, encoder: Encoder, pairs: int, alike: float
) -> None:
    rated = pl.concat([pl.read_parquet(shared_data / f"stsb/{split}.parquet") for split in ("train", "dev", "test")])
    sides = [rated.select(text=name) for name in ("sentence1", "sentence2")]
    texts = pl.concat(sides).unique(maintain_order=True)
    made = pair_texts(texts, encoder=encoder, options=PairTextsOptions(by="nearest"))
    gold = pl.concat(
        rated.select(normalised(one).alias("a"), normalised(other).alias("b"), "score")
        for one, other in (("sentence1", "sentence2"), ("sentence2", "sentence1"))
    )
    keyed = made.select(normalised("anchor").alias("a"), normalised("positive").alias("b"))
    known = keyed.join(gold.group_by("a", "b").agg(pl.col("score").mean()), on=["a", "b"])
    assert made.height == pytest.approx(pairs, abs=10)
    assert (known["score"] >= 3).mean() == pytest.approx(alike, abs=0.005)
    assert (rated["score"] >= 3).mean() == pytest.approx(0.498, abs=0.001)
    assert made["similarity"].min() >= 0.8


@pytest.mark.model
def test_contrastive_tension_learns_from_tension_pairs(shared_data: Path, potion: Encoder, tmp_path: Path) -> None:
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import ContrastiveTensionLoss

    texts = pl.read_parquet(shared_data / "banking77/train.parquet").head(200)
    made = pair_texts(texts, options=PairTextsOptions(by="tension"))
    model = SentenceTransformer(str(potion.spec.path), device="cpu")
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path), max_steps=60, per_device_train_batch_size=16, learning_rate=1e-3, use_cpu=True,
            report_to="none", save_strategy="no", logging_steps=10, seed=1, disable_tqdm=True,
        ),
        train_dataset=Dataset.from_polars(training_view(made, STEP.outputs(PairTextsOptions(by="tension"))["corpus"])),
        loss=ContrastiveTensionLoss(model),
    )  # fmt: skip
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.model
@pytest.mark.parametrize("way", ["nearest", "tension", "crops"])
def test_parts_of_any_size_give_the_same_bytes_on_real_texts(way: str, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data.parent / "models" / "potion-4m"
    source = FileInput((str(shared_data / "banking77" / "test.parquet"),))
    made = []
    for part_rows in (97, 1_000, 10_000):
        models = {"encoder": (ModelRequest(name=str(folder), device="cpu"),)} if way == "nearest" else {}
        out = tmp_path / f"{part_rows}.parquet"
        stage = Stage(STEP, PairTextsOptions(by=way), {"texts": source}, models, {"corpus": out})
        run_stage(stage, cache=tmp_path / "cache", part_rows=part_rows)
        made.append(out.read_bytes())
    assert made[0] == made[1] == made[2]
