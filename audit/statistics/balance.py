"""How evenly rows are spread over classes: entropy, effective numbers of classes, ratio and class weights.

Closed forms over counts, in plain Python. Which counts belong together is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, expm1, log, sqrt
from typing import Final, NamedTuple

from audit.statistics.intervals import TWO_SIDED

BETA: Final = 0.999
"""The share of a new row that adds something new, in Cui et al. (2019), who try 0.9, 0.99, 0.999 and 0.9999."""
_LEAST: Final = 1e-300


class Estimate(NamedTuple):
    """A value with the two ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def entropy(counts: Sequence[int]) -> float:
    """Shannon's entropy of the observed shares, in nats; 0 for no rows."""
    n = sum(counts)
    return -sum(count / n * log(count / n) for count in counts if count)


def normalised_entropy(counts: Sequence[int]) -> Estimate:
    """Entropy as a share of the largest possible, log K for K classes: 1 for equal classes, 0 for a single one.

    Corrected for its bias as Miller (1955), "Note on the bias of information estimates", does: plus (K - 1) / 2n. The
    interval is that of the normal approximation with the variance (sum p log(p)^2 - H^2) / n of Basharin (1959), "On a
    statistical estimate for the entropy of a sequence of independent random variables". Cut to 0 and 1.
    """
    present = [count for count in counts if count]
    n, classes = sum(present), len(present)
    if classes < 2:
        return Estimate(0.0, 0.0, 0.0)
    plain, largest = entropy(present), log(classes)
    corrected = plain + (classes - 1) / (2 * n)
    squares = sum(count / n * log(count / n) ** 2 for count in present)
    half = TWO_SIDED * sqrt(max(0.0, squares - plain**2) / n)
    value, low, high = (min(1.0, max(0.0, h / largest)) for h in (corrected, corrected - half, corrected + half))
    return Estimate(value, low, high)


def effective_classes(counts: Sequence[int]) -> tuple[float, float]:
    """How many equal classes would be as diverse: exp(entropy) and 1 / sum of squared shares (inverse Simpson).

    Hill (1973), "Diversity and evenness: a unifying notation and its consequences", numbers of order 1 and 2.
    """
    n = sum(counts)
    if n == 0:
        return 0.0, 0.0
    return exp(entropy(counts)), n**2 / sum(count**2 for count in counts)


def imbalance_ratio(counts: Sequence[int]) -> float:
    """The largest class over the smallest that has rows; 1 for none."""
    present = [count for count in counts if count]
    return max(present) / min(present) if present else 1.0


def class_weights(counts: Sequence[float], beta: float = BETA) -> list[float]:
    """A loss weight for each class, which sum up to the number of classes with rows; 0 for a class without (or, where
    counts are sums of weights, with less than 1e-300 of one).

    (1 - beta) / (1 - beta^n) for a class of n rows, the inverse of its effective number of rows: Cui, Jia, Lin, Song
    and Belongie (2019), "Class-balanced loss based on effective number of samples", https://arxiv.org/abs/1901.05555.
    """
    raw = [(1 - beta) / _filled(count, beta) if count > _LEAST else 0.0 for count in counts]
    total = sum(raw)
    present = sum(1 for count in counts if count > _LEAST)
    return [weight * present / total for weight in raw] if total else raw


def _filled(count: float, beta: float) -> float:
    """1 - beta^n, exact also for the smallest n."""
    return -expm1(count * log(beta)) if beta > 0 else 1.0
