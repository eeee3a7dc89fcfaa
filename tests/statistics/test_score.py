"""The skewness-corrected score interval: published values, statsmodels, and what must hold for any counts."""

from __future__ import annotations

from math import log, sqrt
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from statsmodels.stats.proportion import confint_proportions_2indep

from audit.statistics.intervals import TWO_SIDED
from audit.statistics.score import HIGHEST_RATIO, Pair, Scale, above, below, lower, mirrored, score_of, upper

SCALES = st.sampled_from(["ratio", "difference"])
Z = st.floats(0.7, 5)
ROWS = st.one_of(st.integers(1, 40).map(float), st.floats(1, 1e6))


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    n, other_n = draw(ROWS), draw(ROWS)
    share, other = (draw(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1e-4, 1 - 1e-4))) for _ in range(2))
    return Pair(share * n, n, other * other_n, other_n)


@pytest.mark.parametrize(
    ("pair", "low", "high"),
    [
        # The example of scoreci() in the documentation of Laud's R package ratesci 1.0 (risk difference, SCAS).
        (Pair(12, 16, 1, 16), 0.38567597, 0.8778839),
        (Pair(19, 29, 22, 30), -0.31189939, 0.1600794),
        (Pair(5, 56, 0, 29), -0.01861751, 0.1867180),
    ],
)
def test_the_interval_of_a_difference_is_lauds(pair: Pair, low: float, high: float) -> None:
    found = lower(pair, "difference", TWO_SIDED), upper(pair, "difference", TWO_SIDED)
    assert found == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("counts", [(30, 100, 45, 120), (3, 60, 9, 70), (190, 200, 170, 200)])
def test_without_skewness_the_interval_of_a_ratio_is_that_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    # At z = 1 the correction, which has the factor z^2 - 1, is none. The score interval of a difference of statsmodels
    # 0.14 is no oracle: for 12/16 - 1/16 it is (0.399, 0.861), where Miettinen and Nurminen's is (0.375, 0.863).
    theirs = confint_proportions_2indep(*counts, method="score", compare="ratio", alpha=2 * NormalDist().cdf(-1))
    pair = Pair(*map(float, counts))
    assert (lower(pair, "ratio", 1.0), upper(pair, "ratio", 1.0)) == pytest.approx(theirs, rel=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 39), st.integers(1, 59), SCALES, st.floats(-0.9, 0.9))
def test_the_error_is_that_of_the_likeliest_shares_with_the_limit(
    hits: int, other_hits: int, scale: Scale, at: float
) -> None:
    limit = 4**at if scale == "ratio" else at

    def share(other: float) -> float:
        return limit * other if scale == "ratio" else other + limit

    def unlikeliness(other: float) -> float:
        one = share(other)
        return -sum(
            k * log(p)
            for k, p in ((hits, one), (40 - hits, 1 - one), (other_hits, other), (60 - other_hits, 1 - other))
        )

    ends = (0.0, min(1.0, 1 / limit)) if scale == "ratio" else (max(0.0, -limit), min(1.0, 1 - limit))
    width = ends[1] - ends[0]
    inside = (ends[0] + 1e-9 * width, ends[1] - 1e-9 * width)
    other = float(minimize_scalar(unlikeliness, bounds=inside, method="bounded", options={"xatol": 1e-10}).x)
    weight = limit if scale == "ratio" else 1.0
    variance = share(other) * (1 - share(other)) / 40 + weight**2 * other * (1 - other) / 60
    assert score_of(Pair(hits, 40, other_hits, 60), scale, limit).error == pytest.approx(
        sqrt(variance * 100 / 99), rel=1e-3
    )


@given(pairs(), SCALES, Z, st.floats(-0.99, 0.99))
def test_a_bound_is_where_the_test_turns(pair: Pair, scale: Scale, z: float, at: float) -> None:
    limit = 50**at if scale == "ratio" else at
    bound = upper(pair, scale, z)
    if abs(limit - bound) > 1e-7 * max(1, bound):
        assert below(pair, scale, limit, z) == (limit > bound)


@given(pairs(), SCALES, Z)
def test_both_sides_see_the_same_interval(pair: Pair, scale: Scale, z: float) -> None:
    low, high = lower(pair, scale, z), upper(pair, scale, z)
    assert low <= high
    if low > 0 or scale == "difference":
        assert upper(pair.swapped, scale, z) == pytest.approx(mirrored(scale, low), rel=1e-6, abs=1e-9)


@given(pairs(), SCALES, Z)
def test_the_estimate_lies_within(pair: Pair, scale: Scale, z: float) -> None:
    estimate = pair.estimate(scale)
    if estimate is not None and estimate < HIGHEST_RATIO:
        assert lower(pair, scale, z) <= estimate * (1 + 1e-9) + 1e-9
        assert upper(pair, scale, z) >= estimate * (1 - 1e-9) - 1e-9


@given(st.integers(30, 400), st.integers(30, 400), SCALES, st.data())
def test_fewer_hits_are_never_weaker_evidence(n: int, other_n: int, scale: Scale, data: st.DataObject) -> None:
    hits, other = data.draw(st.integers(1, n)), data.draw(st.integers(0, other_n))
    fewer, more = Pair(hits - 1, n, other, other_n), Pair(hits, n, other, other_n)
    limit = 0.8 if scale == "ratio" else -0.1
    if below(more, scale, limit, 2.5):
        assert below(fewer, scale, limit, 2.5)


def test_no_pair_lies_both_below_and_above() -> None:
    pair = Pair(30, 100, 60, 100)
    assert below(pair, "ratio", 0.8, TWO_SIDED)
    assert not above(pair, "ratio", 0.8, TWO_SIDED)


def test_a_ratio_to_none_has_no_upper_bound() -> None:
    assert upper(Pair(30, 100, 0, 100), "ratio", TWO_SIDED) == pytest.approx(HIGHEST_RATIO)
    assert lower(Pair(30, 100, 0, 100), "ratio", TWO_SIDED) > 1
    assert lower(Pair(0, 100, 30, 100), "ratio", TWO_SIDED) == 0
