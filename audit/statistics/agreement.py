"""How far people agree who judged the same things: raw agreement, Cohen's kappa, Krippendorff's alpha, intervals.

Figures only. Heavy libraries are loaded when the first figure is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from audit.statistics.intervals import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL: Final = 0.95
LEAST_OVERLAP: Final = 10
"""Things judged twice below which nothing is said: of fewer, one judgement more or less moves kappa by 0.2."""
REPLICATES: Final = 2_000
"""Resamples behind an interval (Efron and Tibshirani 1993, section 13.3, ask for 1,000 or more)."""
LEAST_DEFINED: Final = 0.95
"""The share of resamples in which a figure must be defined for an interval of it to be given."""
_AT_ONCE: Final = 4_000_000
"""Numbers that resampling holds in memory at a time."""

Ratings: TypeAlias = Mapping[str, Mapping[str, str]]
"""Who judged -> what was judged -> as what. What somebody did not judge is missing."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of agreement over ``n`` things. ``value`` is None where it cannot be estimated, ``interval`` where its
    spread cannot; ``reason`` then says why."""

    value: float | None
    n: int
    interval: tuple[float, float] | None = None
    level: float = LEVEL
    reason: str = ""


class PairAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """Two people: the share of things on which they agree, and Cohen's kappa, over what both judged."""

    reviewers: tuple[str, str]
    raw: Estimate
    kappa: Estimate


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """All who judged. ``raw`` is the share of pairs of judgements of one thing that agree, ``alpha`` is Krippendorff's
    for nominal data; both over the ``rows`` things that two or more people judged."""

    reviewers: tuple[str, ...]
    rows: int
    categories: tuple[str, ...]
    raw: Estimate
    alpha: Estimate
    pairs: tuple[PairAgreement, ...] = ()


def agreement(ratings: Ratings, *, seed: int = 0, least: int = LEAST_OVERLAP) -> Agreement:
    """The agreement of all, and of every two with something in common.

    Nothing is estimated from fewer than ``least`` things judged twice, nor kappa and alpha where only one category was
    used: agreement by chance is then certain. Intervals are 95 % percentile intervals over resampled things (seeded);
    that of two people's raw agreement is Wilson's. Where nobody disagrees, resampling shows no spread, and no interval
    is given for kappa and alpha.

    Cohen, J. (1960), "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20.
    Krippendorff, K. (2011), "Computing Krippendorff's alpha-reliability", University of Pennsylvania.
    """
    reviewers = tuple(sorted(ratings))
    judged = _judged_twice(ratings)
    names = sorted({category for said in judged.values() for category in said})
    pairs = tuple(
        pair for one, other in combinations(reviewers, 2) if (pair := _pair(ratings, one, other, seed, least))
    )
    return Agreement(
        reviewers=reviewers,
        rows=len(judged),
        categories=tuple(names),
        raw=_raw_of_all(judged, names, seed, least),
        alpha=_alpha(judged, names, seed, least),
        pairs=pairs,
    )


def _judged_twice(ratings: Ratings) -> dict[str, list[str]]:
    """The judgements of everything that two or more judged, in an order that no name of a person decides."""
    said: dict[str, list[str]] = {}
    for reviewer in sorted(ratings):
        for item, category in ratings[reviewer].items():
            said.setdefault(item, []).append(category)
    return {item: sorted(said[item]) for item in sorted(said) if len(said[item]) > 1}


def _refusal(n: int, categories: int, least: int, *, one_will_do: bool = False) -> Estimate | None:
    """Why nothing is estimated, None where something is."""
    if n < least:
        return Estimate(value=None, n=n, reason=f"not estimable: {n} judged by two or more, asked for {least}")
    if categories < 2 and not one_will_do:
        return Estimate(value=None, n=n, reason="not estimable: only one category was used")
    return None


# ----------------------------------------------------------------------------- two people


def _pair(ratings: Ratings, one: str, other: str, seed: int, least: int) -> PairAgreement | None:
    """Two people; None where they have nothing in common."""
    items = sorted(ratings[one].keys() & ratings[other].keys())
    if not items:
        return None
    ours, theirs = ([ratings[who][item] for item in items] for who in (one, other))
    same, n = sum(a == b for a, b in zip(ours, theirs, strict=True)), len(items)
    raw = _refusal(n, 1, least, one_will_do=True) or Estimate(
        value=round(same / n, 6), n=n, interval=_rounded(wilson(same, n, LEVEL))
    )
    return PairAgreement(reviewers=(one, other), raw=raw, kappa=_kappa(ours, theirs, seed, least))


def _kappa(ours: Sequence[str], theirs: Sequence[str], seed: int, least: int) -> Estimate:
    n, names = len(ours), sorted({*ours, *theirs})
    refused = _refusal(n, len(names), least)
    if refused is not None:
        return refused
    from sklearn.metrics import cohen_kappa_score

    value = float(cohen_kappa_score(ours, theirs))
    code = {name: at for at, name in enumerate(names)}
    cells = [(code[a], code[b]) for a, b in zip(ours, theirs, strict=True)]
    return _with_interval(value, n, all(a == b for a, b in cells), lambda: _kappas(cells, len(names), seed))


def _kappas(cells: Sequence[tuple[int, int]], categories: int, seed: int) -> NDArray[np.float64]:
    """Kappa of every resample, NaN where it is not defined. ``cells`` are the two categories of each thing."""
    import numpy as np

    kinds, counts = np.unique(np.asarray(cells), axis=0, return_counts=True)  # (kinds, 2), (kinds,)
    eye = np.eye(categories)
    first, second = eye[kinds[:, 0]], eye[kinds[:, 1]]  # (kinds, categories)
    same = (kinds[:, 0] == kinds[:, 1]).astype(float)

    def figure(drawn: NDArray[np.float64]) -> NDArray[np.float64]:  # (replicates, kinds)
        n = drawn.sum(axis=1)
        by_chance = ((drawn @ first) * (drawn @ second)).sum(axis=1) / n**2
        return _beyond_chance(drawn @ same / n, by_chance)

    return _resampled(counts.astype(float), seed, figure)


# ----------------------------------------------------------------------------- all people


def _raw_of_all(judged: Mapping[str, Sequence[str]], names: Sequence[str], seed: int, least: int) -> Estimate:
    """The share of pairs of judgements that agree, every thing counted by the pairs it has."""
    n = len(judged)
    refused = _refusal(n, 1, least, one_will_do=True)
    if refused is not None:
        return refused
    import numpy as np

    table, counts = _table(judged, names)
    pairs = table.sum(axis=1) * (table.sum(axis=1) - 1)
    same = (table * (table - 1)).sum(axis=1)
    value = float(counts @ same / (counts @ pairs))

    def figure(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(drawn @ same / (drawn @ pairs))

    return _with_interval(value, n, bool((same == pairs).all()), lambda: _resampled(counts, seed, figure))


def _alpha(judged: Mapping[str, Sequence[str]], names: Sequence[str], seed: int, least: int) -> Estimate:
    n = len(judged)
    refused = _refusal(n, len(names), least)
    if refused is not None:
        return refused
    from nltk.metrics.agreement import AnnotationTask

    # Which of the people said what does not enter into alpha: a thing's judgements are numbered.
    data = [(str(at), item, category) for item, said in judged.items() for at, category in enumerate(said)]
    value = float(AnnotationTask(data=data).alpha())
    agreed = all(len(set(said)) == 1 for said in judged.values())
    return _with_interval(value, n, agreed, lambda: _alphas(judged, names, seed))


def _alphas(judged: Mapping[str, Sequence[str]], names: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Alpha of every resample, NaN where it is not defined: 1 - observed / expected disagreement, as Krippendorff
    (2011), section C."""
    table, counts = _table(judged, names)
    values = table.sum(axis=1)  # judgements of each kind of thing
    agreeing = (table * (table - 1)).sum(axis=1) / (values - 1)

    def figure(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        used, n = drawn @ table, drawn @ values
        by_chance = (used * (used - 1)).sum(axis=1) / (n * (n - 1))
        return _beyond_chance(drawn @ agreeing / n, by_chance)

    return _resampled(counts, seed, figure)


def _table(
    judged: Mapping[str, Sequence[str]], names: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often each category was used of every kind of thing (kinds, categories), and how many things are so."""
    import numpy as np

    code = {name: at for at, name in enumerate(names)}
    kinds: dict[tuple[int, ...], int] = {}
    for said in judged.values():
        kind = tuple(sorted(code[category] for category in said))
        kinds[kind] = kinds.get(kind, 0) + 1
    table = np.zeros((len(kinds), len(names)))
    for row, kind in enumerate(sorted(kinds)):
        for category in kind:
            table[row, category] += 1
    return table, np.array([kinds[kind] for kind in sorted(kinds)], dtype=float)


# ----------------------------------------------------------------------------- resampling


def _beyond_chance(observed: NDArray[np.float64], by_chance: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    room = 1 - by_chance
    defined = room > 1e-12
    return np.where(defined, (observed - by_chance) / np.where(defined, room, 1), np.nan)


def _resampled(
    counts: NDArray[np.float64], seed: int, figure: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """A figure of every resample of things, which are drawn with replacement: how often each kind of thing comes up is
    multinomial."""
    import numpy as np

    random = np.random.default_rng(seed)
    n = int(counts.sum())
    step = max(1, _AT_ONCE // len(counts))
    parts = [
        figure(random.multinomial(n, counts / n, size=min(step, REPLICATES - at)).astype(float))
        for at in range(0, REPLICATES, step)
    ]
    return np.concatenate(parts)


def _with_interval(value: float, n: int, agreed: bool, resampled: Callable[[], NDArray[np.float64]]) -> Estimate:
    """The figure with the percentile interval of its resamples, where these tell one."""
    import numpy as np

    if agreed:
        return Estimate(value=round(value, 6), n=n, reason="no interval: nobody disagrees")
    drawn = resampled()
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < LEAST_DEFINED * len(drawn):
        return Estimate(value=round(value, 6), n=n, reason="no interval: too many resamples hold one category only")
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=round(value, 6), n=n, interval=_rounded((float(low), float(high))))


def _rounded(interval: tuple[float, float]) -> tuple[float, float]:
    return round(interval[0], 6), round(interval[1], 6)
