"""The table of rates by group that measures carry."""

from __future__ import annotations

import pytest

from audit.statistics.disparity import Question, compare
from audit.statistics.intervals import wilson
from audit.statistics.rates import GroupRate, rate_table, rates_of

RATES = [GroupRate("F", 20, 100), GroupRate("M", 40, 120, 60.0), GroupRate("none", 1, 5)]


def test_a_table_gives_its_rates_back() -> None:
    table = rate_table(RATES, attribute="sex", kind="declared")
    assert [(rate.group, rate.hits, rate.n, rate.worth) for rate in rates_of(table)] == [
        (rate.group, rate.hits, rate.n, rate.worth) for rate in RATES
    ]


def test_the_counts_of_a_table_reconcile_to_its_rows() -> None:
    table = rate_table(RATES, attribute="sex", kind="declared", unknown=GroupRate("unknown", 2, 7), source="field sex")
    assert table["rows"] == 232 == sum(entry["n"] for entry in table["groups"]) + table["unknown"]["n"]
    assert (table["source"], table["unknown"]) == ("field sex", {"n": 7, "hits": 2})
    with pytest.raises(ValueError, match="225 rows together, and the table is of 300"):
        rate_table(RATES, attribute="sex", kind="declared", rows=300)


def test_an_entry_has_wilsons_interval_of_what_its_rows_are_worth() -> None:
    entry = rate_table(RATES, attribute="sex", kind="declared")["groups"][1]
    assert entry["interval"] == pytest.approx(wilson(20, 60))
    assert (entry["rate"], entry["effective_n"]) == (pytest.approx(1 / 3), 60.0)


def test_what_is_not_compared_says_so_and_the_others_what_was_said() -> None:
    said = compare(RATES, Question(reference="M"))
    women, men, none = rate_table(RATES, attribute="sex", kind="declared", disparity=said)["groups"]
    assert (women["verdict"], women["sentence"]) == (said.groups[0].verdict, said.groups[0].sentence)
    assert men["compared"] is none["compared"] is False


def test_rows_are_worth_between_one_and_what_they_are() -> None:
    assert GroupRate("a", 1, 9, 0.2).worth == 1
    assert GroupRate("a", 1, 9, 12.0).worth == 9
    assert GroupRate("a", 0, 0, 3.0).worth == 0
