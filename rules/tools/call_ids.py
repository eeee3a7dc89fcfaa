"""TCL202: which result answers which call. Judges ids and order only, not names, arguments or content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from audit.model import ABSENT, Applicability, Fix, Json, Message, PointerEdit, Record, Related, Severity, ToolCall
from audit.rule import Hit, RecordRule, Run
from audit.rules.tools.calls import DROP, no_tools, shown, strict


class CallIds(RecordRule, frozen=True):
    r"""A tool call and its result do not find each other: an id is missing, unknown, used twice, or never answered.

    Every call needs an id, and one tool message with that id directly after the call; parallel calls may be answered
    in any order. Otherwise providers reject the row, and chat templates put a result after the wrong call. A call in
    the last message is a fine thing to train on and needs no answer. Local targets may leave ids out altogether;
    ids that repeat from one turn to the next are a warning.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "call_7", "content": "Rain"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"name": "weather"}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "call_1", "content": "Rain"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"name": "weather"}}]}
    Do: give each call its own id and answer it with one tool message that names it, directly after the call.
    """  # noqa: E501

    code: ClassVar[str] = "TCL202"
    name: ClassVar[str] = "broken-call-ids"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per call or result that is astray: of the two ends of one broken link only one is reported."""
        paired = bool(record.chat.chosen or record.chat.rejected)
        if not paired and _plainly_linked(record.messages):
            return
        if not any(message.calls or _is_result(message) for message in record.turns):
            return
        if any(call.invented for message in record.turns for call in message.calls) or not _carries_ids(record):
            return
        is_strict = strict(record, run)
        if not is_strict and not _has_ids(record):
            return
        shared = record.messages
        walk = _Walk(self, is_strict)
        yield from walk.through(shared, last=not paired)
        for answer in (record.chat.chosen, record.chat.rejected):
            if answer:
                yield from walk.fork().through(answer, last=True)


def _is_result(message: Message) -> bool:
    # A result whose role is misspelt or missing (FMT102, FMT103) still answers its call.
    return message.role == "tool" or (isinstance(message.call_id, str) and message.role != "assistant")


def _plainly_linked(turns: Sequence[Message]) -> bool:
    """Whether each call has an id of its own and one result directly after it; True only where that is sure."""
    seen: set[str] = set()
    waiting: set[str] = set()
    for message in turns:
        if message.role == "tool":
            if type(message.call_id) is not str or message.call_id not in waiting:
                return False
            waiting.discard(message.call_id)
        elif waiting or message.call_id is not ABSENT:
            return False
        for call in message.calls:
            if type(call.id) is not str or not call.id or call.id in seen or message.role == "tool":
                return False
            seen.add(call.id)
            waiting.add(call.id)
    return not waiting or bool(turns[-1].calls)


def _carries_ids(record: Record) -> bool:
    return record.shape not in ("sharegpt", "sharegpt-preference") or any(m.calls for m in record.turns)


def _has_ids(record: Record) -> bool:
    return any(
        message.call_id not in (ABSENT, None) or any(call.id not in (ABSENT, None) for call in message.calls)
        for message in record.turns
    )


@dataclass
class _Walk:
    """Goes through the turns with the calls that still wait for their result."""

    rule: CallIds
    strict: bool
    open: dict[str, ToolCall] = field(default_factory=dict)
    nameless: list[ToolCall] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    seen: dict[str, ToolCall] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)

    def fork(self) -> _Walk:
        """The same state for one of two answers."""
        return _Walk(
            self.rule,
            self.strict,
            dict(self.open),
            list(self.nameless),
            set(self.answered),
            dict(self.seen),
            set(self.excused),
        )

    def through(self, turns: Sequence[Message], *, last: bool) -> Iterator[Hit]:
        """Hits of these turns; ``last`` says that the conversation ends with them."""
        for index, message in enumerate(turns):
            if _is_result(message):
                yield from self._result(message)
            elif message.role == "user" or message.role == "assistant" or message.calls:
                yield from self._unanswered(turns[index:])
                yield from self._calls(message, turns[index + 1 :])
        if last and turns and _is_result(turns[-1]):
            yield from self._unanswered(())

    @property
    def _lenient(self) -> Severity:
        return Severity.ERROR if self.strict else Severity.WARNING

    def _calls(self, message: Message, later: Sequence[Message]) -> Iterator[Hit]:
        self.open, self.nameless, self.answered = {}, [], set()
        for call in message.calls:
            if not isinstance(call.id, str) or not call.id:
                self.nameless.append(call)
            elif call.id in self.open:
                text = f"call id {shown(call.id)} stands twice in one message"
                yield self._hit(text, call.id_at, related=(Related(pointer=self.open[call.id].id_at),))
            else:
                if call.id in self.seen:
                    text = f"call id {shown(call.id)} was used before in this conversation"
                    related = (Related(pointer=self.seen[call.id].id_at),)
                    yield self._hit(text, call.id_at, severity=Severity.WARNING, fix=None, related=related)
                self.open[call.id] = self.seen[call.id] = call
        for call in self.nameless:
            # An entry without any of its parts is malformed as a whole, which is TCL208's.
            if not call.id is call.name is call.arguments is ABSENT:
                yield self._without_id(call, later)

    def _without_id(self, call: ToolCall, later: Sequence[Message]) -> Hit:
        wrong = "has no id" if call.id in (ABSENT, None) else f"has the id {shown(call.id)}, not a string of its own"
        name = f" of {shown(call.name)}" if isinstance(call.name, str) else ""
        at = call.at if call.id is ABSENT else call.id_at
        return self._hit(f"the call{name} {wrong}", at, severity=self._lenient, fix=self._name_it(call, later))

    def _name_it(self, call: ToolCall, later: Sequence[Message]) -> Fix:
        """The one result without a call names the one call without an id; where there are more, nothing is guessed."""
        ids: list[str] = []
        for message in later:
            if not _is_result(message):
                break
            if isinstance(message.call_id, str) and message.call_id not in self.open:
                ids.append(message.call_id)
        if len(ids) != 1 or len(self.nameless) != 1 or ids[0] in self.seen or not ids[0]:
            return DROP
        edit = PointerEdit("replace" if call.id_at != call.at else "add", f"{call.at}/id", ids[0])
        return Fix(Applicability.UNSAFE, f"give the call the id of its result, {shown(ids[0])}", (edit,))

    def _result(self, message: Message) -> Iterator[Hit]:
        call_id = message.call_id
        if not isinstance(call_id, str) or not call_id:
            yield self._result_without_id(message)
        elif call_id in self.open:
            del self.open[call_id]
            self.answered.add(call_id)
        elif call_id in self.answered:
            yield self._hit(f"a second result for the call {shown(call_id)}", message.call_id_at)
        elif call_id in self.excused:
            self.excused.discard(call_id)
        elif self.nameless:
            self.nameless.pop(0)
        else:
            yield self._orphan(message, call_id)

    def _result_without_id(self, message: Message) -> Hit:
        fix = DROP
        if len(self.open) == 1 and not self.nameless:
            (call_id,) = self.open
            edit = PointerEdit("add" if message.call_id is ABSENT else "replace", f"{message.at}/tool_call_id", call_id)
            fix = Fix(Applicability.UNSAFE, f"give the result the id of the call before it, {shown(call_id)}", (edit,))
        wrong = "has no tool_call_id" if message.call_id in (ABSENT, None) else "has a tool_call_id that is no string"
        if message.call_id == "":
            wrong = "has an empty tool_call_id"
        self._take_any()
        return self._hit(f"the tool message {wrong}", message.call_id_at, severity=self._lenient, fix=fix)

    def _orphan(self, message: Message, call_id: str) -> Hit:
        waiting = ", ".join(shown(name) for name in self.open)
        if call_id in self.seen:
            text = f"the result of {shown(call_id)} does not stand directly after its call"
        elif waiting:
            text = f"no call has the id {shown(call_id)}; waiting for a result: {waiting}"
        else:
            text = f"no call before this result has the id {shown(call_id)}"
        related = tuple(Related(pointer=call.id_at) for call in self.open.values())
        self._take_any()
        return self._hit(text, message.call_id_at, related=related)

    def _take_any(self) -> None:
        """A result astray stands for one of the open calls, so that the broken link is reported once."""
        if self.open:
            del self.open[next(iter(self.open))]
        elif self.nameless:
            self.nameless.pop(0)

    def _unanswered(self, later: Sequence[Message]) -> Iterator[Hit]:
        for call_id, call in self.open.items():
            answers = [m for m in later if _is_result(m) and m.call_id == call_id]
            text = f"the call {shown(call_id)} has no result before the conversation goes on"
            related: tuple[Related, ...] = ()
            if answers:
                self.excused.add(call_id)
                text = f"the result of the call {shown(call_id)} comes only after other messages"
                related = (Related(pointer=answers[0].at),)
            yield self._hit(text, call.at, severity=self._lenient, related=related)
        self.open = {}
        self.nameless = []

    def _hit(
        self,
        message: str,
        at: str,
        *,
        severity: Severity | None = None,
        fix: Fix | None = DROP,
        related: tuple[Related, ...] = (),
    ) -> Hit:
        evidence: Mapping[str, Json] = {}
        return self.rule.hit(message, at, severity=severity, fix=fix, related=related, evidence=evidence)
