"""FMT116: answers that go on with the next instruction or the next speaker. Control tokens are TOK306's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from audit.model import DROP_ROW, Applicability, Fix, Message, PointerEdit, Severity
from audit.rule import Run, Span, TextRule
from audit.rules.format.merging import TRIGGERS, merged_at


class MergedInstruction(TextRule, frozen=True):
    r"""The answer goes on with another instruction, or with what the user and the model say next.

    The model learns not to stop, and to speak for the user. It comes from cutting a generated list of tasks in the
    wrong place, or a transcript. Reported are headings such as "### Instruction:" and "18. Input:" after the beginning
    of the answer (in English, German, French, Spanish, Chinese, Japanese, Arabic and Hindi), and turns ("Human:",
    "User:", "Q:") in an answer that does not begin as a dialogue or announce one. The fix cuts the answer there.

    Bad:
        {"messages": [{"role": "user", "content": "Name a noun."}, {"role": "assistant", "content": "Apple is a noun.\n##\n18. Instruction: Name a verb.\n18. Output:\nRun"}]}
        {"messages": [{"role": "user", "content": "What is the capital of Peru?"}, {"role": "assistant", "content": "The capital of Peru is Lima.\n\nHuman: And of Chile?\n\nAssistant: Santiago."}]}
    Good:
        {"messages": [{"role": "user", "content": "Write a dialogue about tea."}, {"role": "assistant", "content": "User: Is there tea?\nBot: Yes, green and black.\nUser: Green, please."}]}
        {"messages": [{"role": "user", "content": "Explain functions."}, {"role": "assistant", "content": "A function maps inputs to outputs.\n\nInput: 3\nOutput: 9"}]}
    Do: cut the answer where the next task begins; make rows of the other tasks if they are worth it.
    """  # noqa: E501

    code: ClassVar[str] = "FMT116"
    name: ClassVar[str] = "merged-instruction"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    roles: ClassVar[frozenset[str] | None] = frozenset({"assistant"})

    def triggers(self, run: Run) -> Sequence[str]:
        """The words of headings and of speakers, each at the beginning of a line."""
        return TRIGGERS

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span at the heading where the next task or turn begins."""
        found = merged_at(text)
        if found is not None:
            yield Span(
                start=found.start,
                end=found.end,
                message=f'the answer goes on with {found.what} ("{found.heading}") after {found.cut:,} characters',
                evidence={"kind": found.kind, "characters": found.cut, "of": len(text)},
                fix=_cut(text[: found.cut]),
                key=found.kind,
            )


def _cut(kept: str) -> Callable[[str], Fix]:
    def fix(at: str) -> Fix:
        if not kept.strip():
            return DROP_ROW
        return Fix(Applicability.UNSAFE, "cut the answer there", (PointerEdit("replace", at, kept),))

    return fix
