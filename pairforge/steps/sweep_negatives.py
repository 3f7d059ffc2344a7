"""What each setting of mine-negatives would give: how many rows, how near, and how many false negatives.

Texts are retrieved once; every setting then chooses from the same candidates as mine-negatives would. Which negatives
are false is revealed for a sample of anchors alone, so that a few hundred judgements choose a setting for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, ModelRole, Step, StepContext
from pairforge.frames import CORPUS, PAIR, QRELS
from pairforge.models import Encoder, ModelKind, PairScorer
from pairforge.steps.forbidden_rows import NONE, Rows
from pairforge.steps.mining.candidates import Candidates, candidates_among, searched
from pairforge.steps.mining.chosen import Uses
from pairforge.steps.mining.collection import Collection, unknown_judgements
from pairforge.steps.mining.estimates import clustered_share
from pairforge.steps.mining.judges import JudgedSample, judged_sample
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.preparation import OWN_CLUSTER, Prepared, prepare_mining, refuse_too_few_texts, same_cluster
from pairforge.steps.mining.selection import choose
from pairforge.steps.mining.sweep_options import SweepNegativesOptions
from pairforge.steps.mining.sweep_table import OPTION_COLUMNS, SWEEP, tell_of_best, with_best

__all__ = ["STEP", "SWEEP", "SweepNegativesOptions", "sweep_negatives"]

_CANDIDATES_AT_ONCE = 2**20


def sweep_negatives(
    pairs: pl.DataFrame,
    corpus: pl.DataFrame | None = None,
    qrels: pl.DataFrame | None = None,
    *,
    encoder: Encoder,
    scorer: PairScorer | None = None,
    options: SweepNegativesOptions,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Tabulate what settings of mine-negatives (semi-hard, the nearest first) would give.

    Args:
        pairs: As mine-negatives takes them; with a label column, that too.
        corpus: As mine-negatives takes it; with a label column, that too.
        qrels: As mine-negatives takes them.
        encoder: Measures similarity.
        scorer: A cross-encoder that judges, with `false_score`.
        options: The values to try, and how to judge.
        context: The cache for vectors; its ledger gets a note of the best setting.

    Returns:
        A row a setting, columns: the options of mine-negatives that were swept, under their names, and num_negatives;
        rows_kept (pairs that find all their negatives) and kept (their share of all pairs); mean_similarity (mean
        cosine of their negatives with the anchor); judged (negatives judged), false_rate (share of these that bear a
        label of their anchor, or score too high with it), false_low and false_high (its interval, in which an anchor's
        negatives count as one cluster) and best: true for the setting of the highest mean similarity among those that
        keep at least `min_kept` of the pairs and whose false_high is at most `max_false_rate`; of equals the first.

    Raises:
        FrameError: the corpus has too few distinct texts, or a column is missing.
        OptionsError: a scorer is missing, or has no bound to judge by.
        ModelError: the scorer's outputs cannot be read as asked.
    """
    within = context or StepContext()
    collection = Collection.of(
        PAIR.check(pairs, "pairs"),
        None if corpus is None else CORPUS.check(corpus, "corpus"),
        None if qrels is None else QRELS.check(qrels, "qrels"),
    )
    if (strange := unknown_judgements(collection, qrels)) is not None:
        within.ledger.note(strange)
    refuse_too_few_texts(collection, options.num_negatives)
    sample = judged_sample(collection, options, scorer, within)
    prepared = prepare_mining(collection, options, encoder=encoder, needs_encoder=True, searches=True, context=within)
    levels = [level for level in options.max_quantile if level is not None]
    if levels:
        prepared = prepared.with_quantiles(levels)
    tallies = _swept(prepared, options, sample, within)
    rows = [
        tally.row(prepared.num_pairs, false, judged, options.confidence)
        for tally, (false, judged) in zip(tallies, _counts(tallies, sample), strict=True)
    ]
    table = with_best(rows, options)
    tell_of_best(table, None if sample is None else sample.size, options, within.ledger)
    return table


@dataclass
class _Tally:
    """What one setting has given so far.

    Args:
        setting: The options.
        uses: How often texts served, if that is capped.
        judged: Negatives to be judged, as `JudgedSample.codes` gives them.
        rows_kept: Pairs that found all their negatives.
        similarities: The sum of their negatives' cosines.
    """

    setting: MineNegativesOptions
    uses: Uses | None
    judged: list[Rows] = field(default_factory=list)
    rows_kept: int = 0
    similarities: float = 0.0

    def add(self, candidates: Candidates, prepared: Prepared, sample: JudgedSample | None) -> None:
        """What it chooses of the candidates of some more pairs."""
        chosen = choose(candidates, prepared, self.setting, Ledger(), uses=self.uses)
        kept = chosen.only((chosen.negatives != NONE).all(axis=1))
        self.rows_kept += len(kept.ordinals)
        self.similarities += float(kept.similarities.sum(dtype=np.float64))
        if sample is not None:
            self.judged.append(sample.codes(kept))

    def row(self, num_pairs: int, false: Rows, judged: Rows, confidence: float) -> dict[str, object]:
        """Its row of the table, the best one not marked yet.

        Args:
            num_pairs: Pairs in all.
            false: False negatives by sampled anchor.
            judged: Negatives judged by sampled anchor.
            confidence: Of the interval.
        """
        setting = {name: getattr(self.setting, name) for name in OPTION_COLUMNS}
        negatives = self.rows_kept * self.setting.num_negatives
        share = clustered_share(false, judged, confidence)
        return setting | {
            "rows_kept": self.rows_kept,
            "kept": self.rows_kept / num_pairs,
            "mean_similarity": self.similarities / negatives if negatives else None,
            "judged": int(judged.sum()),
            "false_rate": None if share is None else share.value,
            "false_low": None if share is None else share.low,
            "false_high": None if share is None else share.high,
        }


def _swept(
    prepared: Prepared, options: SweepNegativesOptions, sample: JudgedSample | None, context: StepContext
) -> list[_Tally]:
    """What every setting gives, each by the same candidates."""
    tallies = [_Tally(setting, _uses(setting, prepared)) for setting in options.settings()]
    clusters = {
        number: same_cluster(prepared, number, seed=options.seed, context=context)
        for number in options.clusters
        if number is not None
    }
    context.ledger.count("settings tried", len(tallies))
    depth = max(options.max_rank)
    step = max(1, _CANDIDATES_AT_ONCE // depth)
    with context.progress("sweeping", prepared.num_pairs, "pairs") as advance:
        for start in range(0, prepared.num_pairs, step):
            ordinals = np.arange(start, min(start + step, prepared.num_pairs))
            rankings = searched(ordinals, prepared, depth)
            for (max_rank, number), alike in itertools.groupby(tallies, key=_rank_and_clusters):
                candidates = candidates_among(rankings, ordinals, prepared, max_rank)
                open_to = candidates if number is None else candidates.refusing(OWN_CLUSTER, clusters[number])
                for tally in alike:
                    tally.add(open_to, prepared, sample)
            advance(len(ordinals))
    return tallies


def _rank_and_clusters(tally: _Tally) -> tuple[int, int | None]:
    return tally.setting.max_rank, tally.setting.clusters


def _counts(tallies: Sequence[_Tally], sample: JudgedSample | None) -> list[tuple[Rows, Rows]]:
    """What `JudgedSample.counts` gives for each tally; nothing is counted without a judge."""
    none = np.zeros(0, dtype=np.int64)
    if sample is None:
        return [(none, none)] * len(tallies)
    return sample.counts([np.concatenate([none, *tally.judged]) for tally in tallies])


def _uses(setting: MineNegativesOptions, prepared: Prepared) -> Uses | None:
    return None if setting.max_uses is None else Uses.of(len(prepared.texts), setting.max_uses)


STEP = Step(
    name="sweep-negatives",
    run=sweep_negatives,
    options=SweepNegativesOptions,
    inputs={
        "pairs": Input("Anchors and positives.", (PAIR,)),
        "corpus": Input("Texts to take negatives from; the pairs' own positives if not given.", (CORPUS,), False),
        "qrels": Input("Relevance judgements: more positives, by query_id and doc_id.", (QRELS,), False),
    },
    outputs=lambda options: {"sweep": SWEEP},
    models={
        "encoder": ModelRole("Measures similarity.", ModelKind.ENCODER),
        "scorer": ModelRole(
            "A cross-encoder that judges; with --false-score.",
            ModelKind.SCORER,
            flag="scorer",
            default=None,
            needed=lambda options: options.false_score is not None,
        ),
    },
    suffix="sweep",
)
