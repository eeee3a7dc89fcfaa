"""How often the rules on fairness report what is not there: at the tolerance itself, and at no change at all."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from audit.outputs.table import Groups, Outputs
from audit.rule import Attribute
from audit.rules.fairness.arm_changes import FigureChange, outcome_of
from audit.rules.fairness.arm_figures import PARITY
from audit.rules.fairness.associations import amplified
from audit.rules.fairness.change_between_arms import SAME
from audit.statistics.calibration import beyond_chance
from audit.statistics.influence import by_cluster, interval_of, mean_estimate
from audit.statistics.multiple_tests import sidak
from audit.statistics.paired import mean_over_clusters

TIMES = 400
ALLOWED = 0.062 + 2 * sqrt(0.062 * 0.938 / TIMES)
"""Five in a hundred with what a t interval of few rows takes, and two standard errors of so many samples."""
SEX = Attribute(name="sex", source="field", where="metadata.sex", min_n=30)
GRANT = np.array([1], dtype=np.int64)


def wrongly(found: Callable[[np.random.Generator], bool]) -> float:
    random = np.random.default_rng(11)
    return sum(found(random) for _ in range(TIMES)) / TIMES


def answers(groups: Any, truth: Any, decided: Any) -> Outputs:
    n = len(truth)
    none, nothing, unknown = np.zeros(n, dtype=np.int64), np.full(n, -1, dtype=np.int64), np.full(n, np.nan)
    names = tuple(f"g{code}" for code in range(int(groups.max()) + 1))
    return Outputs(
        rows=np.arange(n), arms=("tuned",), arm=none, seed=none, sample=none, variant=none,
        items=tuple(map(str, range(n))), item=np.arange(n), pair=nothing, cluster=np.arange(n), prompt=nothing,
        classes=("deny", "grant"), truth=truth, decided=decided, answered=np.ones(n, dtype=np.bool_),
        given=np.zeros(n, dtype=np.bool_), errors=(), error=nothing, finishes=(), finish=nothing, mass=unknown,
        impossible=np.zeros(n, dtype=np.bool_),
        probability=None, nll=unknown, nll_tokens=none, characters=nothing, prompt_tokens=nothing,
        output_tokens=nothing, seconds=unknown, groups={"sex": Groups(SEX, names, groups, "best")},
    )  # fmt: skip


def test_flips_at_the_bound_are_rarely_found_to_be_beyond() -> None:
    def found(random: np.random.Generator) -> bool:
        flips = (random.random(200) < 0.03).astype(float) - (random.random(200) < 0.01)
        mean = mean_over_clusters(flips, np.arange(200), bounded=True)
        return mean is not None and mean.interval is not None and mean.interval[0] > 0.02

    assert wrongly(found) <= ALLOWED


def test_likelihoods_at_the_bound_are_rarely_found_to_be_beyond() -> None:
    pairs = 10

    def beyond(gaps: Any) -> bool:
        mean = mean_over_clusters(gaps, np.arange(len(gaps)), level=sidak(pairs))
        return mean is not None and mean.interval is not None and mean.interval[0] > 0.05

    def found(random: np.random.Generator) -> bool:
        return any(beyond(0.05 + 0.3 * random.standard_normal(60)) for _ in range(pairs))

    assert wrongly(found) <= ALLOWED


def test_predictions_like_the_labels_are_rarely_found_to_amplify() -> None:
    def found(random: np.random.Generator) -> bool:
        groups = np.arange(500) % 5
        truth, decided = (random.random((2, 500)) < 0.3).astype(np.int64)
        several = amplified(answers(groups, truth, decided), "tuned", "sex", GRANT, None)
        return any(one.direction in ("amplified", "reversed") and (one.stronger_by or (0,))[0] > 0 for one in several)

    assert wrongly(found) <= ALLOWED


def test_probabilities_that_are_right_are_rarely_found_to_be_off() -> None:
    level = sidak(10)

    def off(chance: float, n: int, random: np.random.Generator) -> bool:
        outcomes = (random.random(n) < chance).astype(np.int64)
        interval = beyond_chance(np.full(n, chance + 0.02), outcomes, np.arange(n), level)
        return interval is not None and (interval[0] > 0.02 or interval[1] < -0.02)

    for chance, n in ((0.95, 40), (0.3, 60), (0.05, 100)):
        assert wrongly(lambda random, p=chance, k=n: any(off(p, k, random) for _ in range(10))) <= ALLOWED  # type: ignore[misc]


def test_arms_that_are_alike_are_rarely_found_to_differ() -> None:
    everything, clusters = np.ones(300, dtype=np.bool_), np.arange(300)

    def found(random: np.random.Generator) -> bool:
        before, after = (mean_estimate(random.random(300) < 0.3, everything) for _ in range(2))
        assert before is not None
        assert after is not None
        interval = interval_of(by_cluster(after.minus(before), clusters, 300), bounded=True)
        change = FigureChange(metric=PARITY, group=None, before=0.0, after=0.1, change=0.1, interval=interval)
        return outcome_of(change, SAME) in ("worse", "better")

    assert wrongly(found) <= ALLOWED
