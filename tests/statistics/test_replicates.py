"""Replicates: the interval over seeds is Student's, and there is none for fewer than five; associations of counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from audit.statistics.amplification import (
    Share,
    association,
    counted_association,
    mean_association,
    unpaired_interval,
)
from audit.statistics.replicates import over_seeds

FALLS = [-0.538, -0.549, -0.512, -0.476, -0.52]


def test_five_seeds_have_the_interval_of_student() -> None:
    found = over_seeds(FALLS)
    assert found is not None
    assert found.interval == pytest.approx(stats.t.interval(0.95, 4, np.mean(FALLS), stats.sem(FALLS)))
    assert found.sd == pytest.approx(np.std(FALLS, ddof=1))


def test_a_one_sided_bound_leaves_five_per_cent_on_one_side() -> None:
    found = over_seeds(FALLS)
    assert found is not None
    assert (found.at_least, found.at_most) == pytest.approx(stats.t.interval(0.90, 4, np.mean(FALLS), stats.sem(FALLS)))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_fewer_than_five_seeds_have_values_only(n: int) -> None:
    found = over_seeds(FALLS[:n])
    assert found is not None
    assert found.interval is None
    assert found.at_least is None
    assert found.at_most is None
    assert (found.sd is None) == (n == 1)


def test_no_seed_is_no_figure_and_the_order_of_seeds_does_not_matter() -> None:
    assert over_seeds([]) is None
    assert over_seeds(FALLS) == over_seeds(FALLS[::-1])


def test_an_association_is_the_difference_of_rates_and_of_their_log_odds() -> None:
    outcome = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0])
    group = np.arange(10) < 4
    found = association(outcome, group, ~group)
    assert found is not None
    assert found.difference.value == pytest.approx(3 / 4 - 1 / 6)
    assert found.log_odds.value == pytest.approx(np.log(3) - np.log(1 / 5))
    assert found.minus(found).difference.value == 0
    assert mean_association([found, found]).difference.value == found.difference.value
    assert association(outcome, group, group & ~group) is None


def test_counts_say_what_their_rows_say() -> None:
    outcome = np.array([1.0] * 30 + [0.0] * 70 + [1.0] * 11 + [0.0] * 89)
    group = np.arange(200) < 100
    rows, counted = association(outcome, group, ~group), counted_association(Share(30, 100), Share(11, 100))
    assert rows is not None
    assert counted is not None
    assert (counted.difference, counted.log_odds) == pytest.approx((rows.difference.value, rows.log_odds.value))
    interval = unpaired_interval(rows, counted)
    assert interval is not None
    assert interval[0] < 0 < interval[1]
    assert interval[1] == pytest.approx(-interval[0])
    assert counted_association(Share(0, 0), Share(1, 2)) is None
