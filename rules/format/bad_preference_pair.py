"""FMT113: preference rows whose two answers are missing, malformed or the same. Other rules judge their messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Final

from audit.model import Applicability, Fix, Json, Message, Record, Severity, Target
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, PREFERENCE_SHAPES, json_kind, read_as, replace, safely, speaker

_KEYS: Final = (
    ("preferred_output", "preferred_completion"),
    ("non_preferred_output", "non_preferred_completion"),
)
_SEVERAL_MESSAGES: Final = frozenset({"azure"})
"""Hosted targets that take several messages in an answer, the assistant's and those of tools."""

_PROMPT_LEAVES_THE_ANSWER: Final = frozenset({"together"})
"""Targets that refuse an input that ends with the assistant."""


class BadPreferencePair(RecordRule, frozen=True):
    r"""A preference row lacks one of its answers, has it in a wrong form, or prefers an answer to itself.

    Providers refuse a row without two answers. Two equal answers train nothing: the difference that the loss is made
    of is zero, and they are mostly the trace of a failed join.

    Bad:
        {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Hello."}]}
        {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": []}
    Good:
        {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "What?"}]}
    Do: give both answers, each a list with one assistant message, and let them differ.
    """  # noqa: E501

    code: ClassVar[str] = "FMT113"
    name: ClassVar[str] = "bad-preference-pair"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per malformed answer, or one for two equal answers."""
        if record.shape not in PREFERENCE_SHAPES or read_as(record, run.target) is None:
            return
        chosen, rejected = record.chat.chosen, record.chat.rejected
        if record.shape == "openai-dpo":
            faults = [
                *self._answer(record.data, _KEYS[0], chosen, run.target),
                *self._answer(record.data, _KEYS[1], rejected, run.target),
            ]
            yield from faults
            messages = record.messages
            if run.target.name in _PROMPT_LEAVES_THE_ANSWER and messages and speaker(messages[-1]) == "assistant":
                wrong = "the input ends with an assistant turn; asked to leave it to the answers"
                yield self.hit(wrong, messages[-1].at, fix=DROP)
            if faults:
                return
        elif not chosen or not rejected:
            yield self.hit(f"the row has no {'rejected' if chosen else 'chosen'} answer", fix=DROP)
            return
        if _said(chosen) == _said(rejected):
            yield self.hit("the two answers are the same", _place(rejected), fix=DROP)

    def _answer(
        self, data: Mapping[str, Json], keys: tuple[str, str], messages: Sequence[Message], target: Target
    ) -> Iterator[Hit]:
        key = next((key for key in keys if key in data), None)
        if key is None:
            yield self.hit(f'the row has no "{keys[0]}"', fix=DROP)
            return
        value = data[key]
        if not isinstance(value, list):
            wrong = f'"{key}" is {json_kind(value)}; asked for a list with one assistant message'
            yield self.hit(wrong, f"/{key}", fix=_listed(f"/{key}", value))
        elif not value:
            yield self.hit(f'"{key}" is an empty list; asked for one assistant message', f"/{key}", fix=DROP)
        else:
            wrong_roles = _wrong_roles(messages, target)
            if wrong_roles is not None:
                yield self.hit(f'"{key}" {wrong_roles}', f"/{key}", fix=DROP)


def _wrong_roles(messages: Sequence[Message], target: Target) -> str | None:
    several = target.name in _SEVERAL_MESSAGES or not target.hosted
    if len(messages) > 1 and not several:
        return f"has {len(messages)} messages; {target.name} takes exactly one"
    roles = [speaker(message) for message in messages]
    allowed = ("assistant", "tool", None) if several else ("assistant", None)
    stray = next((role for role in roles if role not in allowed), None)
    if stray is not None:
        return f"has a {stray} message; asked for the assistant's"
    if "assistant" not in roles and None not in roles:
        return "has no assistant message"
    return None


def _listed(at: str, value: Json) -> Fix:
    """The fix that puts an answer that stands alone into the list it belongs in."""
    if isinstance(value, dict):
        return safely("put the message into a list", replace(at, [value]))
    if isinstance(value, str) and value.strip():
        return safely("make an assistant message of the text", replace(at, [{"role": "assistant", "content": value}]))
    return DROP


def _said(messages: Sequence[Message]) -> list[tuple[Json, ...]]:
    return [(speaker(m), m.text or m.content, [(call.name, call.arguments) for call in m.calls]) for m in messages]


def _place(messages: Sequence[Message]) -> str:
    at = messages[0].at
    parent, _, last = at.rpartition("/")
    return parent if last.isdigit() else at
