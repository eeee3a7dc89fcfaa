"""FMT116: answers that go on with the next instruction or the next speaker. Control tokens are TOK306's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final

from audit.model import DROP_ROW, Applicability, Fix, Message, PointerEdit, Record, Severity
from audit.read.dialogue import prompt_text
from audit.read.patterns import pattern
from audit.rule import Hit, Run, Span, TextRule
from audit.rules.format.merging import TRIGGERS, merged_at

_ASKED_FOR: Final = pattern(
    r"(?i)\b(?:dialog(?:ue|o)?|conversation|transcript|(?:screen)?play|script|scene|sketch|interview|quiz(?:zes)?|faqs?"
    r"|flash ?cards?|trivia|worksheet|lesson|curriculum|exercises?|compar(?:e|ison)|difference|versus|vs|template"
    r"|prompts?|role-?play|chat ?bot|yaml|instruction sets?|few-?shot|gespräch|vergleich\w*|unterschied\w*|drehbuch"
    r"|comparer?|différence|entretien|scénario|conversación|diálogo|comparar?|guion|(?:training|example) data)s?\b"
    r"|对话|對話|比较|比較|剧本|脚本|会話|問答|问答|违い|違い|حوار|قارن|संवाद|तुलना|диалог|сравни"
)
"""Prompts whose answers have turns or tasks in them."""
_MOST_READ: Final = 20_000


class MergedInstruction(TextRule, frozen=True):
    r"""The answer goes on with another instruction, or with what the user and the model say next.

    The model learns not to stop, and to speak for the user. It comes from cutting a generated list of tasks in the
    wrong place, or a transcript. Reported are headings such as "### Instruction:" and "18. Input:" after the beginning
    of the answer (in English, German, French, Spanish, Chinese, Japanese, Arabic and Hindi), and turns ("Human:",
    "User:", "Q:") in an answer that does not begin as a dialogue or announce one. The fix cuts the answer there.
    Prompts that ask for a dialogue, a quiz, a lesson, a comparison or a template are left out.

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

    def stands(self, hit: Hit, record: Record) -> bool:
        """Not where the prompt asks for turns or tasks."""
        return _ASKED_FOR.search(prompt_text(record)[-_MOST_READ:]) is None


def _cut(kept: str) -> Callable[[str], Fix]:
    def fix(at: str) -> Fix:
        if not kept.strip():
            return DROP_ROW
        return Fix(Applicability.UNSAFE, "cut the answer there", (PointerEdit("replace", at, kept),))

    return fix
