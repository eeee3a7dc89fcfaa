"""Metrics by group: those of fairlearn row by row, without the traps that rows by group lay for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_positive_rate,
    mean_prediction,
    selection_rate,
    true_positive_rate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from audit.statistics.disparity import Question, compare
from audit.statistics.group_metrics import Column, GroupMetrics, MetricsOfGroup, group_metrics
from audit.statistics.metric_frame import RATES
from audit.statistics.rates import GroupRate

ROW = st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 1))


def of(values: list[Any]) -> Column:
    names = sorted({value for value in values if value is not None})
    return Column([-1 if value is None else names.index(value) for value in values], names)


def measured(groups: list[Any], truth: list[Any], predicted: list[Any], **more: Any) -> GroupMetrics:
    return group_metrics([of(groups)], of(truth), of(predicted), **{"positive": "yes", **more})


def group(result: GroupMetrics, name: str) -> MetricsOfGroup:
    return next(one for one in result.groups if one.group == name)


def value(result: GroupMetrics, name: str, metric: Any) -> float | None:
    return group(result, name).metrics[metric].value


@given(st.lists(ROW, min_size=1, max_size=60))
@settings(max_examples=25, deadline=None)
def test_cells_with_counts_give_what_rows_give(rows: list[tuple[int, int, int]]) -> None:
    groups, truth, predicted = (np.array(column) for column in zip(*rows, strict=True))
    score = predicted * 0.5 + truth * 0.25
    answers = ["no", "yes"]
    found = group_metrics(
        [Column(groups, "abcd")], Column(truth, answers), Column(predicted, answers), positive="yes", scores=score
    )
    functions = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "accuracy": accuracy_score,
        "f1": lambda y, p: f1_score(y, p, zero_division=0),
    }
    frame = MetricFrame(metrics=functions, y_true=truth, y_pred=predicted, sensitive_features=groups.tolist())
    means = MetricFrame(
        metrics=mean_prediction, y_true=truth, y_pred=score, sensitive_features=groups.tolist()
    ).by_group
    for at, one in enumerate(found.groups):
        for metric, measure in one.metrics.items():
            if measure.value is not None:
                oracle = means[at] if metric == "mean_prediction" else frame.by_group.loc[at, metric]
                assert measure.value == pytest.approx(oracle, abs=1e-12)
        for metric in RATES:
            measure = one.metrics[metric]
            assert measure.value == (pytest.approx(measure.hits / measure.n) if measure.n else None)
    assert found.overall.metrics["f1"].value in (None, pytest.approx(frame.overall["f1"]))


def test_a_perfect_classifier_has_no_difference_where_a_group_has_no_positives() -> None:
    groups, truth = ["aa", "aa", "aa", "b", "b", "b", "c", "c"], ["no", "yes", "no", "yes", "yes", "no", "no", "no"]
    found = measured(groups, truth, truth)
    plain = [answer == "yes" for answer in truth]
    assert equalized_odds_difference(plain, plain, sensitive_features=groups) == 1.0  # the trap
    assert found.equalised_odds_difference() == 0.0
    assert value(found, "c", "true_positive_rate") is None
    assert group(found, "c").metrics["true_positive_rate"].n == 0


def test_a_difference_needs_two_groups_in_which_it_can_be_estimated() -> None:
    found = measured(["a", "a", "b"], ["yes", "no", "no"], ["yes", "no", "no"])
    assert found.difference("true_positive_rate") is None
    assert found.equalised_odds_difference() is None
    assert found.difference("false_positive_rate") == 0.0


def test_a_missing_group_is_unknown_and_compared_with_nothing() -> None:
    found = measured(["a", "b", None, None], ["yes", "yes", "no", "yes"], ["yes", "yes", "no", "no"])
    assert [one.group for one in found.groups] == ["a", "b", "unknown"]
    assert group(found, "unknown").n == 2
    assert found.difference("selection_rate") == 0.0


def test_of_several_classes_the_one_that_is_asked_for_is_measured() -> None:
    groups, truth = ["a", "a", "b", "b"], ["0", "1", "2", "2"]
    predicted = ["2", "1", "2", "2"]
    for positive, rates in (("1", (0.5, 0.0)), ("2", (0.5, 1.0)), ("0", (0.0, 0.0))):
        found = measured(groups, truth, predicted, positive=positive)
        assert (value(found, "a", "selection_rate"), value(found, "b", "selection_rate")) == rates
        assert (value(found, "a", "accuracy"), value(found, "b", "accuracy")) == (0.5, 1.0)
    both = measured(groups, truth, predicted, positive=("1", "2"))
    assert value(both, "a", "selection_rate") == 1.0


def test_an_intersection_without_rows_is_shown() -> None:
    sex, race = of(["F", "F", "M"]), of(["x", "y", "x"])
    found = group_metrics([sex, race], of(["yes"] * 3), of(["yes"] * 3), positive="yes")
    assert [(one.group, one.n) for one in found.groups] == [("F x x", 1), ("F x y", 1), ("M x x", 1), ("M x y", 0)]
    assert value(found, "M x y", "accuracy") is None


def test_intersections_with_a_missing_level_are_one_unknown_rate() -> None:
    sex, race = of(["F", None, "M", "M"]), of(["x", "y", None, "y"])
    found = group_metrics([sex, race], of(["yes"] * 4), of(["yes"] * 4), positive="yes")
    rates = found.rates("selection_rate")
    assert rates[-1] == GroupRate("unknown", 2, 2)
    assert sum(rate.n for rate in rates) == 4
    assert found.difference("selection_rate") == 0.0


def test_an_answer_that_is_no_class_is_wrong_and_not_selected() -> None:
    found = measured(["a", "a", "a"], ["no", "no", "yes"], ["no", "Perhaps.", None])
    assert value(found, "a", "accuracy") == pytest.approx(1 / 3)
    assert value(found, "a", "selection_rate") == 0.0
    assert found.n == 3


def test_rows_without_a_truth_are_counted() -> None:
    found = measured(["a", "a", "b"], ["yes", None, "no"], ["yes", "yes", "no"])
    assert (found.n, found.without_truth) == (2, 1)
    assert group(found, "a").n == 1


def test_rates_can_be_compared() -> None:
    found = measured(["a", "a", "b"], ["yes", "yes", "yes"], ["yes", "no", "yes"])
    assert found.rates("true_positive_rate") == [GroupRate("a", 1, 2), GroupRate("b", 1, 1)]
    assert found.ratio("true_positive_rate") == 0.5
    assert found.source.startswith("fairlearn ")


def test_a_clear_gap_in_true_positive_rates_fails() -> None:
    found = measured(["a"] * 200 + ["b"] * 200, ["yes"] * 400, ["yes"] * 180 + ["no"] * 120 + ["yes"] * 100)
    judged = compare(found.rates("true_positive_rate"), Question(scale="difference", tolerance=0.1))
    assert (judged.verdict, judged.worst) == ("FAIL", "b")


def test_copies_are_worth_one_row() -> None:
    answers = ["yes", "no"] * 10
    found = measured(["a"] * 20, ["yes"] * 20, answers, clusters=[0, 1] * 10)
    assert found.rates("accuracy")[0].effective_n == pytest.approx(1, abs=1)
    assert measured(["a"] * 20, ["yes"] * 20, answers, clusters=range(20)).rates("accuracy")[0].effective_n == 20


def test_nothing_at_all_is_no_crash() -> None:
    nothing = Column(np.array([], dtype=np.int64), [])
    found = group_metrics([Column(nothing.codes, ["a"])], nothing, nothing, positive="yes")
    assert (found.n, found.groups[0].n, found.overall.metrics["accuracy"].value) == (0, 0, None)


def test_names_that_are_no_text_are_names() -> None:
    found = measured(["\ud800", "\ud800", ""], ["yes", "no", "yes"], ["yes", "yes", "yes"])
    assert [one.group for one in found.groups] == ["", "\ud800"]


def test_scores_are_averaged_without_regard_to_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    scores, groups, order = rng.random(500), rng.integers(0, 3, 500), rng.permutation(500)
    truth = Column(rng.integers(0, 2, 500), ["no", "yes"])
    one = group_metrics([Column(groups, "abc")], truth, truth, positive="yes", scores=scores)
    shuffled = Column(np.asarray(truth.codes)[order], truth.names)
    other = group_metrics([Column(groups[order], "abc")], shuffled, shuffled, positive="yes", scores=scores[order])
    assert one == other
    assert value(one, "a", "mean_prediction") == pytest.approx(scores[groups == 0].mean())


def test_a_million_rows_reach_fairlearn_as_at_most_eight_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Frame(MetricFrame):
        def __init__(self, **given: Any) -> None:
            seen.append(len(given["y_true"]))
            super().__init__(**given)

    monkeypatch.setattr("fairlearn.metrics.MetricFrame", Frame)
    rng = np.random.default_rng(0)
    answers = [Column(rng.integers(0, 2, 1_000_000), ["no", "yes"]) for _ in range(2)]
    found = group_metrics([Column(rng.integers(0, 10, 1_000_000), "abcdefghij")], *answers, positive="yes")
    assert found.n == 1_000_000
    assert seen == [40]
