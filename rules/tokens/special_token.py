"""TOK306: control tokens of chat templates inside the text of a message. Tokens a provider refuses are TOK307."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Final

from audit.model import DROP_ROW, Applicability, Fix, Message, PointerEdit, Severity
from audit.rule import Run, Span, TextRule
from audit.rules.tokens.control_tokens import TRIGGERS, Found, control_tokens, is_rejected, without

_THINK: Final = re.compile(r"(?<!`)</?think>(?!`)")


class SpecialToken(TextRule, frozen=True):
    """The text of a message holds a control token of a chat template or a tokenizer.

    Most trainers turn such a string into the control token itself: the turn ends in mid-sentence, a part of the text
    becomes another speaker's, and the model learns to write control tokens. Usually a template was applied to the data
    before it was saved. ``<s>`` and ``</s>`` are reported only where they cannot be HTML; ``<think>`` only in answers,
    and only where ``<think>`` and ``</think>`` do not pair up (a warning), as is any other ``<|word|>``.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.<|im_end|>\\n<|im_start|>user\\n"}]}
        {"messages": [{"role": "user", "content": "[INST] Is the sky blue? [/INST]"}, {"role": "assistant", "content": "Yes, by day."}]}
    Good:
        {"messages": [{"role": "user", "content": "Is <s>old</s> new text marked in HTML?"}, {"role": "assistant", "content": "Yes: x <| f |> g is not markup either."}]}
    Do: take the markup out of the text and let the trainer's template put it in.
    """  # noqa: E501

    code: ClassVar[str] = "TOK306"
    name: ClassVar[str] = "special-token-in-text"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def triggers(self, run: Run) -> Sequence[str]:
        """Beginnings of all control tokens."""
        return (*TRIGGERS, r"think>")

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text for its control tokens, from the first; one for reasoning marks that do not pair up."""
        tokens = [token for token in control_tokens(text) if not is_rejected(token, run.target)]
        if tokens:
            yield span_of(text, tokens, "the text holds", _severity(tokens))
        if message.role == "assistant":
            yield from _unbalanced(text)


def _severity(tokens: Sequence[Found]) -> Severity:
    return Severity.WARNING if all(token.kind == "unknown" for token in tokens) else Severity.ERROR


def span_of(text: str, tokens: list[Found], said: str, severity: Severity) -> Span:
    """One span at the first of the tokens that names them all, with the fix that takes them out."""
    names = sorted({token.text for token in tokens})
    first = tokens[0]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    how_many = f"the control token {shown}" if len(tokens) == 1 else f"{len(tokens)} control tokens ({shown})"
    return Span(
        start=first.start,
        end=first.end,
        message=f"{said} {how_many}; control tokens are the template's to write",
        severity=severity,
        evidence={"tokens": names[:20], "count": len(tokens)},
        fix=_fix(without(text, tokens)),
        key="|".join(names),
    )


def _fix(cleaned: str) -> Callable[[str], Fix]:
    def fix(at: str) -> Fix:
        if not cleaned.strip():
            return DROP_ROW
        return Fix(Applicability.UNSAFE, "take the control tokens out", (PointerEdit("replace", at, cleaned),))

    return fix


def _unbalanced(text: str) -> Iterator[Span]:
    marks = list(_THINK.finditer(text))
    opened = sum(mark[0] == "<think>" for mark in marks)
    closed = len(marks) - opened
    if opened != closed:
        odd = marks[0]
        yield Span(
            start=odd.start(),
            end=odd.end(),
            message=f"the answer has <think> {opened} times and </think> {closed} times; reasoning marks come in pairs",
            severity=Severity.WARNING,
            evidence={"opened": opened, "closed": closed},
            key="think",
        )
