"""DUP404: the same prompt in many rows. Whether their answers contradict each other is LBL601's business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import ClassVar, Final

from audit.model import Applicability, DropRow, Fix, Json, Measure, Record, Severity
from audit.read.dialogue import prompt_text
from audit.read.folding import fold
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.duplicates.reporting import Keys, excerpt
from audit.rules.made_rows import NEEDS, Made

LARGEST: Final = 10
"""Prompts in the table of the largest."""
EXCERPT: Final = 80
"""Characters of a prompt that are shown."""
_CAP: Final = Fix(
    Applicability.UNSAFE, "keep the first rows of the prompt, move this one to the rejected file", (DropRow(),)
)


class RepeatedPrompt(DatasetRule, frozen=True):
    """The same prompt stands in many rows.

    A few answers to one prompt teach variety; many of them, or one answer over and over, make that prompt weigh more
    than all others. Prompts are compared without case, punctuation and white space. Of a prompt in more than ``k`` rows
    ``k`` are kept: the first row with each answer, and then the first of the others; the rest is reported. Rows in which
    the user says nothing, and marked copies of rows that are there, are left out. Measures:
    ``duplicates.prompts.distinct``, ``duplicates.prompts.repeated`` (prompts in two rows or more, and how many of them
    in more than ``k``) and ``duplicates.prompts.largest``.

    Bad:
        {"messages": [{"role": "user", "content": "Tell a joke."}, {"role": "assistant", "content": "Knock, knock."}]}
        {"messages": [{"role": "user", "content": "Tell a joke!"}, {"role": "assistant", "content": "Knock, knock."}]}
        {"messages": [{"role": "user", "content": "tell a joke"}, {"role": "assistant", "content": "Knock, knock."}]}
    Good:
        {"messages": [{"role": "user", "content": "Tell a joke."}, {"role": "assistant", "content": "Knock, knock."}]}
        {"messages": [{"role": "user", "content": "tell a joke"}, {"role": "assistant", "content": "Knock, knock."}]}
        {"messages": [{"role": "user", "content": "Tell a story."}, {"role": "assistant", "content": "Once upon a time."}]}
    Do: keep the best few answers to each prompt (the fix keeps the first), or raise ``k`` where many answers to one prompt are meant.
    """  # noqa: E501

    code: ClassVar[str] = "DUP404"
    name: ClassVar[str] = "repeated-prompt"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = NEEDS | {"prompt", "answer"}
    example: ClassVar[dict[str, Json]] = {"rules": {"DUP404": {"k": 2}}}

    k: int = 5

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every row of a prompt beyond ``k``; three measures."""
        column = context.column("prompt")
        made = Made(context)
        rows = len(column) - column.count(0) - made.counts()[0]
        groups = list(made.groups(context.groups("prompt")))
        keys = Keys(context)
        repeats = sum(map(len, groups)) - len(groups)
        often: list[tuple[Sequence[int], str]] = []
        for group, begins in _with_text(context, (group for group in groups if len(group) > self.k)):
            often.append((group, begins))
            yield from self._hits(group, context, keys)
        yield self.measure("duplicates.prompts.distinct", rows - repeats, n=rows)
        over = {"over_k": len(often), "k": self.k}
        yield self.measure("duplicates.prompts.repeated", len(groups), table=over, n=rows)
        yield self.measure("duplicates.prompts.largest", table=_largest(often, context), n=rows)

    def _hits(self, group: Sequence[int], context: Context, keys: Keys) -> Iterator[Hit]:
        answer = context.column("answer")
        answers = Counter(answer[member] for member in group)
        most = max(answers.values())
        distinct = f"{len(answers):,} different answers" if len(answers) > 1 else "one answer"
        place = context.place(group[0])
        for row in sorted(_new_answers_first(group, answer)[self.k :]):
            yield self.hit(
                f"the prompt stands in {len(group):,} rows with {distinct}, the most frequent {most:,} times; asked "
                f"for at most {self.k:,} rows, and this one is beyond them",
                row=row,
                key=keys.of(row),
                related=(place,),
                evidence={"rows": len(group), "answers": len(answers), "most_frequent": most, "limit": self.k},
                fix=_CAP,
            )


def _new_answers_first(group: Sequence[int], answer: Sequence[int]) -> list[int]:
    """The rows of a prompt, the first with each answer before all others."""
    first: dict[int, int] = {}
    for row in group:
        first.setdefault(answer[row], row)
    return sorted(group, key=lambda row: (first[answer[row]] != row, row))


def _with_text(context: Context, groups: Iterable[Sequence[int]]) -> Iterator[tuple[Sequence[int], str]]:
    """The groups whose prompt says anything, and how it begins."""
    waiting = list(groups)
    firsts: Iterable[Record] = context.records([group[0] for group in waiting])
    for group, record in zip(waiting, firsts, strict=True):
        text = prompt_text(record)
        if fold(text):
            yield group, excerpt(text, EXCERPT)


def _largest(often: Iterable[tuple[Sequence[int], str]], context: Context) -> list[Json]:
    largest = nsmallest(LARGEST, often, key=lambda entry: (-len(entry[0]), entry[0][0]))
    table: list[Json] = []
    for group, begins in largest:
        place = context.place(group[0])
        table.append({"file": place.file, "line": place.line, "rows": len(group), "begins": begins})
    return table
