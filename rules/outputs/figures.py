"""Figures about the outputs of one arm: shares and means with intervals, by seed, or why there are none.

All seeds of an arm are taken together; outputs to questions of one cluster are no independent evidence, so that a
question that five replicates answered counts as one. Imports numpy inside, judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from audit.model import Json, Measure
from audit.outputs.arms import roles
from audit.outputs.table import NO_ANSWER, Outputs
from audit.policy.words import percent, plural
from audit.rule import Product, Rule, Run
from audit.statistics.effective import effective_sizes
from audit.statistics.intervals import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Marks = NDArray[np.bool_]
    Values = NDArray[np.float64]

NEEDS: Final[frozenset[Product]] = frozenset({"outputs"})
LEVEL: Final = 0.95
NOT_ESTIMABLE: Final = "not estimable: "


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over ``n`` outputs with its 95 % interval. ``value`` is None where it is not estimable, and ``reason``
    then says why. Of a share, ``hits`` are counted and ``worth`` is how many independent outputs they are worth."""

    value: float | None
    n: int
    interval: tuple[float, float] | None = None
    hits: int | None = None
    worth: float | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """The share and its interval for a sentence."""
        if self.value is None:
            return self.reason
        if self.interval is None:
            return percent(self.value)
        low, high = (percent(end).removesuffix(" %") for end in self.interval)
        return f"{percent(self.value)} ({low} to {high})"


def why_not_judged(outputs: Outputs, arm: str) -> str:
    """Why nothing can be said of the answers of an arm; "" where something can. It begins with ``not estimable``."""
    part = outputs.of(arm)
    if not len(part):
        there = arm in outputs.arms and bool((outputs.arm == outputs.arms.index(arm)).any())
        asked = "nothing was asked, the answers of the rows were scored" if there else "it has no outputs"
        return f"{NOT_ESTIMABLE}{asked}"
    if not (part.decided != NO_ANSWER).any():
        return f"{NOT_ESTIMABLE}none of its {plural(len(part), 'output')} holds an answer"
    return ""


def arms_to_report(outputs: Outputs, run: Run) -> tuple[str, ...]:
    """The arms whose answers are worth a finding: all that were asked but the base, which nobody signs."""
    base = roles(outputs, run).base
    return tuple(arm for arm in outputs.asked_arms if arm != base)


def share(hits: Marks, clusters: Codes) -> Figure:
    """The share of ``hits`` (n,) with the Wilson interval of what the outputs are worth in their ``clusters`` (n,)."""
    import numpy as np

    n = len(hits)
    if not n:
        return Figure(value=None, n=0, reason=f"{NOT_ESTIMABLE}no outputs")
    found = int(hits.sum())
    (worth,) = effective_sizes(np.zeros(n, dtype=np.int64), 1, hits, clusters)
    interval = wilson(found / n * worth, worth, LEVEL)
    return Figure(value=rounded(found / n), n=n, interval=_ends(interval), hits=found, worth=worth)


def mean(values: Values, clusters: Codes, *, within: tuple[float, float] = (0.0, 1.0)) -> Figure:
    """The mean of ``values`` (n,) with the t interval that knows of ``clusters`` (n,), cut off at ``within``.

    No interval where nothing varies: a spread of 0 is then no evidence.
    """
    from audit.statistics.means import mean_of

    found = mean_of(values, clusters)
    if found is None:
        return Figure(value=None, n=0, reason=f"{NOT_ESTIMABLE}no outputs")
    return Figure(value=rounded(found.value), n=found.n, interval=_within(found.interval, within))


def _within(interval: tuple[float, float] | None, most: tuple[float, float]) -> tuple[float, float] | None:
    """An interval that has a width, cut off at the ends of the scale."""
    low, high = interval or (0.0, 0.0)
    return _ends((max(most[0], low), min(most[1], high))) if high - low > 1e-12 else None


def linearised(value: float, influence: Values, clusters: Codes, *, within: tuple[float, float] = (0.0, 1.0)) -> Figure:
    """A figure that is no mean, with the interval of its first-order expansion: ``influence`` (n,) is what each output
    adds to it, of sum 0.

    Särndal, Swensson and Wretman (1992), "Model Assisted Survey Sampling", section 5.5; for kappa that is the variance
    of Fleiss, Cohen and Everitt (1969), for an area under the curve that of DeLong et al. (1988).
    """
    import numpy as np

    from audit.statistics.influence import Estimate, by_cluster, interval_of

    names, codes = np.unique(clusters, return_inverse=True)
    found = interval_of(by_cluster(Estimate(value, influence), codes, len(names)))
    return Figure(value=rounded(value), n=len(influence), interval=_within(found, within))


def by_seed(part: Outputs, figure: Callable[[Outputs], Figure]) -> list[Json]:
    """The figure of each replicate of one arm's outputs."""
    return by_seed_at(part, lambda at: figure(part.where(at)))


def by_seed_at(part: Outputs, figure: Callable[[Codes], Figure]) -> list[Json]:
    """The same of a figure that is told the indices of the outputs."""
    import numpy as np

    found: list[Json] = []
    for seed in np.unique(part.seed).tolist():
        one = figure(np.flatnonzero(part.seed == seed))
        found.append({"seed": seed, "n": one.n, "value": one.value})
    return found


def arm_measure(rule: Rule, name: str, arm: str, figure: Figure, sentence: str, table: Mapping[str, Json]) -> Measure:
    """A figure of an arm as a measure; its table has the figure too, and a sentence."""
    facts: dict[str, Json] = {"arm": arm, "n": figure.n, "value": figure.value, "interval": _listed(figure.interval)}
    if figure.hits is not None:
        facts |= {"hits": figure.hits, "effective_n": figure.worth}
    if figure.reason:
        facts["reason"] = figure.reason
    return rule.measure(
        name,
        figure.value,
        n=figure.n,
        interval=figure.interval,
        level=LEVEL if figure.interval else None,
        arm=arm,
        table={**facts, **table, "sentence": sentence},
    )


def by_group(part: Outputs, figure: Callable[[Codes], dict[str, Json]]) -> dict[str, Json]:
    """What ``figure`` says of the outputs of each group, given their indices, for every attribute that can be used."""
    import numpy as np

    found: dict[str, Json] = {}
    for name, groups in sorted(part.groups.items()):
        if groups.reason:
            continue
        places = ((group, np.flatnonzero(groups.codes == code)) for code, group in enumerate(groups.names))
        found[name] = [{"group": group, "n": len(at), **figure(at)} for group, at in places if len(at)]
    return found


def of_figure(figure: Figure) -> dict[str, Json]:
    """A figure as an entry of a table."""
    return {"value": figure.value, "interval": _listed(figure.interval), "n": figure.n}


def rounded(value: float) -> float:
    """Six decimals, as every figure of a measure."""
    return round(float(value), 6)


def or_none(value: Any) -> float | None:
    """A number of a table: None for what is not estimable, which libraries give as NaN."""
    return None if value != value else rounded(value)


def named(names: Iterable[tuple[str, int]], most: int = 3) -> str:
    """The first few names with their counts."""
    return ", ".join(f"{name} ({count:,})" for name, count in list(names)[:most])


def enumerated(names: Sequence[str], most: int = 5) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _ends(interval: tuple[float, float]) -> tuple[float, float]:
    return rounded(interval[0]), rounded(interval[1])


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
