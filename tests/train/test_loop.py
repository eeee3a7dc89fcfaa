"""A run is a function of its parts: it goes on from any step bit for bit, stops where it says, names what broke it."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
import torch

from audit.errors import ConfigError, TrainingError
from audit.train.core.batches import Schedule, denominator
from audit.train.core.learner import Learner, Parts
from audit.train.core.loop import fit, judged
from audit.train.core.optimiser import LossScale
from audit.train.core.state import EARLY, FINISHED, Evaluation, GroupScore, Progress, Snapshot, Worst
from audit.train.data.examples import Examples
from audit.train.options import TrainOptions
from tests.train.core_models import (
    Kept,
    apart,
    bert,
    chats,
    example,
    gpt2,
    labelled,
    llama,
    options,
    parts,
    same,
    weights_of,
)

BATCH = 5
SEXES: dict[str, Any] = {"groups": {"sex": [0, 0, 1, -1]}, "members": {"sex": ["f", "m"]}}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def run(made: Parts, start: Snapshot | None = None, **more: Any) -> Kept:
    kept = Kept()
    fit(made, kept, start, **more)
    return kept


def small(**more: Any) -> Parts:
    """Dropout, several micro-batches, a last batch that is smaller, two epochs and a half."""
    settings = options(batch_size=BATCH, epochs=2.5, save_every=1e-6, evaluate_every=0.5, warmup=0.2, **more)
    return parts(gpt2(dropout=0.3), chats(13), settings, validation=chats(6, seed=9), budget=30)


def test_a_run_goes_on_bit_for_bit_from_every_step_of_every_epoch() -> None:
    made = small()
    whole, final = run(made), weights_of(made.prepared.model)
    assert len(whole.logs) == made.schedule.total == 8
    assert min(log.micro_batches for log in whole.logs) > 1
    for at, (snapshot, _) in enumerate(whole.saved[:-1], 1):
        again = small()
        rest = run(again, snapshot)
        assert rest.logs == whole.logs[at:]
        assert [e for e in whole.evaluations if e[0].step > at] == rest.evaluations
        assert [(s.progress, best) for s, best in rest.saved] == [(s.progress, best) for s, best in whole.saved[at:]]
        assert same(weights_of(again.prepared.model), final)
        assert same(rest.saved[-1][0].optimiser, whole.saved[-1][0].optimiser)


def test_two_runs_are_the_same_whatever_state_the_generators_are_in() -> None:
    one, other = small(), small()
    first = run(one)
    torch.manual_seed(99)
    second = run(other)
    assert first.logs == second.logs
    assert same(weights_of(one.prepared.model), weights_of(other.prepared.model))


def test_another_seed_is_another_run() -> None:
    assert run(small()).logs[0].examples != run(small(seed=1)).logs[0].examples


def test_global_settings_and_generators_are_as_before() -> None:
    made = small()
    torch.manual_seed(4)
    before = (torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    run(made)
    after = (torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_any_token_budget_learns_the_same() -> None:
    """Without dropout, within float64 rounding over ten steps."""
    settings = options(precision="fp64", epochs=2.5)
    made = [parts(gpt2(), chats(16), settings, budget=budget) for budget in (1, 40, 10_000)]
    logs = [run(one).logs for one in made]
    assert [told[0].micro_batches for told in logs] == [4, logs[1][0].micro_batches, 1]
    assert all(apart(weights_of(made[0].prepared.model), weights_of(one.prepared.model)) < 1e-10 for one in made)
    assert [log.loss for log in logs[0]] == pytest.approx([log.loss for log in logs[2]], rel=1e-10)


def test_a_step_tells_what_it_was() -> None:
    made = small()
    log = run(made).logs[5]
    train, drawn = made.train, list(log.examples)
    assert (log.step, log.epoch, len(drawn)) == (6, 1, 3)
    assert log.weight == pytest.approx(sum(train.tokens_of(i)[1].sum() for i in drawn))
    assert log.trained == sum(int((train.tokens_of(i)[1] > 0).sum()) for i in drawn)
    assert log.loss is not None
    assert log.objective == pytest.approx(log.loss * log.weight / made.denominator)
    assert log.tokens <= log.padded
    assert msgspec.json.decode(msgspec.json.encode(log), type=type(log)) == log


def test_gradients_are_clipped_after_they_have_been_added_up() -> None:
    """With a clip far below the norm, plain gradient descent would move by clip; AdamW's moments show it."""
    made = parts(gpt2(), chats(8), options(clip=1e-3, batch_size=8, epochs=1, weight_decay=0.0), budget=20)
    kept = run(made)
    assert kept.logs[0].micro_batches > 1
    assert kept.logs[0].grad_norm is not None
    assert kept.logs[0].grad_norm > 1e-2
    moments = [value for name, value in kept.saved[-1][0].optimiser.items() if name.endswith("/exp_avg")]
    norm = math.sqrt(sum(float(value.double().square().sum()) for value in moments)) / 0.1
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_a_batch_without_weight_changes_nothing_and_is_logged() -> None:
    silent = [example([3, 4, 5], [0, 0, 0.0], row) for row in range(3)]
    train = Examples([*silent, example([6, 7, 8], [0, 1.0, 1.0], 3)])
    made = parts(gpt2(), train, options(batch_size=1, epochs=1, weight_decay=0.5, save_every=1e-6))
    kept = run(made)
    skipped = [log for log in kept.logs if log.skipped]
    assert len(skipped) == 3
    assert {(log.loss, log.grad_norm, log.objective, log.micro_batches) for log in skipped} == {(None, None, 0.0, 0)}
    learnt = next(log.step for log in kept.logs if not log.skipped)
    for step in range(1, 5):
        if step != learnt and step > 1:
            assert same(kept.saved[step - 1][0].model, kept.saved[step - 2][0].model)


def test_a_loss_that_is_no_number_stops_the_run_and_names_step_and_rows() -> None:
    made = parts(gpt2(), chats(8), options(batch_size=2, epochs=1), budget=1)
    bad = int(made.schedule.batch(3, 0)[0])
    weights = made.train.tokens_of(bad)[1]
    weights[-1] = math.inf
    broken = made._replace(denominator=1.0)
    kept = Kept()
    told = rf"the loss of step 3 is not a finite number, in the micro-batch of row-{bad}$"
    with pytest.raises(TrainingError, match=told):
        fit(broken, kept)
    assert [log.step for log in kept.logs] == [1, 2]
    assert all(torch.isfinite(one).all() for one in made.prepared.model.parameters())


def test_an_overflow_at_a_scale_of_2_skips_the_step_and_at_1_stops_the_run() -> None:
    learner = Learner(small())
    learner.scale = LossScale(used=True)
    learner.scale.value = 2.0
    learner.parameters[0].register_hook(lambda gradient: gradient * math.inf)
    assert learner.step(1).skipped
    with pytest.raises(TrainingError, match="the gradient of step 2 is not a finite number"):
        learner.step(2)


def test_weights_that_are_no_number_stop_the_run_before_it_writes_them() -> None:
    made = parts(gpt2(), chats(8), options(batch_size=2, epochs=1))
    with torch.no_grad():
        next(made.prepared.model.parameters()).fill_(math.nan)
    with pytest.raises(TrainingError, match="step 1") as stopped:
        fit(made, Kept())
    assert stopped.value.hint == "a lower lr, more warmup or another precision"  # clip is 1.0 already


def test_a_run_that_is_asked_to_stop_saves_and_goes_on_later() -> None:
    made, whole = small(), small()
    everything = run(whole)
    answers = iter(["", "", "SIGTERM"])
    kept = Kept()
    fitted = fit(made, kept, should_stop=lambda: next(answers))
    assert fitted.progress.stopped == "SIGTERM"
    snapshot = kept.saved[-1][0]
    assert (snapshot.progress.step, snapshot.progress.stopped) == (3, "")
    rest = run(small(), snapshot)
    assert kept.logs + rest.logs == everything.logs
    assert kept.evaluations + rest.evaluations == everything.evaluations


def test_a_finished_run_has_nothing_left_to_do() -> None:
    made = small()
    kept = run(made)
    last = kept.saved[-1][0]
    assert last.progress.stopped == FINISHED
    again = Kept()
    assert fit(small(), again, last).progress == last.progress
    assert (again.logs, again.saved) == ([], [])


def test_saves_come_at_save_points_at_each_new_best_and_at_the_end() -> None:
    settings = options(batch_size=4, epochs=2, evaluate_every=0.5, save_every=1.0, lr=3e-3)
    made = parts(gpt2(), chats(16), settings, validation=chats(8, seed=9))
    kept = run(made)
    best = [e.step for e, progress in kept.evaluations if progress.best_step == e.step]
    assert best[0] == 2
    assert [s.progress.step for s, is_best in kept.saved if is_best] == best
    assert [s.progress.step for s, _ in kept.saved] == sorted({4, 8, *best})


def test_an_adapter_alone_is_trained_and_saved() -> None:
    from tests.train.test_objective import adapted

    made = parts(adapted(), chats(8), options(epochs=1))
    before = weights_of(made.prepared.model)
    kept = run(made)
    after = weights_of(made.prepared.model)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == kept.saved[-1][0].model.keys() == set(made.prepared.trainable)
    assert all("lora_" in name for name in changed)


def test_a_run_in_bfloat16_stays_near_one_in_float32() -> None:
    """bfloat16 has 8 bits: over 20 steps every loss is within 2 % of that in float32, and they are not the same."""
    exact, rounded = (
        [log.loss or 0.0 for log in run(parts(gpt2(), chats(16), options(epochs=5, precision=precision))).logs]
        for precision in ("fp32", "bf16")
    )
    assert len(exact) == 20
    assert exact[-1] < 0.95 * exact[0]
    assert rounded == pytest.approx(exact, rel=0.02)
    assert rounded != exact


def test_a_head_learns_the_classes() -> None:
    train, validation = labelled(60), labelled(30, seed=5)
    settings = options(epochs=6, lr=5e-3, choose="f1", task="classify")
    made = parts(bert(3), train, settings, validation=validation, task="classify", causal=False, budget=200)
    kept = run(made)
    last = kept.evaluations[-1][0]
    assert last.accuracy > 0.9
    assert last.f1 is not None
    assert last.f1 > 0.9


def test_a_chat_model_learns_what_it_is_shown() -> None:
    train = chats(8)
    kept = run(parts(gpt2(), train, options(epochs=80, batch_size=8, lr=1e-2), validation=train))
    assert kept.evaluations[0][0].loss > 3
    assert kept.evaluations[-1][0].loss < 1


def scored(step: int, loss: float, accuracy: float = 0.5) -> Evaluation:
    groups = {"sex": {"f": GroupScore(40, loss + 1, accuracy)}}
    worst = Worst("sex", "f", loss + 1)
    return Evaluation(step=step, n=9, tokens=9, loss=loss, perplexity=1, accuracy=accuracy, groups=groups, worst=worst)


def after(losses: list[float], settings: TrainOptions) -> Progress:
    progress = Progress()
    for step, loss in enumerate(losses, 1):
        progress, _ = judged(progress, scored(step, loss), settings)
        if progress.stopped:
            break
    return progress


@pytest.mark.parametrize("metric", ["loss", "worst_group_loss"])
def test_a_run_stops_when_nothing_has_improved_for_as_long_as_its_patience(metric: Any) -> None:
    settings = options(early_stopping=metric, patience=2)
    progress = after([3.0, 2.0, 2.5, 1.9, 1.95, 2.0, 0.1], settings)
    assert progress.stopped == EARLY
    assert (progress.best_step, progress.stale) == (4, 2)
    assert progress.best == (1.9 if metric == "loss" else 2.9)


def test_an_improvement_below_min_delta_is_the_best_yet_and_still_stale() -> None:
    settings = options(early_stopping="loss", patience=3, min_delta=0.5)
    progress = after([3.0, 2.9, 2.8, 2.4, 2.3], settings)
    assert (progress.best_step, progress.watched, progress.stale, progress.stopped) == (5, 2.4, 1, "")


def test_accuracy_is_better_when_it_is_higher_and_no_number_is_never_better() -> None:
    settings = options(choose="accuracy")
    progress, best = judged(Progress(), scored(1, 1.0, accuracy=math.nan), settings)
    assert (best, progress.best) == (False, None)
    progress, best = judged(progress, scored(2, 1.0, accuracy=0.5), settings)
    assert best
    assert not judged(progress, scored(3, 0.5, accuracy=0.5), settings)[1]
    assert judged(progress, scored(3, 9.0, accuracy=0.6), settings)[1]


def test_early_stopping_ends_the_run_and_saves() -> None:
    settings = options(epochs=50, lr=0.1, early_stopping="loss", patience=2, evaluate_every=1.0, save_every=100)
    kept = run(parts(gpt2(), chats(8), settings, validation=chats(8, seed=9)))
    assert kept.saved[-1][0].progress.stopped == EARLY
    assert len(kept.logs) < 100
    assert fit(parts(gpt2(), chats(8), settings, validation=chats(8, seed=9)), Kept(), kept.saved[-1][0]).last is None


@pytest.mark.parametrize(
    ("settings", "validation", "told"),
    [
        ({"early_stopping": "loss"}, None, "needs validation rows"),
        ({"early_stopping": "f1"}, chats(4), "task = 'classify' only"),
        ({"choose": "worst_group_loss"}, chats(4, **SEXES), "largest has 2"),
    ],
)
def test_a_measure_that_cannot_be_taken_is_refused_before_the_first_step(
    settings: dict[str, Any], validation: Examples | None, told: str
) -> None:
    kept = Kept()
    with pytest.raises(ConfigError, match=told):
        fit(parts(gpt2(), chats(4), options(**settings), validation=validation), kept)
    assert kept.logs == []


def test_a_snapshot_of_another_model_is_refused() -> None:
    snapshot = run(parts(gpt2(), chats(4), options(max_steps=1))).saved[-1][0]
    with pytest.raises(TrainingError, match="do not train the same"):
        fit(parts(llama(), chats(4), options()), Kept(), snapshot)


def test_batches_of_one_keep_the_ratio_of_their_weights() -> None:
    """The denominator is constant: a batch of one with weight 50 has 50 times the gradient of weight 1."""
    tokens = [3, 4, 5, 6]
    train = Examples([example(tokens, [0, 0, weight, weight], row) for row, weight in enumerate((1.0, 50.0))])
    settings = options(batch_size=1, epochs=1, lr=1e-30, clip=0, precision="fp64")
    logs = run(parts(gpt2(), train, settings)).logs
    norms = {log.weight: log.grad_norm for log in logs}
    assert norms[100.0] == pytest.approx(50 * (norms[2.0] or 0), rel=1e-12)
    assert denominator(train, Schedule(2, 1)) == 51
