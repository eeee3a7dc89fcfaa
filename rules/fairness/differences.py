"""The largest difference between the rates of any two groups, as a measure, with the signed gaps beside it."""

from __future__ import annotations

from collections.abc import Sequence

from audit.model import Json, Measure
from audit.rule import Rule
from audit.rules.demographics.rates import LEVEL, rounded
from audit.rules.fairness.gaps import NOT_ESTIMABLE, Spread, gap_facts, simultaneous, spread
from audit.rules.fairness.tables import Judged, points
from audit.statistics.contrasts import REST
from audit.statistics.rates import UNCOMPARED, GroupRate


def difference_measure(rule: Rule, found: Judged, name: str) -> Measure:
    """The largest rate less the smallest (None where it is not estimable), with the interval that is simultaneous over
    all pairs of groups; and the same among the groups that have enough questions."""
    apart, interval = _apart(found.rates)
    large, small = enough(found)
    table = {
        "metric": found.share.name,
        **found.facts(),
        "highest": apart.highest,
        "lowest": apart.lowest,
        "ratio": _rounded(apart.ratio),
        "interval": "simultaneous",
        "too_few": list(small),
        "of_enough": _of_enough(large),
        "gaps": [{"group": group, **gap_facts(group, found.gaps)} for group in found.gaps],
        "by_seed": [{key: one[key] for key in ("seed", "difference", "ratio")} for one in found.by_seed()],
        "verdict": found.disparity.verdict,
        "sentence": _sentence(found, apart, interval),
    }
    n = sum(rate.n for rate in found.rates)
    return found.measured(rule, name, apart.difference, table=table, n=n, interval=interval, level=LEVEL)


def enough(found: Judged) -> tuple[list[GroupRate], list[str]]:
    """The rates of the groups that have ``min_n`` questions or more that the rate is about, and the names of those that
    have some and fewer."""
    least = found.groups.attribute.min_n
    compared = [rate for rate in found.rates if rate.n and rate.group not in UNCOMPARED]
    return [one for one in compared if one.unique >= least], [one.group for one in compared if one.unique < least]


def _apart(rates: Sequence[GroupRate]) -> tuple[Spread, tuple[float, float] | None]:
    apart = spread([(rate.group, rate.rate) for rate in rates])
    interval = None if apart.difference is None else simultaneous(rates)
    return apart, None if interval is None else rounded(interval)


def _of_enough(rates: Sequence[GroupRate]) -> Json:
    apart, interval = _apart(rates)
    return {
        "difference": _rounded(apart.difference),
        "interval": None if interval is None else list(interval),
        "ratio": _rounded(apart.ratio),
        "highest": apart.highest,
        "lowest": apart.lowest,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _sentence(found: Judged, apart: Spread, interval: tuple[float, float] | None) -> str:
    """How far apart, who is highest and lowest, what small groups do to it, and who is not estimable."""
    metric, title = found.share.name.replace("_", " "), found.groups.attribute.name
    left = [rate.group for rate in found.rates if not rate.n and rate.group not in UNCOMPARED]
    beside = f" {NOT_ESTIMABLE.capitalize()}: {', '.join(left)}." if left else ""
    if apart.difference is None:
        return (
            f"The difference of the {metric} between groups of {title} is {NOT_ESTIMABLE}: fewer than two groups have "
            f"outputs that it could be about.{beside}"
        )
    said = f"The {metric} differs by {_points(apart.difference, interval)} between groups of {title}: {_ends(apart)}"
    if len(found.gaps) == 1:
        ((group, gap),) = found.gaps.items()
        other = "the rest" if found.reference.group == REST else found.reference.group
        said += f"; {group} minus {other} is {points(gap.value)}"
    return f"{said}.{_small(found)}{beside}"


def _small(found: Judged) -> str:
    """What is left of a difference without the groups that are too small to tell."""
    rates, names = enough(found)
    apart, interval = _apart(rates)
    if not names or apart.difference is None:
        return f" Too few questions to tell: {', '.join(names)}." if names else ""
    return (
        f" Without {', '.join(names)}, with too few questions to tell, it differs by "
        f"{_points(apart.difference, interval)}: {_ends(apart)}."
    )


def _points(difference: float, interval: tuple[float, float] | None) -> str:
    between = "" if interval is None else f" ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"
    return f"{100 * difference:.1f} points{between}"


def _ends(apart: Spread) -> str:
    if not apart.difference:
        return "all have the same"
    return f"{apart.highest} has the highest, {apart.lowest} the lowest"
