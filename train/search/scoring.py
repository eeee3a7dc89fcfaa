"""Asks the model of a finished run what it makes of each validation row. Trains nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audit.train.core.batches import auto_budget, reach
from audit.train.core.evaluation import Scores, example_scores
from audit.train.core.objective import objective_for
from audit.train.core.place import place_for
from audit.train.data.examples import Examples
from audit.train.models.base import Base
from audit.train.models.loading import load
from audit.train.models.prepared import Prepared, describe
from audit.train.options import TrainOptions
from audit.train.search.scores import RowScores


def row_scores(model_folder: Path, examples: Examples, options: TrainOptions, *, allow_download: bool) -> RowScores:
    """What the model in a folder makes of the rows that ``examples`` come from, in the numbers and threads of
    ``options`` (settled). The weights are read from disk, so that what is measured is what was kept.

    Raises InputError for a folder that cannot be read.
    """
    place = place_for(options)
    base = None if options.is_tiny else options.model
    with place.applied():
        loaded = load(str(model_folder), device=place.device, base=base, allow_download=allow_download)
        parameters, trainable = describe(loaded.model)
        known = Base(loaded.name)
        prepared = Prepared(loaded.model, known, parameters, trainable, loaded.max_length, loaded.causal, loaded.task)
        objective = objective_for(prepared, examples, place=place)
        budget = options.token_budget or auto_budget(reach(examples), options.batch_size)
        return by_row(examples, example_scores(loaded.model, objective, examples, budget=budget))


def by_row(examples: Examples, scores: Scores) -> RowScores:
    """Scores of sequences summed up by row, rows ascending. Rows in which nothing counts are left out."""
    counted = np.flatnonzero(scores.tokens > 0)
    _, first, row_of = np.unique(examples.rows[counted], return_index=True, return_inverse=True)
    one = counted[first]  # a sequence of each row, for what all of its sequences share

    def summed(column: NDArray[np.float64]) -> NDArray[np.float64]:
        totals: NDArray[np.float64] = np.bincount(row_of, weights=column[counted], minlength=len(one)).astype(float)
        return totals

    classified = examples.is_classified
    return RowScores(
        row_ids=tuple(examples.row_ids[at] for at in one.tolist()),
        loss=summed(scores.losses),
        tokens=summed(scores.tokens),
        right=summed(scores.correct),
        truth=examples.labels[one].astype(np.int64),
        predicted=scores.predicted[one],
        classes=examples.classes if classified else (),
        groups={name: codes[one] for name, codes in examples.groups.items()},
        members=examples.members,
    )
