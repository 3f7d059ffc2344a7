from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pairforge.errors import ModelError, OptionsError
from pairforge.steps.pair_scores import Head, HeadOptions, choose_head, log_odds, pair_scores, sigmoid
from tests.fakes import OverlapScorer

AUTO = HeadOptions()


def _scores(logits: list[list[float]], scorer: OverlapScorer, options: HeadOptions = AUTO) -> list[float]:
    return pair_scores(np.array(logits, dtype=np.float32), choose_head(scorer, options)).round(4).tolist()


def test_one_output_is_a_probability_or_a_score_as_its_files_say() -> None:
    assert _scores([[0], [2]], OverlapScorer(activation="Sigmoid")) == [0.5, 0.8808]
    assert _scores([[0.25], [1.125], [-0.25]], OverlapScorer(activation="Identity")) == [0.25, 1, 0]


def test_a_rankers_logits_are_not_taken_for_scores() -> None:
    ranker = OverlapScorer(activation="Identity")
    with pytest.raises(ModelError, match=r"run from -11.2 to 8.6, .* --head sigmoid"):
        _scores([[-11.2], [8.6]], ranker)
    assert _scores([[-11.2], [0]], ranker, HeadOptions(head="sigmoid")) == [0, 0.5]


@pytest.mark.parametrize(
    "labels",
    [
        ("contradiction", "entailment", "neutral"),
        ("entailment", "neutral", "contradiction"),
        ("CONTRADICTION", "NEUTRAL", "ENTAILMENT"),
        ("entailment", "not_entailment"),
        ("not_duplicate", "duplicate"),
        ("Duplicate", "Not duplicate"),
        ("LABEL_0", "LABEL_1"),
    ],
)
def test_the_class_that_means_the_same_is_found_whatever_its_place(labels: tuple[str, ...]) -> None:
    wanted = next(
        place for place, label in enumerate(labels) if label.lower() in ("entailment", "duplicate", "label_1")
    )
    rows = [[3.0 if place == wanted else 0.0 for place in range(len(labels))], [0.0] * len(labels)]
    assert _scores(rows, OverlapScorer(labels)) == [
        round(np.exp(3) / (np.exp(3) + len(labels) - 1), 4),
        round(1 / len(labels), 4),
    ]


def test_auto_says_what_it_chose_and_why() -> None:
    mnli = choose_head(OverlapScorer(("contradiction", "entailment", "neutral")), AUTO)
    assert (mnli.name, mnli.output) == ("nli", 1)
    assert "'entailment' among contradiction, entailment, neutral" in mnli.sentence
    assert "--head" in mnli.sentence
    assert "--head" not in choose_head(OverlapScorer(), HeadOptions(head="sigmoid")).sentence


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1", "LABEL_2"), ("cold", "warm"), ("true", "yes")])
def test_a_head_that_does_not_say_what_means_the_same_is_not_guessed_at(labels: tuple[str, ...]) -> None:
    scorer = OverlapScorer(labels)
    with pytest.raises(ModelError, match=r"not known which one.*--positive-label"):
        choose_head(scorer, AUTO)
    for named in (labels[-1].upper(), str(len(labels) - 1)):
        head = choose_head(scorer, HeadOptions(positive_label=named))
        assert (head.name, head.output) == ("softmax", len(labels) - 1)


@pytest.mark.parametrize(
    ("labels", "options", "sentence"),
    [
        (
            ("a", "b"),
            HeadOptions(head="sigmoid"),
            "has 2 outputs, which the head 'sigmoid' cannot read.*softmax or nli",
        ),
        (("a",), HeadOptions(head="nli"), "has one output, which the head 'nli' cannot read.*sigmoid or identity"),
        (("no", "yes"), HeadOptions(head="nli"), "which one says that two texts entail each other"),
    ],
)
def test_a_head_that_the_model_has_not_is_refused(labels: tuple[str, ...], options: HeadOptions, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        choose_head(OverlapScorer(labels), options)


@pytest.mark.parametrize(
    ("labels", "sentence"), [(("one",), "has one output and no classes"), (("no", "yes"), "Name one of them")]
)
def test_a_positive_label_that_is_none_is_refused(labels: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        choose_head(OverlapScorer(labels), HeadOptions(positive_label="2"))


@pytest.mark.parametrize("named", ["neutral", "Contradiction", "0"])
def test_the_head_nli_reads_no_other_class_than_entailment(named: str) -> None:
    scorer = OverlapScorer(("contradiction", "entailment", "neutral"))
    with pytest.raises(OptionsError, match=r"head nli reads entailment.*--head softmax"):
        choose_head(scorer, HeadOptions(head="nli", positive_label=named))
    assert choose_head(scorer, HeadOptions(head="softmax", positive_label=named)).name == "softmax"


def test_an_unknown_activation_is_not_guessed_at() -> None:
    scorer = OverlapScorer(activation="mine.Odd")
    with pytest.raises(ModelError, match=r"goes through mine\.Odd.*--head sigmoid or identity"):
        choose_head(scorer, AUTO)
    assert choose_head(scorer, HeadOptions(head="identity")).name == "identity"


_LOGITS = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 8), st.integers(2, 4)), elements=st.floats(-90, 90, width=32)
)


@given(_LOGITS, st.data())
def test_the_sigmoid_of_the_log_odds_is_the_softmax(logits: np.ndarray, data: st.DataObject) -> None:
    output = data.draw(st.integers(0, logits.shape[1] - 1))
    exact = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    scores = pair_scores(logits, Head("softmax", output, "", "m"))
    assert np.allclose(scores, exact[:, output] / exact.sum(axis=1), atol=1e-12)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.allclose(sigmoid(log_odds(logits, output)), scores)


@given(arrays.arrays(np.float32, (5, 1), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_one_output_is_its_own_log_odds(logits: np.ndarray) -> None:
    assert (log_odds(logits, 0) == logits[:, 0]).all()
    scores = sigmoid(log_odds(logits, 0))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_no_pairs_have_no_scores() -> None:
    for name in ("sigmoid", "identity"):
        assert pair_scores(np.empty((0, 1), np.float32), Head(name, 0, "", "m")).shape == (0,)  # type: ignore[arg-type]
