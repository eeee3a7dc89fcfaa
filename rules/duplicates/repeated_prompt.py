"""DUP404: the same prompt in many rows. Whether their answers contradict each other is LBL601's business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import ClassVar, Final

from audit.model import Json, Measure, Record, Severity
from audit.read.dialogue import prompt_text
from audit.read.folding import fold
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.duplicates.reporting import excerpt

LARGEST: Final = 10
"""Prompts in the table of the largest."""
EXCERPT: Final = 80
"""Characters of a prompt that are shown."""


class RepeatedPrompt(DatasetRule, frozen=True):
    """The same prompt stands in many rows.

    A few answers to one prompt teach variety; many of them, or one answer over and over, make that prompt weigh more
    than all others. Prompts are compared without case, punctuation and white space. A prompt in more than ``k`` rows
    is reported once, on its row number ``k + 1``. Rows in which the user says nothing are left out. Measures:
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
    Do: keep the best few answers to each prompt, or raise ``k`` where many answers to one prompt are meant.
    """  # noqa: E501

    code: ClassVar[str] = "DUP404"
    name: ClassVar[str] = "repeated-prompt"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    needs: ClassVar[frozenset[Product]] = frozenset({"prompt", "answer"})
    example: ClassVar[dict[str, Json]] = {"rules": {"DUP404": {"k": 2}}}

    k: int = 5

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every prompt in more than ``k`` rows; three measures."""
        column = context.column("prompt")
        rows = len(column) - column.count(0)
        groups = list(context.groups("prompt"))
        repeats = sum(map(len, groups)) - len(groups)
        often: list[tuple[Sequence[int], str]] = []
        for group, begins in _with_text(context, (group for group in groups if len(group) > self.k)):
            often.append((group, begins))
            yield self._hit(group, context)
        yield self.measure("duplicates.prompts.distinct", rows - repeats, n=rows)
        over = {"over_k": len(often), "k": self.k}
        yield self.measure("duplicates.prompts.repeated", len(groups), table=over, n=rows)
        yield self.measure("duplicates.prompts.largest", table=_largest(often, context), n=rows)

    def _hit(self, group: Sequence[int], context: Context) -> Hit:
        first, row = group[0], group[self.k]
        answers = Counter(context.column("answer")[member] for member in group)
        most = max(answers.values())
        distinct = f"{len(answers):,} different answers" if len(answers) > 1 else "one answer"
        return self.hit(
            f"the prompt stands in {len(group):,} rows with {distinct}, the most frequent {most:,} times; asked for at "
            f"most {self.k:,} rows",
            row=row,
            key=f"{context.column('prompt')[row]:016x}",
            related=(context.place(first),),
            evidence={"rows": len(group), "answers": len(answers), "most_frequent": most, "limit": self.k},
        )


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
