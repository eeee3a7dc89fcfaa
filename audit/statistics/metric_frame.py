"""The values of fairlearn's metrics by group, over one row for each cell of equal rows with its count as weight.

That gives what all rows give, at a million rows in a hundredth of the time. Whether a value means anything, which takes
a look at its denominator, is not decided here. Imports numpy, and fairlearn inside the function, which takes a second.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.int64]
Indicator: TypeAlias = NDArray[np.bool_]
Rate: TypeAlias = Literal["selection_rate", "true_positive_rate", "false_positive_rate", "accuracy"]
Metric: TypeAlias = Rate | Literal["f1", "mean_prediction"]

RATES: Final[tuple[Rate, ...]] = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


class ScoredRows(NamedTuple):
    """Rows as arrays (n,): the number of their group, and whether truth and prediction are positive and agree.

    ``clusters`` are shared by rows that are no independent evidence; ``scores`` are probabilities.
    """

    group: Codes
    truth: Indicator
    predicted: Indicator
    right: Indicator
    clusters: Codes | None
    scores: NDArray[np.float64] | None


def cells_of(rows: ScoredRows) -> Codes:
    """The cell of each row: 8 times its group, plus bits for truth, prediction and agreement."""
    cells: Codes = rows.group * 8 + rows.truth * 4 + rows.predicted * 2 + rows.right
    return cells


def metric_values(rows: ScoredRows) -> tuple[dict[int, dict[Metric, float]], dict[Metric, float]]:
    """The values of fairlearn's MetricFrame by group number, and overall; nothing for groups without rows.

    ``mean_prediction`` is there with scores only. fairlearn gives 0 for a rate whose denominator is 0.
    """
    from fairlearn.metrics import MetricFrame

    counts = np.bincount(cells_of(rows))
    used = np.flatnonzero(counts)
    if not len(used):
        return {}, {}
    weights, group, right = counts[used], used // 8, used % 2
    further: dict[Metric, dict[str, Any]] = {"accuracy": {"right": right}}
    if rows.scores is not None:
        further["mean_prediction"] = {"score": _mean_scores(cells_of(rows), rows.scores, counts)[used]}
    functions = {name: function for name, function in _functions().items() if name in RATES or name in ("f1", *further)}
    frame = MetricFrame(
        metrics=functions,
        y_true=used % 8 // 4,
        y_pred=used % 4 // 2,
        sensitive_features=group.tolist(),  # an array of one row is refused
        sample_params={name: {"sample_weight": weights, **further.get(name, {})} for name in functions},
    )
    by_group = {at: dict(frame.by_group.loc[at].items()) for at in sorted(set(group.tolist()))}
    return by_group, dict(frame.overall.items())


def _functions() -> dict[Metric, Any]:
    from fairlearn.metrics import false_positive_rate, mean_prediction, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score, f1_score

    def accuracy(truth: Codes, predicted: Codes, *, right: Codes, sample_weight: Codes) -> float:
        return float(accuracy_score(np.ones_like(right), right, sample_weight=sample_weight))

    def f1(truth: Codes, predicted: Codes, *, sample_weight: Codes) -> float:
        return float(
            f1_score(truth, predicted, labels=[1], average=None, sample_weight=sample_weight, zero_division=0)[0]
        )

    def mean_score(truth: Codes, predicted: Codes, *, score: Codes, sample_weight: Codes) -> float:
        return float(mean_prediction(truth, score, sample_weight=sample_weight))

    return {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "accuracy": accuracy,
        "f1": f1,
        "mean_prediction": mean_score,
    }


def _mean_scores(cells: Codes, scores: NDArray[np.float64], counts: Codes) -> NDArray[np.float64]:
    """The mean score of each cell, added up in an order that the order of rows does not decide."""
    order = np.lexsort((scores, cells))
    sums = np.bincount(cells[order], weights=scores[order], minlength=len(counts))
    return sums / np.maximum(counts, 1)


def source() -> str:
    """The name and version of the library."""
    import fairlearn

    return f"fairlearn {fairlearn.__version__}"
