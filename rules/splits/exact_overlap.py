"""SPL501: rows of one split that say the same as rows of a later one. Rows that say nearly the same are SPL502's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, NamedTuple

from audit.model import Applicability, DropRow, Fix, Json, Measure, Severity
from audit.read.dialogue import prompt_text
from audit.read.folding import fold
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.splits.held_out import Splits

CONVERSATION, ANSWERED, PROMPT = "conversation", "prompt and answer", "prompt"
_SAID: Final = {
    CONVERSATION: "says the same as",
    ANSWERED: "has the prompt and the answer of",
    PROMPT: "has the prompt of",
}


class _Leak(NamedTuple):
    """A row of a split, the rows of a later split that it shares something with, and what it shares."""

    row: int
    split: int
    later: int
    partners: Sequence[int]
    same: str


class ExactOverlap(DatasetRule, frozen=True):
    """A row of the training data is also in a held-out split.

    A model is then judged on what it was trained on, and the result says nothing about new rows. Splits are compared
    in the order train, validation (valid, val, dev), any other, test (eval); the finding is on the row of the earlier
    one. An error where the conversation is the same (messages, answers and names of tools; metadata aside), or the
    answer and, without case, punctuation and white space, the prompt. A warning where only the prompt is the same and
    the answer is not; a prompt of fewer than `min_units` words, or with more than `max_answers` different answers, is
    taken for a common instruction and not for a question. Measure: `splits.overlap.exact` for each pair of splits, the
    share of the later split's rows that the earlier one has, too (with their answer), with its Wilson interval.

    Bad:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Very."}], "split": "train"}
        {"messages": [{"role": "user", "content": "is water wet"}, {"role": "assistant", "content": "Yes."}], "split": "test"}
    Good:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Very."}], "split": "test"}
    Do: remove the row from the earlier split, never from the test set.
    """  # noqa: E501

    code: ClassVar[str] = "SPL501"
    name: ClassVar[str] = "exact-overlap"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"conversation", "prompt", "answer"})
    example: ClassVar[dict[str, Json]] = {"sections": {"data": {"splits": "split"}}}

    min_units: int = 5
    max_answers: int = 5

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """``splits.rows``, and with several splits the overlaps; at most one hit per row."""
        splits = Splits(context)
        yield splits.measure(self)
        if not splits.several:
            return
        answered: Counter[tuple[int, int]] = Counter()
        prompted: Counter[tuple[int, int]] = Counter()
        told: set[int] = set()
        for leak in _same_conversation(context, splits, answered):
            told.add(leak.row)
            yield self._hit(leak, context, splits)
        for leak in self._same_prompt(context, splits, answered, prompted):
            if leak.row not in told:
                yield self._hit(leak, context, splits)
        yield from splits.shared(self, "splits.overlap.exact", rows_shared=answered, rows_same_prompt=prompted)

    def _same_prompt(
        self,
        context: Context,
        splits: Splits,
        answered: Counter[tuple[int, int]],
        prompted: Counter[tuple[int, int]],
    ) -> Iterator[_Leak]:
        """Rows with the prompt of a later split; rows whose whole conversation is there, too, may be among them."""
        conversations, answers = context.column("conversation"), context.column("answer")
        other: list[dict[int, list[int]]] = []
        for parts in splits.straddling(context, "prompt"):
            if len({conversations[row] for rows in parts.values() for row in rows}) > 1:
                yield from _same_answer(parts, answers, conversations, answered)
                if len({answers[row] for rows in parts.values() for row in rows}) <= self.max_answers:
                    other.append(parts)
        firsts = [next(iter(parts.values()))[0] for parts in other]
        for parts, record in zip(other, context.records(firsts), strict=True):
            if len(fold(prompt_text(record)).split()) >= self.min_units:
                yield from _other_answer(parts, answers, conversations, prompted)

    def _hit(self, leak: _Leak, context: Context, splits: Splits) -> Hit:
        early, late = splits.names[leak.split], splits.names[leak.later]
        count = len(leak.partners)
        place = context.place(leak.partners[0])
        return self.hit(
            f"this row of {early} {_SAID[leak.same]} {count:,} row{'' if count == 1 else 's'} of {late} "
            f"({place.file}:{place.line}); asked for none",
            row=leak.row,
            severity=Severity.WARNING if leak.same == PROMPT else Severity.ERROR,
            key=context.identity(leak.row),
            related=(place,),
            evidence={"same": leak.same, "split": early, "held_out": late, "rows": count},
            fix=Fix(Applicability.DROP, f"remove the row from {early}", (DropRow(),))
            if splits.may_lose(leak.split)
            else None,
        )


def _same_conversation(context: Context, splits: Splits, counts: Counter[tuple[int, int]]) -> Iterator[_Leak]:
    for parts in splits.straddling(context, "conversation"):
        last = max(parts)
        for split, rows in parts.items():
            counts.update({(earlier, split): len(rows) for earlier in parts if earlier < split})
            if split < last:
                yield from (_Leak(row, split, last, parts[last], CONVERSATION) for row in rows)


def _same_answer(
    parts: dict[int, list[int]], answers: Sequence[int], conversations: Sequence[int], counts: Counter[tuple[int, int]]
) -> Iterator[_Leak]:
    """Rows of one prompt whose answer stands in a later split, too."""
    by_answer: dict[int, dict[int, list[int]]] = {}
    for split, rows in parts.items():
        for row in rows:
            by_answer.setdefault(answers[row], {}).setdefault(split, []).append(row)
    for answer, having in by_answer.items():
        if not answer or len(having) < 2:
            continue
        last = max(having)
        for split, rows in having.items():
            for earlier in (earlier for earlier in having if earlier < split):
                # Rows with the same conversation have been counted.
                known = {conversations[row] for row in having[earlier]}
                counts[earlier, split] += sum(conversations[row] not in known for row in rows)
            if split < last:
                yield from (_Leak(row, split, last, having[last], ANSWERED) for row in rows)


def _other_answer(
    parts: dict[int, list[int]], answers: Sequence[int], conversations: Sequence[int], counts: Counter[tuple[int, int]]
) -> Iterator[_Leak]:
    """Rows of one prompt that have another answer than any row of it in a later split."""
    for split, rows in parts.items():
        for earlier in (earlier for earlier in parts if earlier < split):
            same = {conversations[row] for row in parts[earlier]} | {answers[row] for row in parts[earlier]} - {0}
            counts[earlier, split] += sum(same.isdisjoint((conversations[row], answers[row])) for row in rows)
        later = [other for other in parts if other > split]
        if later:
            known = {answers[row] for other in later for row in parts[other]} - {0}
            yield from (
                _Leak(row, split, later[-1], parts[later[-1]], PROMPT) for row in rows if answers[row] not in known
            )
