"""Whether an association stays within strata: Mantel-Haenszel ratios, their homogeneity, and Simpson's paradox.

Which strata to look within is the caller's choice, and a choice: one that the group itself influences hides what it
should show. Plain Python but for the chi-square distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, sqrt
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from audit.statistics.intervals import TWO_SIDED
from audit.statistics.shift import chi_square_tail

Change: TypeAlias = Literal["stays", "vanishes", "reverses", "appears", "absent", "undecided"]


class Stratum(NamedTuple):
    """Favourable outcomes (hits) among the rows of a group and among those it is compared with, in one stratum."""

    name: str
    hits: int
    n: int
    other_hits: int
    other_n: int


class Ratio(NamedTuple):
    """A ratio with its 95 % interval."""

    value: float
    low: float
    high: float


class Stratified(msgspec.Struct, frozen=True, kw_only=True):
    """An association pooled and within strata. Ratios are of the group to the others; None where not estimable.

    ``p`` is that of the Cochran-Mantel-Haenszel test of no association in any stratum, ``homogeneity_p`` that of
    Breslow and Day's test, with Tarone's correction, that the odds ratio is the same in all. ``change`` says what
    becomes of the pooled association; ``left_out`` names strata that tell nothing: one of the two has no rows, or all
    outcomes are alike.
    """

    n: int
    strata: int
    left_out: tuple[str, ...]
    pooled: Ratio | None
    odds_ratio: Ratio | None
    risk_ratio: Ratio | None
    statistic: float
    p: float | None
    homogeneity: float
    homogeneity_p: float | None
    change: Change


class _Cells(NamedTuple):
    """A two by two table: a and c are hits, a and b the group's."""

    a: float
    b: float
    c: float
    d: float

    @property
    def n(self) -> float:
        return self.a + self.b + self.c + self.d


def stratified(strata: Sequence[Stratum], *, design_effect: float = 1.0) -> Stratified:
    """The association of group and outcome within ``strata``, beside the one with the strata pooled.

    A ``design_effect`` above 1 shrinks every count, as clusters of that effect do. ``change`` is decided by intervals,
    never by points alone: see ``change_of``.
    """
    effect = max(1.0, design_effect)
    tables = {stratum.name: _cells(stratum, effect) for stratum in strata}
    telling = [cells for cells in tables.values() if _tells(cells)]
    pooled_cells = _Cells(*map(sum, zip(*tables.values(), strict=True))) if tables else _Cells(0.0, 0.0, 0.0, 0.0)
    pooled, within = common_odds_ratio([pooled_cells]), common_odds_ratio(telling)
    statistic, p = _cochran_mantel_haenszel(telling)
    homogeneity, homogeneity_p = _breslow_day(telling, within)
    return Stratified(
        n=sum(stratum.n + stratum.other_n for stratum in strata),
        strata=len(telling),
        left_out=tuple(name for name, cells in tables.items() if not _tells(cells)),
        pooled=pooled,
        odds_ratio=within,
        risk_ratio=_common_risk_ratio(telling),
        statistic=statistic,
        p=p,
        homogeneity=homogeneity,
        homogeneity_p=homogeneity_p,
        change=change_of(pooled, within),
    )


def change_of(pooled: Ratio | None, within: Ratio | None) -> Change:
    """What becomes of an association when one looks within strata.

    It ``stays`` or ``reverses`` where both intervals leave out 1, ``appears`` where only the one within does. It
    ``vanishes`` where only the pooled one leaves out 1 and the pooled ratio is outside the interval within; where it
    is inside, the strata are too small to tell: ``undecided``, as where one cannot be estimated. Else it is ``absent``.
    """
    if pooled is None or within is None:
        return "undecided"
    before, after = _side(pooled), _side(within)
    if before and after:
        return "stays" if before == after else "reverses"
    if after:
        return "appears"
    if not before:
        return "absent"
    return "undecided" if within.low <= pooled.value <= within.high else "vanishes"


def _side(ratio: Ratio) -> int:
    return (ratio.low > 1) - (ratio.high < 1)


def _cells(stratum: Stratum, effect: float) -> _Cells:
    misses, other_misses = stratum.n - stratum.hits, stratum.other_n - stratum.other_hits
    return _Cells(stratum.hits / effect, misses / effect, stratum.other_hits / effect, other_misses / effect)


def _tells(cells: _Cells) -> bool:
    a, b, c, d = cells
    return min(a + b, c + d, a + c, b + d) > 0


def common_odds_ratio(tables: Sequence[tuple[float, float, float, float]]) -> Ratio | None:
    """The odds ratio common to two by two ``tables`` (hits, misses, the others' hits, the others' misses).

    Mantel and Haenszel (1959), Journal of the National Cancer Institute 22; the interval is that of Robins, Breslow
    and Greenland (1986), Biometrics 42; for one table it is Woolf's. None where it would be 0, infinite or 0 / 0.
    """
    up = down = both_up = mixed = both_down = 0.0
    for cells in map(_Cells._make, tables):
        if cells.n <= 0:
            continue
        concordant, discordant = (cells.a + cells.d) / cells.n, (cells.b + cells.c) / cells.n
        r, s = cells.a * cells.d / cells.n, cells.b * cells.c / cells.n
        up, down = up + r, down + s
        both_up, both_down = both_up + concordant * r, both_down + discordant * s
        mixed += concordant * s + discordant * r
    if up <= 0 or down <= 0:
        return None
    variance = both_up / (2 * up**2) + mixed / (2 * up * down) + both_down / (2 * down**2)
    return _around(up / down, variance)


def _common_risk_ratio(tables: Sequence[_Cells]) -> Ratio | None:
    """The ratio of rates common to the tables: Greenland and Robins (1985), "Estimation of a common effect parameter
    from sparse follow-up data", Biometrics 41."""
    up = sum(cells.a * (cells.c + cells.d) / cells.n for cells in tables)
    down = sum(cells.c * (cells.a + cells.b) / cells.n for cells in tables)
    if up <= 0 or down <= 0:
        return None
    above = 0.0
    for a, b, c, d in tables:
        n = a + b + c + d
        above += ((a + b) * (c + d) * (a + c) - a * c * n) / n**2
    return _around(up / down, above / (up * down))


def _around(value: float, variance: float) -> Ratio:
    half = TWO_SIDED * sqrt(max(0.0, variance))
    return Ratio(value, value * exp(-half), value * exp(half) if half < 700 else inf)


def _cochran_mantel_haenszel(tables: Sequence[_Cells]) -> tuple[float, float | None]:
    """The statistic without continuity correction and its p value: Cochran (1954), Mantel and Haenszel (1959)."""
    surplus = variance = 0.0
    for cells in tables:
        a, b, c, d = cells
        n = cells.n
        surplus += a - (a + b) * (a + c) / n
        if n > 1:
            variance += (a + b) * (c + d) * (a + c) * (b + d) / (n**2 * (n - 1))
    if variance <= 0:
        return 0.0, None
    return surplus**2 / variance, chi_square_tail(surplus**2 / variance, 1)


def _breslow_day(tables: Sequence[_Cells], common: Ratio | None) -> tuple[float, float | None]:
    """The statistic and p value of Breslow and Day (1980), "Statistical Methods in Cancer Research" I, 4.4, as
    corrected by Tarone (1985), Biometrika 72. None for fewer than two strata."""
    if common is None or len(tables) < 2:
        return 0.0, None
    statistic = surplus = total_variance = 0.0
    for cells in tables:
        expected, variance = _under(common.value, cells)
        statistic += (cells.a - expected) ** 2 / variance
        surplus, total_variance = surplus + cells.a - expected, total_variance + variance
    statistic = max(0.0, statistic - surplus**2 / total_variance)
    return statistic, chi_square_tail(statistic, len(tables) - 1)


def _under(ratio: float, cells: _Cells) -> tuple[float, float]:
    """The mean and the variance of the group's hits where the table's margins are kept and its odds ratio is given."""
    rows, hits, n = cells.a + cells.b, cells.a + cells.c, cells.n
    if abs(log(ratio)) < 1e-9:
        expected = rows * hits / n
    else:
        linear = ratio * (rows + hits) + (n - rows - hits)
        root = sqrt(linear**2 - 4 * (ratio - 1) * ratio * rows * hits)
        # The form that does not cancel: the smaller root of the quadratic as 2 c / (b + root).
        expected = 2 * ratio * rows * hits / (linear + root)
    parts = (expected, rows - expected, hits - expected, n - rows - hits + expected)
    return expected, 1 / sum(1 / max(part, 1e-12) for part in parts)
