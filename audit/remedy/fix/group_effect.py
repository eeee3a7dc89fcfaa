"""How often the rows of each group are removed, and whether one group's are removed more often than the others'.

It is the question of DEM112, asked of one change: the share of each group's rows that is removed is compared with that
of all other groups, and reported is a difference whose whole interval is larger than ``TOLERANCE``. Edits remove no
row and are not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from audit.engine.origins import any_made
from audit.model import Json, Measure, Verdict
from audit.rule import AttributeColumn, Context, Run
from audit.statistics.intervals import wilson
from audit.statistics.rates import UNCOMPARED, GroupRate, rate_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.verdicts import Disparity

TOLERANCE: Final = 0.05
"""Five rows in a hundred: the tolerance of DEM112."""
LEVEL: Final = 0.95
MOST_NAMED: Final = 5
"""Groups that one note names."""


class GroupEffect(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one group. Shares (0 to 1) are of all rows; ``removal_rate`` is of the group's own, with its 95 %
    Wilson interval of what the rows are worth. ``too_few``: fewer rows than the attribute's ``min_n``. ``compared`` is
    False for rows without one group (``unknown``, ``none``, ``multiple``)."""

    group: str
    before: int
    after: int
    removed: int
    share_before: float
    share_after: float
    removal_rate: float
    interval: tuple[float, float]
    verdict: Verdict = "NOT_ASSESSED"
    too_few: bool = False
    compared: bool = True


class GroupsEffect(msgspec.Struct, frozen=True, kw_only=True):
    """The groups of one attribute. ``kind`` is its evidence class. ``verdict`` is FAIL where the rows of one group are
    removed more often, beyond the tolerance; NOT_ASSESSED where nothing is removed or ``reason`` says why not."""

    attribute: str
    kind: str
    groups: tuple[GroupEffect, ...]
    verdict: Verdict = "NOT_ASSESSED"
    reason: str = ""
    tolerance: float = TOLERANCE


class Judged(msgspec.Struct, frozen=True):
    """What was said of one attribute: its groups, the measure that carries them, and sentences."""

    effect: GroupsEffect
    measure: Measure | None
    notes: tuple[str, ...]


def groups_effect(context: Context, run: Run, removed: Sequence[int]) -> Iterator[Judged]:
    """What removing rows does to the groups of every configured attribute. ``removed`` are ordinals, ascending.

    The error rate is shared out over the attributes.
    """
    evidence = _evidence(context) if run.attributes and removed else None
    for attribute in run.attributes:
        column = context.attribute(attribute.name)
        if column.reason:
            effect = GroupsEffect(attribute=attribute.name, kind=attribute.kind, groups=(), reason=column.reason)
            yield Judged(effect, None, (f"{attribute.name} cannot be judged: {column.reason}.",))
        elif evidence is None:
            rows = Counter(column.codes)
            rates = [GroupRate(name, 0, rows[code]) for code, name in enumerate(column.groups)]
            yield _judged(column, rates, None)
        else:
            rates = _rates(column, removed, *evidence)
            yield _judged(column, rates, _compared(column, rates, len(run.attributes)))


def _evidence(context: Context) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows belong together, a row and what a remedy made of it among them, and which say the same as well: see
    docs/decisions/0016."""
    import numpy as np

    from audit.statistics.effective import clusters_by

    together = clusters_by(np.frombuffer(context.column("group"), dtype=np.int64))  # type: ignore[call-overload]
    if any_made(context.marks):
        together = together[np.frombuffer(context.origins(), dtype=np.uint64).astype(np.int64)]  # type: ignore[call-overload]
    same = np.frombuffer(context.clusters(), dtype=np.uint64).astype(np.int64)  # type: ignore[call-overload]
    return together, same


def _rates(
    column: AttributeColumn, removed: Sequence[int], together: NDArray[np.int64], same: NDArray[np.int64]
) -> list[GroupRate]:
    import numpy as np

    from audit.statistics.effective import group_rates

    codes = np.frombuffer(column.codes, dtype=np.uint16).astype(np.int64)  # type: ignore[call-overload]
    hits = np.zeros(len(codes), dtype=np.bool_)
    hits[np.asarray(removed, dtype=np.int64)] = True
    return group_rates(column.groups, codes, hits, together, same)


def _compared(column: AttributeColumn, rates: Sequence[GroupRate], attributes: int) -> Disparity:
    from audit.statistics.disparity import Question, compare

    asked = Question(
        scale="difference",
        tolerance=TOLERANCE,
        reference="rest",
        side="high",
        cells=attributes,
        min_n=column.attribute.min_n,
    )
    return compare(rates, asked, what="removal rate")


def _judged(column: AttributeColumn, rates: Sequence[GroupRate], disparity: Disparity | None) -> Judged:
    attribute = column.attribute
    verdicts = {one.group: one.verdict for one in disparity.groups} if disparity else {}
    n, removed = sum(rate.n for rate in rates), sum(rate.hits for rate in rates)
    groups = tuple(
        GroupEffect(
            group=rate.group,
            before=rate.n,
            after=rate.n - rate.hits,
            removed=rate.hits,
            share_before=share(rate.n, n),
            share_after=share(rate.n - rate.hits, n - removed),
            removal_rate=share(rate.hits, rate.n),
            interval=_rounded(wilson((rate.rate or 0.0) * rate.worth, rate.worth)),
            verdict=verdicts.get(rate.group, "NOT_ASSESSED"),
            too_few=rate.n < attribute.min_n,
            compared=rate.group not in UNCOMPARED,
        )
        for rate in rates
    )
    effect = GroupsEffect(
        attribute=attribute.name,
        kind=attribute.kind,
        groups=groups,
        verdict=disparity.verdict if disparity else "NOT_ASSESSED",
    )
    notes = tuple(_notes(column, groups, disparity)) if disparity else ()
    return Judged(effect, _measure(column, rates, disparity), notes)


def _notes(column: AttributeColumn, groups: Sequence[GroupEffect], disparity: Disparity) -> Iterator[str]:
    attribute = column.attribute
    title = attribute.name
    if attribute.kind in ("mention", "name_cue"):
        title += " (rows that mention the group)"
    failing = [one.sentence for one in disparity.groups if one.verdict == "FAIL"]
    for sentence in failing or [disparity.sentence]:
        yield f"{title}: {sentence}"
    gone = [f"{one.group} ({one.before:,})" for one in groups if one.compared and one.before and not one.after]
    if gone:
        yield f"{title}: every row is removed of {_named(gone)}."
    few = [f"{one.group} ({one.before:,})" for one in groups if one.compared and one.too_few]
    if few:
        yield f"{title}: too few rows to judge, fewer than {attribute.min_n}: {_named(few)}."


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _measure(column: AttributeColumn, rates: Sequence[GroupRate], disparity: Disparity | None) -> Measure:
    """``fix.removal_rate``: of all rows, with the rates of the groups."""
    attribute = column.attribute
    n, hits = sum(rate.n for rate in rates), sum(rate.hits for rate in rates)
    worth = sum(rate.worth for rate in rates)
    unknown = next((rate for rate in rates if rate.group == "unknown"), None)
    table = rate_table(
        [rate for rate in rates if rate is not unknown],
        attribute=attribute.name,
        kind=attribute.kind,
        unknown=unknown,
        disparity=disparity,
        source=f"{attribute.source} {attribute.where}",
        min_n=attribute.min_n,
    )
    if disparity is not None:
        question: Json = msgspec.to_builtins(disparity.question)
        table |= {"question": question, "verdict": disparity.verdict, "sentence": disparity.sentence}
    return Measure(
        code="",
        name="fix.removal_rate",
        value=share(hits, n),
        table=table,
        n=n,
        interval=_rounded(wilson(hits / n * worth if n else 0.0, worth, LEVEL)),
        level=LEVEL,
        attribute=attribute.name,
    )


def share(count: int, n: int) -> float:
    """Six decimals; 0 of nothing."""
    return round(count / n, 6) if n else 0.0


def _rounded(interval: tuple[float, float]) -> tuple[float, float]:
    return round(interval[0], 6), round(interval[1], 6)
