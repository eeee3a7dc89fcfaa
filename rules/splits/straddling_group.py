"""SPL503: rows that belong together and lie in different splits. What belongs together is the configuration's word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, Fix, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.splits.held_out import Splits


class StraddlingGroup(DatasetRule, frozen=True):
    """Rows of one group (a user, a patient, a document, a session) are in more than one split.

    Rows of one group share what is peculiar to it: a model that has seen some of them knows more about the others than
    it will know about a new group in use, and the held-out result is too good. The group of a row is the value at
    `[data] group`; rows without one are in no group. One finding per group, on its first row in the earliest of its
    splits; the value itself, which may name a person, is not shown. Measure: `splits.overlap.group` for each pair of
    splits, the share of the later split's rows whose group is in the earlier one, too, with its Wilson interval.

    Bad:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "user": 1, "split": "train"}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Very."}], "user": 2, "split": "train"}
        {"messages": [{"role": "user", "content": "Is steam hot?"}, {"role": "assistant", "content": "It is."}], "user": 1, "split": "test"}
    Good:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "user": 1, "split": "train"}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Very."}], "user": 2, "split": "test"}
        {"messages": [{"role": "user", "content": "Is steam hot?"}, {"role": "assistant", "content": "It is."}], "user": 1, "split": "train"}
    Do: split again with whole groups: `audit split --group KEY`.
    """  # noqa: E501

    code: ClassVar[str] = "SPL503"
    name: ClassVar[str] = "straddling-group"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = frozenset({"group"})
    example: ClassVar[dict[str, Json]] = {"sections": {"data": {"splits": "split", "group": "user"}}}

    def applies_to(self, run: Run) -> str | None:
        """Skipped where the configuration names no group."""
        if run.fields.group is None:
            return "no group field is configured: [data] group"
        return super().applies_to(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """``splits.rows``, and with several splits the overlaps; one hit per group."""
        splits = Splits(context)
        yield splits.measure(self)
        if not splits.several:
            return
        shared: Counter[tuple[int, int]] = Counter()
        for parts in splits.straddling(context, "group"):
            for split, rows in parts.items():
                shared.update({(earlier, split): len(rows) for earlier in parts if earlier < split})
            yield self._hit(parts, context, splits, run)
        yield from splits.shared(self, "splits.overlap.group", rows_shared=shared)

    def _hit(self, parts: dict[int, list[int]], context: Context, splits: Splits, run: Run) -> Hit:
        first, *others = (rows[0] for rows in parts.values())
        counts = {splits.names[split]: len(rows) for split, rows in parts.items()}
        total = sum(counts.values())
        where = ", ".join(f"{rows:,} in {name}" for name, rows in counts.items())
        return self.hit(
            f"the {total:,} rows with the same {run.fields.group} as this one lie in {len(counts)} splits ({where}); "
            "asked for one",
            row=first,
            key=f"{context.column('group')[first]:016x}",
            related=tuple(map(context.place, others)),
            evidence={"group": run.fields.group, "rows": counts},
            fix=Fix(Applicability.SHOWN, f"split again with whole groups: audit split --group {run.fields.group}"),
        )
