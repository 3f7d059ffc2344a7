"""Bounds as quantiles of the positives' cosines, and bands for a curriculum."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.errors import FrameError, OptionsError
from pairforge.frames import FrameContract
from pairforge.models import Side
from pairforge.steps.mine_negatives import STEP, MineNegativesOptions
from tests.fakes import TableEncoder
from tests.steps.mining_trials import WORDS, encoder_of, frame_of, mined, pairs_of

LISTS = {"output_format": "labelled-list", "with_scores": True, "too_few": "keep", "relative_margin": 0}
quantiles = st.floats(0, 1)


@settings(max_examples=25)
@given(pairs_of, st.tuples(quantiles, quantiles).map(sorted), st.integers(0, 50))
def test_a_quantile_bounds_as_the_cosine_that_it_is_of_the_positives(
    pairs: list[tuple[str, str]], levels: list[float], seed: int
) -> None:
    encoder = encoder_of(seed=seed)
    anchors, positives = (encoder.encode(side, Side.QUERY) for side in zip(*pairs, strict=True))
    cosines = sorted(
        float(np.float32(np.vecdot(a.astype(float), p.astype(float)))) for a, p in zip(anchors, positives, strict=True)
    )
    low, high = (min(1.0, max(-1.0, cosines[max(0, math.ceil(level * len(cosines)) - 1)])) for level in levels)
    corpus = pl.DataFrame({"text": WORDS})
    common = {"encoder": encoder, "num_negatives": 3, **LISTS}
    by_quantile, _ = mined(frame_of(pairs), corpus, min_quantile=levels[0], max_quantile=levels[1], **common)  # type: ignore[arg-type]
    by_cosine, _ = mined(frame_of(pairs), corpus, min_similarity=low, max_similarity=high, **common)  # type: ignore[arg-type]
    assert by_quantile.equals(by_cosine)


@pytest.mark.parametrize("quantile", [0.05, 0.3, 0.8])
def test_one_quantile_carries_from_one_scale_of_cosines_to_another(quantile: float) -> None:
    angles = np.random.default_rng(1).uniform(0.05, 3.1, size=60)
    corpus = pl.DataFrame({"text": [f"text {number}" for number in range(50)]})
    pairs = frame_of([("anchor", f"text {number}") for number in range(50, 60)])
    made = []
    # The second model finds everything close, in the same order: its cosines lie in 0.77 … 1.
    for scale in (1.0, 0.22):
        vectors = {
            f"text {number}": (math.cos(angle * scale), math.sin(angle * scale)) for number, angle in enumerate(angles)
        }
        encoder = TableEncoder({"anchor": (1, 0), **vectors})
        lists, _ = mined(pairs, corpus, encoder=encoder, num_negatives=4, max_quantile=quantile, **LISTS)  # type: ignore[arg-type]
        made.append(lists["documents"])
    assert made[0].equals(made[1])
    assert made[0].list.len().to_list() == [5] * 10


BANDS = ("-0.2:0.3", "0.3:0.6", "0.6:1")


@settings(max_examples=25)
@given(pairs_of, st.permutations(BANDS), st.integers(0, 50), st.sampled_from(["top", "random", "weighted"]))
def test_every_band_has_what_the_same_bounds_alone_would_give(
    pairs: list[tuple[str, str]], bands: list[str], seed: int, sampling: str
) -> None:
    corpus, frame = pl.DataFrame({"text": WORDS}), frame_of(pairs).with_row_index("row")
    common = {"encoder": encoder_of(seed=seed), "num_negatives": 2, "sampling": sampling, **LISTS}
    together, _ = mined(frame, corpus, band=tuple(bands), **common)  # type: ignore[arg-type]
    for band in bands:
        alone, _ = mined(frame, corpus, band=(band,), **common)  # type: ignore[arg-type]
        assert together.filter(pl.col("band") == band).equals(alone)
        low, high = map(float, band.split(":"))
        for scores in alone["scores"]:
            assert all(low <= score < high for score in scores[1:])
    places = together.select("row", pl.col("band").replace_strict({band: place for place, band in enumerate(bands)}))
    assert places.rows() == sorted(places.rows())


def test_bands_leave_out_and_a_pair_is_dropped_only_if_no_band_is_left() -> None:
    encoder = TableEncoder(
        {"q": (1, 0), "p": (1, 0.01), "near": (1, 0.5), "nearer": (1, 0.4), "far": (0.2, 1), "back": (-1, 0)}
    )
    corpus = pl.DataFrame({"text": ["near", "nearer", "far"]})
    made, ledger = mined(
        frame_of([("q", "p"), ("back", "p")]), corpus, encoder=encoder, num_negatives=2, relative_margin=0,
        band=("0:0.5", "0.5:1"),
    )  # fmt: skip
    assert made.rows() == [("q", "p", "nearer", "near", "0.5:1")]
    assert ledger.dropped == {"too_few_negatives": 1}
    assert ledger.counts["bands of pairs short of negatives"] == 3
    assert ledger.counts["bands left empty of pairs that are kept"] == 1
    assert ledger.counts["candidates: retrieved"] == 6
    assert ledger.counts["candidates: removed as outside every band"] == 3


@pytest.mark.parametrize("output_format", ["triplet", "n-tuple", "labelled-pair", "labelled-list"])
def test_bands_stand_in_a_column_of_every_format(output_format: str) -> None:
    pairs = frame_of([("one", "two"), ("three", "four")]).with_columns(source=pl.Series(["a", "b"]))
    options = {"num_negatives": 1, "band": ("-1:0", "0:1"), "output_format": output_format, "relative_margin": 0}
    made, _ = mined(pairs, pl.DataFrame({"text": WORDS}), **options)  # type: ignore[arg-type]
    contract = STEP.outputs(MineNegativesOptions.model_validate(options))["corpus"]
    assert isinstance(contract, FrameContract)
    assert contract.check(made, "made").columns == made.columns
    assert made.columns[-1] == "band"
    assert made["band"].unique(maintain_order=True).to_list() == ["-1:0", "0:1"]
    with pytest.raises(FrameError, match="'band'"):
        mined(pairs.with_columns(band=pl.lit("mine")), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"min_quantile": 0.5, "max_quantile": 0.4},
        {"strategy": "easy", "max_quantile": 0.4},
        {"strategy": "easy", "band": ["0.1:0.2"]},
        {"band": ["0.1:0.2"], "too_few": "pad"},
    ],
)
def test_bounds_at_odds_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError):
        MineNegativesOptions.model_validate(options)


@pytest.mark.parametrize("band", ["0.4", "0.4:", "0.7:0.4", "0.4:0.4", "0.4:1.1", "a:b", "nan:1", "0.1:0.2:0.3"])
def test_a_band_is_two_cosines_in_order(band: str) -> None:
    with pytest.raises(ValueError, match="is no band"):
        MineNegativesOptions.model_validate({"band": [band]})
