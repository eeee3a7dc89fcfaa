"""Group metrics with verdicts over a million rows, beside fairlearn's own bootstrap: seconds of CPU and their ratio.

``python -m benchmarks.disparity``. The bar is one second for four metrics of ten groups with intervals and verdicts.
The bootstrap is timed for a few replicates and extrapolated to 1,000; it gives intervals and no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

from audit.statistics.disparity import Disparity, Question, compare
from audit.statistics.group_metrics import Column, group_metrics
from audit.statistics.metric_frame import RATES
from benchmarks.interleaved import interleave

ROWS: Final = 1_000_000
GROUPS: Final = 10
REPLICATES: Final = 3
ALL_REPLICATES: Final = 1_000
NAMES: Final = [f"group {index}" for index in range(GROUPS)]
CLASSES: Final = ["no", "yes"]


class Predictions(NamedTuple):
    """Group, truth and prediction of each row (n,), as codes."""

    groups: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]


def predictions(rows: int) -> Predictions:
    """Rows of ten groups of unequal size, one truth in four positive, one prediction in seven wrong."""
    generator = np.random.default_rng(0)
    shares = np.arange(1, GROUPS + 1) / np.arange(1, GROUPS + 1).sum()
    groups = generator.choice(GROUPS, size=rows, p=shares)
    truth = (generator.random(rows) < 0.25).astype(np.int64)
    predicted = np.where(generator.random(rows) < 1 / 7, 1 - truth, truth)
    return Predictions(groups, truth, predicted)


def ours(data: Predictions) -> list[Disparity]:
    """Four metrics by group, each with simultaneous intervals and verdicts."""
    metrics = group_metrics(
        [Column(data.groups, NAMES)],
        Column(data.truth, CLASSES),
        Column(data.predicted, CLASSES),
        positive="yes",
    )
    return [compare(metrics.rates(rate), Question(cells=len(RATES)), what=rate.replace("_", " ")) for rate in RATES]


def bootstrap(data: Predictions, replicates: int) -> MetricFrame:
    """fairlearn's percentile intervals of the same four metrics."""
    metrics: dict[str, Any] = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "accuracy": accuracy_score,
    }
    more: dict[str, Any] = {"n_boot": replicates, "ci_quantiles": [0.025, 0.975]} if replicates else {}
    return MetricFrame(
        metrics=metrics,
        y_true=data.truth,
        y_pred=data.predicted,
        sensitive_features=data.groups,
        random_state=0 if replicates else None,
        **more,
    )


def report() -> Iterator[str]:
    """The lines of the benchmark."""
    data = predictions(ROWS)
    ours(predictions(1_000))  # imports are not timed
    (fast,) = interleave([("ours", lambda: ours(data))], repeats=5)
    verdicts = ", ".join(one.verdict for one in ours(data))
    yield f"{len(RATES)} metrics of {GROUPS} groups over {ROWS:,} rows, CPU"
    yield f"  with intervals and verdicts (bar 1.0): {fast.median:.2f} s ({verdicts})"
    point, some = interleave(
        [("point", lambda: bootstrap(data, 0)), ("bootstrap", lambda: bootstrap(data, REPLICATES))], repeats=1
    )
    one = (some.median - point.median) / REPLICATES
    whole = point.median + ALL_REPLICATES * one
    yield (
        f"  fairlearn: {point.median:.1f} s without intervals, {one:.1f} s a replicate, so {whole / 3600:.1f} h for "
        f"{ALL_REPLICATES:,}: {whole / fast.median:,.0f} times as long"
    )


if __name__ == "__main__":
    for line in report():
        print(line, flush=True)
