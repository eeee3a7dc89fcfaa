"""What a search tries: reading ``[search]``, the values of its trials, and the intervals that it rests on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.config.settings import Settings
from audit.errors import ConfigError, MissingExtra
from audit.train.options import TrainOptions
from audit.train.search.drawing import drawer_for
from audit.train.search.scores import RowScores, difference, figure, measured
from audit.train.search.space import FIXED, SEARCHABLE, SearchOptions, planned, read_search

LR = {"min": 1e-5, "max": 1e-3, "log": True}


def search(space: Any, **more: Any) -> SearchOptions:
    return read_search(Settings(sections={"search": {"space": space, **more}}), TrainOptions())


def drawn(asked: SearchOptions, seed: int, told: Mapping[int, float] = {}) -> list[dict[str, Any]]:
    """The values of all trials, each told its learning rate as the loss."""
    drawer, out = drawer_for(asked, seed), []
    while len(out) < asked.trials and (values := drawer.next()) is not None:
        out.append(dict(values))
        drawer.tell(told.get(len(out), float(values.get("lr", 0.0))))
    return out


# ----------------------------------------------------------------------------- reading


def test_every_setting_is_searchable_or_has_a_reason_not_to_be() -> None:
    assert {*SEARCHABLE, *FIXED} == set(TrainOptions.__struct_fields__)
    assert not {*SEARCHABLE} & {*FIXED}


@pytest.mark.parametrize(
    ("section", "what", "hint"),
    [
        (None, "there is no [search]", "space = "),
        ({}, "space must be a table", "space = "),
        ({"space": {}}, "space must be a table", "space = "),
        ({"space": {"lr": [1e-3]}, "method": "gird"}, "method cannot be 'gird'", 'did you mean "grid"?'),
        ({"space": {"lr": [1e-3]}, "metric": "los"}, "metric cannot be 'los'", 'did you mean "loss"?'),
        ({"space": {"lr": [1e-3]}, "metric": 3}, "metric cannot be 3", "one of loss"),
        ({"space": {"lr": [1e-3]}, "trials": 0}, "trials must be", "trials = 8"),
        ({"space": {"lr": [1e-3]}, "trials": True}, "trials must be", "trials = 8"),
        ({"space": {"batchsize": [1]}}, 'there is no setting "batchsize"', 'did you mean "batch_size"?'),
        ({"space": {"batch_size": [1], "batch-size": [2]}}, "twice", ""),
        ({"space": {"hold_out": [0.1]}}, "hold_out cannot be searched: it changes which validation rows", ""),
        ({"space": {"seed": [1, 2]}}, "luckiest start", ""),
        ({"space": {"lr": []}}, "must be a list of values or a range, not []", "min ="),
        ({"space": {"lr": 1e-3}}, "must be a list of values or a range", "min ="),
        ({"space": {"lr": [1e-3, 1e-3]}}, "has a value twice", "once"),
        ({"space": {"lr": [0.0]}}, "lr must be above 0", ""),
        ({"space": {"lr": ["fast"]}}, "must be a number, not 'fast'", ""),
        ({"space": {"lr": {"min": 1e-3}}}, "must have numbers as min and max", "min ="),
        ({"space": {"lr": {"min": 1e-3, "max": 1e-4}}}, "must be below max", "min ="),
        ({"space": {"lr": {"min": 0.0, "max": 1e-4, "log": True}}}, "begins above 0", ""),
        ({"space": {"lr": {"min": -1.0, "max": 1e-4}}}, "lr must be above 0", ""),
        ({"space": {"lr": {"min": 1e-4, "max": 1e-3, "lgo": True}}}, 'unknown key "lgo"', 'did you mean "log"?'),
        ({"space": {"lr": {"min": 1e-4, "max": 1e-3, "log": 1}}}, "log must be true or false", "min ="),
        ({"space": {"lr": {"min": 1e-4, "max": float("inf")}}}, "must be finite", "min ="),
        ({"space": {"batch_size": {"min": 1.5, "max": 8}}}, "whole numbers", "min ="),
        ({"space": {"schedule": {"min": 1, "max": 8}}}, "it is not a number", "schedule = "),
        ({"space": {"dropout": {"min": 0.0, "max": 1.5}}}, "must be below 1", ""),
        ({"space": {"lr": LR}, "method": "grid"}, "a grid has no points in the range of lr", "random"),
        ({"space": {"layers": [1, 2, 3]}, "method": "grid", "trials": 2}, "3 combinations", "trials = 3"),
        ({"space": {"width": [12], "heads": [5]}, "method": "grid"}, "", ""),
    ],
)  # fmt: skip
def test_a_wrong_search_is_refused_by_name(section: Any, what: str, hint: str) -> None:
    settings = Settings(sections={} if section is None else {"search": section})
    if not what:
        read_search(settings, TrainOptions())  # only together, when trials are laid out, do these not fit
        return
    with pytest.raises(ConfigError) as error:
        read_search(settings, TrainOptions())
    assert what in error.value.what
    assert hint in (error.value.hint or "")


def test_trials_of_the_command_line_take_the_place_of_those_of_the_file() -> None:
    settings = Settings(sections={"search": {"space": {"lr": LR}, "trials": 3}})
    assert read_search(settings, TrainOptions()).trials == 3
    assert read_search(settings, TrainOptions(), trials=5).trials == 5


def test_a_grid_has_every_combination_once() -> None:
    asked = search({"lr": [1e-4, 1e-3], "batch_size": [8, 16, 32]}, method="grid")
    assert asked.trials == 6
    values = drawn(asked, seed=0)
    assert values[:2] == [{"batch_size": 8, "lr": 1e-4}, {"batch_size": 8, "lr": 1e-3}]
    assert len({tuple(sorted(one.items())) for one in values}) == 6


# ----------------------------------------------------------------------------- values


@given(seed=st.integers(-(2**70), 2**70))
def test_random_values_lie_in_their_ranges(seed: int) -> None:
    asked = search({"lr": LR, "batch_size": {"min": 4, "max": 7}, "schedule": ["cosine", "linear"]}, method="random")
    for values in planned(asked, seed) or []:
        assert 1e-5 <= values["lr"] <= 1e-3
        assert values["batch_size"] in (4, 5, 6, 7)
        assert values["schedule"] in ("cosine", "linear")


def test_random_trials_follow_from_the_seed_and_more_of_them_begin_alike() -> None:
    few, many = (search({"lr": LR, "dropout": {"min": 0.0, "max": 0.3}}, trials=n) for n in (4, 8))
    assert drawn(few, 3) == drawn(many, 3)[:4]
    assert drawn(few, 3) != drawn(few, 4)


def test_random_trials_of_lists_do_not_repeat() -> None:
    asked = search({"lr": [1e-4, 1e-3, 1e-2], "batch_size": [8, 16]}, trials=50)
    values = drawn(asked, 0)
    assert len(values) == asked.trials == 6
    assert len({str(one) for one in values}) == 6


def test_the_order_of_the_settings_in_the_file_changes_nothing() -> None:
    one = search({"lr": LR, "dropout": {"min": 0.0, "max": 0.3}})
    other = search({"dropout": {"min": 0.0, "max": 0.3}, "lr": LR})
    assert drawn(one, 0) == drawn(other, 0)


def test_optuna_asks_for_the_same_trials_after_the_same_results() -> None:
    pytest.importorskip("optuna")
    asked = search({"lr": LR, "batch_size": [8, 16], "layers": {"min": 1, "max": 3}}, method="optuna", trials=9)
    first = drawn(asked, 5)
    assert first == drawn(asked, 5)
    assert first != drawn(asked, 5, told={number: 10.0 - number for number in range(1, 10)})
    assert all(1e-5 <= one["lr"] <= 1e-3 for one in first)


def test_optuna_does_not_train_a_combination_twice() -> None:
    pytest.importorskip("optuna")
    asked = search({"batch_size": [8, 16], "layers": [1, 2]}, method="optuna", trials=20)
    values = drawn(asked, 0)
    assert len(values) == len({str(one) for one in values}) == asked.trials == 4


def test_without_optuna_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra) as error:
        drawer_for(search({"lr": LR}, method="optuna"), 0)
    assert "finetune-audit[search]" in (error.value.hint or "")


# ----------------------------------------------------------------------------- measures


def scores(loss: Any, tokens: Any, right: Any = None, **more: Any) -> RowScores:
    n = len(loss)
    ids = tuple(f"r{at}" for at in range(n))
    none = np.full(n, -1, np.int64)
    columns = [np.asarray(one, float) for one in (loss, tokens, np.zeros(n) if right is None else right)]
    return RowScores(ids, *columns, **{"truth": none, "predicted": none, **more})


def random_scores(seed: int, shift: float = 0.0, n: int = 400) -> RowScores:
    generator = np.random.default_rng(seed)
    tokens = generator.integers(1, 9, n)
    ease = generator.gamma(2.0, 1.0, n)
    noise = np.random.default_rng(seed + 1 if shift else seed + 2).normal(0, 0.02, n)
    return scores(tokens * (ease + shift + noise), tokens, tokens // 2)


def test_the_interval_of_a_loss_a_token_is_that_of_resampled_rows() -> None:
    one = random_scores(0)
    told = figure(one, "loss", min_group=30)
    assert told is not None
    assert told.interval is not None
    generator = np.random.default_rng(1)
    draws = generator.integers(0, len(one.loss), (4000, len(one.loss)))
    bounds = np.quantile(one.loss[draws].sum(1) / one.tokens[draws].sum(1), [0.025, 0.975])
    assert told.interval == pytest.approx(tuple(bounds), abs=0.01)


def test_a_small_shift_is_told_on_the_same_rows_where_intervals_overlap() -> None:
    base, better = random_scores(0, shift=0.05), random_scores(0)
    pair = [measured(one, "loss", min_group=30) for one in (better, base)]
    alone = [figure(one, "loss", min_group=30) for one in (better, base)]
    assert pair[0]
    assert pair[1]
    assert alone[0]
    assert alone[1]
    assert alone[0].interval
    assert alone[1].interval
    assert alone[0].interval[1] > alone[1].interval[0]
    apart = difference(pair[0], pair[1])
    assert apart.told
    assert apart.value == pytest.approx(-0.05, abs=0.01)


def test_more_comparisons_make_wider_intervals() -> None:
    pair = [measured(random_scores(0, shift), "loss", min_group=30) for shift in (0.0, 0.05)]
    assert pair[0]
    assert pair[1]
    one, many = (difference(pair[0], pair[1], comparisons=n).interval for n in (1, 7))
    assert one
    assert many
    assert many[0] < one[0] < one[1] < many[1]


def test_f1_is_scikit_learns_macro_mean() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 300)
    said = np.where(generator.random(300) < 0.7, truth, generator.integers(0, 4, 300))
    one = scores(np.ones(300), np.ones(300), truth == said, truth=truth, predicted=said, classes=("a", "b", "c", "d"))
    told = figure(one, "f1", min_group=30)
    assert told is not None
    assert told.interval is not None
    assert told.value == pytest.approx(metrics.f1_score(truth, said, average="macro"), abs=1e-12)
    draws = generator.integers(0, 300, (1000, 300))
    resampled = [metrics.f1_score(truth[draw], said[draw], average="macro") for draw in draws]
    assert told.interval == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])), abs=0.02)


def test_the_accuracy_of_rows_has_wilsons_interval() -> None:
    from audit.statistics.intervals import wilson

    told = figure(scores(np.ones(50), np.ones(50), [1] * 45 + [0] * 5), "accuracy", min_group=30)
    assert told is not None
    assert told.interval == pytest.approx(wilson(45, 50))


def test_the_worst_group_is_the_worst_of_those_that_are_large_enough() -> None:
    codes = np.array([0] * 30 + [1] * 30 + [2] * 2, np.int32)
    loss = np.array([1.0] * 30 + [2.0] * 30 + [9.0] * 2)
    one = scores(loss, np.ones(62), groups={"sex": codes}, members={"sex": ("M", "F", "X")})
    told = figure(one, "worst_group_loss", min_group=30)
    assert told is not None
    assert (told.of, told.value, told.n) == ("sex=F", 2.0, 30)
    assert measured(one, "worst_group_loss", min_group=31) is None


def test_worst_groups_of_two_models_are_compared_over_the_rows_of_either() -> None:
    generator = np.random.default_rng(0)
    codes = np.array([0] * 60 + [1] * 40, np.int32)
    kept = {"groups": {"sex": codes}, "members": {"sex": ("M", "F")}}
    ease = generator.gamma(2.0, 0.5, 100)
    one, other = (scores(ease + bump * (codes == code), np.ones(100), **kept) for code, bump in ((0, 3.0), (1, 1.0)))
    pair = [measured(each, "worst_group_loss", min_group=30) for each in (one, other)]
    assert pair[0]
    assert pair[1]
    assert (pair[0].of, pair[1].of) == ("sex=M", "sex=F")
    apart = difference(pair[0], pair[1])
    assert apart.n == 100
    assert apart.value == pytest.approx(pair[0].value - pair[1].value)
    assert apart.interval is not None
    spread = np.sqrt(ease[:60].var(ddof=1) / 60 + ease[60:].var(ddof=1) / 40)
    assert (apart.interval[1] - apart.interval[0]) / 2 == pytest.approx(1.98 * spread, rel=0.05)
