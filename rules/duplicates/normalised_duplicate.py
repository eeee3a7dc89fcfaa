"""DUP402: rows that are the same but for case, punctuation and white space. Equal rows are DUP401's business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from audit.model import Applicability, Json, Measure, Record, Severity
from audit.read.groups import read_groups
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.duplicates.reporting import DROP_SURVIVOR_KEPT, shown_place
from audit.rules.duplicates.wording import Wording, differing_forms, wording
from audit.rules.made_rows import NEEDS, Made


class NormalisedDuplicate(DatasetRule, frozen=True):
    """Two rows say the same but for case, punctuation, white space or forms of characters.

    To the model they are one example that counts twice, and a copy on the other side of a split makes the evaluation
    lie. Two rows are the same when all their turns are, role by role, after NFKC, in lower case, with everything left
    out that is neither letter, digit nor underscore, and when their tools have the same names. Signs of arithmetic
    count, and in the answer those of money: ``>50K`` is not ``<=50K``. Preference rows must agree in the rejected
    answer too. The first row of a group stays; every other one is reported, unless an earlier row of the group is
    exactly equal to it (DUP401) or it is a marked copy. Measures:
    ``duplicates.normalised.redundant_rows``, ``duplicates.normalised.groups``.

    Bad:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes, it is."}]}
        {"messages": [{"role": "user", "content": "is water wet"}, {"role": "assistant", "content": "Yes it is!"}]}
    Good:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes, it is."}]}
        {"messages": [{"role": "user", "content": "Is water cold?"}, {"role": "assistant", "content": "At times."}]}
    Do: keep the row that is written best. Rows that differ only in case on purpose, as for noisy input, are fine.
    """

    code: ClassVar[str] = "DUP402"
    name: ClassVar[str] = "normalised-duplicate"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = NEEDS | {"normalised"}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every row that repeats an earlier one in other dress; two measures."""
        groups = redundant = 0
        made = Made(context)
        wordings = (_distinct(group, context) for group in made.groups(context.groups("normalised")))
        candidates = filter(None, wordings)
        for group, records in read_groups(context, candidates):
            hits = list(self._repeats(group, records, context))
            groups += bool(hits)
            redundant += len(hits)
            yield from hits
        rows = context.rows - made.counts()[0]
        yield self.measure("duplicates.normalised.redundant_rows", redundant, n=rows)
        yield self.measure("duplicates.normalised.groups", groups, n=rows)

    def _repeats(self, group: Sequence[int], records: Iterator[Record], context: Context) -> Iterator[Hit]:
        kept: dict[Wording, tuple[int, Record]] = {}
        for row, record in zip(group, records, strict=True):
            first, earlier = kept.setdefault(wording(record), (row, record))
            if first == row:
                continue
            forms = differing_forms(earlier, record)
            yield self.hit(
                f"the same conversation as {shown_place(context, row, first)} but for {' and '.join(forms)}; asked for "
                "each conversation once",
                row=row,
                key=context.identity(row),
                related=(context.place(first),),
                evidence={"wordings_in_group": len(group), "differs": forms},
                fix=DROP_SURVIVOR_KEPT,
            )


def _distinct(group: Sequence[int], context: Context) -> Sequence[int]:
    """The first row of each conversation in a group; nothing where there is but one."""
    identities = context.column("conversation")
    first: dict[int, int] = {}
    for row in group:
        first.setdefault(identities[row], row)
    return list(first.values()) if len(first) > 1 else ()
