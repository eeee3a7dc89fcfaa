"""The figures of every replicate of an arm by itself: how far the outcome hangs on the seed of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.model import Json
from audit.rules.demographics.groups import Groups
from audit.rules.fairness.arms import Arm, count_by
from audit.rules.fairness.gaps import Reference, spread
from audit.rules.fairness.rates import Share
from audit.statistics.contrasts import REST
from audit.statistics.rates import UNCOMPARED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def by_seed(arm: Arm, groups: Groups, share: Share, reference: Reference) -> list[Json]:
    """For every seed, ascending: the rate, the largest difference and ratio, and each group's rate and signed gap."""
    return [_of_seed(arm, groups, share, reference, seed) for seed in arm.seeds]


def _of_seed(arm: Arm, groups: Groups, share: Share, reference: Reference, seed: int) -> Json:
    own: NDArray[np.bool_] = arm.outputs.seed == seed
    about = own & share.about
    n, hits = count_by(groups, about), count_by(groups, about & share.hits)
    rates = {name: hit / of if of else None for name, hit, of in zip(groups.names, hits, n, strict=True)}
    apart = spread(list(rates.items()))
    entries: list[Json] = [
        {
            "group": name,
            "n": of,
            "hits": hit,
            "rate": _rounded(rates[name]),
            "gap": _rounded(_gap(groups, at, hits, n, reference)),
        }
        for at, (name, hit, of) in enumerate(zip(groups.names, hits, n, strict=True))
        if name not in UNCOMPARED
    ]
    return {
        "seed": seed,
        "n": sum(n),
        "hits": sum(hits),
        "missing": int((own & ~arm.answered).sum()),
        "rate": _rounded(sum(hits) / sum(n) if sum(n) else None),
        "difference": _rounded(apart.difference),
        "ratio": _rounded(apart.ratio),
        "groups": entries,
    }


def _gap(groups: Groups, at: int, hits: list[int], n: list[int], reference: Reference) -> float | None:
    """The rate of a group minus that of the reference; None for the reference itself and where either has no rows."""
    if reference.group == REST:
        others = [other for other in groups.compared if other != at]
    else:
        others = [other for other in groups.compared if groups.names[other] == reference.group and other != at]
    rows = sum(n[other] for other in others)
    return hits[at] / n[at] - sum(hits[other] for other in others) / rows if rows and n[at] else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
