"""The four-fifths screen and the omnibus test, against scipy and statsmodels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency
from statsmodels.stats.proportion import proportions_ztest

from audit.statistics.contrasts import Sample
from audit.statistics.score import Pair
from audit.statistics.screens import chi_square_tail, difference_p, four_fifths, homogeneity_p


@given(st.floats(0, 3_000), st.integers(1, 2_000))
def test_the_tail_is_scipys(statistic: float, degrees: int) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(chi2.sf(statistic, degrees), rel=1e-8, abs=1e-200)


def test_the_omnibus_test_is_scipys() -> None:
    counts = [(30, 100), (45, 120), (12, 80)]
    theirs = chi2_contingency([[hits, n - hits] for hits, n in counts], correction=False).pvalue
    assert homogeneity_p([Sample("g", hits, n, n) for hits, n in counts]) == pytest.approx(theirs)


@pytest.mark.parametrize("counts", [[(3, 90)], [(0, 50), (0, 60)], [(1, 9), (2, 500)], []])
def test_what_cannot_be_tested_has_no_p_value(counts: list[tuple[int, int]]) -> None:
    assert homogeneity_p([Sample("g", hits, n, n) for hits, n in counts]) is None


def test_the_p_value_of_a_pair_is_statsmodels() -> None:
    assert difference_p(Pair(30, 100, 60, 130)) == pytest.approx(proportions_ztest([30, 60], [100, 130])[1])
    assert difference_p(Pair(0, 100, 0, 130)) == 1.0


@pytest.mark.parametrize(
    ("pair", "p", "screened"),
    [
        (Pair(70, 100, 95, 100), 0.01, True),
        (Pair(70, 100, 95, 100), 0.06, False),
        (Pair(90, 100, 95, 100), 0.01, False),
        (Pair(0, 20, 4, 20), 0.01, False),
    ],
)
def test_the_screen_asks_for_both_and_for_enough_rows(pair: Pair, p: float, screened: bool) -> None:
    assert four_fifths(pair, p) is screened
