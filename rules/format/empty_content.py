"""FMT109: messages that say nothing. Content of the wrong type is FMT108's, missing content FMT102's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, Message, Record, Severity
from audit.read.shapes.predictions import OUTPUT
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, is_bare_answer, read_as, speaker, speaks_otherwise


class EmptyContent(RecordRule, frozen=True):
    r"""A message is empty or holds nothing but white space.

    An empty answer trains the model to say nothing: an error. An empty question or system message is mostly the trace
    of a failed export, and its answer has nothing to answer: a warning. Tool results may be empty, and what a model
    answered (`/output`) is OUT212's.

    Bad:
        {"messages": [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": " \n"}]}
        {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "Paris."}]}
    Good:
        {"messages": [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]}
    Do: restore the text from its source, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "FMT109"
    name: ClassVar[str] = "empty-content"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per empty message."""
        for message in record.turns:
            content = message.content
            if run.judged == "outputs" and message.content_at == OUTPUT:
                continue
            if type(content) is str:
                if content and not content.isspace():
                    continue
            elif not isinstance(content, list) or not _blank_parts(content):
                continue
            role = speaker(message)
            if role is None or role in ("tool", "function") or (role == "assistant" and speaks_otherwise(message)):
                continue
            shape = read_as(record, run.target)
            if shape is None:
                return
            if not is_bare_answer(message, shape):
                yield self._hit(message, role)

    def _hit(self, message: Message, role: str) -> Hit:
        what = "holds only white space" if message.text else "is empty"
        if role == "assistant":
            return self.hit(
                f"the assistant message {what}: it trains the model to say nothing", message.content_at, fix=DROP
            )
        return self.hit(f"the {role} message {what}", message.content_at, severity=Severity.WARNING)


def _blank_parts(parts: list[object]) -> bool:
    """Whether there are parts, all of them text, and no text in them."""
    return bool(parts) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) and not part["text"].strip() for part in parts
    )
