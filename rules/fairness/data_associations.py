"""How the labels of the test rows go with a group, against those of the training rows. Finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.model import Json
from audit.outputs.table import Outputs
from audit.outputs.threshold import favourable_codes
from audit.rule import Attribute, Run
from audit.rules.fairness.arm_figures import distinct
from audit.rules.fairness.associations import marks_of, pairs_of, training_values, values_of
from audit.rules.fairness.change_tables import rounded, rounded_interval
from audit.rules.fairness.training_labels import training_association
from audit.statistics.amplification import Association, Counted, association, unpaired_interval
from audit.statistics.contrasts import REST
from audit.statistics.sentences import figure


def data_tables(outputs: Outputs, name: str, run: Run) -> Iterator[dict[str, Json]]:
    """The tables of ``amplification.data``: of each group, the test labels against the training labels. Every question
    counts once, whoever answered it."""
    groups = outputs.groups[name]
    cells = run.trained_on.tables.get(name, ()) if run.trained_on is not None else ()
    favourable = favourable_codes(outputs, run.fields.favourable)
    _, first = np.unique(outputs.item, return_index=True)
    asked = outputs.where(first[outputs.truth[first] >= 0])
    if groups.reason or not cells or not len(asked):
        return
    positive, codes = np.isin(asked.truth, favourable), asked.groups[name].codes
    numbering = distinct(asked.cluster)
    for group, against in pairs_of(groups, asked, favourable):
        test = association(positive, *marks_of(groups, codes, group, against))
        training = training_association(cells, [outputs.classes[code] for code in favourable], group, against)
        if test is not None and training is not None:
            test = test.by_cluster(np.searchsorted(numbering, asked.cluster), len(numbering))
            yield _data_table(test, training, groups.attribute, group, against, len(asked))


def _data_table(
    test: Association,
    training: tuple[Counted, Counted | None],
    attribute: Attribute,
    group: str,
    against: str,
    n: int,
) -> dict[str, Json]:
    rows, weights = training
    interval = unpaired_interval(test, rows)
    change = test.difference.value - rows.difference
    other = "the rest" if against == REST else against
    sentence = (
        f"Favourable labels of {group} less those of {other}: {figure(test.difference.value)} in the test rows, "
        f"{figure(rows.difference)} in the training rows"
    )
    sentence += "" if weights is None else f" ({figure(weights.difference)} by their weights)"
    width = "" if interval is None else f" ({figure(interval[0])} to {figure(interval[1])})"
    return {
        "attribute": attribute.name,
        "kind": attribute.kind,
        "group": group,
        "against": against,
        "test": {**values_of(test), "n": n},
        "training": training_values(rows, weights),
        "rows": {
            "difference": rounded(change),
            "interval": rounded_interval(interval),
            "log_odds": rounded(test.log_odds.value - rows.log_odds),
        },
        "weights": None
        if weights is None
        else {
            "difference": rounded(test.difference.value - weights.difference),
            "interval": None,
            "log_odds": rounded(test.log_odds.value - weights.log_odds),
        },
        "sentence": f"{sentence}: a difference of {figure(change)}{width}.",
    }
