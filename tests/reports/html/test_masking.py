"""What a report that is passed on withholds, and that nothing withheld can be worked out from its totals."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from audit.model import Clause, Finding, Measure, Place, Result, Severity
from audit.reports.html.masking import FEW, few, grid, line, masked, withheld
from audit.reports.html.page import render
from audit.reports.html.tables import group_table
from audit.reports.view import View

COUNTS = st.lists(st.integers(0, 40), min_size=2, max_size=6)
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 40), min_size=width, max_size=width), min_size=2, max_size=5)
)


@given(counts=COUNTS)
def test_a_small_count_never_stands_alone_in_a_line(counts: list[int]) -> None:
    named = {f"g{index}": count for index, count in enumerate(counts)}
    hidden = line(named)
    assert {name for name, count in named.items() if few(count)} <= set(hidden)
    positive = sum(1 for count in counts if count)
    assert len(hidden) != 1 or positive == 1
    assert all(named[name] for name in hidden)


@given(table=TABLES)
def test_a_small_cell_never_stands_alone_in_its_row_or_column(table: list[list[int]]) -> None:
    hidden = grid(table)
    lines = [list(zip(row, why, strict=True)) for row, why in zip(table, hidden, strict=True)]
    lines += [list(column) for column in zip(*lines, strict=True)]
    for cells in lines:
        alone = sum(1 for _, why in cells if why) == 1
        assert not alone or sum(1 for count, _ in cells if count) == 1
    assert all(
        why for row, reasons in zip(table, hidden, strict=True) for n, why in zip(row, reasons, strict=True) if few(n)
    )


def test_large_counts_are_all_shown() -> None:
    assert line({"a": 5, "b": 0, "c": 700}) == {}
    assert grid([[5, 6], [0, 9]]) == [["", ""], ["", ""]]


def text_of(result: Result, *, mask: bool = True) -> str:
    return "".join(render(result, View(mask=mask)))


def one(full: Result, *measures: Measure, **more: object) -> Result:
    return msgspec.structs.replace(full, measures=measures, gate=None, **more)


def test_a_small_group_is_withheld_with_a_second_one(full: Result, rate_measure: Callable[..., Measure]) -> None:
    result = one(full, rate_measure("origin", {"Martian": (2, 3), "Lunar": (50, 97), "Terran": (500, 903)}))
    hidden = withheld(result, on=True)
    assert hidden.of("origin") == {"Martian": FEW, "unknown": "withheld"}
    text = text_of(result)
    assert "66.67" not in text
    assert "Martian 3" not in text
    assert "66.67" in text_of(result, mask=False)


def test_few_hits_in_a_large_group_are_withheld(full: Result, rate_measure: Callable[..., Measure]) -> None:
    measure = rate_measure("sex", {"F": (3, 301), "M": (96, 307), "X": (88, 303)})
    table = group_table(measure)
    assert table is not None
    shown = masked(table, withheld(one(full, measure), on=True), "sex")
    assert [(group.group, group.hits, group.n) for group in shown.groups] == [
        ("F", None, 301), ("M", 96, 307), ("X", None, 303),
    ]  # fmt: skip
    assert all(group.rate is None for group in shown.groups if group.hits is None)


def test_a_ratio_to_a_withheld_reference_is_withheld(full: Result, rate_measure: Callable[..., Measure]) -> None:
    measure = rate_measure("sex", {"F": (40, 301), "M": (303, 306), "X": (100, 303)})
    table = group_table(measure)
    assert table is not None
    shown = masked(table, withheld(one(full, measure), on=True), "sex")
    assert all(group.estimate is None for group in shown.groups)
    assert {group.verdict for group in shown.groups if group.verdict}


def test_intersections_are_withheld_by_both_attributes(full: Result, rate_measure: Callable[..., Measure]) -> None:
    counts = {"F x A": (1, 3), "F x B": (30, 60), "M x A": (20, 50), "M x B": (35, 70)}
    hidden = withheld(one(full, rate_measure("sex x race", counts)), on=True)
    assert hidden.of("sex x race")["F x A"] == FEW
    assert set(hidden.of("sex x race")) == {"F x A", "F x B", "M x A", "M x B"}


def test_rows_without_a_group_are_counted_however_few(full: Result, rate_measure: Callable[..., Measure]) -> None:
    measure = rate_measure("sex", {"F": (40, 301), "M": (96, 307)})
    few_unknown = {**measure.table, "unknown": {"n": 2, "hits": 1}}
    assert withheld(one(full, msgspec.structs.replace(measure, table=few_unknown)), on=True).groups == {}


def test_clauses_and_findings_do_not_tell_what_tables_withhold(
    full: Result, rate_measure: Callable[..., Measure]
) -> None:
    measure = rate_measure("origin", {"Martian": (2, 3), "Terran": (500, 903)})
    sentence = "Martian has the favourable label in 66.7% of 3 rows."
    clause = Clause(
        name="impact_ratio.origin", demand="alike", limit="0.8", actual="0.667 of 3", verdict="INCONCLUSIVE",
        sentence=sentence, attribute="origin", group="Martian", n=3, codes=("DEM104",),
    )  # fmt: skip
    said = Finding(
        code="DEM104", severity=Severity.WARNING, scope="dataset", message=f"origin: {sentence}", place=Place()
    )
    assert full.gate is not None
    gate = msgspec.structs.replace(full.gate, clauses=(clause,))
    result = msgspec.structs.replace(full, measures=(measure,), gate=gate, findings=(said,), counts={})
    text = text_of(result)
    assert "66.7" not in text
    assert "0.667" not in text
    assert "66.7% of 3 rows" in text_of(result, mask=False)


def test_a_ratio_does_not_tell_the_hits_that_its_table_withholds(
    full: Result, rate_measure: Callable[..., Measure]
) -> None:
    measure = rate_measure("sex", {"F": (3, 301), "M": (96, 307), "X": (88, 303)})
    ratio = Measure(code="DEM104", name="impact_ratio", value=0.03187, n=301, attribute="sex", group="F")
    clause = Clause(
        name="impact_ratio.sex", demand="alike", limit="0.8", actual="0.032", verdict="FAIL", sentence="F: 0.032",
        attribute="sex", group="F", n=301, codes=("DEM104",),
    )  # fmt: skip
    assert full.gate is not None
    gate = msgspec.structs.replace(full.gate, clauses=(clause,))
    result = msgspec.structs.replace(full, measures=(measure, ratio), gate=gate)
    assert "0.032" not in text_of(result)
    assert "0.032" in text_of(result, mask=False)
