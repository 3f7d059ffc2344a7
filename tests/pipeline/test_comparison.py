from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.agreement import Array, spearman
from pairforge.cache import cache_folder
from pairforge.errors import FrameError, ModelError
from pairforge.evaluation.options import TaskOptions
from pairforge.evaluation.statistics import Estimate, paired_bootstrap
from pairforge.pipeline.comparison import DEV, Contest, Contestant, hold
from pairforge.pipeline.standings import Scores, Standing, shown_difference, standings_of, standings_table
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.training.tiny import scored


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small static model that knows the words of the tiny corpora."""
    folder = tmp_path_factory.mktemp("models") / "student"
    options = InitModelOptions(kind="static", dimension=16, tokenizer_from="corpus", vocabulary_size=200)
    return str(init_model(scored(), options=options, output=folder))


@pytest.fixture
def contest(tmp_path: Path, student: str) -> Contest:
    judged = scored().sample(20, seed=1)
    judged.write_parquet(tmp_path / "judged.parquet")
    judged.with_columns(pl.col("score") * 5).write_parquet(tmp_path / "raw.parquet")
    tasks = {DEV: f"sts:{tmp_path / 'judged.parquet'}", "raw": f"sts:{tmp_path / 'raw.parquet'}"}
    return Contest(
        student=student,
        tasks=tasks,
        judging=TaskOptions(task=tuple(tasks.values()), bootstrap_samples=200),
        rates=(0.001, 0.1),
        seeds=2,
        batch_size=4,
        loss="cosine-similarity",
        folder=tmp_path / "trials",
        cache=cache_folder(),
    )


def _contestants(folder: Path) -> list[Contestant]:
    scored().write_parquet(folder / "all.parquet")
    scored().head(8).write_parquet(folder / "few.parquet")
    return [
        Contestant("untrained", folder / "few.parquet", 8, 0),
        Contestant("few", folder / "few.parquet", 8, 4),
        Contestant("all", folder / "all.parquet", 48, 4),
    ]


def _cosines(contest: Contest, contestant: Contestant, rate: float | None, seed: int) -> Array:
    return contest.predictions(contestant, rate, seed)[DEV]["cosine"].to_numpy()


def _gold(contest: Contest) -> Array:
    return pl.read_parquet(contest.tasks[DEV].removeprefix("sts:"))["score"].to_numpy()


def test_contestants_are_trained_judged_and_compared_with_the_baseline(contest: Contest, tmp_path: Path) -> None:
    contestants = _contestants(tmp_path)
    tried = hold(contestants, contest)
    standings = standings_of(tried, contest, baseline="few")
    assert [standing.name for standing in standings] == ["untrained", "few", "all"]
    untrained, few, every = standings
    assert (untrained.steps, untrained.rate) == (0, None)
    assert few.scores[DEV].ahead is None
    assert few.rate in contest.rates
    ahead = every.scores[DEV].ahead
    assert ahead is not None
    assert ahead.value == pytest.approx(every.scores[DEV].mean - few.scores[DEV].mean)
    assert ahead.low <= ahead.value <= ahead.high
    # Both tasks hold the same pairs under other names and on another scale.
    assert every.scores["raw"] == every.scores[DEV]
    assert every.scores[DEV].by_seed[1] == spearman(_cosines(contest, contestants[2], every.rate, 1), _gold(contest))
    assert len(set(few.scores[DEV].by_seed)) == 2


def test_the_interval_is_that_of_a_paired_bootstrap_over_seeds_and_items(contest: Contest, tmp_path: Path) -> None:
    contest = replace(contest, rates=(0.1,))
    _, few, every = _contestants(tmp_path)
    ours, theirs = (np.stack([_cosines(contest, one, 0.1, seed) for seed in (0, 1)]) for one in (every, few))
    found = hold([few, every], contest)
    ahead = found[1].scores[DEV]["spearman"].ahead_of(found[0].scores[DEV]["spearman"], 0.95, 42)
    assert ahead == paired_bootstrap(ours, theirs, _gold(contest), samples=200)


def test_the_rate_is_the_best_on_dev_with_a_seed_that_is_not_reported(contest: Contest, tmp_path: Path) -> None:
    few = _contestants(tmp_path)[1]
    tried: list[int] = []
    chosen = contest.best_rate(few, tried.append)
    scores = {rate: spearman(_cosines(contest, few, rate, 1000), _gold(contest)) for rate in contest.rates}
    assert chosen == max(scores, key=lambda rate: scores[rate])
    assert len(tried) == 2
    assert contest.trials_of(few) == 4


def test_a_rate_that_lets_the_loss_diverge_is_passed_by(contest: Contest, tmp_path: Path) -> None:
    few = _contestants(tmp_path)[1]
    assert replace(contest, rates=(0.1, 1e200)).best_rate(few, lambda done: None) == 0.1
    with pytest.raises(ModelError, match="few: no rate trains the student: "):
        replace(contest, rates=(1e200, 1e300)).best_rate(few, lambda done: None)


def test_trials_that_were_made_are_not_made_again(contest: Contest, tmp_path: Path) -> None:
    few = _contestants(tmp_path)[1]
    assert contest.trials_done(few) == 0
    first = _cosines(contest, few, 0.1, 0)
    before = {path: path.stat().st_mtime_ns for path in contest.folder.iterdir()}
    assert np.array_equal(_cosines(contest, few, 0.1, 0), first)
    assert {path: path.stat().st_mtime_ns for path in contest.folder.iterdir()} == before
    assert {path.suffix for path in contest.folder.iterdir()} == {".predictions", ".json"}
    # Not until all rates were tried is it known which of the students of the seeds are wanted.
    assert contest.trials_done(few) == 0
    assert replace(contest, rates=(0.1,)).trials_done(few) == 1
    contest.best_rate(few, lambda done: None)
    assert contest.trials_done(few) >= 2


def test_what_is_measured_of_predictions_trains_nobody_again(contest: Contest, tmp_path: Path) -> None:
    few = _contestants(tmp_path)[1]
    more = replace(contest, judging=contest.judging.model_copy(update={"bootstrap_samples": 300, "confidence": 0.9}))
    assert contest.trial(few, 0.1, 0) == more.trial(few, 0.1, 0)
    assert contest.trial(few, 0.1, 0).outputs != contest.trial(few, 0.1, 0, [DEV]).outputs


def test_another_corpus_of_the_same_name_gets_trials_of_its_own(contest: Contest, tmp_path: Path) -> None:
    few = _contestants(tmp_path)[1]
    first = _cosines(contest, few, 0.1, 0)
    made = set(contest.folder.glob("*.predictions"))
    scored().tail(8).write_parquet(few.corpus)
    assert not np.array_equal(_cosines(contest, few, 0.1, 0), first)
    assert made < set(contest.folder.glob("*.predictions"))


def test_a_given_student_starts_alike_whatever_the_seed(contest: Contest, tmp_path: Path) -> None:
    untrained = _contestants(tmp_path)[0]
    first, second = (_cosines(contest, untrained, None, seed) for seed in (0, 1))
    assert np.array_equal(first, second)


def test_the_texts_of_a_task_are_those_that_an_untrained_student_was_asked_about(
    contest: Contest, tmp_path: Path
) -> None:
    texts = contest.texts(_contestants(tmp_path)[0])
    judged = pl.read_parquet(contest.tasks[DEV].removeprefix("sts:"))
    assert set(texts) == {DEV, "raw"}
    assert set(texts[DEV]) == {*judged["sentence1"], *judged["sentence2"]}


def test_a_corpus_that_is_none_is_named(contest: Contest, tmp_path: Path) -> None:
    pl.DataFrame({"sentence1": ["a"], "sentence2": ["b"], "score": [7.0]}).write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(FrameError, match=r"bad\.parquet: column 'score' should lie in 0 to 1"):
        contest.predictions(Contestant("bad", tmp_path / "bad.parquet", 1, 2), 0.1, 0)


def test_the_table_says_what_is_unclear() -> None:
    def standing(name: str, rate: float | None, **scores: Scores) -> Standing:
        return Standing(name=name, rows=1234, steps=0 if rate is None else 300, rate=rate, scores=scores)

    first = Scores(by_seed=(0.5, 0.6))
    table = standings_table(
        [
            standing(
                "untrained", None, dev=first, test=first.model_copy(update={"ahead": Estimate(-0.1, -0.2, -0.05)})
            ),
            standing("gold", 0.03, dev=first, test=first),
            standing("silver", 0.1, dev=first, test=first.model_copy(update={"ahead": Estimate(0.01, -0.01, 0.03)})),
        ],
        "gold",
    )
    assert table[0] == {
        "Trained on": "untrained", "Pairs": "–", "Steps": "0", "Rate": "–", "dev": "0.5500 ± 0.0707",
        "test": "0.5500 ± 0.0707", "test, against gold": "-0.1000 (-0.2000 to -0.0500)",
    }  # fmt: skip
    assert table[1]["test, against gold"] == "–"
    assert table[1]["Pairs"] == "1,234"
    assert table[2]["test, against gold"] == "+0.0100 (-0.0100 to +0.0300, unclear)"
    assert shown_difference(None) == "–"
