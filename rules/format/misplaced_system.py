"""FMT107: system messages that are repeated or not first. Whether rows agree on their system message is FMT115's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from audit.model import Applicability, Fix, Message, PointerEdit, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, read_as, remove, replace, speaker, unsafely

_INSTRUCTING: Final = ("system", "developer")
_OTHERS: Final = ("user", "assistant", "tool")


class MisplacedSystem(RecordRule, frozen=True):
    r"""A system (or developer) message is not the first message, or there is more than one.

    Many chat templates take a system message only at the start: a later one is dropped, printed as a user turn, or
    raises an error. Together refuses the row.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello."}]}
    Good:
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: put one system message at the start of the row and join the others to it.
    """  # noqa: E501

    code: ClassVar[str] = "FMT107"
    name: ClassVar[str] = "misplaced-system"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def applies_to(self, run: Run) -> str | None:
        """Skipped for a target that reads system messages anywhere."""
        return super().applies_to(run) or (
            f"{run.target.name} reads system messages anywhere" if run.target.system is None else None
        )

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit for a row, at the first message out of place."""
        misplaced = [m for m in record.messages[1:] if m.role not in _OTHERS and speaker(m) in _INSTRUCTING]
        if not misplaced or run.target.system is None or read_as(record, run.target) is None:
            return
        first = record.messages[0]
        repeated = speaker(first) in _INSTRUCTING
        severity = run.target.system
        places = ", ".join(message.at for message in misplaced)
        what = "a second system message" if repeated else "a system message that is not first"
        yield self.hit(
            f"{what} at {places}; asked for at most one, at the start",
            misplaced[0].at,
            severity=severity,
            evidence={"places": [message.at for message in misplaced]},
            fix=_moved(first if repeated else None, misplaced) or (DROP if severity is Severity.ERROR else None),
        )


def _moved(first: Message | None, misplaced: Sequence[Message]) -> Fix | None:
    """The fix that joins them all at the start; None where anything but text would be lost."""
    if not all(isinstance(m.content, str) and isinstance(m.raw, dict) and len(m.raw) == 2 for m in misplaced):
        return None
    removed = [remove(message.at) for message in reversed(misplaced)]
    texts = [str(message.content) for message in misplaced]
    if first is not None:
        if not isinstance(first.content, str):
            return None
        joined = replace(first.content_at, "\n\n".join([first.content, *texts]))
        return unsafely("join the system messages", joined, *removed)
    source = misplaced[0]
    content_key = source.content_at.rpartition("/")[2]
    message = {**source.raw, content_key: "\n\n".join(texts)}
    turns = source.at.rpartition("/")[0]
    return unsafely("move the system message to the start", *removed, PointerEdit("add", f"{turns}/0", message))
