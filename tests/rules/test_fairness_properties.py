"""The figures of fairness by group are fairlearn's over rows wherever those are defined, and copies change none."""

from __future__ import annotations

from typing import Any, NamedTuple

import fairlearn.metrics as reference
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.model import Measure
from audit.outputs.table import Groups, Outputs
from audit.rule import Attribute
from audit.rules.demographics.groups import Groups as ByName
from audit.rules.demographics.groups import crossed
from audit.rules.fairness.arms import ByGroup, arm_of
from audit.rules.fairness.equalised_odds import equalised_odds
from audit.rules.fairness.gaps import simultaneous, spread
from audit.rules.fairness.rates import Metrics, measured
from audit.rules.fairness.selection_rate import SelectionRate
from audit.rules.fairness.tables import Asked, Judged, predicted, rate_measure_of

SEX = Attribute(name="sex", source="field", where="metadata.sex", min_n=2)
CLASSES = ("deny", "grant")
GRANT = np.array([1], dtype=np.int64)
METRICS: dict[str, Any] = {
    "selection_rate": reference.selection_rate,
    "true_positive_rate": reference.true_positive_rate,
    "false_positive_rate": reference.false_positive_rate,
}
Rows = list[tuple[int, int, int]]


def outputs_of(rows: Rows, copies: int = 1) -> Outputs:
    """Outputs of one arm, a row as (group, truth, decision), each as often as asked for under its own seed."""
    table = np.array(rows * copies, dtype=np.int64).reshape(-1, 3)
    n = len(table)
    question, nothing = np.tile(np.arange(len(rows)), copies), np.full(n, -1, dtype=np.int64)
    seeds = np.repeat(np.arange(copies), len(rows))
    names = tuple(f"g{code}" for code in range(int(table[:, 0].max()) + 1)) if n else ()
    unknown = np.full(n, np.nan)
    grant = np.where(table[:, 2] == 1, 0.7, 0.2)
    return Outputs(
        rows=np.arange(n), arms=("tuned",), arm=np.zeros(n, dtype=np.int64), seed=seeds,
        sample=np.zeros(n, dtype=np.int64), variant=np.zeros(n, dtype=np.int64),
        items=tuple(map(str, range(len(rows)))), item=question, pair=nothing, cluster=question, prompt=nothing,
        classes=CLASSES, truth=table[:, 1], decided=table[:, 2], answered=np.ones(n, dtype=np.bool_),
        given=np.zeros(n, dtype=np.bool_), errors=(), error=nothing, finishes=(), finish=nothing, mass=unknown,
        impossible=np.zeros(n, dtype=np.bool_),
        probability=np.column_stack([1 - grant, grant]), nll=unknown, nll_tokens=np.zeros(n, dtype=np.int64),
        characters=nothing, prompt_tokens=nothing, output_tokens=nothing, seconds=unknown,
        groups={"sex": Groups(SEX, names, table[:, 0], "best")},
    )  # fmt: skip


class Told(NamedTuple):
    """The rates of one arm by group, by metric, and what they were taken from."""

    rates: dict[str, Judged]
    metrics: Metrics

    def table(self, metric: str) -> Measure:
        return rate_measure_of(SelectionRate(), self.rates[metric], "rate")


def judged(rows: Rows, copies: int = 1) -> Told:
    arm = arm_of(outputs_of(rows, copies), "tuned", GRANT, judged=True)
    found = arm.outputs.groups["sex"]
    by = ByGroup(ByName(SEX, found.names, found.codes), ("sex",))
    metrics = measured(arm, by.groups)
    asked: list[Any] = [Asked(metric, "difference", 0.1, "rate") for metric in METRICS]  # type: ignore[arg-type]
    return Told({one.metric: predicted(arm, by, metrics, one) for one in asked}, metrics)


def frames(groups: int = 4, least: int = 1) -> Any:
    row = st.tuples(st.integers(0, groups - 1), st.integers(0, 1), st.integers(0, 1))
    return st.lists(row, min_size=least, max_size=60)


def about(rows: Rows, metric: str) -> dict[int, bool]:
    """Whether each group has what a rate is about."""
    wanted = {"true_positive_rate": (1,), "false_positive_rate": (0,)}.get(metric, (0, 1))
    return {group: any(truth in wanted for one, truth, _ in rows if one == group) for group, _, _ in rows}


@given(frames())
@settings(max_examples=50, deadline=None)
def test_rates_are_those_of_fairlearn_over_rows(rows: Rows) -> None:
    group, truth, said = (list(column) for column in zip(*rows, strict=True))
    frame = reference.MetricFrame(metrics=METRICS, y_true=truth, y_pred=said, sensitive_features=group)
    for metric, found in judged(rows).rates.items():
        for one, defined in about(rows, metric).items():
            rate = found.rates[one].rate
            assert rate == (pytest.approx(frame.by_group.loc[one, metric]) if defined else None)


@given(frames(least=2))
@settings(max_examples=50, deadline=None)
def test_differences_are_those_of_fairlearn_wherever_they_are_defined(rows: Rows) -> None:
    group, truth, said = (list(column) for column in zip(*rows, strict=True))
    given_rows: dict[str, Any] = {"y_true": truth, "y_pred": said, "sensitive_features": group}
    told = judged(rows)
    found = told.rates["selection_rate"]
    apart = spread([(rate.group, rate.rate) for rate in found.rates])
    if len(set(group)) < 2:
        assert apart.difference is None
        return
    assert apart.difference == pytest.approx(reference.demographic_parity_difference(**given_rows))
    if apart.ratio is not None:
        assert apart.ratio == pytest.approx(reference.demographic_parity_ratio(**given_rows))
    odds = equalised_odds(SelectionRate(), found, told.metrics).value
    if all(all(about(rows, metric).values()) for metric in METRICS):
        assert odds == pytest.approx(reference.equalized_odds_difference(**given_rows), abs=1e-6)
    elif any(sum(about(rows, metric).values()) < 2 for metric in METRICS):
        assert odds is None


@given(st.lists(st.tuples(*[st.integers(0, 1)] * 4), min_size=2, max_size=60))
@settings(max_examples=50, deadline=None)
def test_rates_of_crossed_groups_are_those_of_fairlearn(rows: list[tuple[int, int, int, int]]) -> None:
    first, second, truth, said = (list(column) for column in zip(*rows, strict=True))
    frame = reference.MetricFrame(
        metrics=METRICS, y_true=truth, y_pred=said, sensitive_features={"a": first, "b": second}
    )
    sides = [ByName(SEX, ("g0", "g1"), np.array(codes)) for codes in (first, second)]
    groups = crossed(*sides)
    arm = arm_of(outputs_of([row[1:] for row in rows]), "tuned", GRANT)
    metrics = measured(arm, groups)
    for metric in METRICS:
        asked = Asked(metric, "difference", 0.1, "rate")  # type: ignore[arg-type]
        found = {rate.group: rate for rate in predicted(arm, ByGroup(groups, ("a", "b")), metrics, asked).rates}
        wanted = {"true_positive_rate": (1,), "false_positive_rate": (0,)}.get(metric, (0, 1))
        for one, other in {(row[0], row[1]) for row in rows}:
            defined = any(row[:2] == (one, other) and row[2] in wanted for row in rows)
            rate = found[f"g{one} x g{other}"].rate
            assert rate == (pytest.approx(frame.by_group.loc[(one, other), metric]) if defined else None)


@given(frames(least=2), st.integers(2, 4))
@settings(max_examples=10, deadline=None)
def test_copies_of_all_rows_make_no_interval_narrower(rows: Rows, copies: int) -> None:
    once, often = judged(rows), judged(rows, copies)
    for metric in METRICS:
        few, many = once.rates[metric].rates, often.rates[metric].rates
        for one, other in zip(few, many, strict=True):
            assert (one.rate, one.unique) == (other.rate, other.unique)
            assert other.worth <= one.worth + 1e-6
        narrow, wide = simultaneous(few), simultaneous(many)
        if narrow is not None and wide is not None:
            assert wide[1] - wide[0] >= narrow[1] - narrow[0] - 1e-6


def test_copies_of_many_rows_change_no_interval_to_speak_of() -> None:
    rng = np.random.default_rng(3)
    rows = [(int(group), int(truth), int(said)) for group, truth, said in rng.integers(0, 2, (2_000, 3))]
    once, often = judged(rows), judged(rows, 5)
    for metric in METRICS:
        few, many = once.table(metric), often.table(metric)
        assert many.value == few.value
        assert many.interval == pytest.approx(few.interval, abs=1e-4)
        for one, other in zip(few.table["groups"], many.table["groups"], strict=True):
            for name in ("interval", "estimate_interval", "pass_interval", "gap_interval"):
                assert other[name] == (one[name] and pytest.approx(one[name], abs=2e-4))


@given(st.permutations(range(40)), frames(least=40))
@settings(max_examples=5, deadline=None)
def test_the_order_of_outputs_changes_no_figure(order: list[int], rows: Rows) -> None:
    rows = [(3, *rows[0][1:]), *rows[1:40]]  # so that the names of groups are the same
    first, second = judged(rows), judged([rows[at] for at in order])
    for metric in METRICS:
        assert first.table(metric) == second.table(metric)
