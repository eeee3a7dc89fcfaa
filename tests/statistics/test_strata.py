"""Associations within strata against statsmodels, and the admissions of Berkeley."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

from audit.statistics.strata import Ratio, Stratum, change_of, stratified

BERKELEY = [
    Stratum("A", 89, 108, 512, 825),
    Stratum("B", 17, 25, 353, 560),
    Stratum("C", 202, 593, 120, 325),
    Stratum("D", 131, 375, 138, 417),
    Stratum("E", 94, 393, 53, 191),
    Stratum("F", 24, 341, 22, 373),
]
"""Women admitted and applying, men admitted and applying, by department in 1973: Bickel, Hammel and O'Connell (1975),
"Sex bias in graduate admissions: data from Berkeley", Science 187, as in R's UCBAdmissions."""


def cells(stratum: Stratum) -> list[list[int]]:
    return [
        [stratum.hits, stratum.n - stratum.hits],
        [stratum.other_hits, stratum.other_n - stratum.other_hits],
    ]


SIDE = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n + 1)))


@given(st.lists(st.tuples(SIDE, SIDE), min_size=2, max_size=6))
def test_every_figure_agrees_with_statsmodels(sides: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    strata = [Stratum(str(at), *one, *other) for at, (one, other) in enumerate(sides)]
    found = stratified(strata)
    assume(found.odds_ratio is None or abs(found.odds_ratio.value - 1) > 1e-9)  # statsmodels divides by zero there
    oracle = StratifiedTable([np.array(cells(stratum), dtype=float) for stratum in strata])
    assert found.odds_ratio is not None
    assert found.risk_ratio is not None
    assert found.odds_ratio.value == pytest.approx(oracle.oddsratio_pooled)
    assert found.odds_ratio[1:] == pytest.approx(oracle.oddsratio_pooled_confint())
    assert found.risk_ratio.value == pytest.approx(oracle.riskratio_pooled)
    assert found.p == pytest.approx(oracle.test_null_odds().pvalue)
    assert found.homogeneity == pytest.approx(oracle.test_equal_odds(adjust=True).statistic, abs=1e-6)
    assert found.homogeneity_p == pytest.approx(oracle.test_equal_odds(adjust=True).pvalue, abs=1e-6)


def test_the_interval_of_the_risk_ratio_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(500):
        strata = [
            Stratum(str(base), int(rng.binomial(80, 0.7 * base)), 80, int(rng.binomial(120, base)), 120)
            for base in (0.2, 0.4, 0.6)
        ]
        ratio = stratified(strata).risk_ratio
        assert ratio is not None
        covered += ratio.low <= 0.7 <= ratio.high
    assert 0.925 <= covered / 500 <= 0.975


def test_the_bias_against_women_at_berkeley_vanishes_within_departments() -> None:
    found = stratified(BERKELEY)
    assert found.pooled is not None
    assert found.odds_ratio is not None
    assert found.pooled.value == pytest.approx(1 / 1.84108, abs=1e-5)
    assert found.odds_ratio.value == pytest.approx(1 / 0.9046968, abs=1e-6)
    assert found.homogeneity_p == pytest.approx(0.0021, abs=2e-4)
    assert found.change == "vanishes"


def test_it_reverses_with_five_times_the_applicants() -> None:
    assert stratified([Stratum(s.name, *(5 * count for count in s[1:])) for s in BERKELEY]).change == "reverses"


def test_clusters_take_that_certainty_back() -> None:
    larger = [Stratum(s.name, *(5 * count for count in s[1:])) for s in BERKELEY]
    assert stratified(larger, design_effect=5).change == "vanishes"


def test_an_association_that_the_pooled_rows_hid_appears() -> None:
    found = stratified([Stratum("hard", 180, 600, 80, 400), Stratum("easy", 320, 400, 420, 600)])
    assert found.pooled is not None
    assert found.pooled.value == pytest.approx(1.0)
    assert found.change == "appears"


@pytest.mark.parametrize(
    ("pooled", "within", "change"),
    [
        (Ratio(0.5, 0.4, 0.6), Ratio(0.6, 0.4, 0.9), "stays"),
        (Ratio(0.5, 0.4, 0.6), Ratio(1.5, 1.1, 2.0), "reverses"),
        (Ratio(0.5, 0.4, 0.6), Ratio(0.9, 0.7, 1.2), "vanishes"),
        (Ratio(0.5, 0.4, 0.6), Ratio(0.7, 0.3, 1.7), "undecided"),
        (Ratio(0.9, 0.7, 1.2), Ratio(0.6, 0.4, 0.8), "appears"),
        (Ratio(0.9, 0.7, 1.2), Ratio(1.1, 0.7, 1.4), "absent"),
        (None, Ratio(1.1, 0.7, 1.4), "undecided"),
    ],
)
def test_intervals_decide_what_becomes_of_an_association(pooled: Ratio | None, within: Ratio, change: str) -> None:
    assert change_of(pooled, within) == change


def test_strata_that_tell_nothing_are_named() -> None:
    found = stratified([*BERKELEY, Stratum("no men", 3, 5, 0, 0), Stratum("all in", 4, 4, 6, 6)])
    assert found.left_out == ("no men", "all in")
    assert found.strata == 6
    assert found.odds_ratio == stratified(BERKELEY).odds_ratio


@pytest.mark.parametrize("strata", [[], [Stratum("empty", 0, 0, 0, 0)], [Stratum("none", 0, 9, 0, 9)]])
def test_nothing_to_compare_is_undecided(strata: list[Stratum]) -> None:
    found = stratified(strata)
    assert (found.odds_ratio, found.risk_ratio, found.p, found.homogeneity_p) == (None, None, None, None)
    assert found.change == "undecided"


def test_a_million_rows_against_a_handful_stay_finite() -> None:
    found = stratified([Stratum("a", 10**9, 2 * 10**9, 1, 2), Stratum("b", 1, 10**9, 1, 3)])
    assert found.homogeneity_p is not None
    assert 0 <= found.homogeneity_p <= 1
