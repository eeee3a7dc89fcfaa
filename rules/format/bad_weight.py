"""FMT111: weights that are not the integers 0 or 1, or not on an assistant message. All weights 0 is FMT112's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import ABSENT, Applicability, Fix, Json, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, json_kind, read_as, remove, replace, safely, speaker


class BadWeight(RecordRule, frozen=True):
    r"""The weight of a message is not the integer 0 or 1, or stands on a message that is not the assistant's.

    OpenAI's schema takes nothing else; a boolean or `1.0` (what a table library makes of it) is refused by strict
    readers and counted differently by others. On other roles a weight does nothing: they are never trained on.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.", "weight": true}]}
        {"messages": [{"role": "user", "content": "Bye", "weight": 0}, {"role": "assistant", "content": "See you."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hm?", "weight": 0}, {"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello.", "weight": 1}]}
    Do: write 0 (do not learn from this answer) or 1 (learn from it), on assistant messages only.
    """  # noqa: E501

    code: ClassVar[str] = "FMT111"
    name: ClassVar[str] = "bad-weight"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per weight."""
        for message in record.turns:
            weight = message.weight
            if weight is ABSENT or (type(weight) is int and weight in (0, 1) and message.role == "assistant"):
                continue
            if run.target.weights == "rejected" or read_as(record, run.target) is None:
                return
            at = f"{message.at}/weight"
            role = speaker(message)
            if weight is None:
                if run.target.hosted:
                    yield self.hit(
                        "the weight is null; asked for 0 or 1", at, fix=safely("remove the weight", remove(at))
                    )
            elif role not in (None, "assistant"):
                text = f"a weight on a {message.role} message; only assistant messages are trained on"
                yield self.hit(text, at, fix=safely("remove the weight", remove(at)))
            elif not (type(weight) is int and weight in (0, 1)):
                yield self.hit(f"the weight is {_seen(weight)}; asked for the integer 0 or 1", at, fix=_fix(at, weight))


def _seen(weight: Json) -> str:
    return str(weight).lower() if isinstance(weight, bool | float | int) else json_kind(weight)


def _fix(at: str, weight: Json) -> Fix:
    if weight in (0, 1, "0", "1"):  # True and 1.0 equal 1
        whole = int(weight)
        return safely(f"replace the weight by {whole}", replace(at, whole))
    return DROP
