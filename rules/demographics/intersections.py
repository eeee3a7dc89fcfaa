"""DEM110: the intersections of two attributes, every one of them shown. Explores; never decides a gate alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar, Final

from audit.labels.recognise import NEEDS as LABELS
from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import (
    NEEDS,
    Evidence,
    Groups,
    as_json,
    crossed,
    evidence_of,
    judged,
    why_not,
)
from audit.rules.demographics.outcomes import Outcomes, outcomes
from audit.rules.demographics.rates import question_of, rate_measure
from audit.statistics.intervals import wilson
from audit.statistics.rates import GroupRate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.intersections import Cell, TwoWayCell

LEAST_LEVEL: Final = 0.99
"""Of the interval that must leave out the rate that the two groups alone would give."""
MOST_CELLS: Final = 200
"""Intersections beyond which a pair of attributes is not crossed: such a table shows nothing but small cells."""


class Intersections(DatasetRule, frozen=True):
    """The favourable label goes to an intersection of two protected attributes at a very different rate.

    Rates may be even for women and men, and for two origins, and still be far apart for women of one origin. All
    two-way intersections are shown with their rows. The gap between an intersection and all other rows is held against
    the largest gap that chance alone gives (the labels permuted); the clearest is reported when its gap is larger than
    in ``level`` of these draws, at least ``min_gap`` over its whole interval, and more than the two groups alone would
    make it. This explores: the intersection was picked because it is the
    worst. Without a favourable label only the rows are shown. Measure: ``selection_rate`` or ``group_share`` of
    ``sex x race``.

    Bad:
        30 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f", "age": "old"}}
        30 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f", "age": "young"}}
        30 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m", "age": "old"}}
        30 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m", "age": "young"}}
    Good:
        30 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f", "age": "old"}}
        30 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f", "age": "old"}}
        30 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m", "age": "young"}}
        30 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m", "age": "young"}}
    Do: look at the rows of that intersection and at how their labels came about; declare the intersection in a policy if
        it is to be judged.
    """  # noqa: E501

    code: ClassVar[str] = "DEM110"
    name: ClassVar[str] = "worst-intersection"
    severity: ClassVar[Severity] = Severity.INFO
    needs: ClassVar[frozenset[Product]] = NEEDS | LABELS
    example: ClassVar[dict[str, Json]] = {
        "sections": {
            "data": {"favourable": "grant"},
            "attributes": {"sex": {"field": "metadata.sex"}, "age": {"field": "metadata.age"}},
        },
        "ignores": [{"code": "DEM105", "reason": "other rule"}, {"code": "DEM109", "reason": "other rule"}],
    }

    level: float = 0.95
    min_gap: float = 0.1

    def applies_to(self, run: Run) -> str | None:
        """Needs two attributes."""
        if reason := super().applies_to(run) or why_not(run):
            return reason
        return None if len(run.attributes) > 1 else "only one attribute is configured: nothing to cross it with"

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The table of every pair of attributes, and a hit for each whose worst gap is more than chance."""
        labels = outcomes(context, run)
        favourable = labels.among(run.fields.favourable)
        evidence = evidence_of(context)
        for first, second in combinations(list(judged(context, run)), 2):
            if len(first.compared) * len(second.compared) > MOST_CELLS:
                continue
            groups = crossed(first, second)
            if favourable.any():
                yield from self._rates((first, second), groups, labels, favourable, evidence, run.fields.favourable)
            else:
                yield self._shares(groups)

    def _rates(
        self,
        pair: tuple[Groups, Groups],
        groups: Groups,
        labels: Outcomes,
        favourable: NDArray[np.bool_],
        evidence: Evidence,
        names: Sequence[str],
    ) -> Iterator[Hit | Measure]:
        from audit.statistics.disparity import compare

        rates = groups.rates(favourable, evidence, labels.labelled)
        disparity = compare(rates, question_of(groups, scale="ratio", tolerance=0.8), what=" or ".join(names))
        found = self._worst(pair, rates, groups.attribute.min_n)
        more: dict[str, Json] = {"favourable": list(names), "exploratory": True}
        if found is not None:
            more["worst"] = as_json(found)
        yield rate_measure(self, "selection_rate", groups, rates, disparity, more)
        if found is None:
            return
        how = "less" if found.gap < 0 else "more"
        name = groups.attribute.name
        yield self.hit(
            f"{groups.title}: {' x '.join(found.levels)} has the favourable label in {found.rate:.1%} of {found.n:,} "
            f"rows, all others in {found.rest_rate:.1%}, {how} than its two groups alone would make it; so large a "
            f"gap in any intersection has p {found.p:.2g} by chance",
            scope="dataset",
            key=name,
            evidence={"attribute": name, **as_json(found)},
        )

    def _worst(self, pair: tuple[Groups, Groups], rates: Sequence[GroupRate], least: int) -> TwoWayCell | None:
        """The intersection that stands out most, of those that neither chance nor their two groups explain."""
        from audit.statistics.intersections import Cell, two_way_gaps

        cells = [
            Cell(levels, round((one.rate or 0.0) * one.worth), round(one.worth))
            for levels, one in zip(_levels(pair), (rate.counted_once for rate in rates), strict=True)
        ]
        compared = [cell for cell in cells if cell.n and "unknown" not in cell.levels]
        for found in two_way_gaps(cells, least=least).cells:
            low, high = wilson(found.hits, found.n)
            far = high <= found.rest_rate - self.min_gap or low >= found.rest_rate + self.min_gap
            if far and found.p <= 1 - self.level and not _explained(found, compared):
                return found
        return None

    def _shares(self, groups: Groups) -> Measure:
        n = len(groups.codes)
        entries = [
            {"group": groups.names[index], "n": groups.n[index], "share": round(groups.n[index] / n, 6) if n else None,
             "interval": [round(bound, 6) for bound in wilson(groups.n[index], n)]}
            for index in groups.compared
        ]  # fmt: skip
        table = {**groups.facts(), "groups": entries + groups.shown(), "exploratory": True}
        return self.measure("group_share", table=table, n=n, attribute=groups.attribute.name, split=groups.split)


def _by_margins(levels: Sequence[str], cells: Sequence[Cell]) -> float:
    """The rate that an intersection would have if its two groups acted on it independently: the product of their rates
    over the rate of all."""

    def rate(kept: Sequence[Cell]) -> float:
        return sum(cell.hits for cell in kept) / max(1, sum(cell.n for cell in kept))

    margins = [rate([cell for cell in cells if cell.levels[at] == level]) for at, level in enumerate(levels)]
    whole = rate(cells)
    return margins[0] * margins[1] / whole if whole else 0.0


def _explained(found: TwoWayCell, cells: Sequence[Cell]) -> bool:
    """Whether the rate may be what the two groups alone would give, which its interval then holds or lies short of."""
    low, high = wilson(found.hits, found.n, LEAST_LEVEL)
    alone = _by_margins(found.levels, cells)
    return high >= alone if found.gap < 0 else low <= alone


def _levels(pair: tuple[Groups, Groups]) -> list[tuple[str, ...]]:
    """The levels of every crossed group, in the order of ``crossed``; those of ``unknown`` last."""
    first, second = pair
    named = [(first.names[a], second.names[b]) for a in first.compared for b in second.compared]
    return [*named, ("unknown", "unknown")]
