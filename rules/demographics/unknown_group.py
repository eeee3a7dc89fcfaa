"""DEM102: rows without a group, more of them for some labels, and spellings that may be one group. Merges none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from audit.labels.recognise import NEEDS as LABELS
from audit.model import Applicability, Fix, Json, Measure, Severity
from audit.rule import AttributeColumn, Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import (
    NEEDS,
    Groups,
    evidence_of,
    groups_of,
    judged_rows,
    rows_per_cluster,
    unusable,
    why_not,
)
from audit.rules.demographics.outcomes import Outcomes, outcomes
from audit.rules.labels.reporting import quoted
from audit.statistics.effective import renumbered
from audit.statistics.intervals import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.association import Association

LEVEL: Final = 0.95
_NAMED: Final = 5
_FILL: Final = Fix(Applicability.SHOWN, "fill in what is missing: audit attributes template DATA -o attributes.csv")
_COVER: Final = Fix(Applicability.SHOWN, "name a lexicon for these languages: --lexicon FILE")
_UNIFY: Final = Fix(Applicability.SHOWN, "write each group in one way, in the data or in a sidecar")


class UnknownGroup(DatasetRule, frozen=True):
    """Rows do not say to which group of a protected attribute they belong, or groups are spelt in several ways.

    What is said of groups then speaks of the other rows only, and where rows of one label are missing more often than
    those of another, even that is off. Reported is a share of unknown rows whose whole interval lies above
    ``max_unknown``, an association of missing with the label whose whole interval lies above ``min_v`` (Cramér's V),
    an attribute that cannot be used, and pairs of groups with nearly the same name, which split one group into two.
    Measure: ``unknown_share``.

    Bad:
        20 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "fine"}]}
        20 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "well"}], "metadata": {"sex": "f"}}
        20 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "well"}], "metadata": {"sex": "m"}}
    Good:
        20 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "well"}], "metadata": {"sex": "f"}}
        20 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
    Do: fill in the missing values (`audit attributes template` writes a sidecar for that), and write each group in one
        way.
    """  # noqa: E501

    code: ClassVar[str] = "DEM102"
    name: ClassVar[str] = "unknown-group"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS | LABELS
    example: ClassVar[dict[str, Json]] = {
        "sections": {"attributes": {"sex": {"field": "metadata.sex"}}},
        "ignores": [{"code": "DEM103", "reason": "other rule"}],
    }

    max_unknown: float = 0.05
    min_v: float = 0.1

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The unknown share of every attribute, and a hit for each of what is described above."""
        labels = outcomes(context, run)
        split, rows = judged_rows(context)
        same = evidence_of(context).same
        for attribute in run.attributes:
            column = context.attribute(attribute.name)
            if reason := unusable(column):
                yield self.hit(f"{attribute.name} is not assessed: {reason}", scope="dataset", key=attribute.name)
                continue
            groups = groups_of(column, rows, split)
            yield from self._unknown(groups, labels, column, same)
            yield from self._spellings(column)

    def _unknown(
        self, groups: Groups, labels: Outcomes, column: AttributeColumn, same: NDArray[np.int64]
    ) -> Iterator[Hit | Measure]:
        name, n = groups.attribute.name, len(groups.codes)
        unknown = groups.n[groups.names.index("unknown")] if "unknown" in groups.names else 0
        worth = 1 / rows_per_cluster(same) if n else 1.0
        low, high = wilson(unknown * worth, n * worth, LEVEL)
        found = _with_label(groups, labels, same) if unknown else None
        table = {
            **groups.facts(),
            "unknown": unknown,
            "with_label": None if found is None else {"v": found.value, "interval": list(found.interval), "p": found.p},
            "coverage": dict(sorted(column.coverage.items())),
            "notes": list(column.notes),
        }
        yield self.measure(
            "unknown_share",
            round(unknown / n, 6) if n else None,
            table=table,
            n=n,
            interval=(round(low, 6), round(high, 6)),
            level=LEVEL,
            attribute=name,
            split=groups.split,
        )
        if low > self.max_unknown:
            yield self._too_many(column, unknown, n)
        if found is not None and found.interval[0] > self.min_v:
            yield self.hit(
                f"{name}: rows of some labels have no group more often than those of others (Cramér's V "
                f"{found.value:.3f}, {found.interval[0]:.3f} to {found.interval[1]:.3f}; bound {self.min_v:g})",
                scope="dataset",
                key=f"{name}\x1fmissing by label",
                evidence={"attribute": name, "v": found.value, "interval": list(found.interval), "n": n},
                fix=_FILL,
            )

    def _too_many(self, column: AttributeColumn, unknown: int, n: int) -> Hit:
        name = column.attribute.name
        mention = column.attribute.source == "lexicon"
        languages = ", ".join(f"{language} {rows:,}" for language, rows in sorted(column.coverage.items()))
        why = (
            f"are in a language that no lexicon covers, or that cannot be told ({languages})"
            if mention
            else "have no group"
        )
        return self.hit(
            f"{name}: {unknown:,} of {n:,} rows ({unknown / n:.1%}) {why}; asked for at most {self.max_unknown:.0%}",
            scope="dataset",
            key=f"{name}\x1funknown",
            evidence={"attribute": name, "unknown": unknown, "n": n, "max_unknown": self.max_unknown},
            fix=_COVER if mention else _FILL,
        )

    def _spellings(self, column: AttributeColumn) -> Iterator[Hit]:
        pairs = list(column.similar)
        if not pairs:
            return
        name = column.attribute.name
        named = "; ".join(f"{quoted(first)} and {quoted(second)}" for first, second in pairs[:_NAMED])
        more = f"; and {len(pairs) - _NAMED:,} more" if len(pairs) > _NAMED else ""
        yield self.hit(
            f"{name}: groups with nearly the same name may be one group: {named}{more}",
            scope="dataset",
            key=f"{name}\x1fspellings",
            evidence={"attribute": name, "pairs": [list(pair) for pair in pairs]},
            fix=_UNIFY,
        )


def _with_label(groups: Groups, labels: Outcomes, same: NDArray[np.int64]) -> Association | None:
    """The association of having no group with the label; None without labels."""
    import numpy as np

    from audit.statistics.association import association, rao_scott

    if not labels.names:
        return None
    missing = groups.codes == groups.names.index("unknown")
    counts = [
        np.bincount(labels.codes[marks & labels.labelled], minlength=len(labels.names)).tolist()
        for marks in (missing, ~missing)
    ]
    known = labels.labelled
    effect = rao_scott(missing[known].astype(np.int64), labels.codes[known], renumbered(same[known]))
    return association(counts, design_effect=effect)
