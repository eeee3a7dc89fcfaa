"""The group that an arm is right about least often, as a measure. Compares no two arms."""

from __future__ import annotations

from collections.abc import Sequence

from audit.model import Json, Measure
from audit.rule import Rule
from audit.rules.demographics.rates import LEVEL, rounded
from audit.rules.fairness.gaps import NOT_ESTIMABLE
from audit.rules.fairness.tables import Judged
from audit.statistics.intervals import wilson
from audit.statistics.rates import UNCOMPARED, GroupRate


def worst_group(rule: Rule, found: Judged) -> Measure:
    """The lowest accuracy of a group that has ``min_n`` questions (of all groups where none has), and the highest.

    The worst of several groups looks worse than it is: its interval is for this group alone, and the verdict that knows
    of all stands in the rate table.
    """
    known = [rate for rate in found.rates if rate.n and rate.group not in UNCOMPARED]
    enough = [rate for rate in known if rate.unique >= found.groups.attribute.min_n]
    worst, best = _ends(enough or known)
    hits, n = sum(rate.hits for rate in found.rates), sum(rate.n for rate in found.rates)
    table = {
        **found.facts(),
        "metric": "accuracy",
        "overall": round(hits / n, 6) if n else None,
        "best": best.group if best else "",
        "too_few": sorted({rate.group for rate in known} - {rate.group for rate in enough}),
        "verdict": found.disparity.verdict,
        "by_seed": _by_seed(found),
        "sentence": _sentence(found, worst, best),
    }
    if worst is None or worst.rate is None:
        return found.measured(rule, "worst_group", None, table=table)
    interval = rounded(wilson(worst.rate * worst.worth, worst.worth, LEVEL))
    return found.measured(
        rule, "worst_group", worst.rate, table=table, n=worst.n, interval=interval, level=LEVEL, group=worst.group
    )


def _ends(rates: Sequence[GroupRate]) -> tuple[GroupRate | None, GroupRate | None]:
    """The lowest and the highest; of equal ones those of the most outputs, by name."""
    order = sorted(rates, key=lambda rate: (rate.rate or 0.0, -rate.n, rate.group))
    return (order[0], max(order, key=lambda rate: rate.rate or 0.0)) if order else (None, None)


def _by_seed(found: Judged) -> list[Json]:
    """The lowest accuracy of every seed, and whose it is."""
    seeds: list[Json] = []
    for one in found.by_seed():
        groups = [entry for entry in one["groups"] if entry["rate"] is not None]
        worst = min(groups, key=lambda entry: (entry["rate"], entry["group"]), default=None)
        seeds.append({"seed": one["seed"], "group": worst and worst["group"], "accuracy": worst and worst["rate"]})
    return seeds


def _sentence(found: Judged, worst: GroupRate | None, best: GroupRate | None) -> str:
    title = found.groups.attribute.name
    if worst is None or best is None:
        return f"The accuracy by {title} is {NOT_ESTIMABLE}: no answer of a group has a known truth."
    if worst.rate == best.rate:
        return (
            f"The groups of {title} are all served alike: {100 * (worst.rate or 0.0):.1f} % of the answers are right."
        )
    return (
        f"Of the groups of {title}, {worst.group} is served worst: {100 * (worst.rate or 0.0):.1f} % of {worst.n:,} "
        f"answers are right, of the best, {best.group}, {100 * (best.rate or 0.0):.1f} % of {best.n:,}."
    )
