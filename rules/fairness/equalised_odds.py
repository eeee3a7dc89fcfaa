"""Equalised odds of one arm by group, as a measure: true and false positive rates together, the worst case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from audit.model import Json, Measure
from audit.rule import Rule
from audit.rules.fairness.gaps import NOT_ESTIMABLE, spread
from audit.rules.fairness.rates import Metrics, predicted_rates, share_of
from audit.rules.fairness.replicates import by_seed
from audit.rules.fairness.tables import Judged
from audit.statistics.rates import UNCOMPARED

if TYPE_CHECKING:
    from audit.statistics.group_metrics import GroupMetrics
    from audit.statistics.metric_frame import Rate

RATES: Final[tuple[Rate, Rate]] = ("true_positive_rate", "false_positive_rate")


def equalised_odds(rule: Rule, found: Judged, metrics: Metrics) -> Measure:
    """The larger of the differences of true and of false positive rates between groups; None where either is not
    estimable. Hardt, Price and Srebro (2016), "Equality of opportunity in supervised learning"."""
    known = metrics.known
    true, false = known.difference("true_positive_rate"), known.difference("false_positive_rate")
    value = known.equalised_odds_difference()
    worst = "" if true is None or false is None else f"{'true' if true >= false else 'false'}_positive_rate"
    missing = _not_estimable(known)
    table = {
        **found.facts(),
        "true_positive_rate": _rounded(true),
        "false_positive_rate": _rounded(false),
        "worst": worst,
        "not_estimable": missing,
        "of_enough": _of_enough(found, metrics),
        "by_seed": _by_seed(found),
        "sentence": _sentence(found, true, false, missing),
    }
    return found.measured(rule, "equalised_odds_difference", value, table=table, n=known.n)


def _not_estimable(known: GroupMetrics) -> list[Json]:
    """The groups with outputs of which one of the two rates says nothing."""
    return [one.group for one in known.groups if one.group not in UNCOMPARED and not (one.positives and one.negatives)]


def _of_enough(found: Judged, metrics: Metrics) -> Json:
    """The same among the groups with ``min_n`` questions or more that the rate is about."""
    least, apart = found.groups.attribute.min_n, []
    for metric in RATES:
        rates = predicted_rates(found.arm, found.groups, metric, metrics)
        apart.append(spread([(rate.group, rate.rate) for rate in rates if rate.unique >= least]).difference)
    true, false = apart
    return {
        "true_positive_rate": _rounded(true),
        "false_positive_rate": _rounded(false),
        "difference": _rounded(_larger(true, false)),
    }


def _by_seed(found: Judged) -> list[Json]:
    arm, groups = found.arm, found.groups
    shares = [share_of(arm, metric) for metric in RATES]
    tables = [by_seed(arm, groups, share, found.reference) for share in shares]
    return [
        {
            "seed": true["seed"],
            "true_positive_rate": true["difference"],
            "false_positive_rate": false["difference"],
            "difference": _larger(true["difference"], false["difference"]),
        }
        for true, false in zip(*tables, strict=True)
    ]


def _larger(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _sentence(found: Judged, true: float | None, false: float | None, missing: list[Json]) -> str:
    title = found.groups.attribute.name
    left = f" {NOT_ESTIMABLE.capitalize()}: {', '.join(map(str, missing))}." if missing else ""
    if true is None or false is None:
        which = "true" if true is None else "false"
        return (
            f"Equalised odds between groups of {title} are {NOT_ESTIMABLE}: fewer than two groups have outputs that "
            f"the {which} positive rate could be about.{left}"
        )
    return (
        f"Between groups of {title} the true positive rate differs by {100 * true:.1f} points and the false positive "
        f"rate by {100 * false:.1f}; the larger one is the difference in equalised odds.{left}"
    )
