"""FMT105: rows that end with the wrong turn. Rows without any answer are FMT104's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final

from audit.model import Applicability, Fix, Message, Record, Severity
from audit.rule import Batch, Hit, RecordRule, Run
from audit.rules.format.reading import DROP, PREFERENCE_SHAPES, read_as, remove, speaker, unsafely

_ENDS_ELSEWHERE: Final = PREFERENCE_SHAPES | {"predictions"}


class BadLastTurn(RecordRule, frozen=True):
    r"""The row does not end with the turn that the target trains on.

    What follows the last answer is never learnt from, and several providers refuse such rows. For reinforcement
    fine-tuning it is the other way round: the row must leave the answer to the model.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Thanks, and now?"}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: add the missing answer, or cut the row after its last answer.
    """  # noqa: E501

    code: ClassVar[str] = "FMT105"
    name: ClassVar[str] = "bad-last-turn"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """All plain chat rows where the target wants them to end otherwise."""
        return () if "assistant" in run.target.last_role else batch.shapes.get("openai-sft", ())

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit for a row."""
        messages = record.messages
        if not messages:
            return
        shape = read_as(record, run.target)
        if shape is None or shape in _ENDS_ELSEWHERE:
            return
        last = messages[-1]
        role = speaker(last)
        if shape == "openai-rft":
            if role == "assistant":
                message = "the row ends with an assistant turn; asked to leave the answer to the model"
                yield self.hit(message, last.at, fix=_cut(messages, lambda turn: speaker(turn) != "assistant"))
            return
        wanted = run.target.last_role
        if role is None or role in wanted or not any(speaker(message) == "assistant" for message in messages):
            return
        yield self.hit(
            f"the row ends with a {role} turn; asked for {' or '.join(wanted)}",
            last.at,
            fix=_cut(messages, lambda turn: speaker(turn) in wanted and not turn.calls),
        )


def _cut(messages: Sequence[Message], may_end: Callable[[Message], bool]) -> Fix:
    """The fix that drops the tail after the last turn that may end the row; the whole row where none may."""
    tail: list[Message] = []
    for message in reversed(messages):
        if may_end(message):
            word = "turn" if len(tail) == 1 else "turns"
            return unsafely(f"drop the last {len(tail)} {word}", *(remove(turn.at) for turn in tail))
        tail.append(message)
    return DROP
