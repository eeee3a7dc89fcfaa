"""What every row counts for: its own weight times those that the options give to its class and its groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit.errors import ConfigError, did_you_mean
from audit.statistics.weighting import balanced
from audit.train.data.encode import MOST_WEIGHT
from audit.train.data.rows import Rows
from audit.train.options import TrainOptions

Factors: TypeAlias = NDArray[np.float64]


def row_factors(rows: Rows, options: TrainOptions) -> Factors:
    """The product for every row of the run, (rows,). ``balanced`` class weights are n / (classes x n of the class) over
    the training rows that have a class (Kamiran and Calders 2012 without groups). A row without a class, and one whose
    group is unknown, keeps its weight.

    A product may be more than a row may count for, even infinite: encoding says so of the row. Raises ConfigError for a
    class, attribute or group that the training rows do not have, and for a weight out of its range.
    """
    factors = np.array(rows.weights, np.float64)
    by_class = _class_weights(rows, options)
    if by_class:
        of_label = np.array([1.0 if label is None else by_class.get(label, 1.0) for label in rows.labels])
        factors = _product(factors, of_label)
    for attribute, weights in sorted(options.group_weights.items()):
        _known(attribute, rows.members, "group_weights", "attribute")
        members = rows.members[attribute]
        _checked(weights, members, f"group_weights.{attribute}", "group")
        table = np.array([*(weights.get(group, 1.0) for group in members), 1.0])  # the last is that of code -1
        factors = _product(factors, table[np.asarray(rows.groups[attribute], np.int64)])
    return factors


def _product(one: Factors, other: Factors) -> Factors:
    with np.errstate(over="ignore", invalid="ignore"):
        return one * other


def _class_weights(rows: Rows, options: TrainOptions) -> Mapping[str, float]:
    wanted = options.class_weights
    if wanted == "none":
        return {}
    if not rows.classes:
        raise ConfigError(
            f"[train] class_weights: the training rows have no classes: {rows.no_labels or 'none has a label'}",
            hint='[data] label = "metadata.label"',
        )
    if isinstance(wanted, Mapping):
        _checked(wanted, rows.classes, "class_weights", "class")
        return wanted
    counts = Counter(rows.labels[row] for row in rows.splits["train"])
    masses = [float(counts[label]) for label in rows.classes]
    return dict(zip(rows.classes, balanced(masses).tolist(), strict=True))


def _checked(weights: Mapping[str, float], known: Iterable[str], key: str, what: str) -> None:
    for name, weight in sorted(weights.items()):
        _known(name, known, key, what)
        if not 0 <= weight <= MOST_WEIGHT:
            raise ConfigError(f"[train] {key}: the weight of {name!r} must be from 0 to {MOST_WEIGHT:g}, not {weight}")


def _known(name: str, known: Iterable[str], key: str, what: str) -> None:
    names = sorted(known)
    if name not in names:
        hint = did_you_mean(name, names) or (f"there are: {', '.join(names[:20])}" if names else None)
        raise ConfigError(f"[train] {key}: there is no {what} {name!r}", hint=hint)
