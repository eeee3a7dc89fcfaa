"""FMT117: turns that hold nothing but a mark of missing input or output. Empty turns are FMT109's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from audit.model import DROP_ROW, Applicability, Message, Record, Severity
from audit.phrases.no_output import LONGEST, PROGRAM_VALUES, no_output
from audit.read.patterns import pattern
from audit.rule import Batch, Hit, Product, RecordRule, Run

_ABOUT_OUTPUT: Final = pattern(
    r"\b(?:in|out)puts?\b|\bprints?\b|\bresponses?\b|\banswers?\b|\bcontent\b|ausgabe|eingabe|antwort"
    r"|sortie|réponse|entrée|salida|entrada|respuesta"
    r"|输出|输入|出力|入力|إدخال|إخراج|मुद्रित|आउटपुट|इनपुट|ввод|вывод|출력|입력",
    re.IGNORECASE,
)


_IS_ANSWER: Final = pattern(r"no (?:content|response|input|answer)\b|keine antwort|sans réponse|sin respuesta")
"""Marks that answer a question as well: what HTTP 204 means, what a monitor shows."""


class NoOutputMarker(RecordRule, frozen=True):
    """A turn holds nothing but a mark of missing input or output, such as ``<noinput>`` or ``N/A``.

    Generators of instruction data write such marks where a task has no input or they found no output; as a turn they
    teach the model to answer ``<nooutput>``. Known are the marks of eleven languages ("Keine Ausgabe", "无输出",
    "入力なし"). Words without brackets ("No output") are silent where the prompt speaks of inputs, outputs or answers.
    What may be a label or a right answer ("None", "N/A", "-") is info, and silent where the prompt, or a system message,
    names it, offers choices or is short, and as what a user says in the middle of a conversation.

    Bad:
        {"messages": [{"role": "user", "content": "Name three rivers of Asia."}, {"role": "assistant", "content": "<nooutput>"}]}
        {"messages": [{"role": "user", "content": "No input"}, {"role": "assistant", "content": "The Mekong, the Indus and the Ob."}]}
    Good:
        {"messages": [{"role": "user", "content": "Which side effects does the text name? Say None if there are none."}, {"role": "assistant", "content": "None"}]}
        {"messages": [{"role": "user", "content": "What does this program print? x = 1"}, {"role": "assistant", "content": "No output"}]}
    Do: write the turn, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "FMT117"
    name: ClassVar[str] = "no-output-marker"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"texts"})

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows whose last prompt or answer is a mark, or one line of a longer conversation."""
        said = dict(zip(batch.parsed, batch.texts, strict=True))
        return [
            row
            for row, prompt, answer in batch.exchanges
            if (len(answer) <= LONGEST and no_output(answer))
            or (len(prompt) <= LONGEST and no_output(prompt))
            or (len(said[row]) > len(prompt) + len(answer) + 1 and _has_a_line(said[row]))
        ]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit for each turn that is a mark."""
        before, answered = "", False
        for message in record.messages + record.chat.chosen:
            text = message.text
            if message.role in ("user", "assistant") and not message.calls and len(text) <= LONGEST:
                yield from self._of(message, text, before, answered=answered)
            answered = answered or message.role == "assistant"
            if message.role in ("user", "system", "developer"):
                before += "\n" + text[:20_000]

    def _of(self, message: Message, text: str, before: str, *, answered: bool) -> Iterable[Hit]:
        sure = no_output(text)
        asked = message.role == "assistant"
        if sure is None or (asked and sure == "plain" and _ABOUT_OUTPUT.search(before)):
            return
        if sure == "ambiguous" and (_may_be_meant(text, before) if asked else answered):
            return
        if asked and sure == "plain" and _IS_ANSWER.match(text.strip().casefold()) and before.rstrip()[-1:] in "?？؟":
            sure = "ambiguous"
        severity = Severity.INFO if sure == "ambiguous" else Severity.WARNING
        yield self.hit(
            f'the {message.role} message is only "{text.strip()}", a mark of missing {"output" if asked else "input"}',
            message.content_at,
            severity=severity,
            evidence={"certainty": sure},
            fix=DROP_ROW if asked and severity is Severity.WARNING else None,
        )


_CHOICES: Final = pattern(
    r"^\s{0,8}\(?[A-Da-d1-4][.):]|(?i:\b(?:label|classif\w*|categor\w*|extract\w*|option\w*|choose|one of"
    r"|sentiment|entit\w*|value)\b)",
    re.MULTILINE,
)
_SHORT: Final = 20


def _may_be_meant(text: str, before: str) -> bool:
    """Whether an ambiguous answer may be what was asked for, or is ANS807's to report."""
    folded, value = before.casefold(), text.strip().casefold().strip(".")
    if value in PROGRAM_VALUES:
        return True
    return value in folded or _CHOICES.search(before) is not None or len(folded) < _SHORT


def _has_a_line(text: str) -> bool:
    return any(len(line) <= LONGEST and no_output(line) in ("sure", "plain") for line in text.split("\n"))
