"""DEM101: how many rows each group has, held against the shares that were declared. Assumes no shares of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Applicability, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.advice import balance
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import (
    NEEDS,
    Groups,
    evidence_of,
    judged,
    rows_per_cluster,
    why_not,
)
from audit.rules.demographics.rates import LEVEL, rounded
from audit.rules.labels.reporting import quoted
from audit.statistics.intervals import wilson

if TYPE_CHECKING:
    from audit.statistics.representation import Representation

_NAMED: Final = 3
_FIRST: Final = "collect rows of the groups that are rare, or weigh or resample those there are"


class GroupShares(DatasetRule, frozen=True):
    """The groups of a protected attribute (sensitive feature) stand in other shares than those declared.

    What is rare in the training data is learnt badly. The shares of rows are held against ``reference`` of the
    attribute; without one they are shown and judged by nothing, because equal shares are a choice and not a law. The
    distance is the total variation (half the sum of absolute differences). With few rows chance alone makes it large:
    it is reported when its whole interval lies above ``max_distance``, and shown beside what chance would give.
    Measures: ``group_share`` for every group and ``representation``.

    Bad:
        90 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
        10 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f"}}
    Good:
        50 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
        50 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f"}}
    Do: collect rows of the groups that are rare; or weigh or resample those there are (`audit balance --by ATTRIBUTE
        --aim representation`); or declare the reference that is meant.
    """  # noqa: E501

    code: ClassVar[str] = "DEM101"
    name: ClassVar[str] = "group-shares-differ"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS
    example: ClassVar[dict[str, Json]] = {
        "sections": {"attributes": {"sex": {"field": "metadata.sex", "reference": "uniform"}}},
    }

    max_distance: float = 0.1

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The shares of every attribute's groups, and a hit for each attribute too far from its reference."""
        import numpy as np

        from audit.statistics.representation import representation

        same = evidence_of(context).same
        for groups in judged(context, run):
            yield from self._shares(groups)
            expected = context.attribute(groups.attribute.name).expected
            counts = {groups.names[index]: groups.n[index] for index in groups.compared}
            own = same[np.isin(groups.codes, groups.compared)]
            worth = groups.known / rows_per_cluster(own)
            found = representation(counts, expected, effective_n=worth) if expected else None
            yield self._measure(groups, found)
            if found is not None and found.interval[0] > self.max_distance:
                yield self._far(groups, found)

    def _shares(self, groups: Groups) -> Iterator[Measure]:
        n = len(groups.codes)
        for group, rows in zip(groups.names, groups.n, strict=True):
            yield self.measure(
                "group_share",
                round(rows / n, 6) if n else None,
                n=n,
                interval=rounded(wilson(rows, n, LEVEL)),
                level=LEVEL,
                attribute=groups.attribute.name,
                group=group,
                split=groups.split,
            )

    def _measure(self, groups: Groups, found: Representation | None) -> Measure:
        table = {**groups.facts(), "known": groups.known}
        if found is None:
            table |= {"reference": None, "groups": _entries(groups) + groups.shown()}
        else:
            table |= {
                "reference": groups.attribute.reference_source,
                "groups": _compared(groups, found) + groups.shown(),
                "null_mean": round(found.null_mean, 6),
                "null_95": round(found.null_95, 6),
                "jensen_shannon": round(found.jensen_shannon, 6),
                "jensen_shannon_null_95": round(found.jensen_shannon_null_95, 6),
                "p": found.p,
                "notes": list(found.notes),
            }
        return self.measure(
            "representation",
            None if found is None else round(found.total_variation, 6),
            table=table,
            n=groups.known,
            interval=None if found is None else rounded(found.interval),
            level=None if found is None else LEVEL,
            attribute=groups.attribute.name,
            split=groups.split,
        )

    def _far(self, groups: Groups, found: Representation) -> Hit:
        name = groups.attribute.name
        worst = sorted(found.groups, key=lambda one: (-abs(one.share - one.reference), one.group))[:_NAMED]
        said = ", ".join(f"{quoted(one.group)} {one.share:.1%} for {one.reference:.1%}" for one in worst)
        return self.hit(
            f"{groups.title}: the groups of {found.n:,} rows stand {found.total_variation:.3f} away from the reference "
            f"({found.interval[0]:.3f} to {found.interval[1]:.3f}; chance alone {found.null_mean:.3f}; bound "
            f"{self.max_distance:g}): {said}",
            scope="dataset",
            key=name,
            evidence={
                "attribute": name,
                "total_variation": round(found.total_variation, 6),
                "interval": list(rounded(found.interval)),
                "reference": {one.group: round(one.reference, 6) for one in found.groups},
                "n": found.n,
            },
            fix=balance(_FIRST, name, more=" --aim representation"),
        )


def _entries(groups: Groups) -> list[dict[str, Json]]:
    """The groups without a reference: shares of the rows whose group is known."""
    return [
        {
            "group": groups.names[index],
            "n": groups.n[index],
            "share": round(groups.n[index] / groups.known, 6),
            "interval": list(rounded(wilson(groups.n[index], groups.known, LEVEL))),
        }
        for index in groups.compared
        if groups.known
    ]


def _compared(groups: Groups, found: Representation) -> list[dict[str, Json]]:
    """The groups with a reference share, and those that it does not name."""
    named = {one.group for one in found.groups}
    entries: list[dict[str, Json]] = [
        {
            "group": one.group,
            "n": one.n,
            "share": round(one.share, 6),
            "interval": list(rounded(one.interval)),
            "reference": round(one.reference, 6),
            "ratio": None if one.ratio is None else round(one.ratio, 6),
            "ratio_interval": None if one.ratio_interval is None else list(rounded(one.ratio_interval)),
        }
        for one in found.groups
    ]
    return entries + [
        {"group": groups.names[index], "n": groups.n[index], "compared": False}
        for index in groups.compared
        if groups.names[index] not in named
    ]
