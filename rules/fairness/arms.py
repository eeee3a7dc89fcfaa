"""The outputs of one arm, by group: what the rules on fairness by group count over. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from audit.outputs.arms import roles
from audit.outputs.table import Outputs
from audit.rule import Context, Product, Run, Summary
from audit.rules.demographics.groups import Evidence, Groups, crossed
from audit.statistics.contrasts import BEST, REST
from audit.statistics.effective import renumbered

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Marks = NDArray[np.bool_]

NEEDS: Final[frozenset[Product]] = frozenset({"outputs"})
"""What ``arms_of`` reads."""
MOST_CELLS: Final = 60
"""Intersections beyond which a pair of attributes is not crossed: such a table shows little but small cells."""


class Arm(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one arm answered to the questions themselves, in all its replicates.

    ``favourable`` are codes in ``outputs.classes``. The marks have one entry per output: ``answered``, ``known`` (an
    answer whose truth is known), ``selected`` (an answer that is a favourable class), ``positive`` (the truth is one),
    ``right``. An answer out of the set is an answer: not selected, and wrong. ``evidence`` says which outputs are no
    independent evidence: answers to one question, in any replicate; with ``same`` also those to prompts that say the
    same. ``one_each``: every question has one output. ``derived``: how the arm was computed from another, "" for one
    that was asked. ``judged``: somebody is to sign it.
    """

    name: str
    derived: str
    judged: bool
    outputs: Outputs
    favourable: tuple[int, ...]
    seeds: tuple[int, ...]
    answered: Marks
    known: Marks
    selected: Marks
    positive: Marks
    right: Marks
    evidence: Evidence
    one_each: bool
    same_prompts: bool

    @property
    def out_of_set(self) -> Marks:
        """The answers that are none of the classes."""
        marks: Marks = self.answered & (self.outputs.decided < 0)
        return marks


class ByGroup(NamedTuple):
    """The groups of an attribute, or of two that are crossed; ``of`` names the attributes."""

    groups: Groups
    of: tuple[str, ...]

    @property
    def crossed(self) -> bool:
        """Whether these are intersections."""
        return len(self.of) > 1


_ARMS: Final[WeakKeyDictionary[Context | Summary, list[Arm]]] = WeakKeyDictionary()
"""The arms of the outputs that are being concluded on: every rule of this family asks for them."""


def arms_of(context: Context | Summary, run: Run) -> list[Arm]:
    """Every arm with outputs, derived ones last."""
    found = _ARMS.get(context)
    if found is None:
        from audit.outputs.threshold import favourable_codes

        outputs = context.outputs()
        chosen, judged = favourable_codes(outputs, run.fields.favourable), roles(outputs, run).judged
        arms = [arm_of(outputs, name, chosen, judged=name == judged) for name in outputs.arms]
        found = _ARMS[context] = [arm for arm in arms if len(arm.outputs)]
    return found


def arm_of(outputs: Outputs, name: str, favourable: Codes, *, judged: bool = False) -> Arm:
    """One arm of the outputs."""
    import numpy as np

    own = outputs.of(name)
    selected, positive = np.isin(own.decided, favourable) & own.answered, np.isin(own.truth, favourable)
    questions, first, at = np.unique(own.item, return_index=True, return_inverse=True)
    together = renumbered(own.cluster[first][at])
    same = renumbered(np.where(own.prompt >= 0, own.prompt, -1 - together))
    return Arm(
        name=name,
        derived=outputs.derived.get(name, ""),
        judged=judged,
        outputs=own,
        favourable=tuple(favourable.tolist()),
        seeds=own.seeds(name),
        answered=own.answered,
        known=own.answered & (own.truth >= 0),
        selected=selected,
        positive=positive,
        right=own.answered & (own.decided == own.truth) & (own.truth >= 0),
        evidence=Evidence(together, same, np.zeros(len(own), dtype=np.bool_)),
        one_each=len(questions) == len(own),
        same_prompts=bool(len(own)) and int(same.max()) < int(together.max()),
    )


def groups_of(arm: Arm, run: Run, cells: int = MOST_CELLS) -> Iterator[ByGroup]:
    """The groups of every configured attribute that can be used, then those of every two, crossed."""
    single: list[Groups] = []
    for attribute in run.attributes:
        found = arm.outputs.groups.get(attribute.name)
        if found is None or found.reason or found.reference_group not in (BEST, REST, *found.names):
            continue
        single.append(Groups(found.attribute, found.names, found.codes, reference_group=found.reference_group))
    yield from (ByGroup(one, (one.attribute.name,)) for one in single)
    for first, second in combinations(single, 2):
        if 0 < len(first.compared) * len(second.compared) <= cells:
            yield ByGroup(crossed(first, second), (first.attribute.name, second.attribute.name))


def count_by(groups: Groups, marks: Marks) -> list[int]:
    """How many of the marked outputs (n,) each group has."""
    import numpy as np

    counts: list[int] = np.bincount(groups.codes[marks], minlength=len(groups.names)).tolist()
    return counts


def questions_by(arm: Arm, groups: Groups, marks: Marks) -> list[int]:
    """How many different questions the marked outputs (n,) of each group answer."""
    import numpy as np

    if arm.one_each:
        return count_by(groups, marks)
    width = len(groups.names)
    pairs = np.unique(arm.outputs.item[marks] * width + groups.codes[marks])
    counts: list[int] = np.bincount(pairs % width, minlength=width).tolist()
    return counts
