"""DEM112: rows of some groups have more wrong with them than those of others. Finds no such fault itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from audit.model import Applicability, Fix, Json, Measure, Severity
from audit.rule import Hit, Product, Run, Summary, SummaryRule
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import NEEDS, Evidence, Groups, evidence_of, judged, judged_rows, why_not
from audit.rules.demographics.rates import question_of, rate_measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REMOVED: Final = "removed"
"""Stands for the rows that the remedies of all rules together would drop."""
_ADVICE: Final = Fix(Applicability.SHOWN, "mend these rows instead of dropping them, or collect more rows of the group")


class QualityByGroup(SummaryRule, frozen=True):
    """Faults, duplicates, over-long rows or rows to be removed are more frequent in one group than in the others.

    A filter that drops what is broken, repeated or too long then also changes who is in the data: rows in some
    languages need more tokens, rows of some groups come from one template. For each rule that found rows, the share of
    each group's rows that it found is compared with that of all other groups; so is the share of rows that all remedies
    together would drop (``removed``). Reported is a difference whose whole interval is larger than ``tolerance``
    (0.05: five rows in a hundred). The error rate is shared out over all rules and attributes that are compared.
    Measure: ``finding_rate`` for each rule and attribute.

    Bad:
        40 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "fine"}, {"role": "user", "content": "Thank you"}], "metadata": {"sex": "f"}}
        40 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
        40 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
    Good:
        40 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f"}}
        40 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
    Do: look at the rows of the rule in that group. Mend them rather than drop them, and print the groups before and
        after every step of remediation.
    """  # noqa: E501

    code: ClassVar[str] = "DEM112"
    name: ClassVar[str] = "quality-differs-by-group"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS
    example: ClassVar[dict[str, Json]] = {
        "sections": {"attributes": {"sex": {"field": "metadata.sex"}}},
        "ignores": [{"code": "FMT105", "reason": "the rates count what is ignored in the report, too"}],
    }

    tolerance: float = 0.05

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run)

    @labelled
    def judge(self, summary: Summary, run: Run) -> Iterable[Hit | Measure]:
        """The rate of every rule by group, and a hit for each that differs by more than the tolerance."""
        faults = _faults(summary)
        attributes = list(judged(summary, run)) if faults else []
        _, rows = judged_rows(summary)
        if not attributes:
            return
        evidence = evidence_of(summary)
        for groups in attributes:
            for code, marks in faults.items():
                yield from self._of_fault(groups, code, marks[rows], evidence, len(attributes) * len(faults))

    def _of_fault(
        self, groups: Groups, code: str, marks: NDArray[np.bool_], evidence: Evidence, cells: int
    ) -> Iterator[Hit | Measure]:
        from audit.statistics.disparity import compare

        rates = groups.rates(marks, evidence)
        asked = question_of(groups, scale="difference", tolerance=self.tolerance)
        asked = msgspec.structs.replace(asked, reference="rest", side="high", cells=cells)
        disparity = compare(rates, asked, what=_words(code))
        yield rate_measure(self, "finding_rate", groups, rates, disparity, {"code": code}, group=code)
        for one in disparity.groups:
            if one.verdict == "FAIL":
                yield self.hit(
                    f"{groups.title}: {one.sentence}",
                    scope="dataset",
                    key=f"{groups.attribute.name}\x1f{code}\x1f{one.group}",
                    evidence={
                        "attribute": groups.attribute.name,
                        "group": one.group,
                        "code": code,
                        "rate": round(one.rate or 0.0, 6),
                        "difference": one.estimate,
                        "interval": list(one.interval) if one.interval else None,
                        "tolerance": self.tolerance,
                        "n": one.n,
                    },
                    fix=_ADVICE,
                )


def _faults(summary: Summary) -> Mapping[str, NDArray[np.bool_]]:
    """For every rule that found rows, and for the rows that would be removed: which rows of all."""
    found = {code: summary.rows_with(code) for code in summary.codes()}
    removed = {row for code in found for row in summary.drops(code)}
    found[REMOVED] = sorted(removed)
    return {code: _marks(rows, summary.rows) for code, rows in found.items() if rows}


def _marks(rows: Sequence[int], n: int) -> NDArray[np.bool_]:
    import numpy as np

    marks = np.zeros(n, dtype=np.bool_)
    marks[np.asarray(rows, dtype=np.int64)] = True
    return marks


def _words(code: str) -> str:
    return "a remedy that drops the row" if code == REMOVED else f"a finding of {code}"
