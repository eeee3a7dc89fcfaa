"""FMT106: user and assistant that do not take turns. System messages are FMT107's, unanswered tool calls TCL's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from audit.model import Applicability, Fix, Json, Message, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, read_as, remove, replace, speaker, unsafely

_NO_TURNS: Final = frozenset({"text", "predictions"})
"""Shapes without a conversation whose order could be judged."""


class _Fault(NamedTuple):
    message: Message
    before: Message | None
    """The turn of the same role just before; None for an assistant that speaks first."""


class RoleOrder(RecordRule, frozen=True):
    r"""User and assistant do not take turns, or the assistant speaks first.

    Chat templates of several model families (Mistral, Gemma, Llama 2) raise an error, and some providers refuse the
    row. Others join the turns without a mark, so that the model sees in training what it never meets in use. Tool
    results between turns are in order.

    Bad:
        {"messages": [{"role": "user", "content": "One thing first."}, {"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]}
    Good:
        {"messages": [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]}
    Do: join the turns that belong together, or restore the one that was lost between them.
    """  # noqa: E501

    code: ClassVar[str] = "FMT106"
    name: ClassVar[str] = "role-order"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def applies_to(self, run: Run) -> str | None:
        """Skipped for a target that reads turns in any order."""
        return super().applies_to(run) or (
            f"{run.target.name} reads turns in any order" if run.target.order is None else None
        )

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit for a row, which names every place."""
        # Of an answer only the first turn: what else a preferred answer may hold is FMT113's.
        messages = record.messages + record.chat.chosen[:1]
        if run.target.order is None or _plainly_in_order(messages):
            return
        faults = _faults(messages)
        if not faults:
            return
        shape = read_as(record, run.target)
        if shape is None or shape in _NO_TURNS or not _can_be_judged(record, shape):
            return
        severity = run.target.order
        fix = _merged(faults) or (DROP if severity is Severity.ERROR else None)
        more = f"; {len(faults) - 3} more" if len(faults) > 3 else ""
        seen = "; ".join(_seen(fault) for fault in faults[:3]) + more
        yield self.hit(
            f"{seen}; asked for user and assistant in turn",
            faults[0].message.at,
            severity=severity,
            evidence={"places": [fault.message.at for fault in faults]},
            fix=fix,
        )


def _plainly_in_order(messages: Sequence[Message]) -> bool:
    """Whether the roles alone say that nothing is wrong; True only where that is sure."""
    try:
        return _take_turns("/".join([message.role for message in messages]))
    except TypeError:  # a role that is not a string
        return False


@lru_cache(maxsize=4096)
def _take_turns(roles: str) -> bool:
    """Kept, because a file has few different orders: joining names costs less than judging them again."""
    before = ""
    for role in roles.removeprefix("system/").split("/"):
        if role == "user":
            good = before != "user"
        elif role == "assistant":
            good = before in ("user", "tool")
        else:
            good = role == "tool" and before in ("assistant", "tool")
        if not good:
            return False
        before = role
    return True


def _faults(messages: Sequence[Message]) -> list[_Fault]:
    faults: list[_Fault] = []
    before: Message | None = None
    first = True
    for message in messages:
        role = message.role if message.role in ("user", "assistant") else speaker(message)
        if role in ("system", "developer"):
            continue
        if role in ("user", "assistant"):
            if before is not None and speaker(before) == role:
                faults.append(_Fault(message, before))
            elif first and role == "assistant":
                faults.append(_Fault(message, None))
            # A call without a result is TCL202's; what follows it cannot be judged here.
            before = None if message.calls else message
        else:
            before = None  # a tool result, or a role that cannot be told: anybody may follow
        first = False
    return faults


def _can_be_judged(record: Record, shape: str) -> bool:
    """Whether the row has what an order needs; FMT104 and FMT113 report the rows that lack it."""
    if shape == "openai-sft":
        return any(speaker(message) == "assistant" for message in record.messages)
    if shape == "openai-dpo":
        return bool(record.messages) and all(speaker(answer) == "assistant" for answer in record.chat.chosen[:1])
    return True


def _seen(fault: _Fault) -> str:
    if fault.before is None:
        return f"the assistant speaks first at {fault.message.at}"
    return f"{speaker(fault.message)} follows {speaker(fault.message)} at {fault.message.at}"


def _merged(faults: Sequence[_Fault]) -> Fix | None:
    """The fix that joins each run of turns with a blank line between; None where anything but text would be lost."""
    if not all(_plain(fault.message) and fault.before is not None and _plain(fault.before) for fault in faults):
        return None
    heads: dict[str, Message] = {}
    texts: dict[str, list[str]] = {}
    head_of: dict[str, str] = {}
    for fault in faults:
        assert fault.before is not None, "checked above"
        head = head_of.get(fault.before.at, fault.before.at)
        heads.setdefault(head, fault.before)
        texts.setdefault(head, [str(fault.before.content)]).append(str(fault.message.content))
        head_of[fault.message.at] = head
    joined = [replace(heads[head].content_at, "\n\n".join(parts)) for head, parts in texts.items()]
    removed = [remove(fault.message.at) for fault in reversed(faults)]
    return unsafely("join turns of the same role", *joined, *removed)


def _plain(message: Message) -> bool:
    raw: Json = message.raw
    return isinstance(message.content, str) and isinstance(raw, dict) and len(raw) == 2
