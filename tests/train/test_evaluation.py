"""Measures on validation rows, as a whole and by group."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from audit.train.core.evaluation import balanced_accuracy, evaluate, macro_f1
from audit.train.core.objective import Objective, objective_for
from audit.train.core.place import Place
from audit.train.core.state import Evaluation, Worst
from audit.train.data.examples import Examples
from tests.train.core_models import chats, example, gpt2, labelled, llama_classifier, prepared

GROUPS = {"sex": [0, 0, 0, 1, 1, -1, 0, 1], "age": [2, 2, 2, 2, 2, 2, 2, 0]}
MEMBERS = {"sex": ["f", "m"], "age": ["young", "middle", "old"]}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return gpt2(dropout=0.5).train()


def judge(model: torch.nn.Module, examples: Examples, *, budget: int = 60, min_group: int = 2) -> Evaluation:
    return evaluate(
        model, Objective(model, "gathered", True, Place()), examples, step=3, budget=budget, min_group=min_group
    )


def entropies(model: torch.nn.Module, examples: Examples) -> list[float]:
    """Summed cross-entropy of each example, one by one."""
    model.eval()
    sums = []
    for index in range(len(examples)):
        tokens, weights = examples.tokens_of(index)
        ids = torch.tensor(tokens[None].astype(np.int64))
        told = model(input_ids=ids, use_cache=False).logits[0].log_softmax(-1)
        sums.append(-sum(told[t - 1, int(tokens[t])].item() for t in range(1, len(tokens)) if weights[t]))
    model.train()
    return sums


def test_loss_is_the_mean_over_tokens_whatever_their_weight(model: torch.nn.Module) -> None:
    found = judge(model, chats(8))
    tokens = sum(int((chats(8).tokens_of(i)[1] > 0).sum()) for i in range(8))
    assert (found.n, found.tokens, found.step) == (8, tokens, 3)
    assert found.loss == pytest.approx(math.fsum(entropies(model, chats(8))) / tokens, rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(found.loss))


def test_weights_do_not_move_the_measures(model: torch.nn.Module) -> None:
    tokens = [[3, 4, 5, 6], [7, 8, 9]]
    light = Examples([example(one, [0, *[1.0] * (len(one) - 1)]) for one in tokens])
    heavy = Examples([example(one, [0, *[1.0 + 9 * row] * (len(one) - 1)]) for row, one in enumerate(tokens)])
    assert judge(model, light) == judge(model, heavy)


def test_any_budget_gives_the_same_measures(model: torch.nn.Module) -> None:
    losses = [judge(model, chats(20), budget=budget).loss for budget in (1, 50, 10_000)]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)


def test_examples_without_weight_do_not_count(model: torch.nn.Module) -> None:
    silent = example([3, 4, 5], [0, 0, 0])
    both = Examples([example([6, 7, 8], [0, 1, 1]), silent], groups={"sex": [0, 1]}, members={"sex": ["f", "m"]})
    found = judge(model, both, min_group=1)
    assert (found.n, found.tokens) == (1, 2)
    assert set(found.groups["sex"]) == {"f"}


def test_groups_have_their_own_measures_and_the_worst_large_enough_is_named(model: torch.nn.Module) -> None:
    examples = chats(8, groups=GROUPS, members=MEMBERS)
    found = judge(model, examples)
    assert set(found.groups) == {"sex", "age"}
    assert {name: score.n for name, score in found.groups["sex"].items()} == {"f": 4, "m": 3}
    assert set(found.groups["age"]) == {"old", "young"}
    sums = entropies(model, examples)
    women = [i for i in range(8) if GROUPS["sex"][i] == 0]
    tokens = sum(int((examples.tokens_of(i)[1] > 0).sum()) for i in women)
    assert found.groups["sex"]["f"].loss == pytest.approx(sum(sums[i] for i in women) / tokens, rel=1e-5)
    large = {(a, g): score.loss for a, told in found.groups.items() for g, score in told.items() if score.n >= 2}
    (attribute, group), loss = max(large.items(), key=lambda one: one[1])
    assert found.worst == Worst(attribute, group, loss)
    assert judge(model, examples, min_group=100).worst is None


def test_the_model_is_left_as_it_was(model: torch.nn.Module) -> None:
    model.transformer.h[0].eval()  # type: ignore[operator,union-attr]
    before = [module.training for module in model.modules()]
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one, other = judge(model, chats(8)), judge(model, chats(8))
    assert one == other
    assert [module.training for module in model.modules()] == before
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
    model.train()


def test_nothing_to_judge_is_no_number_and_no_crash(model: torch.nn.Module) -> None:
    found = judge(model, Examples([]))
    assert (found.n, found.tokens, found.worst) == (0, 0, None)
    assert math.isnan(found.loss)


def test_whole_answers_count_by_class_where_rows_have_one() -> None:
    model = gpt2()
    made = [example([4, 5], [0, 1.0], row)._replace(label=row % 2) for row in range(4)]
    with torch.no_grad():
        answer = int(model(input_ids=torch.tensor([[4]])).logits[0, 0].argmax())
    made[0] = example([4, answer], [0, 1.0])._replace(label=0)
    found = judge(model, Examples(made, classes=["no", "yes"]))
    assert found.exact == 0.25
    assert found.balanced_accuracy == pytest.approx((0.5 + 0.0) / 2)
    assert found.f1 is None


def test_classes_are_judged_by_accuracy_f1_and_balanced_accuracy() -> None:
    model, examples = llama_classifier(3), labelled(30)
    found = evaluate(
        model, objective_for(prepared(model, "classify"), examples), examples, step=0, budget=50, min_group=1
    )
    model.eval()
    predicted = []
    for index in range(30):
        ids = torch.tensor(examples.tokens_of(index)[0][None].astype(np.int64))
        predicted.append(int(model(input_ids=ids).logits[0].argmax()))
    truth = examples.labels.tolist()
    assert found.accuracy == pytest.approx(np.mean(np.array(predicted) == examples.labels))
    assert found.f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert (found.exact, found.n, found.tokens) == (None, 30, 30)


@given(pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    assert macro_f1(truth, predicted) == pytest.approx(f1_score(truth, predicted, average="macro"))
    recalls = [float((predicted[truth == code] == code).mean()) for code in sorted(set(truth.tolist()))]
    assert balanced_accuracy(truth, truth == predicted) == pytest.approx(sum(recalls) / len(recalls))


def test_a_perplexity_beyond_all_numbers_stays_one() -> None:
    model = gpt2()
    with torch.no_grad():
        model.transformer.ln_f.weight.fill_(1e7)  # type: ignore[operator,union-attr]
    assert math.isfinite(judge(model, chats(4)).perplexity)
