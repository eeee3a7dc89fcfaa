"""TXT704: text that is not in Unicode's composed form (NFC), unusual spaces, fullwidth letters in Latin text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Final
from unicodedata import normalize

from audit.model import Applicability, Fix, Message, Severity
from audit.read.patterns import pattern
from audit.rule import Run, Span, TextRule
from audit.rules.text.excerpts import judged_in_part
from audit.rules.text.rewriting import blanked_code, outside_code, replaced_by

_BASES: Final = "A-Za-zÀ-ɏḀ-ỿͰ-ϿЀ-ӿἀ-῿"
_MARKS: Final = "\u0300-\u0345"
_DECOMPOSED: Final = pattern(
    f"[{_BASES}][{_MARKS}]+|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|[\u304b-\u307b\u30ab-\u30fb][\u3099\u309a]"
)
"""A letter and its accents, Hangul and kana in parts."""
_SIGN: Final = pattern("[\u2126\u212a\u212b]")
"""The signs of ohm, kelvin and angstrom, which Unicode has beside the letters."""
_LIGATURE: Final = pattern("[\ufb00-\ufb06]")
_HALFWIDTH_KANA: Final = pattern("[\uff66-\uff9d][\uff66-\uff9f]{2,}")
"""Three and more: faces such as (\uff9f\u0414\uff9f) have fewer."""
_FEWEST_KANA: Final = 12
"""Halfwidth kana of a text that are no longer a word or two written so for its looks."""
_THIN: Final = "\u2000-\u200a\u202f\u205f\u1680\u2800"
_RUN_OF_SPACES: Final = pattern("\xa0[\xa0 ]*+")
_ODD_SPACE: Final = pattern(f"[{_THIN}\u3000]+")
# Where typography wants a space that is narrow or does not break: numbers and units, French punctuation, quotations,
# dashes, abbreviations ("z. B."), initials. Imprimerie nationale, Lexique; DIN 5008; SI Brochure, 5.4.
_WANTED_BEFORE: Final = pattern("[0-9.«‹„“‘(\\[%‰§№°—–\u2026/|&+=<>×−-]")
_WANTED_AFTER: Final = pattern("[0-9;:!?»›”’)\\]%‰€$£¥°—–\u2026/|&+=<>×−-]")
_EAST_ASIAN: Final = pattern("[\u3001-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_MONGOLIAN: Final = pattern("[\u1800-\u18af]")
_FULLWIDTH: Final = pattern("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")
_LATIN_WORD: Final = pattern("[A-Za-z]{3}")

_MOST_MARKS: Final = 20
"""Beyond this, marks are heaped up for effect and do not belong to a letter."""

_CANDIDATE: Final = pattern(
    f"[{_BASES}][{_MARKS}]|[\u1100-\u1112][\u1161-\u1175]|[\u3099\u309a\u2126\u212a\u212b{_THIN}\u3000]|\xa0[\xa0 ]*+"
    "|[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\ufb00-\ufb06\uff66-\uff9f]"
)


class Unnormalised(TextRule, frozen=True):
    r"""The text is not in composed form (NFC), or holds odd spaces, ligatures, or letters of another width.

    The same word in two forms ("e\u0301" and "\u00e9") has two tokenisations, and exact comparisons miss it; runs of
    no-break spaces, typographic spaces of odd widths and ligatures ("\ufb01") are debris of web pages and PDF files;
    fullwidth letters in Latin text and halfwidth kana are of old terminals. Style, so no more than an info. Left alone:
    French and Swiss spaces before punctuation and in numbers, spaces and fullwidth letters in East Asian text, marks
    that have no composed form, and code in backquotes. Of a text over 100,000 characters only parts are judged.

    Bad:
        {"messages": [{"role": "user", "content": "What is on the menu?"}, {"role": "assistant", "content": "Cre\u0300me bru\u0302le\u0301e, as always."}]}
        {"messages": [{"role": "user", "content": "When does it open?"}, {"role": "assistant", "content": "At nine.\u00a0\u00a0\u00a0It is closed on Mondays."}]}
        {"messages": [{"role": "user", "content": "Which form do I need?"}, {"role": "assistant", "content": "You need the form \uff21\uff22\uff11\uff12."}]}
    Good:
        {"messages": [{"role": "user", "content": "Combien\u202f?"}, {"role": "assistant", "content": "\u00ab\u00a010\u202f000\u00a0\u20ac\u00a0\u00bb, x\u0304 = 3"}]}
        {"messages": [{"role": "user", "content": "\u5024\u6bb5\u306f\uff1f"}, {"role": "assistant", "content": "\uff21\u3000\uff11\uff10\uff10\u5186"}]}
    Do: normalise to NFC and ordinary spaces, code apart; `--unsafe-fixes` does it, but for answers of one word.
    """  # noqa: E501

    code: ClassVar[str] = "TXT704"
    name: ClassVar[str] = "unnormalised-text"
    severity: ClassVar[Severity] = Severity.INFO
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def triggers(self, run: Run) -> Sequence[str]:
        """Letters before combining marks, letters in parts, odd spaces, ligatures, letters and digits of another
        width."""
        return (
            f"[{_BASES}][{_MARKS}]|[\u1100-\u1112][\u1161-\u1175]|[\u3099\u309a\u2126\u212a\u212b]",
            f"[{_THIN}\u3000]|\xa0[\xa0 ]*\xa0",
            "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\ufb00-\ufb06]|[\uff66-\uff9d][\uff66-\uff9f][\uff66-\uff9f]",
        )

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text for each kind, from its first place."""
        is_label = message.role == "assistant" and not any(map(str.isspace, text.strip()[:100]))
        yield from judged_in_part(text, _CANDIDATE, lambda part: _spans(part, is_label=is_label))


def _spans(text: str, *, is_label: bool) -> Iterator[Span]:
    shown = blanked_code(text)
    for key, find, said, change in _KINDS:
        places = list(find(shown))
        if places:
            yield _span(text, key, places, said, None if is_label else change)


_NOUNS: Final = {
    "nfc": ("letter in parts", "letters in parts"),
    "sign": ("sign of a unit", "signs of units"),
    "space": ("space", "spaces"),
    "fullwidth": ("word", "words"),
    "ligature": ("ligature", "ligatures"),
    "halfwidth": ("word", "words"),
}


def _span(text: str, key: str, places: Sequence[re.Match[str]], said: str, change: Callable[[str], str] | None) -> Span:
    characters = sorted({character for place in places for character in place[0] if not character.isascii()})
    fix: Callable[[str], Fix] | None = None
    if change is not None:
        fix = replaced_by(outside_code(text, change), "normalise it outside code")
    return Span(
        start=places[0].start(),
        end=places[0].end(),
        message=said.format(f"{len(places)} {_NOUNS[key][len(places) > 1]}"),
        evidence={"count": len(places), "code_points": [f"U+{ord(one):04X}" for one in characters[:20]]},
        fix=fix,
        key=key,
    )


def _not_composed(text: str) -> Iterator[re.Match[str]]:
    """Letters in parts that NFC makes shorter."""
    for match in _DECOMPOSED.finditer(text):
        parts = match[0]
        if len(parts) <= _MOST_MARKS and len(normalize("NFC", parts)) < len(parts):
            yield match


def _composed(text: str) -> str:
    return _DECOMPOSED.sub(lambda match: normalize("NFC", match[0]), text)


def _odd_spaces(text: str) -> Iterator[re.Match[str]]:
    yield from (run for run in _RUN_OF_SPACES.finditer(text) if run[0].count("\xa0") > 1)
    odd = list(_ODD_SPACE.finditer(text))
    if not odd or _EAST_ASIAN.search(text) or _MONGOLIAN.search(text):
        return
    braille = any("\u2801" <= character <= "\u28ff" for character in text) if "\u2800" in text else False
    for match in odd:
        if not (_is_wanted(text, match) or (braille and "\u2800" in match[0])):
            yield match


def _is_wanted(text: str, match: re.Match[str]) -> bool:
    """Whether it is one narrow space where typography has one."""
    if match.end() - match.start() > 1 or match[0] in "\u1680\u2001\u2003\u2800\u3000":
        return False
    before, after = (
        text[match.start() - 1 : match.start()] if match.start() else "",
        text[match.end() : match.end() + 1],
    )
    return _WANTED_BEFORE.match(before) is not None or _WANTED_AFTER.match(after) is not None


def _plain_spaces(text: str) -> str:
    """The text with ordinary spaces: one for a run of others, but as many where they indent a line."""
    wanted = [match.span() for match in _odd_spaces(text)]
    parts: list[str] = []
    position, indents = 0, True
    for start, end in sorted(wanted):
        _, broken, line = text[position:start].rpartition("\n")
        indents = (indents or bool(broken)) and not line.strip(" \t")
        parts += (text[position:start], " " * (end - start if indents else 1))
        position = end
    return "".join((*parts, text[position:]))


def _fullwidth(text: str) -> Iterator[re.Match[str]]:
    found = list(_FULLWIDTH.finditer(text))
    if found and _LATIN_WORD.search(text) and not _EAST_ASIAN.search(text):
        yield from found


def _kana(text: str) -> Iterator[re.Match[str]]:
    found = list(_HALFWIDTH_KANA.finditer(text))
    if sum(len(one[0]) for one in found) >= _FEWEST_KANA:
        yield from found


def _plain(pattern: re.Pattern[str]) -> Callable[[str], str]:
    """What replaces every match of a pattern by its ordinary letters."""
    return lambda text: pattern.sub(lambda match: normalize("NFKC", match[0]), text)


_KINDS: Final[tuple[tuple[str, Callable[[str], Iterator[re.Match[str]]], str, Callable[[str], str]], ...]] = (
    ("nfc", _not_composed, "{} that NFC writes as one", _composed),
    ("sign", _SIGN.finditer, "{} (ohm, kelvin or angstrom) that NFC writes as the letter", _plain(_SIGN)),
    ("space", _odd_spaces, "{} of unusual width or in runs", _plain_spaces),
    ("fullwidth", _fullwidth, "{} in fullwidth letters in a text in Latin script", _plain(_FULLWIDTH)),
    ("ligature", _LIGATURE.finditer, '{} such as "\ufb01" in place of letters', _plain(_LIGATURE)),
    ("halfwidth", _kana, "{} in halfwidth kana", _plain(_HALFWIDTH_KANA)),
)
