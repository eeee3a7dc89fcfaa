"""How a model does on examples that it does not learn from, as a whole and by group. Changes nothing of the model."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from audit.train.core.batches import Places, collate, cut, reach
from audit.train.core.objective import Objective, judging
from audit.train.core.place import ALONE, World
from audit.train.core.state import Evaluation, GroupScore, Worst
from audit.train.data.examples import Examples, Floats

_LARGEST_EXPONENT = 700.0
"""exp() of more is infinite in float64; a perplexity beyond it says no more."""


def evaluate(
    model: torch.nn.Module,
    objective: Objective,
    examples: Examples,
    *,
    step: int,
    budget: int,
    min_group: int,
    world: World = ALONE,
) -> Evaluation:
    """Measures over ``examples`` (see ``Evaluation``): every trained token, or row where a class is predicted, counts
    once; what has weight 0 does not count. Read in micro-batches of at most ``budget`` tokens, sorted by length.

    The worst group is the one with the highest mean loss among those with ``min_group`` examples or more.
    """
    scores = example_scores(model, objective, examples, budget=budget, world=world)
    counted = np.flatnonzero(scores.tokens > 0)
    n, tokens = len(counted), scores.tokens.sum()
    loss = _share(math.fsum(scores.losses.tolist()), tokens)
    groups = _groups(examples, scores, counted)
    by_class = objective.strategy == "classify"
    known = counted[examples.labels[counted] >= 0]
    truth = examples.labels[known]
    return Evaluation(
        step=step,
        n=n,
        tokens=int(tokens),
        loss=loss,
        perplexity=math.exp(min(loss, _LARGEST_EXPONENT)) if loss == loss else math.nan,
        accuracy=_share(scores.correct.sum(), tokens),
        exact=None if by_class else _share(float(scores.whole_right.sum()), n),
        f1=macro_f1(truth, scores.predicted[known]) if by_class else None,
        balanced_accuracy=balanced_accuracy(truth, scores.whole_right[known]) if len(known) else None,
        groups=groups,
        worst=_worst(groups, min_group),
    )


class Scores:
    """For each example, in order: summed cross-entropy in nats, trained tokens, those that are the most likely one,
    whether all are, and the class predicted (-1 for language modelling). All 0 where nothing counts."""

    def __init__(self, columns: NDArray[np.float64]) -> None:
        self.losses: Floats = columns[0]
        self.tokens: Floats = columns[1]
        self.correct: Floats = columns[2]
        self.whole_right: NDArray[np.bool_] = columns[3] > 0
        self.predicted: Places = columns[4].astype(np.int64) - 1


def example_scores(
    model: torch.nn.Module, objective: Objective, examples: Examples, *, budget: int, world: World = ALONE
) -> Scores:
    """What the model makes of each example. The processes of ``world`` share the work; each has the whole answer."""
    read = reach(examples)
    counted = np.flatnonzero(examples.loss_weights() > 0)
    columns = np.zeros((5, len(examples)))
    with judging(model), torch.no_grad():
        for piece in cut(read, counted, budget)[world.rank :: world.size]:
            losses = objective.losses(collate(examples, piece, objective.place.device, read))
            told = (losses.by_example, losses.tokens, losses.correct, losses.whole_right, losses.predicted + 1)
            columns[:, list(piece)] = torch.stack([column.double() for column in told]).cpu().numpy()
    if world.size > 1:
        columns = world.summed(torch.from_numpy(columns).to(objective.place.device)).cpu().numpy()
    return Scores(columns)


def macro_f1(truth: NDArray[np.generic], predicted: NDArray[np.generic]) -> float | None:
    """The mean over the classes that occur, in truth or prediction, of the harmonic mean of precision and recall; as
    scikit-learn's ``f1_score(average="macro")``. None without rows."""
    if not len(truth):
        return None
    scores = []
    for code in np.union1d(truth, predicted).tolist():
        hit = int(((truth == code) & (predicted == code)).sum())
        scores.append(2 * hit / (int((truth == code).sum()) + int((predicted == code).sum())))
    return math.fsum(scores) / len(scores)


def balanced_accuracy(truth: NDArray[np.generic], right: NDArray[np.bool_]) -> float:
    """The mean over the classes that occur of the share of their rows that are right."""
    shares = [float(right[truth == code].mean()) for code in np.unique(truth).tolist()]
    return math.fsum(shares) / len(shares)


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan


def _groups(examples: Examples, scores: Scores, counted: Places) -> dict[str, dict[str, GroupScore]]:
    groups: dict[str, dict[str, GroupScore]] = {}
    for attribute in sorted(examples.groups):
        codes = examples.groups[attribute][counted]
        groups[attribute] = {}
        for code, name in enumerate(examples.members.get(attribute, ())):
            here = counted[codes == code]
            if len(here):
                tokens = scores.tokens[here].sum()
                loss = _share(math.fsum(scores.losses[here].tolist()), tokens)
                groups[attribute][name] = GroupScore(len(here), loss, _share(scores.correct[here].sum(), tokens))
    return groups


def _worst(groups: dict[str, dict[str, GroupScore]], min_group: int) -> Worst | None:
    worst: Worst | None = None
    for attribute, members in groups.items():
        for name, score in members.items():
            if score.n >= min_group and (worst is None or score.loss > worst.loss):
                worst = Worst(attribute, name, score.loss)
    return worst
