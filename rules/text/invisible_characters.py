"""Which invisible characters of a text have no business there. Languages that are written with them, and emoji, keep
them; says nothing of how bad it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from audit.read.patterns import pattern

# Scripts in which joiners, marks of direction or zero-width spaces are orthography (Unicode 15, chapter 23.2).
_RTL: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_JOINED: Final = (
    f"{_RTL}\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1980-\u19ff\u1a20-\u1aaf\u1b00-\u1c4f\ua840-\uaaff"
    "\U00011000-\U00011fff"
)
_UNSPACED: Final = "\u0e00-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1c4f\ua980-\ua9df\uaa00-\uaadf"
_EMOJI: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\ufe0e\ufe0f\u20e3\U0001f000-\U0001faff"
)
_HAN: Final = "\u2e80-\u2fdf\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U000323af"
_MATHEMATICS: Final = "\u2200-\u22ff\u2a00-\u2aff"
_JAMO: Final = "\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb"

_DIRECTIONS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_DROPPED: Final = "\u00ad\u180e\u200b\u2060\ufeff\u206a-\u206f"
_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
_SELECTORS: Final = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS: Final = "\U000e0000-\U000e007f"
_SEPARATORS: Final = "\u034f\u2061-\u2064"
"""Invisible operators of mathematics and the grapheme joiner: suspicious in a row only."""

TRIGGERS: Final[tuple[str, ...]] = (
    f"[{_DROPPED}{_DIRECTIONS}{_FILLERS}{_TAGS}\ufff9-\ufffb]",
    f"(?:^|[^{_JOINED}{_EMOJI}])[\u200c\u200d]",
    f"[{_SEPARATORS}][{_SEPARATORS}][{_SEPARATORS}]",
    f"(?:^|[^{_EMOJI}{_HAN}{_MATHEMATICS}{_JOINED}#*0-9\u200d])[{_SELECTORS}]",
    f"[{_SELECTORS}][{_SELECTORS}]",
)
"""RE2 patterns, one of which every text with such a character matches."""

ANY: Final = pattern(f"[\u200c\u200d\ufff9-\ufffb{_DROPPED}{_DIRECTIONS}{_FILLERS}{_SELECTORS}{_TAGS}{_SEPARATORS}]")
"""What all that is found here begins with."""

_RUNS: Final = pattern(
    f"(?P<tags>[{_TAGS}]+)|(?P<direction>[{_DIRECTIONS}])|(?P<selectors>[{_SELECTORS}]+)|(?P<joiner>[\u200c\u200d]+)"
    f"|(?P<filler>[{_FILLERS}]+)|(?P<separators>[{_SEPARATORS}]{{3,}})|(?P<dropped>[{_DROPPED}\ufff9-\ufffb]+)"
)
_IS_RTL: Final = pattern(f"[{_RTL}]")
_IS_JOINED: Final = pattern(f"[{_JOINED}]")
_IS_UNSPACED: Final = pattern(f"[{_UNSPACED}]")
_TAKES_JOINER: Final = pattern(f"[{_JOINED}{_EMOJI}]")
_TAKES_SELECTOR: Final = pattern(f"[{_EMOJI}{_HAN}{_MATHEMATICS}{_JOINED}#*0-9\u200d]")
_IS_JAMO: Final = pattern(f"[{_JAMO}]")
_TAG: Final = pattern(f"[{_TAGS}]")
_SELECTOR: Final = pattern(f"[{_SELECTORS}]")
_BLACK_FLAG: Final = "\U0001f3f4"
_CANCEL: Final = "\U000e007f"
_ESCAPED_TOKEN: Final = pattern(
    "</?\\|?[A-Za-z_/]*\u200b[A-Za-z_/\u200b]*\\|?>|\\[/?[A-Z_]*\u200b[/A-Z_\u200b]*\\]|<\u200b/?\\|?[A-Za-z_]+\\|?>|<\\|?[A-Za-z_]+\\|?\u200b>"
)
"""A control token that a trainer has made harmless: LLaMA-Factory puts U+200B into it."""
_OPENING: Final = dict.fromkeys("\u202a\u202b\u202d\u202e", "\u202c") | dict.fromkeys("\u2066\u2067\u2068", "\u2069")
_FEWEST_HIDDEN: Final = 3
_LONG_WORD: Final = 8
"""Letters of a word that typesetting divides, in which a soft hyphen is typography."""
_LONGEST_WORD: Final = 40
_LEAD_BYTE: Final = pattern("[\xc2-\xf4ĂĹĐŃŘŮĞΒΓΔΕΞΟΠΡРСГв][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{0,2}\\Z")
"""What the first bytes of a character of UTF-8 are in other encodings: after them U+00AD is the next byte, which
TXT701's repair needs."""
_LETTERS_BEFORE: Final = pattern(r"[^\W\d_]*\Z")
_LETTERS_AFTER: Final = pattern(r"[^\W\d_]*")
_OF_NUMBERS: Final = pattern(r"[0-9–—−/-]")
_NEAR: Final = 10
"""Characters around a zero-width space in which a letter of a script without spaces explains it."""


class Invisible(NamedTuple):
    """Code points ``start`` to ``end``; ``kind`` is the group's: "tags", "direction", "selectors", "joiner", "filler",
    "separators" or "dropped"."""

    start: int
    end: int
    kind: str


def invisible_in(text: str) -> Iterator[Invisible]:
    """All invisible characters that no script, emoji or balanced text direction needs, in order; runs as one.

    Takes any string, in linear time.
    """
    rtl = _IS_RTL.search(text) is not None
    legal_directions = rtl and is_balanced(text)
    escaped = _escaped(text)
    for match in _RUNS.finditer(text):
        kind = match.lastgroup or ""
        if kind == "direction":
            legal = legal_directions
        elif kind == "dropped":
            legal = match.start() in escaped or _is_orthography(text, match)
        else:
            legal = _LEGAL[kind](text, match)
        if not legal:
            # Of joiners in a row after a letter that takes one, the first stays.
            kept = kind == "joiner" and _TAKES_JOINER.match(_before(text, match)) is not None
            yield Invisible(match.start() + kept, match.end(), kind)


def _escaped(text: str) -> set[int]:
    """Where the zero-width spaces within control tokens stand."""
    if "\u200b" not in text:
        return set()
    return {
        place
        for token in _ESCAPED_TOKEN.finditer(text)
        for place in range(token.start(), token.end())
        if text[place] == "\u200b"
    }


def is_balanced(text: str) -> bool:
    """Whether every embedding, override and isolate is closed in its own paragraph (UAX 9, X1 to X8). An isolate
    closes what was opened within it; a mark that closes nothing makes no difference."""
    waiting: list[str] = []
    for mark in re.finditer("[\u202a-\u202e\u2066-\u2069\n]", text):
        if mark[0] == "\n":
            if waiting:
                return False
        elif mark[0] in _OPENING:
            waiting.append(_OPENING[mark[0]])
        elif mark[0] in waiting[-1:]:
            waiting.pop()
    return not waiting


def hidden_text(run: str) -> str:
    """What a run of tag characters spells (U+E0041 is "A"), or of variation selectors that each stand for a byte of
    UTF-8 (VS1 for 0 to VS256 for 255; Butler 2025, "Smuggling arbitrary data through an emoji"); "" for nothing."""
    if _TAG.match(run):
        return "".join(chr(ord(tag) - 0xE0000) for tag in run if " " <= chr(ord(tag) - 0xE0000) <= "~")
    if len(run) < _FEWEST_HIDDEN or not all(map(_SELECTOR.match, run)):
        return ""
    spelt = bytes(ord(one) - (0xFE00 if one <= "\ufe0f" else 0xE00F0) for one in run).decode("utf-8", "replace")
    return spelt if spelt.isprintable() and "\ufffd" not in spelt else ""


def _before(text: str, match: re.Match[str]) -> str:
    return text[match.start() - 1 : match.start()] if match.start() else ""


def _is_orthography(text: str, match: re.Match[str]) -> bool:
    """Zero-width spaces beside letters of a script without spaces, a vowel separator in Mongolian, soft hyphens of long
    words, a word joiner in a range of numbers, and U+00AD that was a byte of UTF-8."""
    run = match[0]
    if run[0] == "\xad":
        return _LEAD_BYTE.search(text, max(0, match.start() - 3), match.start()) is not None or _divides(text, match)
    if run == "\u2060" and _OF_NUMBERS.match(_before(text, match)) and _OF_NUMBERS.match(text, match.end()):
        return True
    if not run.strip("\u200b\u2060"):
        return _IS_UNSPACED.search(text[max(0, match.start() - _NEAR) : match.end() + _NEAR]) is not None
    around = _before(text, match) + text[match.end() : match.end() + 1]
    return run == "\u180e" and any("\u1800" <= letter <= "\u18af" for letter in around)


def _divides(text: str, match: re.Match[str]) -> bool:
    """Whether one soft hyphen stands between letters of a long word; other soft hyphens in it count for nothing."""
    start, end = match.span()
    before = _LETTERS_BEFORE.search(text[max(0, start - _LONGEST_WORD) : start].replace("\xad", ""))
    after = _LETTERS_AFTER.match(text[end : end + _LONGEST_WORD].replace("\xad", ""))
    first, rest = (len(part[0]) if part else 0 for part in (before, after))
    return match[0] == "\xad" and first > 0 and rest > 0 and first + rest >= _LONG_WORD


def _is_flag(text: str, match: re.Match[str]) -> bool:
    """The flag of a region: a black flag, tags for its code, and the tag that ends it (UTS 51)."""
    return _before(text, match) == _BLACK_FLAG and match[0].endswith(_CANCEL) and len(match[0]) <= 7


def _selects(text: str, match: re.Match[str]) -> bool:
    """One selector after what has variants: emoji, Han, mathematics, Mongolian and the like. Two of the same are a
    common slip of keyboards."""
    return len(set(match[0])) == 1 and len(match[0]) <= 2 and _TAKES_SELECTOR.match(_before(text, match)) is not None


def _joins(text: str, match: re.Match[str]) -> bool:
    """Joiners beside a letter or an emoji that they can join."""
    if _TAKES_JOINER.match(_before(text, match)):
        return len(match[0]) < _FEWEST_HIDDEN
    return len(match[0]) == 1 and _IS_JOINED.match(text, match.end()) is not None


def _fills(text: str, match: re.Match[str]) -> bool:
    """A Hangul filler in an old syllable that is written in its parts."""
    return _IS_JAMO.search(_before(text, match) + text[match.end() : match.end() + 1]) is not None


_LEGAL: Final[Mapping[str, Callable[[str, re.Match[str]], bool]]] = {
    "tags": _is_flag,
    "selectors": _selects,
    "joiner": _joins,
    "filler": _fills,
    "separators": lambda text, match: False,
}
