"""FMT102: messages that are not objects, or lack a key that every reader needs. Values are judged elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import ABSENT, Applicability, Message, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, json_kind, read_as, speaks_otherwise


class MalformedMessage(RecordRule, frozen=True):
    r"""A message is not an object, or lacks its role or its content.

    Providers refuse the whole file ("Discriminator 'role' is missing in value"). Many local chat templates print an
    empty turn instead, so that the model learns to answer nothing.

    Bad:
        {"messages": [{"content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": [{"role": "user"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": ["Hi", {"role": "assistant", "content": "Hello."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: restore the message from its source, or drop the row.
    """

    code: ClassVar[str] = "FMT102"
    name: ClassVar[str] = "malformed-message"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per malformed message."""
        for message in record.turns:
            role = message.role
            if type(role) is str and message.content is not ABSENT and role != "function":
                continue
            wrong = _wrong(message)
            if wrong is not None and read_as(record, run.target) is not None:
                yield self.hit(wrong, message.at if role is ABSENT or type(role) is str else message.role_at, fix=DROP)


def _wrong(message: Message) -> str | None:
    if message.role is ABSENT:
        if not isinstance(message.raw, dict):
            return f"the message is {json_kind(message.raw)}; asked for an object with role and content"
        return "the message has no role"
    if not isinstance(message.role, str):
        return f"the role is {json_kind(message.role)}; asked for a string"
    if message.content is ABSENT and not (message.role == "assistant" and speaks_otherwise(message)):
        return f"the {message.role or 'empty-role'} message has no content"
    if message.role == "function" and message.name is ABSENT and isinstance(message.raw, dict):
        return "the function message has no name; asked for the name of the function that was called"
    return None
