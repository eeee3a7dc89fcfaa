"""FMT112: rows whose every answer is excluded from training. Malformed weights are FMT111's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from audit.model import Applicability, Message, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, PREFERENCE_SHAPES, read_as

_TRAINED_OTHERWISE: Final = PREFERENCE_SHAPES | {"openai-rft", "predictions", "kto"}


class NothingWeighted(RecordRule, frozen=True):
    r"""Every assistant message of the row has weight 0, so that nothing of it is trained on.

    The row is paid for and changes nothing; in a small batch it makes the loss zero or NaN.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.", "weight": 0}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hm?", "weight": 0}, {"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello.", "weight": 1}]}
    Do: give weight 1 to the answer to learn from, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "FMT112"
    name: ClassVar[str] = "nothing-weighted"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit for a row."""
        answers = 0
        for message in record.turns:
            if message.role == "assistant":
                if not _excluded(message):
                    return
                answers += 1
        if not answers or run.target.weights == "rejected":
            return
        shape = read_as(record, run.target)
        if shape is not None and shape not in _TRAINED_OTHERWISE:
            seen = "the only answer is" if answers == 1 else f"all {answers} answers are"
            yield self.hit(f"{seen} excluded from training (weight 0): nothing is learnt from the row", fix=DROP)


def _excluded(message: Message) -> bool:
    return message.trained is False or (type(message.weight) is int and message.weight == 0)
