"""How far the shares of groups are from reference shares, beside how far chance alone would take them.

Which reference is right is a choice that the caller makes and prints. Imports numpy, and scipy for chi-square tails.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isfinite
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.errors import ConfigError
from audit.statistics.draws import generator
from audit.statistics.intervals import wilson

Shares: TypeAlias = NDArray[np.float64]

DRAWS: Final = 9_999
"""Samples drawn for a quantile or an exact p value: a p of 0.05 has a standard error of 0.002."""
BLOCK: Final = 1 << 20
"""Counts drawn at once."""
LEAST_EXPECTED: Final = 5.0
"""Rows expected in every group by the chi-square distribution: Cochran (1954), Biometrics 10."""
ROUNDING: Final = 0.02
"""How far the sum of shares may be from 1 without a note: shares are printed in per cent."""
STEPS: Final = 14
"""Halvings of the interval's lower end: 1 / 16,384 of the distance."""


class GroupShare(msgspec.Struct, frozen=True, kw_only=True):
    """A group's share with its Wilson interval (95 %), and the share and its interval over the reference share.

    ``ratio`` and ``ratio_interval`` are None where the reference share is 0.
    """

    group: str
    n: int
    share: float
    interval: tuple[float, float]
    reference: float
    ratio: float | None
    ratio_interval: tuple[float, float] | None


class Representation(msgspec.Struct, frozen=True, kw_only=True):
    """Distances of observed from reference shares, 0 alike to 1 disjoint, and what chance alone would give.

    ``total_variation`` is half the sum of the absolute differences, the share of rows that would have to change their
    group; ``interval`` is 95 % for that of the population. ``jensen_shannon`` is the divergence to base 2. Their
    ``null_mean`` and ``null_95`` (the 95 % quantile) are those of samples of the reference. ``p`` tests whether this
    is one: by the chi-square distribution with ``degrees``, or where ``exact``, by drawing samples. ``notes`` say what
    was done to the reference.
    """

    n: int
    effective_n: float
    total_variation: float
    interval: tuple[float, float]
    null_mean: float
    null_95: float
    jensen_shannon: float
    jensen_shannon_null_mean: float
    jensen_shannon_null_95: float
    statistic: float
    degrees: int
    p: float
    exact: bool
    groups: tuple[GroupShare, ...]
    notes: tuple[str, ...] = ()


class _Sample(NamedTuple):
    """Counts and reference shares of the same groups in an order that names do not decide, and rows that count."""

    counts: Shares
    reference: Shares
    size: int

    @property
    def shares(self) -> Shares:
        shares: Shares = self.counts / self.counts.sum()
        return shares


def representation(
    counts: Mapping[str, int],
    reference: Mapping[str, float] | Literal["uniform"],
    *,
    effective_n: float | None = None,
) -> Representation | None:
    """How far ``counts`` of rows are from the ``reference`` shares; None where no row is of a group with a share.

    Groups without a reference share are left out, and the reference is divided by its sum; a note says so. Groups that
    the reference names and no row has count as 0. ``effective_n`` is the number of rows less what clusters repeat.
    Raises ``ConfigError`` for a share that is negative or not a number, and for shares that are all 0.
    """
    shares, notes = _reference(counts, reference)
    kept = {group: counts.get(group, 0) for group in shares}
    n = sum(kept.values())
    if n == 0:
        return None
    effective = float(n) if effective_n is None else min(float(n), max(1.0, effective_n * n / sum(counts.values())))
    order = sorted(kept, key=lambda group: (shares[group], kept[group]))
    sample = _Sample(
        np.array([kept[group] for group in order], dtype=np.float64),
        np.array([shares[group] for group in order]),
        round(effective),
    )
    return _compared(sample, effective, tuple(_share(group, kept[group], n, shares[group]) for group in kept), notes)


def _reference(
    counts: Mapping[str, int], reference: Mapping[str, float] | Literal["uniform"]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The reference shares, which sum to 1, by group, those of the data first, and notes."""
    if reference == "uniform":
        return {group: 1 / len(counts) for group in counts}, ("equal shares as the reference are a choice",)
    if not all(isfinite(share) and share >= 0 for share in reference.values()) or not any(reference.values()):
        raise ConfigError(
            f"reference shares must be numbers of at least 0, and not all 0: {dict(sorted(reference.items()))}",
            hint='for example reference = { F = 0.51, M = 0.49 }, or reference = "uniform"',
        )
    total = sum(reference.values())
    beyond = sorted(group for group in counts if group not in reference and counts[group])
    absent = sorted(group for group in reference if not counts.get(group))
    notes = [
        *([f"the reference shares sum to {total:.4g} and were divided by it"] if abs(total - 1) > ROUNDING else []),
        *([f"left out, without a reference share: {', '.join(beyond)}"] if beyond else []),
        *([f"in the reference, but in no row: {', '.join(absent)}"] if absent else []),
    ]
    known = [group for group in counts if group in reference]
    others = [group for group in reference if group not in counts]
    return {group: reference[group] / total for group in [*known, *others]}, tuple(notes)


def _share(group: str, count: int, n: int, reference: float) -> GroupShare:
    low, high = wilson(count, n)
    return GroupShare(
        group=group,
        n=count,
        share=count / n,
        interval=(low, high),
        reference=reference,
        ratio=count / n / reference if reference else None,
        ratio_interval=(low / reference, high / reference) if reference else None,
    )


def _compared(
    sample: _Sample, effective_n: float, groups: tuple[GroupShare, ...], notes: tuple[str, ...]
) -> Representation:
    drawn, reference = _drawn(sample, sample.reference), sample.reference
    distance = float(total_variation(sample.shares, reference))
    distances, divergences = total_variation(drawn, reference), jensen_shannon(drawn, reference)
    statistic, p, exact = _goodness_of_fit(sample, drawn)
    low, high = _lower_end(sample, distance), _upper_end(sample)
    return Representation(
        n=int(sample.counts.sum()),
        effective_n=effective_n,
        total_variation=distance,
        interval=(low, max(high, distance)),
        null_mean=expected_total_variation(reference, sample.size),
        null_95=float(np.quantile(distances, 0.95)),
        jensen_shannon=float(jensen_shannon(sample.shares, reference)),
        jensen_shannon_null_mean=float(divergences.mean()),
        jensen_shannon_null_95=float(np.quantile(divergences, 0.95)),
        statistic=statistic,
        degrees=int(np.count_nonzero(reference)) - 1,
        p=p,
        exact=exact,
        groups=groups,
        notes=notes,
    )


def total_variation(shares: Shares, reference: Shares) -> Shares:
    """Half the sum of absolute differences over the last axis: (..., groups) and (groups,) to (...)."""
    distance: Shares = np.abs(shares - reference).sum(axis=-1) / 2
    return distance


def jensen_shannon(shares: Shares, reference: Shares) -> Shares:
    """The divergence to base 2 over the last axis, 0 to 1: Lin (1991), "Divergence measures based on the Shannon
    entropy", IEEE Transactions on Information Theory 37."""
    middle = (shares + reference) / 2
    divergence = np.zeros(shares.shape[:-1])
    for part in (shares, np.broadcast_to(reference, shares.shape)):
        logarithm = np.log2(np.divide(part, middle, out=np.ones_like(middle), where=(part > 0) & (middle > 0)))
        divergence = divergence + (part * logarithm).sum(axis=-1) / 2
    return np.clip(divergence, 0.0, 1.0)


def expected_total_variation(reference: Shares, n: int) -> float:
    """The mean total variation of samples of ``n`` rows from their own distribution, exactly.

    The mean absolute deviation of each binomial count is 2 m C(n, m) q^m (1 - q)^(n - m + 1) with m = floor(n q) + 1:
    De Moivre (1730), in Diaconis and Zabell (1991), "Closed form summation for classical distributions", Statistical
    Science 6.
    """
    from scipy.special import gammaln, xlog1py, xlogy

    total = 0.0
    for share in reference.tolist():
        least = floor(n * share) + 1
        if not 0 < share < 1 or least > n:
            continue
        ways = gammaln(n + 1) - gammaln(least + 1) - gammaln(n - least + 1)
        total += 2 * least * float(np.exp(ways + xlogy(least, share) + xlog1py(n - least + 1, -share)))
    return total / 2 / n


def _drawn(sample: _Sample, shares: Shares) -> Shares:
    """Shares (draws, groups) in samples of the size of the data, from ``shares``."""
    rng = generator(sample.counts)
    per_block = max(1, BLOCK // len(shares))
    blocks = [min(per_block, DRAWS - start) for start in range(0, DRAWS, per_block)]
    drawn: Shares = np.concatenate([rng.multinomial(sample.size, shares, size=size) for size in blocks]) / sample.size
    return drawn


def _goodness_of_fit(sample: _Sample, drawn: Shares) -> tuple[float, float, bool]:
    """Pearson's statistic, its p value, and whether that is by draws: where a group expects fewer than 5 rows.

    By draws it is (1 + as extreme) / (1 + draws): Davison and Hinkley (1997), "Bootstrap Methods", 4.2.
    """
    from scipy.special import chdtrc

    used = sample.reference > 0
    reference = sample.reference[used]
    if (sample.counts[~used] > 0).any():
        return float("inf"), 0.0, True
    statistic = sample.size * float(((sample.shares[used] - reference) ** 2 / reference).sum())
    if sample.size * float(reference.min()) >= LEAST_EXPECTED:
        return statistic, float(chdtrc(len(reference) - 1, statistic)) if len(reference) > 1 else 1.0, False
    statistics = sample.size * ((drawn[:, used] - reference) ** 2 / reference).sum(axis=1)
    return statistic, float((1 + np.count_nonzero(statistics >= statistic - 1e-9)) / (1 + DRAWS)), True


def _lower_end(sample: _Sample, distance: float) -> float:
    """The least distance from the reference at which as large an observed distance is a 2.5 % event.

    That allows for the upward bias of small samples, which an interval around the estimate does not. The shares at
    each distance are those nearest to the observed ones of the groups that stand out: surpluses and deficits are
    reduced by a threshold each, so that the noise of all other groups is not taken for distance.
    """
    deviation = sample.shares - sample.reference
    surplus, deficit = np.maximum(deviation, 0.0), np.maximum(-deviation, 0.0)

    def as_far(apart: float) -> float:
        shares = np.maximum(sample.reference + _reduced(surplus, apart) - _reduced(deficit, apart), 0.0)
        drawn = total_variation(_drawn(sample, shares / shares.sum()), sample.reference)
        return float(np.mean(drawn >= distance - 1e-9))

    if as_far(0.0) >= 0.025:
        return 0.0
    near, far = 0.0, distance
    for _ in range(STEPS):
        middle = (near + far) / 2
        near, far = (middle, far) if as_far(middle) < 0.025 else (near, middle)
    return near


def _reduced(parts: Shares, total: float) -> Shares:
    """``parts``, all reduced by the threshold that leaves a sum of ``total``: Duchi et al. (2008), "Efficient
    projections onto the l1-ball for learning in high dimensions", ICML."""
    ordered = np.sort(parts)[::-1]
    thresholds = (np.cumsum(ordered) - total) / np.arange(1, len(ordered) + 1)
    kept = int(np.count_nonzero(ordered > thresholds))
    threshold = max(0.0, float(thresholds[max(0, kept - 1)]))
    reduced: Shares = np.maximum(parts - threshold, 0.0)
    return reduced


def _upper_end(sample: _Sample) -> float:
    """The largest Wilson limit of the share of rows in a set of groups, less the set's reference share.

    The true distance is the surplus of some set of groups. Tried are the groups with the largest surpluses in the
    sample, one to all but one of them; other sets have less.
    """
    order = np.argsort(sample.reference - sample.shares, kind="stable")[:-1]
    shares, references = np.cumsum(sample.shares[order]), np.cumsum(sample.reference[order])
    limits = [
        wilson(round(share * sample.size), sample.size)[1] - reference
        for share, reference in zip(shares.tolist(), references.tolist(), strict=True)
    ]
    return min(1.0, max(limits, default=0.0))
