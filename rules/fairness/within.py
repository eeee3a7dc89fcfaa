"""Rates of arms within the groups of another attribute: whether a difference stays where that one is held constant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from audit.model import Json, Measure
from audit.rule import Context, Rule, Run
from audit.rules.demographics.groups import Groups, as_json
from audit.rules.demographics.rates import LEVEL, rounded
from audit.rules.demographics.strata import MOST_STRATA, compared_within
from audit.rules.fairness.arms import Arm, arms_of, groups_of
from audit.rules.fairness.gaps import spread
from audit.rules.fairness.rates import Share, share_of
from audit.statistics.effective import effective_sizes
from audit.statistics.intervals import wilson
from audit.statistics.rates import GroupRate
from audit.statistics.strata import Stratified

if TYPE_CHECKING:
    from audit.statistics.metric_frame import Rate


def why_no_control(run: Run, control: str) -> str | None:
    """Why an attribute cannot be held constant; None where it can, or none is asked for."""
    names = [one.name for one in run.attributes]
    if not control or control in names:
        return None
    return f"control = {control!r} is no configured attribute; there are {', '.join(names) or 'none'}"


def within_strata(rule: Rule, context: Context, run: Run, metric: Rate, control: str) -> Iterator[Measure]:
    """For every arm and every other attribute, each group against all others within the groups of ``control``."""
    for arm in arms_of(context, run):
        by_name = {by.groups.attribute.name: by.groups for by in groups_of(arm, run, 0)}
        strata = by_name.pop(control, None)
        if strata is None or len(strata.compared) > MOST_STRATA:
            continue
        share = share_of(arm, metric)
        for groups in by_name.values():
            tables = _by_stratum(arm, groups, strata, share)
            # Of two groups, one is the mirror image of the other.
            for index in groups.compared[1:] if len(groups.compared) == 2 else groups.compared:
                found = compared_within(groups, strata, index, share.hits, share.about, arm.evidence.same, 1)
                yield _measure(rule, arm, groups, strata, index, found, share, tables)


def _measure(
    rule: Rule,
    arm: Arm,
    groups: Groups,
    strata: Groups,
    index: int,
    found: Stratified,
    share: Share,
    tables: list[Json],
) -> Measure:
    ratio = found.odds_ratio
    return rule.measure(
        f"{share.name}.within",
        None if ratio is None else round(ratio.value, 6),
        table={**groups.facts(), "by": strata.attribute.name, **as_json(found), "strata": tables},
        n=found.n,
        interval=None if ratio is None else rounded((ratio.low, ratio.high)),
        level=LEVEL,
        attribute=f"{groups.attribute.name} by {strata.attribute.name}",
        group=groups.names[index],
        arm=arm.name,
    )


def _by_stratum(arm: Arm, groups: Groups, strata: Groups, share: Share) -> list[Json]:
    """The rates of all groups in every stratum, and how far they lie apart there (fairlearn's control features)."""
    import numpy as np

    width = len(groups.names)
    cells = np.where(share.about, strata.codes * width + groups.codes, -1)
    worths = effective_sizes(cells, len(strata.names) * width, share.hits, arm.evidence.together)
    n = np.bincount(cells[share.about], minlength=len(worths)).tolist()
    hits = np.bincount(cells[share.about & share.hits], minlength=len(worths)).tolist()
    rates = [GroupRate(groups.names[at % width], hits[at], n[at], worth) for at, worth in enumerate(worths)]
    return [
        _stratum(strata.names[stratum], [rates[stratum * width + at] for at in groups.compared])
        for stratum in strata.compared
    ]


def _stratum(name: str, rates: Sequence[GroupRate]) -> Json:
    apart = spread([(rate.group, rate.rate) for rate in rates])
    return {
        "stratum": name,
        "difference": None if apart.difference is None else round(apart.difference, 6),
        "ratio": None if apart.ratio is None else round(apart.ratio, 6),
        "groups": [
            {
                "group": rate.group,
                "n": rate.n,
                "hits": rate.hits,
                "rate": None if rate.rate is None else round(rate.rate, 6),
                "interval": list(rounded(wilson((rate.rate or 0.0) * rate.worth, rate.worth))),
            }
            for rate in rates
        ],
    }
