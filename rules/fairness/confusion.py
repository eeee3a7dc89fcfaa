"""What an arm answers where what is true, by group: confusion matrices and the F1 that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from audit.model import Json, Measure
from audit.rule import Rule
from audit.rules.demographics.groups import Groups
from audit.rules.fairness.arms import Arm
from audit.rules.fairness.gaps import NOT_ESTIMABLE
from audit.rules.fairness.tables import Judged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Marks = NDArray[np.bool_]

OUT_OF_SET: Final = "(out of set)"
"""The last column: answers that are none of the classes."""
MOST_CLASSES: Final = 20
"""Classes beyond which no confusion is shown."""


def confusion(arm: Arm, groups: Groups, marks: Marks | None = None) -> Counts:
    """Counts (groups, classes, classes + 1) of answers with a known truth, by truth and by what was answered, the last
    column for answers out of the set; of the marked outputs (n,) where marks are given."""
    import numpy as np

    known = arm.known if marks is None else arm.known & marks
    classes, width = len(arm.outputs.classes), len(arm.outputs.classes) + 1
    answers = np.where(arm.outputs.decided < 0, classes, arm.outputs.decided)[known]
    cells = (groups.codes[known] * classes + arm.outputs.truth[known]) * width + answers
    shape = (len(groups.names), classes, width)
    counts: Counts = np.bincount(cells, minlength=len(groups.names) * classes * width).reshape(shape)
    return counts


def confusion_measure(rule: Rule, found: Judged) -> Measure:
    """The confusion of every group, all seeds together; of more than 20 classes nothing but their number."""
    arm, groups = found.arm, found.groups
    counts = confusion(arm, groups)
    classes = list(arm.outputs.classes)
    few = len(classes) <= MOST_CLASSES
    table = {
        **found.facts(),
        "classes": classes if few else len(classes),
        "columns": [*classes, OUT_OF_SET] if few else len(classes) + 1,
        "groups": [
            {"group": name, "n": int(counts[at].sum()), "counts": counts[at].tolist()}
            for at, name in enumerate(groups.names)
        ]
        if few
        else [],
    }
    return found.measured(rule, "confusion", None, table=table, n=int(counts.sum()))


def f1_measure(rule: Rule, found: Judged) -> Measure:
    """Macro F1 of all outputs, and by group with precision and recall of every class; a point without an interval."""
    arm, groups = found.arm, found.groups
    counts = confusion(arm, groups)
    entries = [
        {"group": groups.names[at], "n": int(counts[at].sum()), "f1": _rounded(macro_f1(counts[at])),
         "classes": _classes(arm, counts[at])}
        for at in groups.compared
    ]  # fmt: skip
    known = [entry for entry in entries if entry["f1"] is not None]
    worst = min(known, key=lambda entry: (entry["f1"], entry["group"]), default=None)
    table = {
        **found.facts(),
        "groups": entries,
        "worst": worst["group"] if worst else "",
        "by_seed": [_of_seed(arm, groups, seed) for seed in arm.seeds],
        "sentence": _sentence(found, entries, worst),
    }
    return found.measured(rule, "f1", macro_f1(counts.sum(axis=0)), table=table, n=int(counts.sum()))


def macro_f1(counts: Counts) -> float | None:
    """The mean F1 of the classes that are the truth or the answer of some output, from counts (classes, classes + 1);
    None where there is no output. As scikit-learn's ``f1_score(average="macro")`` over these classes."""
    values = [value for value in class_f1(counts) if value is not None]
    return sum(values) / len(values) if values else None


def class_f1(counts: Counts) -> list[float | None]:
    """2 TP / (2 TP + FP + FN) of every class; None for one that is neither the truth nor the answer of any output."""
    classes = len(counts)
    found = []
    for at in range(classes):
        both = int(counts[at].sum() + counts[:, at].sum())
        found.append(2 * int(counts[at, at]) / both if both else None)
    return found


def _classes(arm: Arm, counts: Counts) -> list[Json]:
    if len(counts) > MOST_CLASSES:
        return []
    f1 = class_f1(counts)
    entries: list[Json] = []
    for at, name in enumerate(arm.outputs.classes):
        right, true, said = int(counts[at, at]), int(counts[at].sum()), int(counts[:, at].sum())
        entries.append(
            {
                "class": name,
                "n": true,
                "precision": _rounded(right / said if said else None),
                "recall": _rounded(right / true if true else None),
                "f1": _rounded(f1[at]),
            }
        )
    return entries


def _of_seed(arm: Arm, groups: Groups, seed: int) -> Json:
    counts = confusion(arm, groups, arm.outputs.seed == seed)
    return {
        "seed": seed,
        "f1": _rounded(macro_f1(counts.sum(axis=0))),
        "groups": [{"group": groups.names[at], "f1": _rounded(macro_f1(counts[at]))} for at in groups.compared],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _sentence(found: Judged, entries: list[dict[str, Json]], worst: dict[str, Json] | None) -> str:
    title = found.groups.attribute.name
    if worst is None:
        return f"Macro F1 by {title} is {NOT_ESTIMABLE}: no answer of a group has a known truth."
    best = max((one for one in entries if one["f1"] is not None), key=lambda one: one["f1"])
    return (
        f"Of the groups of {title}, {worst['group']} has the lowest macro F1, {worst['f1']:.3f} over {worst['n']:,} "
        f"answers, and {best['group']} the highest, {best['f1']:.3f} over {best['n']:,}."
    )
