"""How likely the rows' own answers are to a model: over its tokens, and against another model. Finds nothing.

The perplexity is exp of the sum of negative log-likelihoods over the number of tokens (Jelinek et al. 1977,
"Perplexity: a measure of the difficulty of speech recognition tasks", JASA supplement 62): a ratio of sums, so its
interval, taken on the logarithm, is that of a ratio estimator over clusters of questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.model import Json
from audit.outputs.table import ORIGINAL, Outputs
from audit.statistics.influence import Estimate, by_cluster, interval_of, ratio_estimate
from audit.statistics.sentences import figure

MOST: Final = 700.0
"""Nats for each token beyond which exp overflows."""
Interval: TypeAlias = tuple[float, float]
Codes: TypeAlias = NDArray[np.int64]
Unit: TypeAlias = Literal["token", "character"]


class Likelihood(msgspec.Struct, frozen=True, kw_only=True):
    """The perplexity of one arm on ``answers`` of ``tokens`` tokens to ``questions``; ``nll`` is in nats a token."""

    arm: str
    answers: int
    questions: int
    tokens: int
    nll: float
    interval: Interval | None
    by_seed: tuple[tuple[int, int, int, float], ...]

    @property
    def value(self) -> float:
        """The perplexity."""
        return exp(min(self.nll, MOST))

    @property
    def sentence(self) -> str:
        """What was found, from the figures."""
        width = "" if self.interval is None else f" ({figure(self.interval[0])} to {figure(self.interval[1])})"
        return (
            f"{self.arm} has a perplexity of {figure(self.value)}{width} on {self.answers:,} held-out answers of "
            f"{self.tokens:,} tokens."
        )


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """One arm against another on the ``n`` questions that both were scored on: ``log_ratio`` is the difference of nats
    for each ``unit``, above 0 where ``arm`` is worse. With different tokenizers the unit is a character."""

    arm: str
    against: str
    n: int
    unit: Unit
    log_ratio: float
    interval: Interval | None

    @property
    def ratio(self) -> float:
        """The perplexity of the arm over that of the other."""
        return exp(max(-MOST, min(self.log_ratio, MOST)))

    @property
    def ratio_interval(self) -> Interval | None:
        """That of ``ratio``."""
        return _exp(self.interval)

    @property
    def outcome(self) -> Literal["better", "worse", "unchanged", "undecided"]:
        """By the whole interval; ``unchanged`` where it has no width and no change."""
        if self.interval is None:
            return "undecided"
        low, high = self.interval
        if low == high == 0:
            return "unchanged"
        return "worse" if low > 0 else "better" if high < 0 else "undecided"

    @property
    def sentence(self) -> str:
        """What was found, from the figures."""
        width = "" if self.ratio_interval is None else f" ({' to '.join(map(figure, self.ratio_interval))})"
        follows = {
            "worse": "it finds them less likely",
            "better": "it finds them more likely",
            "unchanged": "it finds them as likely",
        }.get(self.outcome, "which does not decide which of them is better")
        per = "" if self.unit == "token" else ", for each character since they cut answers into different tokens"
        return (
            f"On {self.n:,} held-out answers the perplexity of {self.arm} is {figure(self.ratio)} times that of "
            f"{self.against}{width}{per}: {follows}."
        )


def scored(outputs: Outputs, arm: str) -> Outputs:
    """The answers of an arm that were given, not asked for, and whose tokens have a likelihood."""
    code = outputs.arms.index(arm)
    known = outputs.given & (outputs.variant == ORIGINAL) & (outputs.nll_tokens > 0) & np.isfinite(outputs.nll)
    return outputs.where(known & (outputs.arm == code))


def likelihood(outputs: Outputs, arm: str) -> Likelihood | None:
    """The perplexity of one arm; None where none of its answers was scored."""
    own = scored(outputs, arm)
    estimate = _per(own, own.nll_tokens, np.unique(own.cluster))
    if estimate is None:
        return None
    return Likelihood(
        arm=arm,
        answers=len(own),
        questions=len(np.unique(own.item)),
        tokens=int(own.nll_tokens.sum()),
        nll=estimate.value,
        interval=_exp(interval_of(estimate)),
        by_seed=tuple(_of_seed(own, seed) for seed in own.seeds(arm)),
    )


def _of_seed(own: Outputs, seed: int) -> tuple[int, int, int, float]:
    """Seed, answers, tokens and perplexity of one replicate."""
    one = own.where(own.seed == seed)
    tokens = int(one.nll_tokens.sum())
    return seed, len(one), tokens, exp(min(float(one.nll.sum()) / tokens, MOST))


def against(outputs: Outputs, arm: str, other: str) -> Against | None:
    """One arm against another, on the questions that both were scored on; None where there is none."""
    sides = [scored(outputs, name) for name in (arm, other)]
    both = np.intersect1d(sides[0].item, sides[1].item)
    if not len(both):
        return None
    sides = [side.where(np.isin(side.item, both)) for side in sides]
    same = np.array_equal(_mean_tokens(sides[0], both), _mean_tokens(sides[1], both))
    unit: Unit = "token" if same else "character"
    clusters = np.unique(np.concatenate([side.cluster for side in sides]))
    units = [side.nll_tokens if unit == "token" else np.maximum(side.characters, 1) for side in sides]
    estimates = [_per(side, counts, clusters) for side, counts in zip(sides, units, strict=True)]
    if estimates[0] is None or estimates[1] is None:
        return None
    change = estimates[0].minus(estimates[1])
    return Against(arm=arm, against=other, n=len(both), unit=unit, log_ratio=change.value, interval=interval_of(change))


def _mean_tokens(side: Outputs, items: Codes) -> NDArray[np.float64]:
    at = np.searchsorted(items, side.item)
    counts: NDArray[np.float64] = np.bincount(at, weights=side.nll_tokens) / np.bincount(at)
    return counts


def _per(side: Outputs, units: Codes, clusters: Codes) -> Estimate | None:
    """Nats for each unit, with the influence of every cluster."""
    estimate = ratio_estimate(side.nll, units.astype(np.float64))
    if estimate is None:
        return None
    return by_cluster(estimate, np.searchsorted(clusters, side.cluster), len(clusters))


def likelihood_table(one: Likelihood, compared: Sequence[Against]) -> dict[str, Json]:
    """The table of ``outputs.perplexity``."""
    return {
        "arm": one.arm,
        "n": one.answers,
        "questions": one.questions,
        "tokens": one.tokens,
        "nll_per_token": round(one.nll, 6),
        "value": round(one.value, 6),
        "interval": _ends(one.interval),
        "by_seed": [
            {"seed": seed, "n": n, "tokens": tokens, "value": round(value, 6)} for seed, n, tokens, value in one.by_seed
        ],
        "against": [
            {
                "arm": found.against,
                "questions": found.n,
                "unit": found.unit,
                "log_ratio": round(found.log_ratio, 6),
                "interval": _ends(found.interval),
                "ratio": round(found.ratio, 6),
                "ratio_interval": _ends(found.ratio_interval),
                "outcome": found.outcome,
                "sentence": found.sentence,
            }
            for found in compared
        ],
        "sentence": " ".join([one.sentence, *(found.sentence for found in compared)]),
    }


def _exp(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    low, high = (exp(max(-MOST, min(end, MOST))) for end in interval)
    return low, high


def _ends(interval: Interval | None) -> list[Json] | None:
    return None if interval is None else [round(end, 6) for end in interval]
