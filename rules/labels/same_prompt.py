"""Reads the rows of each prompt that has several answers, once for every different one. Compares no answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit.labels.recognise import Labels, is_configured
from audit.labels.spelling import marks
from audit.model import Message, Record
from audit.read.dialogue import answer_text, exchange, said
from audit.read.fields import label_of
from audit.read.folding import fold
from audit.rule import Context, Run
from audit.rules.labels.contradiction import Answer, read_answer
from audit.rules.made_rows import Made

LEAST_UNITS: Final = 2
"""Words of the shortest prompt that asks for something."""
MOST_VARIANTS: Final = 50
"""Different rows of one prompt that are compared; of more, those with the smallest identities."""
AT_ONCE: Final = 2048
"""Rows of groups that are read again together."""


class Variant(NamedTuple):
    """Rows of one prompt that say the same, read once: the marks of the prompt, and the answer."""

    rows: Sequence[int]
    marks: str
    answer: Answer


def same_prompts(labels: Labels, context: Context, run: Run) -> Iterator[Sequence[Variant]]:
    """The variants of every prompt that has different answers or labels; two or more unless the prompt asks for
    nothing. Prompts are equal without case, white space, punctuation and marks; see ``Variant.marks``."""
    use_labels = bool(labels) or is_configured(run.fields)
    for some in _in_lots(_groups(context)):
        records = context.records([rows[0] for group in some for rows in group])
        for group in some:
            read = [(rows, next(records)) for rows in group]
            yield [
                _variant(rows, record, label_of(record, run.fields) if use_labels else None, whole=labels.in_answer)
                for rows, record in read
                if _asks(record)
            ]


def _groups(context: Context) -> Iterator[Sequence[Sequence[int]]]:
    """The rows of each prompt that has different answers or labels, one sequence for those that say the same."""
    labels, answers = context.column("label"), context.column("answer")
    for group in Made(context).groups(context.groups("prompt")):
        answered = [row for row in group if answers[row] or labels[row]]
        first = answered[0] if answered else 0
        if any(answers[row] != answers[first] or labels[row] != labels[first] for row in answered):
            yield _by_wording(answered, context)


def _by_wording(rows: Iterable[int], context: Context) -> Sequence[Sequence[int]]:
    """The rows that say the same and have the same label, for the smallest identities. Never holds more of these, as
    all rows of a file may have one prompt."""
    identities, labels = context.column("conversation"), context.column("label")
    same: dict[tuple[int, int], list[int]] = {}
    largest: tuple[int, int] | None = None
    for row in rows:
        key = identities[row], labels[row]
        if key in same:
            same[key].append(row)
            continue
        if largest is not None:
            if key > largest:
                continue
            del same[largest]
        same[key] = [row]
        largest = max(same) if len(same) == MOST_VARIANTS else None
    return [same[key] for key in sorted(same)]


def _in_lots(groups: Iterable[Sequence[Sequence[int]]]) -> Iterator[list[Sequence[Sequence[int]]]]:
    """Groups read together: one by one takes five times as long."""
    lot: list[Sequence[Sequence[int]]] = []
    rows = 0
    for group in groups:
        lot.append(group)
        rows += len(group)
        if rows >= AT_ONCE:
            yield lot
            lot, rows = [], 0
    yield lot


def _variant(rows: Sequence[int], record: Record, label: str | None, *, whole: bool) -> Variant:
    cut = exchange(record)
    called = any(message.calls for message in cut.answer)
    answer = read_answer(answer_text(record), label, whole=whole, called=called)
    return Variant(rows, marks(said(cut.prompt)), answer)


def _asks(record: Record) -> bool:
    """Whether a prompt can be answered from its text: it has two words or more, and no pictures or sound."""
    prompt = exchange(record).prompt
    spoken = [message for message in prompt if message.role not in ("system", "developer")] or prompt
    return len(fold(said(spoken)).split()) >= LEAST_UNITS and not any(map(_shows_something, prompt))


def _shows_something(message: Message) -> bool:
    content = message.content
    return isinstance(content, list) and any(
        not isinstance(part, dict) or part.get("type", "text") not in ("text", "refusal") for part in content
    )
