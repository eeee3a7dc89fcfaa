"""FMT104: rows without any answer to learn from. Whether the answer is at the end is FMT105's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, OPENAI_SHAPES, PREFERENCE_SHAPES, read_as, speaker


class NoAssistant(RecordRule, frozen=True):
    r"""The row has no assistant turn, or no messages at all.

    There is nothing to train on: a provider refuses the file, and a local trainer that masks everything but answers
    computes a loss of zero or NaN for the row.

    Bad:
        {"messages": [{"role": "user", "content": "What is the capital of France?"}]}
        {"messages": []}
    Good:
        {"messages": [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]}
    Do: add the answer, or drop the row. Rows that leave the answer to the model belong to reinforcement fine-tuning.
    """  # noqa: E501

    code: ClassVar[str] = "FMT104"
    name: ClassVar[str] = "no-assistant"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit for a row."""
        for message in record.messages:
            if message.role == "assistant":
                return
        shape = read_as(record, run.target)
        if shape is None or shape == "predictions":
            return
        if not record.messages and shape in OPENAI_SHAPES:
            at = "/input/messages" if shape == "openai-dpo" else "/messages"
            yield self.hit("the list of messages is empty", at, fix=DROP)
        elif shape not in PREFERENCE_SHAPES and shape != "openai-rft" and not _may_answer(record):
            seen = ", ".join(sorted({str(message.role) for message in record.turns})) or "none"
            yield self.hit(f"the row has no assistant turn (roles: {seen}): nothing to train on", fix=DROP)


def _may_answer(record: Record) -> bool:
    """Whether a turn is an assistant's under another name, or its role cannot be told (which is found already)."""
    return any(speaker(message) in (None, "assistant") for message in record.turns)
