from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pairforge import load_encoder
from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.frames import SCORED_LIST, SCORED_N_TUPLE, SCORED_PAIR, FrameContract, detect_shape, training_view
from pairforge.models import Side
from pairforge.steps.distil_scores import DistilScoresOptions, distil_scores
from tests.fakes import OverlapScorer, TableEncoder

VECTORS = {"a": (1, 0), "b": (0.6, 0.8), "c": (0, 2), "d": (-1, 0)}
PAIRS = pl.DataFrame({"sentence1": ["a", "a", "a", "a"], "sentence2": ["a", "b", "c", "d"], "source": [1, 2, 3, 4]})
TUPLES = pl.DataFrame(
    {"anchor": ["a", "b"], "positive": ["b", "b"], "negative_1": ["c", "a"], "negative_2": ["d", "d"], "source": [1, 2]}
)
LISTS = pl.DataFrame({"query": ["a", "b"], "documents": [["a", "c", "d"], ["b"]], "source": [1, 2]})


def _encoder(**settings: Any) -> TableEncoder:
    return TableEncoder(VECTORS, raw=True, **settings)


def _distilled(corpus: pl.DataFrame, folder: Path, **options: object) -> pl.DataFrame:
    given = DistilScoresOptions.model_validate(options)
    scorer = OverlapScorer() if given.teacher == "cross-encoder" else None
    encoder = _encoder() if given.teacher == "encoder" else None
    return distil_scores(corpus, encoder=encoder, scorer=scorer, options=given, context=StepContext(cache=folder))


def test_a_pairs_score_is_its_cosine_and_never_below_0(tmp_path: Path) -> None:
    scored = _distilled(PAIRS, tmp_path)
    assert scored.columns == ["sentence1", "sentence2", "score", "source"]
    assert scored["score"].to_list() == pytest.approx([1, 0.6, 0, 0])
    assert SCORED_PAIR.check(scored, "scored").height == 4


def test_raised_cosines_are_counted(tmp_path: Path) -> None:
    context = StepContext(cache=tmp_path)
    distil_scores(PAIRS, encoder=_encoder(), context=context)
    assert context.ledger.counts["negative cosines raised to 0"] == 1


def test_gold_is_kept_beside_the_teachers_score(tmp_path: Path) -> None:
    scored = _distilled(PAIRS.with_columns(score=pl.Series([0.9, None, 0.1, 0.2])), tmp_path)
    assert scored.columns == ["sentence1", "sentence2", "score", "gold_score", "source"]
    assert scored["gold_score"].to_list() == [0.9, None, 0.1, 0.2]
    labelled = _distilled(LISTS.with_columns(labels=pl.Series([[1, 0, 0], [1]])), tmp_path, to="list")
    assert labelled.columns == ["query", "documents", "scores", "source", "gold_labels"]
    assert detect_shape(labelled, "labelled") is SCORED_LIST


def test_sentences_are_encoded_alike_and_anchors_and_positives_each_their_way(tmp_path: Path) -> None:
    prompts = {Side.QUERY: "q: ", Side.DOCUMENT: "d: "}
    encoder = _encoder(prompts=prompts)
    distil_scores(PAIRS, encoder=encoder, context=StepContext(cache=tmp_path / "alike"))
    assert sorted(encoder.encoded) == ["a", "b", "c", "d"]
    encoder = _encoder(prompts=prompts)
    anchored = PAIRS.rename({"sentence1": "anchor", "sentence2": "positive"})
    scored = distil_scores(anchored, encoder=encoder, context=StepContext(cache=tmp_path / "apart"))
    assert sorted(encoder.encoded) == ["a", "a", "b", "c", "d"]
    assert scored.columns == ["sentence1", "sentence2", "score", "source"]


def test_an_n_tuple_gets_the_scores_of_its_positive_and_negatives_in_order(tmp_path: Path) -> None:
    scored = _distilled(TUPLES, tmp_path, to="n-tuple")
    assert scored.columns == ["anchor", "positive", "negative_1", "negative_2", "scores", "source"]
    assert np.allclose(scored["scores"].to_list(), [[0.6, 0, -1], [1, 0.6, -0.6]])
    assert SCORED_N_TUPLE.check(scored, "scored").height == 2


def test_a_triplet_becomes_an_n_tuple_of_one_negative(tmp_path: Path) -> None:
    triplets = TUPLES.select("anchor", "positive", negative="negative_2")
    scored = _distilled(triplets, tmp_path, to="n-tuple")
    assert scored.columns == ["anchor", "positive", "negative_1", "scores"]
    assert np.allclose(scored["scores"].to_list(), [[0.6, -1], [1, -0.6]])


def test_dot_products_keep_the_lengths_of_vectors(tmp_path: Path) -> None:
    lists = _distilled(LISTS, tmp_path, to="list", similarity="dot")
    assert lists["scores"].to_list() == [[1, 0, -1], pytest.approx([1])]
    tuples = _distilled(TUPLES.with_columns(anchor=pl.lit("c")), tmp_path, to="n-tuple", similarity="dot")
    assert tuples["scores"][0].to_list() == pytest.approx([1.6, 4, 0])


def test_a_cross_encoders_scores_are_its_logits(tmp_path: Path) -> None:
    scored = _distilled(LISTS, tmp_path, to="list", teacher="cross-encoder")
    assert scored.columns == ["query", "documents", "scores", "source"]
    assert scored["scores"].to_list() == [[4, -4, -4], [4]]
    tuples = _distilled(TUPLES, tmp_path, to="n-tuple", teacher="cross-encoder")
    assert tuples["scores"].to_list() == [[-4, -4, -4], [4, -4, -4]]


def test_a_cross_encoder_scores_each_pair_once(tmp_path: Path) -> None:
    scorer, context = OverlapScorer(), StepContext(cache=tmp_path)
    options = DistilScoresOptions(to="n-tuple", teacher="cross-encoder")
    distil_scores(pl.concat([TUPLES, TUPLES]), scorer=scorer, options=options, context=context)
    assert len(scorer.scored) == len(set(scorer.scored)) == 6
    lists = DistilScoresOptions(to="list", teacher="cross-encoder")
    distil_scores(LISTS, scorer=scorer, options=lists, context=context)
    assert len(scorer.scored) == len(set(scorer.scored)) == 7


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"teacher": "cross-encoder"}, "score-pairs"),
        ({"similarity": "dot"}, r"a pair's score lies in \[0, 1\]"),
        ({"to": "list", "teacher": "cross-encoder", "similarity": "dot"}, "teacher='encoder'"),
        ({"positive_label": "entailment"}, "an encoder has no labels"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        DistilScoresOptions.model_validate(options)


def test_a_teacher_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="Name a model"):
        distil_scores(PAIRS, context=StepContext(cache=tmp_path))


@pytest.mark.parametrize(
    ("corpus", "to", "sentence"),
    [
        (LISTS.with_columns(documents=pl.Series([["a"], []])), "list", "in row 2 is empty"),
        (LISTS.with_columns(documents=pl.Series([["a"], [None]], dtype=pl.List(pl.String))), "list", "a null in it"),
        (LISTS.with_columns(gold_scores=0, scores=0), "list", "'gold_scores' bears the name"),
        (TUPLES, "list", "'query' is missing"),
        (PAIRS, "n-tuple", "fit no wanted shape"),
        (TUPLES.clear(), "n-tuple", "no rows"),
    ],
)
def test_a_corpus_of_another_shape_is_refused(corpus: pl.DataFrame, to: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=sentence):
        _distilled(corpus, tmp_path, to=to)


def test_nan_of_a_teacher_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="NaN"):
        distil_scores(
            TUPLES,
            scorer=OverlapScorer(scale=float("nan")),
            options=DistilScoresOptions(to="n-tuple", teacher="cross-encoder"),
            context=StepContext(cache=tmp_path),
        )


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static model whose vectors have no negative number, so that no cosine is negative."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2, "c": 3, "d": 4}, unk_token="[UNK]"))
    weights = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)).numpy()
    folder = tmp_path_factory.mktemp("models") / "student"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, weights)], device="cpu").save(str(folder))
    return folder


@pytest.mark.parametrize(
    ("corpus", "options", "shape", "loss"),
    [
        (PAIRS, {}, SCORED_PAIR, "CosineSimilarityLoss"),
        (TUPLES, {"to": "n-tuple", "similarity": "dot"}, SCORED_N_TUPLE, "DistillKLDivLoss"),
        (TUPLES, {"to": "n-tuple", "similarity": "dot"}, SCORED_N_TUPLE, "MarginMSELoss"),
        (TUPLES.drop("negative_1"), {"to": "n-tuple", "similarity": "dot"}, SCORED_N_TUPLE, "MarginMSELoss"),
    ],
)
def test_a_student_has_nothing_to_learn_from_itself(
    corpus: pl.DataFrame, options: dict[str, str], shape: FrameContract, loss: str, student: Path, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator

    given = DistilScoresOptions.model_validate(options)
    scored = distil_scores(
        corpus, encoder=load_encoder(str(student)), options=given, context=StepContext(cache=tmp_path)
    )
    model = SentenceTransformer(str(student), device="cpu")
    batch = SentenceTransformerDataCollator(preprocess_fn=model.preprocess)(training_view(scored, shape).to_dicts())
    features, labels = SentenceTransformerTrainer.collect_features(None, batch)
    assert len(features) == len(shape.view(scored).columns) - 1
    learned = getattr(losses, loss)(model)
    assert learned(features, labels).item() == pytest.approx(0, abs=1e-6)
    assert learned(features, labels.flip(0)).item() > 1e-4


def test_the_listwise_losses_take_lists(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder.losses import ListNetLoss

    from tests.tiny_models import save_cross_encoder

    rows = training_view(_distilled(LISTS, tmp_path, to="list"), SCORED_LIST)
    assert rows.columns == ["query", "documents", "scores"]
    model = CrossEncoder(str(save_cross_encoder(tmp_path / "student")), device="cpu")
    texts = [rows["query"].to_list(), rows["documents"].to_list()]
    loss = ListNetLoss(model)(texts, [torch.tensor(scores) for scores in rows["scores"].to_list()])
    assert torch.isfinite(loss)
