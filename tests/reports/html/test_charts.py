"""Where the shapes of the charts lie."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from audit.reports.html import charts
from audit.reports.html.charts import LABELS, MARGIN, PLOT, WIDTH, Item
from audit.reports.html.words import count, share

NUMBERS = st.none() | st.floats() | st.integers(-(10**400), 10**400)


def test_a_bar_is_as_long_as_its_value() -> None:
    chart = charts.hbar([Item(label="a", value=0.5, text=""), Item(label="b", value=1.0, text="")])
    assert [row.at for row in chart.rows] == [LABELS + PLOT / 2, LABELS + PLOT]


def test_a_dot_lies_in_its_interval() -> None:
    (row,) = charts.intervals(
        [Item(label="a", value=0.3, text="", interval=(0.2, 0.5))], low=0.0, high=1.0, words=str
    ).rows
    assert row.start is not None
    assert row.at is not None
    assert row.end is not None
    assert (row.start, row.at, row.end) == (196.0, 219.0, 265.0)


def test_an_open_interval_reaches_the_edge() -> None:
    (row,) = charts.intervals(
        [Item(label="a", value=0.3, text="", interval=(None, math.inf))], low=0.0, high=1.0, words=str
    ).rows
    assert (row.start, row.end) == (LABELS, LABELS + PLOT)


def test_parts_of_a_stacked_bar_fill_its_width() -> None:
    (stack,) = charts.stacked([("a", [(1.0, "x"), (2.0, "y"), (1.0, "z")])], ["x", "y", "z"]).stacks
    assert sum(part.width for part in stack.segments) == WIDTH - LABELS


def test_bins_at_and_beyond_the_limit_are_marked() -> None:
    chart = charts.histogram([(0, 10, 4), (10, 20, 2), (20, 30, 1)], words=count, limit=(20.0, "limit 20"))
    assert [one.beyond for one in chart.bins] == [False, False, True]
    assert chart.marks[0].at == chart.bins[2].x
    assert max(one.height for one in chart.bins) == charts.HEIGHT


def test_a_line_rises_from_the_lower_left_to_the_upper_right() -> None:
    chart = charts.line([("a", [(0, 0), (5, 0.5), (10, 1)])], words=count, levels=share)
    assert chart.lines == (f"{float(MARGIN)},180 260.0,90 468.0,0",)


@given(low=st.floats(-1e9, 1e9), span=st.floats(1e-6, 1e9))
def test_ticks_are_few_and_lie_between_the_ends(low: float, span: float) -> None:
    ticks = charts.steps(low, low + span, 5)
    assert len(ticks) <= 12
    assert all(low - span * 1e-3 - 1e-9 <= tick for tick in ticks)


@given(values=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=5))
def test_no_number_breaks_a_chart(values: list[tuple[float | None, float | None, float | None]]) -> None:
    items = [Item(label="a", value=one, text="", interval=(two, three)) for one, two, three in values]
    drawn = [charts.hbar(items), charts.intervals(items, low=0.0, high=1.0, words=str)]
    for chart in drawn:
        for row in chart.rows:
            assert all(place is None or 0 <= place <= WIDTH for place in (row.at, row.start, row.end))


@given(value=NUMBERS)
def test_every_number_has_words(value: float | None) -> None:
    assert len(count(value)) < 40
    assert len(share(value)) < 40
