"""The probability that an arm gives to the favourable label, by group, beside how often it is the truth there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from audit.model import Json, Measure
from audit.rule import Rule
from audit.rules.demographics.rates import LEVEL, rounded
from audit.rules.fairness.arms import Arm
from audit.rules.fairness.tables import Judged, points
from audit.rules.fairness.withheld import because
from audit.statistics.contrasts import REST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.means import Mean

    Marks = NDArray[np.bool_]
    Values = NDArray[np.float64]


class Probabilities(NamedTuple):
    """The probability of the favourable classes of every output (n,), NaN where unknown, and where it is known."""

    values: Values
    usable: Marks


def probabilities_of(arm: Arm) -> Probabilities | None:
    """The probabilities of an arm that was asked; None where it has none. A derived arm has those of another."""
    import numpy as np

    if arm.derived or arm.outputs.probability is None or not arm.favourable:
        return None
    values = arm.outputs.probability[:, list(arm.favourable)].sum(axis=1)
    usable = np.isfinite(values) & arm.answered
    return Probabilities(values, usable) if usable.any() else None


def mean_probability(rule: Rule, found: Judged) -> Iterator[Measure]:
    """The mean probability of every group, less its base rate, and less that of the reference; nothing without one."""
    from audit.statistics.means import mean_of

    arm, groups = found.arm, found.groups
    probabilities = probabilities_of(arm)
    if probabilities is None:
        return
    values, usable = probabilities
    overall = mean_of(values[usable], arm.evidence.together[usable])
    entries = [_of_group(found, probabilities, at) for at in groups.compared]
    table = {
        **{key: fact for key, fact in found.facts().items() if key != "not_estimable"},
        "favourable": [arm.outputs.classes[code] for code in arm.favourable],
        "groups": entries,
        "interval_level": LEVEL,
        "withheld": list(found.held.whole),
        "sentence": because(found.held) + _sentence(entries),
    }
    interval = None if overall is None or overall.interval is None else rounded(overall.interval)
    yield found.measured(
        rule,
        "mean_probability",
        None if overall is None else overall.value,
        table=table,
        n=int(usable.sum()),
        interval=interval,
        level=LEVEL,
    )


def _of_group(found: Judged, probabilities: Probabilities, at: int) -> dict[str, Json]:
    from audit.statistics.means import mean_of

    arm, groups = found.arm, found.groups
    values, usable = probabilities
    own = usable & (groups.codes == at)
    known = own & arm.known
    together, positive = arm.evidence.together, arm.positive
    excess = mean_of(values[known] - positive[known], together[known])
    return {
        "group": groups.names[at],
        "n": int(own.sum()),
        **_mean("mean", "interval", mean_of(values[own], together[own])),
        "base_rate": round(float(positive[known].mean()), 6) if known.any() else None,
        "base_n": int(known.sum()),
        **_mean("difference", "difference_interval", excess),
        **_gap(found, probabilities, at),
        "by_seed": [_of_seed(arm, probabilities, own & (arm.outputs.seed == seed), seed) for seed in arm.seeds],
    }


def _mean(name: str, interval: str, mean: Mean | None) -> dict[str, Json]:
    if mean is None:
        return {name: None, interval: None}
    return {name: round(mean.value, 6), interval: mean.interval and list(rounded(mean.interval))}


def _gap(found: Judged, probabilities: Probabilities, at: int) -> dict[str, Json]:
    """The mean of a group less that of the reference, the same one that the rates have."""
    import numpy as np

    from audit.statistics.means import difference_of_means

    groups, reference = found.groups, found.reference
    others = [other for other in groups.compared if reference.group in (REST, groups.names[other]) and other != at]
    rows = probabilities.usable & np.isin(groups.codes, [at, *others])
    together = found.arm.evidence.together[rows]
    gap = difference_of_means(probabilities.values[rows], groups.codes[rows] == at, together) if others else None
    if gap is None:
        return {"gap": None, "gap_interval": None}
    return {"gap": round(gap.difference, 6), "gap_interval": gap.interval and list(rounded(gap.interval))}


def _of_seed(arm: Arm, probabilities: Probabilities, own: Marks, seed: int) -> Json:
    import numpy as np

    known = own & arm.known
    values = np.sort(probabilities.values[own])
    excess = np.sort(probabilities.values[known] - arm.positive[known])
    return {
        "seed": seed,
        "mean": round(float(values.mean()), 6) if len(values) else None,
        "difference": round(float(excess.mean()), 6) if len(excess) else None,
    }


def _sentence(entries: list[dict[str, Json]]) -> str:
    """By how much the mean probability of every group lies above or below its base rate, where the interval says so."""
    said = []
    for entry in entries:
        interval = entry["difference_interval"]
        if entry["difference"] is None:
            said.append(f"of {entry['group']} no truth is known")
            continue
        clear = interval is not None and not interval[0] <= 0 <= interval[1]
        verdict = ("above" if entry["difference"] > 0 else "below") if clear else "not clearly off"
        said.append(
            f"the mean probability of {entry['group']} is {verdict} its base rate: {100 * entry['mean']:.1f} % against "
            f"{100 * entry['base_rate']:.1f} %, {points(entry['difference'], interval)}"
        )
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else "No group has a probability."
