"""Tests of shift and distances: held against scipy, published values, and what must hold for all inputs."""

from __future__ import annotations

import random
from math import comb, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from audit.statistics.domain_classifier import area_under_curve, tell_apart
from audit.statistics.multiple_tests import benjamini_hochberg
from audit.statistics.nearest import nearest
from audit.statistics.shift import chi_square, js_distance, kolmogorov_smirnov

COUNTS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=8)


def columns(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


# ----------------------------------------------------------------------------- chi-square


@given(st.lists(st.tuples(st.integers(100, 300), st.integers(100, 300)), min_size=2, max_size=8))
def test_chi_square_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = columns(pairs)
    found = chi_square(first, second)
    expected = stats.chi2_contingency([first, second], correction=False)
    assert expected.expected_freq.min() >= 5, "no category is rare"
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)


def test_rare_categories_are_put_together() -> None:
    assert chi_square([100, 3, 2, 1], [100, 4, 1, 2]) == chi_square([100, 6], [100, 7])
    assert chi_square([3, 100, 50], [1, 100, 60]) == chi_square([100, 53], [100, 61])


@given(COUNTS)
def test_no_counts_break_the_chi_square_test(pairs: list[tuple[int, int]]) -> None:
    first, second = columns(pairs)
    found = chi_square(first, second)
    assert found.statistic >= 0
    assert 0 <= found.p <= 1
    assert chi_square(second, first).p == pytest.approx(found.p)


@pytest.mark.parametrize("counts", [([], []), ([5], [9]), ([0, 0], [3, 4]), ([1, 1], [1, 1])])
def test_what_cannot_be_tested_shows_no_difference(counts: tuple[list[int], list[int]]) -> None:
    assert chi_square(*counts) == (0.0, 1.0)


# ----------------------------------------------------------------------------- Kolmogorov-Smirnov


@given(st.lists(st.integers(0, 50), min_size=30, max_size=80), st.lists(st.integers(0, 60), min_size=30, max_size=80))
def test_the_kolmogorov_smirnov_distance_is_scipys_and_p_is_near_it(first: list[int], second: list[int]) -> None:
    found = kolmogorov_smirnov(first, second)
    expected = stats.ks_2samp(first, second, method="asymp")
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, abs=0.05)


def test_the_p_value_of_large_samples_is_that_of_the_limit() -> None:
    rng = random.Random(0)
    first = [rng.gauss(0, 1) for _ in range(3000)]
    second = [rng.gauss(0.07, 1) for _ in range(2000)]
    expected = stats.ks_2samp(first, second, method="asymp")
    assert kolmogorov_smirnov(first, second).p == pytest.approx(expected.pvalue, rel=0.05)


def test_empty_samples_show_no_difference_and_disjoint_ones_the_largest() -> None:
    assert kolmogorov_smirnov([], [1.0]) == (0.0, 1.0)
    assert kolmogorov_smirnov([1.0] * 50, [2.0] * 50).statistic == 1.0
    assert kolmogorov_smirnov([1.0] * 50, [2.0] * 50).p < 1e-12
    assert kolmogorov_smirnov([1.0] * 50, [1.0] * 50) == (0.0, 1.0)


# ----------------------------------------------------------------------------- Jensen-Shannon


@given(COUNTS)
def test_the_jensen_shannon_distance_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = columns(pairs)
    if sum(first) and sum(second):
        assert js_distance(first, second) == pytest.approx(float(jensenshannon(first, second, base=2)), abs=1e-6)
    else:
        assert js_distance(first, second) == 0.0


def test_the_distance_is_one_for_disjoint_and_zero_for_equal_distributions() -> None:
    assert js_distance([5, 0], [0, 9]) == 1.0
    assert js_distance([5, 10], [50, 100]) == pytest.approx(0.0, abs=1e-7)


def test_two_samples_of_one_distribution_are_no_distance_apart_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(77))
    plain, beyond = [], []
    for _ in range(200):
        first, second = rng.multinomial(5000, shares).tolist(), rng.multinomial(3000, shares).tolist()
        plain.append(js_distance(first, second) ** 2)
        beyond.append(js_distance(first, second, beyond_chance=True) ** 2)
    assert np.mean(plain) == pytest.approx(76 * (1 / 5000 + 1 / 3000) / (8 * log(2)), rel=0.1)
    assert np.mean(beyond) < 0.1 * np.mean(plain)


# ----------------------------------------------------------------------------- many tests


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values).tolist() if p_values else []
    assert benjamini_hochberg(p_values) == pytest.approx(expected)


# ----------------------------------------------------------------------------- areas under the curve


@given(
    st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=40),
    st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=40),
)
def test_the_area_is_scikit_learns_and_its_variance_that_of_the_definition(
    positive: list[float], negative: list[float]
) -> None:
    area, variance = area_under_curve(np.array(positive), np.array(negative))
    truth = [1] * len(positive) + [0] * len(negative)
    assert area == pytest.approx(roc_auc_score(truth, positive + negative))
    wins = np.array([[(p > n) + (p == n) / 2 for n in negative] for p in positive])
    expected = wins.mean(axis=1).var(ddof=1) / len(positive) + wins.mean(axis=0).var(ddof=1) / len(negative)
    assert variance == pytest.approx(expected)


def texts(rng: random.Random, words: int, count: int) -> list[str]:
    return [" ".join(f"w{rng.randrange(words)}" for _ in range(20)) for _ in range(count)]


def test_two_samples_of_one_kind_cannot_be_told_apart_and_the_error_rate_is_kept() -> None:
    rng = random.Random(0)
    areas = [tell_apart(texts(rng, 200, 90), texts(rng, 200, 70)) for _ in range(60)]
    assert sum(area.value for area in areas) / len(areas) == pytest.approx(0.5, abs=0.02)
    rejected = sum(area.p < 0.05 for area in areas)
    # At 5 % of 60, more than 8 have a chance of 1 in 400.
    assert rejected <= 8
    assert sum(comb(60, k) * 0.05**k * 0.95 ** (60 - k) for k in range(9)) > 0.995


def test_samples_of_two_kinds_are_told_apart_whatever_their_order() -> None:
    rng = random.Random(0)
    first, second = texts(rng, 100, 120), texts(rng, 130, 120)
    area = tell_apart(first, second)
    assert area.low > 0.6
    assert area.p < 1e-6
    assert tell_apart(first[::-1], rng.sample(second, 120)) == area


def test_copies_do_not_tell_samples_apart() -> None:
    rng = random.Random(0)
    first, second = texts(rng, 3000, 60), texts(rng, 3000, 60)
    assert tell_apart(first * 5, second * 5).low < 0.5


@pytest.mark.parametrize("few", [[], ["a b"] * 49])
def test_too_few_texts_are_not_told_apart(few: list[str]) -> None:
    assert tell_apart(few, ["c d"] * 200) == (0.5, 0.0, 1.0, 1.0)


def test_texts_without_words_or_with_a_single_one_do_not_matter() -> None:
    assert tell_apart([""] * 60, [""] * 60).value == 0.5
    assert tell_apart(["a"] * 60, ["a"] * 60).value == 0.5
    assert tell_apart([f"x{k}" for k in range(60)], [f"y{k}" for k in range(60)]).value == 0.5


# ----------------------------------------------------------------------------- nearest texts


def test_the_nearest_text_is_itself_where_it_is_there_and_far_where_nothing_is_shared() -> None:
    others = ["block my card please", "block my bank card", "where is the parcel", ""]
    found = nearest(["block my card please", "zzz qqq xxx", ""], others, 10)
    assert found.texts.tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)
    assert found.others[0] == found.others[1] > 0.3
    assert found.others[3] == 0.0


def test_a_similarity_is_the_cosine_of_the_weighted_counts() -> None:
    found = nearest(["abcd"], ["abcd efgh"], 0)
    # " abcd " has three runs of four characters, of six in all; all weigh alike but those that are there not at all.
    assert found.texts[0] == pytest.approx(3 / sqrt(3) / sqrt(6), abs=1e-6)
