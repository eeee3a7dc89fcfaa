"""The intersection that stands out is found, chance alone is told apart from it, and names decide nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit.statistics.intersections import Cell, Intersections, two_way_gaps


def drawn(seed: int, *, odd: float = 0.3, n: int = 60) -> list[Cell]:
    rng = np.random.default_rng(seed)
    cells = []
    for levels in product("ab", "cde", "fg"):
        rate = odd if levels[:2] == ("b", "e") else 0.3
        cells.append(Cell(levels, int(rng.binomial(n, rate)), n))
    return cells


def figures(found: Intersections) -> list[tuple[float, ...]]:
    return sorted((cell.hits, cell.n, round(cell.z, 9), cell.p) for cell in found.cells)


def test_a_planted_intersection_is_found() -> None:
    worst = two_way_gaps(drawn(1, odd=0.6)).worst
    assert worst is not None
    assert (worst.attributes, worst.levels) == ((0, 1), ("b", "e"))
    assert worst.p == pytest.approx(1 / 2000)
    assert worst.gap == pytest.approx(worst.rate - worst.rest_rate)


def test_where_no_rate_differs_one_in_twenty_is_called_significant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.statistics.intersections.DRAWS", 199)
    worst = [two_way_gaps(drawn(seed)).worst for seed in range(400)]
    assert sum(cell is not None and cell.p <= 0.05 for cell in worst) / 400 == pytest.approx(0.05, abs=0.03)


def test_one_cell_against_the_rest_is_fishers_setting() -> None:
    found = two_way_gaps([Cell(("a", "c"), 12, 30), Cell(("b", "d"), 9, 60)])
    expected = stats.hypergeom(90, 21, 30)
    assert found.cells[0].z == pytest.approx((12 - expected.mean()) / expected.std())
    as_far = [expected.pmf(hits) for hits in range(22) if abs(hits - expected.mean()) >= 12 - expected.mean() - 1e-9]
    assert found.cells[0].p == pytest.approx(sum(as_far), abs=0.01)


@given(st.permutations(range(12)), st.permutations("abcdefg"))
@settings(max_examples=15, deadline=None)
def test_names_and_order_change_no_figure(order: list[int], names: list[str]) -> None:
    cells = drawn(3, n=15)
    renamed = dict(zip("abcdefg", names, strict=True))
    other = [Cell(tuple(renamed[level] for level in cells[at].levels), *cells[at][1:]) for at in order]
    assert figures(two_way_gaps(other)) == figures(two_way_gaps(cells))


def test_levels_that_are_no_groups_are_counted_and_not_compared() -> None:
    cells = [*drawn(1), Cell(("unknown", "c", "f"), 50, 50), Cell(("a", "none", "multiple"), 1, 40)]
    found = two_way_gaps(cells)
    assert found.n == sum(cell.n for cell in cells)
    assert not {"unknown", "none", "multiple"} & {level for cell in found.cells for level in cell.levels}


def test_cells_of_a_handful_of_rows_are_left_out() -> None:
    found = two_way_gaps([*drawn(1), Cell(("x", "y", "z"), 4, 4)])
    assert all(cell.n >= 5 for cell in found.cells)


def test_a_cell_may_come_in_parts() -> None:
    cells = drawn(2)
    parts = [part for cell in cells for part in (Cell(cell.levels, cell.hits, cell.hits), cell._replace(hits=0))]
    parts = [part._replace(n=part.n - cells[at // 2].hits) if at % 2 else part for at, part in enumerate(parts)]
    assert two_way_gaps(parts) == two_way_gaps(cells)


@pytest.mark.parametrize(
    "cells",
    [[], [Cell(("a",), 3, 9)], [Cell(("a", "b"), 3, 9)], [Cell(("a", "b"), 0, 9), Cell(("a", "c"), 0, 9)]],
)
def test_without_a_difference_to_look_for_there_is_no_cell(cells: list[Cell]) -> None:
    assert two_way_gaps(cells).worst is None


def test_a_million_rows_are_no_more_than_their_cells() -> None:
    found = two_way_gaps([cell._replace(n=cell.n * 10**5, hits=cell.hits * 10**5) for cell in drawn(1, odd=0.4)])
    assert found.worst is not None
    assert found.worst.p == 1 / 2000
