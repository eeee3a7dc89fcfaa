"""DEM105: differences between groups that change when one looks within strata (Simpson's paradox)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from math import inf, log
from typing import TYPE_CHECKING, ClassVar, Final

from audit.labels.recognise import NEEDS as LABELS
from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import (
    NEEDS,
    Groups,
    as_json,
    evidence_of,
    judged,
)
from audit.rules.demographics.outcomes import outcomes, why_no_rate
from audit.rules.labels.reporting import quoted
from audit.statistics.effective import renumbered
from audit.statistics.strata import Ratio, Stratified, Stratum, stratified

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL: Final = 0.95
MOST_STRATA: Final = 100
"""Groups of the attribute that makes the strata, beyond which it is not used."""
_SAID: Final = {
    "reverses": "the difference turns round",
    "vanishes": "the difference vanishes",
    "appears": "a difference appears",
}


class WithinStrata(DatasetRule, frozen=True):
    """How often a group has the favourable label changes its sign, vanishes or appears within strata.

    A difference between two groups may come from a third thing that both go with (Simpson's paradox), and a fair total
    may hide differences that cancel out. For every group of an attribute the odds of the favourable label against all
    other groups are computed over all rows, and within the groups of each other attribute (Mantel-Haenszel, with the
    interval of Robins, Breslow and Greenland 1986). Intervals decide, never points. Strata with fewer than ``min_rows``
    rows of either side are left out. Reported is a change where the whole interval of one of the two odds ratios lies
    beyond ``min_odds`` (or its inverse). Measure: ``stratified_ratio``.

    Bad:
        60 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f", "field": "law"}}
        20 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f", "field": "law"}}
        40 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f", "field": "arts"}}
        360 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f", "field": "arts"}}
        200 x {"messages": [{"role": "user", "content": "Case 5{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m", "field": "law"}}
        200 x {"messages": [{"role": "user", "content": "Case 6{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m", "field": "law"}}
        2 x {"messages": [{"role": "user", "content": "Case 7{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m", "field": "arts"}}
        78 x {"messages": [{"role": "user", "content": "Case 8{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m", "field": "arts"}}
    Good:
        40 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f", "field": "law"}}
        40 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f", "field": "arts"}}
        40 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m", "field": "law"}}
        40 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m", "field": "arts"}}
    Do: decide which of the two the audit is about, and say why; show both. A stratum that the group itself has an
        influence on hides what it should show.
    """  # noqa: E501

    code: ClassVar[str] = "DEM105"
    name: ClassVar[str] = "differs-within-strata"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS | LABELS
    example: ClassVar[dict[str, Json]] = {
        "sections": {
            "data": {"favourable": "grant"},
            "attributes": {"sex": {"field": "metadata.sex"}, "field": {"field": "metadata.field"}},
        },
        "ignores": [{"code": code, "reason": "other rule"} for code in ("DEM103", "DEM104", "DEM109", "DEM110")],
    }  # fmt: skip

    min_rows: int = 30
    min_odds: float = 1.5

    def applies_to(self, run: Run) -> str | None:
        """Needs two attributes and a favourable label."""
        if reason := super().applies_to(run) or why_no_rate(run):
            return reason
        return None if len(run.attributes) > 1 else "only one attribute is configured: nothing to look within"

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The ratios of every pair of attributes, and a hit for each group whose difference changes."""
        labels = outcomes(context, run)
        favourable = labels.among(run.fields.favourable)
        same = evidence_of(context).same
        for one, by in permutations(list(judged(context, run)), 2):
            if len(by.compared) > MOST_STRATA:
                continue
            # Of two groups, one is the mirror image of the other.
            for index in one.compared[1:] if len(one.compared) == 2 else one.compared:
                found = compared_within(one, by, index, favourable, labels.labelled, same, self.min_rows)
                yield self._measure(one, by, index, found)
                if found.pooled is None or found.odds_ratio is None or found.change not in _SAID:
                    continue
                if max(map(_least, (found.pooled, found.odds_ratio))) >= log(self.min_odds):
                    yield self._hit(one, by, index, found, found.pooled, found.odds_ratio)

    def _measure(self, one: Groups, by: Groups, index: int, found: Stratified) -> Measure:
        table = {**one.facts(), "by": by.attribute.name, **as_json(found)}
        ratio = found.odds_ratio
        return self.measure(
            "stratified_ratio",
            None if ratio is None else round(ratio.value, 6),
            table=table,
            n=found.n,
            interval=None if ratio is None else (round(ratio.low, 6), round(ratio.high, 6)),
            level=LEVEL,
            attribute=f"{one.attribute.name} by {by.attribute.name}",
            group=one.names[index],
            split=one.split,
        )

    def _hit(self, one: Groups, by: Groups, index: int, found: Stratified, pooled: Ratio, within: Ratio) -> Hit:
        name, group = one.attribute.name, one.names[index]
        return self.hit(
            f"{one.title}: within groups of {by.attribute.name} {_SAID[found.change]}: the odds of the favourable "
            f"label for {quoted(group)} against all others are {_shown(pooled)} over these {found.n:,} rows and "
            f"{_shown(within)} within",
            scope="dataset",
            key=f"{name}\x1f{by.attribute.name}\x1f{group}",
            evidence={
                "attribute": name, "by": by.attribute.name, "group": group, "change": found.change,
                "pooled": list(pooled), "within": list(within), "homogeneity_p": found.homogeneity_p,
            },
        )  # fmt: skip


def compared_within(
    one: Groups,
    by: Groups,
    index: int,
    hits: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    same: NDArray[np.int64],
    least: int,
) -> Stratified:
    """The group ``index`` against all others of its attribute, within the groups of ``by`` that have ``least`` rows of
    either side. ``hits``, ``counted`` (which rows are looked at) and ``same`` (their clusters) have one entry per row.
    """
    import numpy as np

    from audit.statistics.association import rao_scott

    known = counted & np.isin(one.codes, one.compared)
    own = (one.codes[known] == index).astype(np.int64)
    effect = rao_scott(own, hits[known].astype(np.int64), renumbered(same[known]))
    strata = _strata(one, by, index, hits, counted)
    return stratified([one for one in strata if min(one.n, one.other_n) >= least], design_effect=effect)


def _strata(one: Groups, by: Groups, index: int, hits: NDArray[np.bool_], counted: NDArray[np.bool_]) -> list[Stratum]:
    import numpy as np

    own = counted & (one.codes == index)
    other = counted & np.isin(one.codes, [code for code in one.compared if code != index])
    width = len(by.names)
    columns = [
        np.bincount(by.codes[marks], minlength=width).tolist() for marks in (own & hits, own, other & hits, other)
    ]
    return [Stratum(by.names[code], *(column[code] for column in columns)) for code in by.compared]


def _least(ratio: Ratio) -> float:
    """How far the whole interval of a ratio lies from 1, on the scale of logarithms; below 0 where it holds 1."""
    return max(log(ratio.low) if ratio.low > 0 else -inf, -log(ratio.high))


def _shown(ratio: Ratio) -> str:
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
