"""TXT701: text that was decoded wrongly, and characters lost by it. Bytes that are no UTF-8 at all are ENC002's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from audit.model import DROP_ROW, Applicability, Message, Record, Severity
from audit.read.patterns import pattern
from audit.rule import Hit, Run, Span, TextRule
from audit.rules.text.excerpts import judged_in_part
from audit.rules.text.misread import (
    CODE_PAGE_MISREAD,
    MISREAD_REPLACEMENTS,
    REPLACEMENT,
    UTF8_MISREAD,
    misread_code_page,
    misread_utf8,
)
from audit.rules.text.rewriting import replaced_by

_ABOUT_ENCODINGS: Final = pattern(
    r"(?i)mojibake|ftfy|utf-?8|utf-?16|latin-?1|cp-?125\d|windows-125\d|iso-?8859|charset|character encoding"
    r"|garbled|gibberish|\bwhat (?:i|we) see\b|(?:text|file|wrong|encoding) (?:encoding|issue|problem|error)"
    r"|(?:weird|strange|odd|funny) (?:characters?|symbols?|letters?)|(?:shows?|showing|come) (?:up|out) as"
    r"|replacement character|u\+fffd|\\ufffd|乱码|亂碼|文字化け|кодировк"
)
_LOST: Final = pattern("|".join((REPLACEMENT, *MISREAD_REPLACEMENTS)))

_CANDIDATE: Final = pattern("|".join((*UTF8_MISREAD, CODE_PAGE_MISREAD)))


class Mojibake(TextRule, frozen=True):
    r"""The text was decoded with the wrong encoding ("caf\u00c3\u00a9"), or characters were lost by it (U+FFFD).

    The model learns to write the debris, and the words that it stands in are not the words that it knows. Reported
    only where undoing the mistake gives fewer implausible characters; a real "\u00c2" or "\u00c3" in French,
    Portuguese or Vietnamese is left alone, and so is a text that speaks of encodings. Of a text over 100,000 characters only parts are judged. What became U+FFFD cannot be
    told any more.

    Bad:
        {"messages": [{"role": "user", "content": "Where do we meet?"}, {"role": "assistant", "content": "In the caf\u00c3\u00a9, as you said: it\u00e2\u20ac\u2122s near the station."}]}
        {"messages": [{"role": "user", "content": "Who wrote it?"}, {"role": "assistant", "content": "Andr\ufffd did, in May."}]}
    Good:
        {"messages": [{"role": "user", "content": "Traduis : in the morning, a pleasant evening"}, {"role": "assistant", "content": "Amanh\u00e3 de manh\u00e3, \u00c2ge d'or, \u00ab\u00a0caf\u00e9\u00a0\u00bb, S\u00c3O PAULO."}]}
    Do: read the source again with the encoding that it was written in; `--unsafe-fixes` undoes the usual mistakes.
    """  # noqa: E501

    code: ClassVar[str] = "TXT701"
    name: ClassVar[str] = "mojibake"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def triggers(self, run: Run) -> Sequence[str]:
        """Pairs and triples of characters that bytes of UTF-8 are in other encodings, and U+FFFD."""
        return (*UTF8_MISREAD, CODE_PAGE_MISREAD, REPLACEMENT, *MISREAD_REPLACEMENTS)

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text for what was misread, from the first place, and one for what was lost."""
        yield from judged_in_part(text, _CANDIDATE, _misread)
        yield from judged_in_part(text, _LOST, _lost)

    def stands(self, hit: Hit, record: Record) -> bool:
        """Not where the reader itself put U+FFFD in the place of bytes that are no UTF-8: that is ENC002's."""
        return hit.key != "lost" or _is_utf8(record.raw)


def is_garbled(text: str) -> bool:
    """Whether a text of at most 100,000 characters was misread or lost characters, as this rule has it."""
    return next(_misread(text), None) is not None or next(_lost(text), None) is not None


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _misread(text: str) -> Iterator[Span]:
    found = misread_utf8(text) or misread_code_page(text)
    if found is None or _ABOUT_ENCODINGS.search(text):
        return
    yield Span(
        start=found.start,
        end=found.end,
        message=f"{found.places} place{'s' if found.places > 1 else ''} of the text: {found.what}",
        evidence={"count": found.places, "misread": found.what},
        fix=replaced_by(found.repaired, "undo the wrong decoding") if found.repaired is not None else None,
        key="misread",
    )


def _lost(text: str) -> Iterator[Span]:
    first = _LOST.search(text)
    if first is None or _ABOUT_ENCODINGS.search(text):
        return
    count = sum(map(text.count, (REPLACEMENT, *MISREAD_REPLACEMENTS)))
    yield Span(
        start=first.start(),
        end=first.end(),
        message=f"{count} character{'s were' if count > 1 else ' was'} lost in decoding (U+FFFD stands there)",
        evidence={"count": count},
        fix=lambda _: DROP_ROW,
        key="lost",
    )
