"""DEM103: labels that go with a group, or with a word that names one. Says nothing of which label is favourable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from audit.labels.recognise import NEEDS as LABELS
from audit.model import Applicability, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.advice import LABEL, balance
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import (
    NEEDS,
    Groups,
    as_json,
    evidence_of,
    judged,
    judged_rows,
    why_not,
)
from audit.rules.demographics.outcomes import Outcomes, outcomes
from audit.rules.demographics.terms import TermRate, term_rates
from audit.rules.labels.reporting import quoted
from audit.statistics.effective import renumbered

LEVEL: Final = 0.95
_LABELS_SHOWN: Final = 50
_TERMS_SHOWN: Final = 100
_TERMS_NAMED: Final = 3
_FIRST: Final = "find out whether the label depends on the group for a reason; if not, weigh or resample the rows"


class LabelAssociation(DatasetRule, frozen=True):
    """The label of a row depends on the group of a protected attribute (sensitive feature), or on a word that names one.

    A model learns to predict the label from the group. Measured is the bias-corrected Cramér's V between groups and
    labels (Bergsma 2013), with its interval; it is reported when the whole interval lies above ``min_v``. Where groups
    are mentioned in the text, every term is looked at as well: the share of rows with each label among rows with the
    term, against all other rows; terms with a false discovery rate below ``level`` whose whole interval differs by more
    than ``min_difference`` are named, the strongest first. Measure: ``cramers_v``.

    Bad:
        40 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f"}}
        20 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f"}}
        20 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m"}}
        40 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m"}}
    Good:
        30 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f"}}
        30 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f"}}
        30 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m"}}
        30 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m"}}
    Do: find out whether the label depends on the group for a reason that the model should learn. If not, weigh or
        resample the training rows (`audit balance --by label,ATTRIBUTE`); else ignore this code with the reason.
    """  # noqa: E501

    code: ClassVar[str] = "DEM103"
    name: ClassVar[str] = "label-goes-with-group"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS | LABELS
    example: ClassVar[dict[str, Json]] = {"sections": {"attributes": {"sex": {"field": "metadata.sex"}}}}

    min_v: float = 0.1
    min_difference: float = 0.1
    level: float = 0.05

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The association of every attribute with the label, and hits for those that are strong."""
        import numpy as np

        from audit.statistics.association import rao_scott

        labels = outcomes(context, run)
        if not labels.names:
            for groups in judged(context, run):
                yield self._without_labels(groups, labels.reason)
            return
        _, rows = judged_rows(context)
        same = evidence_of(context).same
        for groups in judged(context, run):
            column = context.attribute(groups.attribute.name)
            marked = labels.labelled & np.isin(groups.codes, groups.compared)
            shrink = rao_scott(groups.codes[marked], labels.codes[marked], renumbered(same[marked]))
            terms = term_rates(column, rows, labels, shrink) if column.terms else []
            yield from self._of_attribute(groups, labels, terms, shrink)

    def _without_labels(self, groups: Groups, reason: str) -> Measure:
        table = {**groups.facts(), "not_assessed": reason}
        return self.measure("cramers_v", table=table, attribute=groups.attribute.name, split=groups.split)

    def _of_attribute(
        self, groups: Groups, labels: Outcomes, terms: list[TermRate], shrink: float
    ) -> Iterator[Hit | Measure]:
        import numpy as np

        from audit.statistics.association import association

        counts = _counts(groups, labels)
        found = association(counts, design_effect=shrink)
        n = sum(map(sum, counts))
        if found is not None:
            low, high = found.interval
            table = {
                **groups.facts(),
                "labels": list(labels.names[:_LABELS_SHOWN]),
                "groups": [groups.names[index] for index in groups.compared],
                "counts": [row[:_LABELS_SHOWN] for row in counts],
                "not_compared": groups.at(np.flatnonzero(labels.labelled)).shown(),
                "without_label": int(np.count_nonzero(~labels.labelled)),
                "raw": round(found.raw, 6),
                "p": found.p,
                "terms": [as_json(term) for term in terms[:_TERMS_SHOWN]],
            }
            yield self.measure(
                "cramers_v",
                round(found.value, 6),
                table=table,
                n=n,
                interval=(round(low, 6), round(high, 6)),
                level=LEVEL,
                attribute=groups.attribute.name,
                split=groups.split,
            )
            if low > self.min_v:
                yield self._strong(groups, found.value, (low, high), n, _largest(groups, labels, counts))
        yield from self._terms(groups, terms)

    def _strong(self, groups: Groups, v: float, interval: tuple[float, float], n: int, most: str) -> Hit:
        name = groups.attribute.name
        return self.hit(
            f"{groups.title}: the label goes with the group (Cramér's V {v:.3f}, {interval[0]:.3f} to "
            f"{interval[1]:.3f} in {n:,} rows; bound {self.min_v:g}), most of all {most}",
            scope="dataset",
            key=name,
            evidence={"attribute": name, "v": round(v, 6), "interval": list(interval), "n": n, "min_v": self.min_v},
            fix=balance(_FIRST, LABEL, name),
        )

    def _terms(self, groups: Groups, terms: list[TermRate]) -> Iterator[Hit]:
        strong = [
            term
            for term in terms
            if term.q < self.level and min(map(abs, term.interval)) > self.min_difference and term.has_sign
        ]
        if not strong:
            return
        name = groups.attribute.name
        named = "; ".join(map(_said, strong[:_TERMS_NAMED]))
        more = f"; and {len(strong) - _TERMS_NAMED:,} more" if len(strong) > _TERMS_NAMED else ""
        yield self.hit(
            f"{groups.title}: rows with these terms have other labels than the rest: {named}{more}",
            scope="dataset",
            key=f"{name}\x1fterms",
            evidence={"attribute": name, "terms": [as_json(term) for term in strong[:_TERMS_SHOWN]]},
            fix=balance(_FIRST, LABEL, name),
        )


def _said(term: TermRate) -> str:
    return (
        f"{quoted(term.form)}: {quoted(term.label)} in {term.rate:.0%} of {term.n:,} rows, elsewhere in "
        f"{term.other_rate:.0%}"
    )


def _largest(groups: Groups, labels: Outcomes, counts: list[list[int]]) -> str:
    """The cell with the largest Pearson residual, in words."""
    import numpy as np

    table = np.array(counts, dtype=np.float64)
    rows, columns, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    expected = np.outer(rows, columns) / n
    residuals = np.divide(np.abs(table - expected), np.sqrt(expected), out=np.zeros_like(table), where=expected > 0)
    row, column = np.unravel_index(int(np.argmax(residuals)), table.shape)
    elsewhere = (columns[column] - table[row, column]) / max(1.0, n - rows[row])
    return (
        f"{quoted(labels.names[column])} in {table[row, column] / rows[row]:.1%} of {int(rows[row]):,} rows of "
        f"{quoted(groups.names[groups.compared[row]])}, elsewhere in {elsewhere:.1%}"
    )


def _counts(groups: Groups, labels: Outcomes) -> list[list[int]]:
    """Rows of every compared group by label."""
    import numpy as np

    marked = labels.labelled
    width = len(labels.names)
    flat = groups.codes[marked] * width + labels.codes[marked]
    table = np.bincount(flat, minlength=len(groups.names) * width).reshape(len(groups.names), width)
    counts: list[list[int]] = table[groups.compared].tolist()
    return counts
