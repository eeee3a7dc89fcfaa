"""DUP403: rows that say nearly the same. Equal rows are DUP401's business, near copies across splits SPL502's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Applicability, Json, Measure, Severity
from audit.read.dialogue import answer_text, prompt_text
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.duplicates.near_rows import Kept, NearRows, Redundant
from audit.rules.duplicates.reporting import DROP_SURVIVOR_KEPT, Keys, excerpt, shown_place
from audit.rules.made_rows import NEEDS

if TYPE_CHECKING:
    from audit.clusters.settings import NearSettings

LARGEST: Final = 10
"""Groups in the table of the largest."""
READ_AGAIN: Final = 20
"""Rows of such a group whose common beginning is looked for."""
EXCERPT: Final = 80
"""Characters of it that are shown."""


class NearDuplicate(DatasetRule, frozen=True):
    """Two rows say nearly the same.

    A model that sees the same example in slight variations learns it by heart and little from it, and a near copy on
    the other side of a split makes the evaluation lie. A row is redundant beside another one, its survivor, when
    (a) the Jaccard similarity of their sets of runs of ``shingle`` words is ``threshold`` or more. System prompts are
    left out, and so are runs of words that a sample of the data shows to be a template of many rows. Rows with fewer
    than ``min_units`` words take no part. Or when (b) their prompts are the same but for case and punctuation, and the
    Jaccard similarity of their answers' words, repeats counted, is ``answer_similarity`` or more, with at least
    ``min_answer_words`` words in both; answers that give different numbers are not alike. In scripts without spaces
    between words a character counts as a word.

    Every similarity is computed exactly: a redundant row was itself compared with its survivor, and no chain of similar
    rows leads from one to the other. The survivor is the longest row, of those the first. The search for (a) finds a
    pair at the threshold with a chance of 99.8 % or more; under (b) a row is compared with at most 50 survivors, and of
    one prompt at most 2,000 rows are looked at.

    Rows under (a) that differ in what matters are told with severity info, and nothing is to be removed: when one of
    two differing answers has fewer than ``min_answer_words`` words (a label, a number, a call), when their words in
    common are fewer than ``other_answer`` of all their words, when preference rows differ that much in the rejected
    answer, when each row has numbers that the other one lacks (the rows of a table put into words), or when the rows
    have other tools. Such rows contradict or complement each other; up to 20,000 of them are compared among themselves.
    Marked copies, a row beside what `audit balance` made up of it, and two rows made up of one are not reported
    (``metadata.audit``).

    Measures: ``duplicates.near.redundant_rows``, ``duplicates.near.groups``, ``duplicates.near.group_sizes``,
    ``duplicates.near.largest``, ``duplicates.near.pairs`` (the pairs that were found to be alike) and
    ``duplicates.near.rows_compared``. Rows that are told and stay count in none but the table of the first
    (``kept_apart``).

    Bad:
        {"messages": [{"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "Air scatters blue light more than red light."}]}
        {"messages": [{"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "The air scatters blue light more than red light."}]}
    Good:
        {"messages": [{"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "Air scatters blue light more than red light."}]}
        {"messages": [{"role": "user", "content": "Why is the sky red at dusk?"}, {"role": "assistant", "content": "The way through the air is long, and only red light is left."}]}
    Do: look at the largest groups first. Keep one row of each, or the few that differ in what matters.
    """  # noqa: E501

    code: ClassVar[str] = "DUP403"
    name: ClassVar[str] = "near-duplicate"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = NEEDS | {"prompt", "near_clusters"}

    threshold: float = 0.8
    shingle: int = 5
    min_units: int = 20
    answer_similarity: float = 0.7
    min_answer_words: int = 5
    other_answer: float = 0.3

    def near_settings(self, run: Run) -> NearSettings:
        """What the product ``near_clusters`` holds."""
        from audit.clusters.settings import NearSettings

        return NearSettings(threshold=self.threshold, shingle=self.shingle, min_units=self.min_units, seed=run.seed)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every redundant row, one of severity info for every near one that stays; six measures."""
        found = NearRows(
            context,
            answer_similarity=self.answer_similarity,
            short=self.min_answer_words,
            unlike=self.other_answer,
        )
        keys = Keys(context)
        members: dict[int, list[int]] = {}
        for group in found.groups():
            for redundant in group:
                members.setdefault(redundant.survivor, []).append(redundant.row)
            yield from (self._hit(redundant, len(group) + 1, keys, context) for redundant in group)
        yield from (self._told(kept, keys, context) for kept in found.kept())
        yield from self._measures(found, members, context)

    def _measures(self, found: NearRows, members: dict[int, list[int]], context: Context) -> Iterator[Measure]:
        n = context.rows - found.made.counts()[0]
        sizes = Counter(len(rows) + 1 for rows in members.values())
        by_size: Json = {str(size): count for size, count in sorted(sizes.items())}
        yield self.measure("duplicates.near.redundant_rows", sum(map(len, members.values())), table=found.counts(), n=n)
        yield self.measure("duplicates.near.groups", len(members), n=n)
        yield self.measure("duplicates.near.group_sizes", table=by_size, n=len(members))
        yield self.measure("duplicates.near.largest", table=_largest(members, context), n=len(members))
        yield self.measure("duplicates.near.pairs", found.pairs, n=n)
        yield self.measure("duplicates.near.rows_compared", table=found.compared(), n=n)

    def _hit(self, found: Redundant, size: int, keys: Keys, context: Context) -> Hit:
        survivor = shown_place(context, found.row, found.survivor)
        if found.by_answer:
            said = (
                f"the same prompt as {survivor} and {found.similarity:.1%} of the words of both answers in common; "
                f"asked for less than {self.answer_similarity:.0%}"
            )
        else:
            said = (
                f"nearly the same conversation as {survivor}: {found.similarity:.1%} of their runs of {self.shingle} "
                f"words in common; asked for less than {self.threshold:.0%}"
            )
        return self.hit(
            said,
            row=found.row,
            key=keys.of(found.row),
            related=(context.place(found.survivor),),
            evidence={
                "jaccard": round(found.similarity, 4),
                "similarity_of": "answers" if found.by_answer else "shingles",
                "rows_in_group": size,
            },
            fix=DROP_SURVIVOR_KEPT,
        )

    def _told(self, kept: Kept, keys: Keys, context: Context) -> Hit:
        return self.hit(
            f"nearly the same conversation as {shown_place(context, kept.row, kept.other)}: {kept.similarity:.1%} of "
            f"their runs of {self.shingle} words in common, but their {kept.difference} differ: both can stay",
            row=kept.row,
            severity=Severity.INFO,
            key=keys.of(kept.row),
            related=(context.place(kept.other),),
            evidence={
                "jaccard": round(kept.similarity, 4),
                "similarity_of": "shingles",
                "kept_because_of": kept.difference,
            },
        )


def _largest(members: dict[int, list[int]], context: Context) -> list[Json]:
    """The largest groups: where their survivor stands, how many rows they have, what these have in common."""
    table: list[Json] = []
    for survivor, rows in nsmallest(LARGEST, members.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        place = context.place(survivor)
        prompt, answer = _beginnings([survivor, *islice(sorted(rows), READ_AGAIN)], context)
        table.append(
            {
                "file": place.file,
                "line": place.line,
                "rows": len(rows) + 1,
                "prompts_begin": prompt,
                "answers_begin": answer,
            }
        )
    return table


def _beginnings(rows: Sequence[int], context: Context) -> Iterator[str]:
    records = list(context.records(rows))
    for text_of in (prompt_text, answer_text):
        texts = [text_of(record).strip() for record in records]
        first, last = min(texts), max(texts)  # what these two begin with, all between them do
        differ = next((at for at, (one, two) in enumerate(zip(first, last, strict=False)) if one != two), len(first))
        yield excerpt(first[:differ], EXCERPT)
