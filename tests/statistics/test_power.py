"""Numbers of rows: the figures that were published for us, and what any plan must do."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import power_proportions_2indep

from audit.statistics.disparity import Question, compare
from audit.statistics.power import detectable_ratio, in_rows, least_rows, rows_to_detect, rows_to_fail, rows_to_pass
from audit.statistics.rates import GroupRate


@pytest.mark.parametrize(("rate", "rows"), [(0.05, 6743), (0.1, 3211), (0.3, 856), (0.5, 385)])
def test_the_rows_that_show_a_ratio_of_four_fifths(rate: float, rows: int) -> None:
    assert rows_to_detect(rate, 0.8) == pytest.approx(rows, rel=0.02)


@pytest.mark.parametrize(("rate", "n", "other"), [(0.3, 400, 1_600), (0.05, 5_000, 5_000), (0.6, 60, 900)])
def test_the_detectable_ratio_has_the_power_that_statsmodels_gives(rate: float, n: int, other: int) -> None:
    ratio = detectable_ratio(rate, n, other)
    assert ratio is not None
    theirs = power_proportions_2indep(rate * ratio - rate, rate, n, ratio=other / n, alpha=0.05, return_results=False)
    assert theirs == pytest.approx(0.8, abs=0.01)


def test_more_rows_show_a_ratio_nearer_to_one() -> None:
    few, many = detectable_ratio(0.3, 100, 1_000), detectable_ratio(0.3, 1_000, 1_000)
    assert few is not None
    assert many is not None
    assert few < many < 1


@pytest.mark.parametrize(("rate", "n", "other"), [(0.1, 5, 1_000), (0.1, 0, 1_000), (0.1, 10, 0), (0.0, 90, 90)])
def test_too_few_rows_show_nothing(rate: float, n: int, other: int) -> None:
    assert detectable_ratio(rate, n, other) is None


def test_a_rate_that_is_within_never_fails() -> None:
    assert rows_to_fail(0.29, 0.3, 2, Question()) is None


def test_a_larger_group_helps_the_smaller() -> None:
    alone, helped = rows_to_pass(0.3, [50, 50], Question()), rows_to_pass(0.3, [50, 50_000], Question())
    assert alone is not None
    assert helped is not None
    assert helped < 0.7 * alone


def test_more_groups_and_cells_need_more_rows() -> None:
    needed = [
        rows_to_pass(0.3, [50] * groups, Question(cells=cells)) or 0 for groups, cells in ((2, 1), (10, 1), (10, 5))
    ]
    assert needed == sorted(needed)
    assert needed[0] < needed[1] < needed[2]


def test_no_fewer_rows_than_the_least_are_asked_for() -> None:
    assert rows_to_pass(0.001, [50, 50], Question(scale="difference", tolerance=0.5, min_n=40)) == 40


def test_many_groups_are_planned_for_in_time() -> None:
    groups = [GroupRate(f"g{size}", size // 3, size) for size in range(40, 6_040, 50)]
    assert compare(groups, Question()).required_n is not None


def test_rows_in_clusters_are_more_rows() -> None:
    assert in_rows(100, 400, 200.0) == 200
    assert in_rows(None, 400, 200.0) is None


def test_the_search_ends() -> None:
    assert least_rows(lambda n: n >= 1_000) == 1_000
    assert least_rows(lambda n: False) is None
