"""ANS807: error messages, values of a program and placeholders in answers. Marks of no output are FMT117's."""

# ruff: noqa: E501 - a pattern is read as one line

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from audit.model import DROP_ROW, Applicability, Message, Record, Severity
from audit.rule import Batch, Hit, Product, RecordRule, Run
from audit.rules.answers.spoken import compiled, rows_saying

_FIRST_WORDS: Final = (
    "please |insert|add|enter|fill|type|put|write|paste|provide|your|ihr|dein|votre|vos|ton[ _]|ta[ _]|su[ _]|sus[ _]|tu[ _]|tus[ _]|seu|ins|indiqu|saisi|introdu|escrib"
    "|sua|il tuo|la tua|il vostro|customer|client|company|recipient|sender|user|first|last|full|contact|product|order"
    "|employee|candidate|agent|hiring manager|current|phone|e-?mail|street|zip|project|school|event|business|name"
    "|date|address|signature|position|amount|link|placeholder|todo|tbd|text here|nom|prénom|datum|fecha|adresse"
    "|direcc|city|country|my|assistant|bot|model|system|prompt|input|output|context|question|answer|response"
    "|instruction"
)
_PATTERNS: Final = (
    r"\[object (?:object|undefined|array|promise|null)\]|traceback \(most recent call last\)|lorem ipsum",
    r"dolor sit amet",
    r"\{\{| goes here[\]>]|to be (?:filled|completed|added) |\btodo\b|\btbd\b|\bfixme\b|xxx|xx[-/.]xx|_{5}",
    rf"[\[<{{](?:{_FIRST_WORDS})",
    # The first bytes of Cyrillic, Arabic, Devanagari, Chinese and Japanese in brackets; circles and crosses in a row.
    r"[\[<](?:\xd0|\xd1|[\xe3-\xe9]|[\xd8\xd9]|\xe0\xa4)|\xe3\x80\x90|\xef\xbc\xbb|\xe2\x97\x8b\xe2\x97\x8b|\xc3\x97\xc3\x97",
    r"error\b|exception|rate limit|too many requests|gateway|service (?:temporarily )?unavailable|<!doctype|<html",
    r"quota|timed? ?out|overloaded|bad request|unauthorized|forbidden|context[ _]length",
    r"api key|upstream|went wrong|connection re|fehler|erreur|zeitüberschreitung|错误|錯誤|异常|異常|超时|逾時|繁忙|失败|出错",
    r"エラー|タイムアウト|問題が発生|حدث خطأ|خطأ في|गलत हो|त्रुटि",
    r'\$\{|<%|\[\[|\{\s*"(?:detail|message|status|statuscode|code)"',
    r"(?:einfügen|eintragen|einsetzen|ergänzen|eingeben|insérer|insertar)[\]>]",
    r"(?:\A|\xff)\s*(?:undefined|null|nan|nil|\(null\)|<null>|-?infinity)\s*\.?\s*(?:\xff|\z)",
)
"""RE2 over the bytes of answers in UTF-8, one of which any leftover matches."""
_NOT_LOOKED_AT: Final = ("tool", "function")


class LeftInAnswer(RecordRule, frozen=True):
    """The answer is an error message or holds what a template left: a placeholder, filler, ``[object Object]``.

    The model learns to answer with server errors and to address people as ``{{customer_name}}``. An error message of an
    API as the whole answer and ``[object Object]`` are errors. Where a prompt asks about errors, values, code or
    templates, for a translation or what is shown or said, such an answer may be right and is silent or info; so are
    placeholders of letters (``[Your Name]``) and of texts whose names were to be taken out.
    What stands in code is code. A whole answer ``undefined`` or ``null``, a traceback that nobody asked for, "lorem
    ipsum" and "TODO:" are warnings.

    Bad:
        {"messages": [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "Thank you for asking, {{customer_name}}. It will be with you on Monday."}]}
        {"messages": [{"role": "user", "content": "Who wrote Emma?"}, {"role": "assistant", "content": "Error 429: Too Many Requests. Please try again later."}]}
    Good:
        {"messages": [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "Thank you for asking. It will be with you on Monday."}]}
        {"messages": [{"role": "user", "content": "What does HTTP status 429 mean?"}, {"role": "assistant", "content": "Error 429: Too Many Requests. You sent more than the server allows."}]}
    Do: fill the placeholder in or write the answer; drop the row where the answer is lost.
    """

    code: ClassVar[str] = "ANS807"
    name: ClassVar[str] = "error-or-placeholder"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"texts"})

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows whose answer, or any turn of a longer conversation, holds what a leftover begins with."""
        return rows_saying(batch, compiled(*_PATTERNS))

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit for each kind of leftover in each answer."""
        said: list[str] = []
        for message in (*record.messages, *record.chat.chosen):
            if message.role == "assistant":
                yield from self._of(message, "\n".join(said[-6:]))
            elif message.role not in _NOT_LOOKED_AT:
                said.append(message.text)

    def _of(self, message: Message, prompt: str) -> Iterable[Hit]:
        from audit.rules.answers.leftovers import leftovers  # many patterns, for few answers

        for at, text in message.texts():
            if compiled(*_PATTERNS).search(text.encode("utf-8", "replace")) is None:
                continue
            for left in leftovers(text, prompt):
                yield self.hit(
                    left.what,
                    at,
                    start=left.start,
                    end=left.end,
                    severity=left.severity,
                    evidence={"kind": left.kind},
                    fix=None if left.severity is Severity.INFO else DROP_ROW,
                    key=left.kind,
                )
