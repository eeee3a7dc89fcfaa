"""Whether predicted probabilities mean what they say: in the large, by slope, by squared error and by bins.

Says nothing about groups: call it for each. Imports numpy.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.statistics.balance import Estimate
from audit.statistics.draws import generator
from audit.statistics.intervals import TWO_SIDED
from audit.statistics.means import Mean, mean_of

Values: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

BINS: Final = 10
"""Of equal width, as in Guo et al. (2017)."""
DRAWS: Final = 2_000
EXACT: Final = 500
"""Rows of a bin up to which each outcome is drawn; the sum of more is drawn as a normal one."""
NEAREST: Final = 1e-6
"""How near to 0 and 1 a probability may be before its log-odds are taken."""
ITERATIONS: Final = 50
DIVERGED: Final = 30.0
"""Coefficients beyond which outcomes are taken as separated: no finite ones fit."""


class BinnedError(NamedTuple):
    """An expected calibration error beside its mean and its 95 % quantile where the probabilities are right."""

    value: float
    null_mean: float
    null_95: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How ``n`` probabilities fit their outcomes; ``left_out`` rows have a probability that is none.

    ``in_the_large`` is the mean of probability less outcome: above 0 where too much is promised. ``intercept`` is the
    constant that would have to be added to the log-odds (0 is right), ``slope`` the factor they would have to be
    multiplied by (1 is right; below 1 is too sure), both None where outcomes are alike or separated. ``brier`` is the
    mean squared error. ``binned`` never stands without what chance makes of it: 0.118 on average at 50
    rows with right probabilities around 0.25.
    """

    n: int
    left_out: int
    in_the_large: Mean
    intercept: Estimate | None
    slope: Estimate | None
    brier: Mean
    binned: BinnedError


def calibration(probabilities: Values, outcomes: Codes, clusters: Codes | None = None) -> Calibration | None:
    """The calibration of ``probabilities`` (n,) of ``outcomes`` (n,), 0 or 1; None without a row that has one.

    Intervals are 95 %. Those of means know of ``clusters`` (n,); those of intercept and slope are Wald's, for
    independent rows. Intercept and slope: Cox (1958), Biometrika 45; Van Calster et al. (2019), "Calibration: the
    Achilles heel of predictive analytics", BMC Medicine 17. Brier (1950), Monthly Weather Review 78.
    """
    usable = np.isfinite(probabilities) & (probabilities >= 0) & (probabilities <= 1)
    order = np.lexsort((outcomes[usable], probabilities[usable]))
    probability, outcome = probabilities[usable][order], outcomes[usable][order].astype(np.float64)
    cluster = None if clusters is None else clusters[usable][order]
    in_the_large, brier = mean_of(probability - outcome, cluster), mean_of((probability - outcome) ** 2, cluster)
    if in_the_large is None or brier is None:
        return None
    log_odds = _log_odds(probability)
    return Calibration(
        n=len(probability),
        left_out=int((~usable).sum()),
        in_the_large=in_the_large,
        intercept=_last(_fitted(np.ones((len(outcome), 1)), outcome, log_odds)),
        slope=_last(_fitted(np.column_stack([np.ones_like(log_odds), log_odds]), outcome, np.zeros_like(log_odds))),
        brier=brier,
        binned=_binned_error(probability, outcome),
    )


def beyond_chance(
    probabilities: Values, outcomes: Codes, clusters: Codes, level: float = 0.95
) -> tuple[float, float] | None:
    """The interval of the mean of ``probabilities`` (n,) less ``outcomes`` (n,) that a claim may rest on; None for
    fewer than two clusters.

    It is no narrower than right probabilities would make it (the variance of Spiegelhalter 1986, Statistics in Medicine
    5): outcomes that happen to be alike, as thirty of thirty at 0.95, have next to no variance of their own. Rows of
    one cluster (n,) are taken as one.
    """
    found = mean_of(probabilities - outcomes, clusters, level)
    if found is None or found.interval is None:
        return None
    spread = np.bincount(clusters, weights=np.sqrt(np.clip(probabilities * (1 - probabilities), 0.0, None)))
    half = -NormalDist().inv_cdf((1 - level) / 2) * sqrt(float(np.sort(spread**2).sum())) / len(probabilities)
    return min(found.interval[0], found.value - half), max(found.interval[1], found.value + half)


def _log_odds(probability: Values) -> Values:
    inside = np.clip(probability, NEAREST, 1 - NEAREST)
    log_odds: Values = np.log(inside / (1 - inside))
    return log_odds


def _last(fitted: tuple[Values, Values] | None) -> Estimate | None:
    """The last coefficient of a fit."""
    if fitted is None:
        return None
    coefficients, covariance = fitted
    value, half = float(coefficients[-1]), TWO_SIDED * sqrt(float(covariance[-1, -1]))
    return Estimate(value, value - half, value + half)


def _fitted(design: Values, outcome: Values, offset: Values) -> tuple[Values, Values] | None:
    """Coefficients of a logistic regression and their covariance, by Newton's method with halved steps; None where
    the outcomes are alike, are separated, or the columns of ``design`` (n, coefficients) say the same."""
    if outcome.min() == outcome.max():
        return None
    coefficients = np.zeros(design.shape[1])
    for _ in range(ITERATIONS):
        fitted = _sigmoid(design @ coefficients + offset)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (outcome - fitted))
        size = float(np.abs(step).max())
        coefficients = coefficients + step * min(1.0, 2.0 / max(size, 1e-300))
        if size < 1e-10:
            covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
            return coefficients, covariance
        if np.abs(coefficients).max() > DIVERGED:
            return None
    return None


def _sigmoid(log_odds: Values) -> Values:
    fitted: Values = 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
    return fitted


def _binned_error(probability: Values, outcome: Values) -> BinnedError:
    """The expected calibration error of sorted probabilities, and what it is by chance where they are right.

    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", equation 3. It is above 0 by
    chance (Bröcker and Smith 2007, "Increasing the reliability of reliability diagrams"): outcomes are drawn from the
    probabilities, bin by bin.
    """
    n = len(probability)
    bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    excess = np.bincount(bins, weights=probability - outcome, minlength=BINS)
    rng = generator([*counts.tolist(), float(outcome.sum())])
    errors = np.zeros(DRAWS)
    for inside in np.split(probability, np.cumsum(counts)[:-1]):
        errors += np.abs(_drawn_sums(rng, inside) - inside.sum())
    return BinnedError(float(np.abs(excess).sum()) / n, float(errors.mean()) / n, float(np.quantile(errors, 0.95)) / n)


def _drawn_sums(rng: np.random.Generator, probability: Values) -> Values:
    """Sums (draws,) of outcomes of the given probabilities."""
    if len(probability) > EXACT:
        return rng.normal(probability.sum(), np.sqrt((probability * (1 - probability)).sum()), size=DRAWS)
    sums: Values = (rng.random((DRAWS, len(probability))) < probability).sum(axis=1).astype(np.float64)
    return sums
