"""DEM108: groups that a split lacks, so that no later audit can judge them there. Moves no row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from audit.engine.origins import MADE
from audit.model import Applicability, Fix, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.advice import split_again
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import NEEDS, groups_of, why_not
from audit.rules.labels.reporting import quoted
from audit.statistics.rates import UNCOMPARED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAMED: Final = 5


class SplitCoverage(DatasetRule, frozen=True):
    """A group of a protected attribute (sensitive feature) is missing from a split, or has too few rows in it.

    What a model does to that group cannot be judged on that split, however long it is trained. Groups with fewer than
    the attribute's ``min_n`` rows in a split are reported, for declared attributes as an error, for mentions in the
    text as a warning. Measure: ``split_coverage``, the rows of each group in each split.

    Bad:
        40 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f", "split": "train"}}
        40 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m", "split": "train"}}
        60 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m", "split": "test"}}
    Good:
        40 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f", "split": "train"}}
        40 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m", "split": "train"}}
        30 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f", "split": "test"}}
        30 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m", "split": "test"}}
    Do: split again, by group within each label (`audit split --stratify label,ATTRIBUTE`), before anything is trained;
        or collect rows of that group to test on.
    """  # noqa: E501

    code: ClassVar[str] = "DEM108"
    name: ClassVar[str] = "group-missing-from-split"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS
    example: ClassVar[dict[str, Json]] = {
        "sections": {"data": {"splits": "metadata.split"}, "attributes": {"sex": {"field": "metadata.sex"}}},
    }

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Rows by group and split for every attribute, and a hit for each split that lacks groups."""
        if len(context.splits) < 2:
            return
        unique = _unique(context)
        for attribute in run.attributes:
            column = context.attribute(attribute.name)
            if column.reason:
                continue
            counts = _by_split(context, attribute.name, unique)
            table = {
                "attribute": attribute.name, "kind": attribute.kind, "groups": list(column.groups),
                "splits": list(context.splits), "counts": counts, "min_n": attribute.min_n,
            }  # fmt: skip
            yield self.measure("split_coverage", table=table, n=context.rows, attribute=attribute.name)
            severity = Severity.WARNING if attribute.kind in ("mention", "name_cue") else None
            yield from self._hits(table, severity, split_again(attribute.name, run))

    def _hits(self, table: dict[str, Json], severity: Severity | None, advice: Fix) -> Iterator[Hit]:
        name, least = table["attribute"], table["min_n"]
        for split, counts in zip(table["splits"], table["counts"], strict=True):
            pairs = zip(table["groups"], counts, strict=True)
            short = [(group, n) for group, n in pairs if n < least and group not in UNCOMPARED]
            if not short:
                continue
            named = ", ".join(f"{quoted(group)} ({n:,})" for group, n in short[:_NAMED])
            more = f" and {len(short) - _NAMED:,} more" if len(short) > _NAMED else ""
            yield self.hit(
                f"{name}: split {split} has fewer than {least:,} rows of {named}{more}; these groups cannot be judged "
                "there",
                scope="dataset",
                key=f"{name}\x1f{split}",
                severity=severity,
                evidence={"attribute": name, "split": split, "groups": dict(short), "min_n": least},
                fix=advice,
            )


def _unique(context: Context) -> NDArray[np.int64]:
    """The rows that no remedy made of others."""
    import numpy as np

    return np.flatnonzero(np.frombuffer(context.marks, dtype=np.uint8) & MADE == 0)  # type: ignore[call-overload]


def _by_split(context: Context, name: str, rows: NDArray[np.int64]) -> list[list[int]]:
    """How many of some rows are of every group, in the order of the attribute's groups, for every split."""
    import numpy as np

    split_codes = np.frombuffer(context.split_codes, dtype=np.uint16)[rows]  # type: ignore[call-overload]
    groups = groups_of(context.attribute(name), rows, None)
    shape = (len(context.splits), len(groups.names))
    flat = split_codes.astype(np.int64) * shape[1] + groups.codes
    counts: list[list[int]] = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).tolist()
    return counts
