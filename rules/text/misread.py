"""Finds text that was read in another encoding than it was written in (mojibake), and what it must have said.

Judges characters only: whether a row that shows such text on purpose is right is for the rule. UTF-8 read as a one-byte
encoding is repaired by ftfy (https://ftfy.readthedocs.io), which is asked about pieces, never about a whole text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from audit.read.patterns import pattern

_CONTINUATION: Final = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
"""What the bytes 80 to BF are in Latin-1 or windows-1252: all bytes of a UTF-8 character but the first."""
REPLACEMENT: Final = "\ufffd"
MISREAD_REPLACEMENTS: Final = ("锟斤拷", "ï¿½", "пїЅ")
"""U+FFFD in UTF-8, read as GBK, Latin-1 and windows-1251."""
UTF8_MISREAD: Final[tuple[str, ...]] = (
    f"[ÂÃÄÅ][{_CONTINUATION}]",
    "[a-z0-9.,;:!?)]Â[ \n]",  # U+00A0, of which the second byte became a space
    f"[Æ-ß][{_CONTINUATION}] ?[Æ-ß][{_CONTINUATION}]",  # Greek, Cyrillic, Hebrew, Arabic
    "â[\x80-\x9f€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]",  # punctuation, arrows, boxes
    f"[à-ï][{_CONTINUATION}][{_CONTINUATION}]",  # South and East Asian scripts
    "ð[Ÿ\x9f]",  # emoji
    "√[ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûüÆØæøß§¶•†°¢£®©™´¨≠±≤≥¥µ∂ªº]|‚Ä[ìîïòôúùû†°¢π]",  # read as MacRoman
    "├[▒®í│ñ⌐║┤╢¬»░á]|ΓÇ[ÖÿöªûôÖ£Øó]",  # read as code page 437
    "вЂ|[РС][ѓЃЂ‚„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—™љ›њќћџЎўЈ¤Ґ¦§©Є«¬®Ї°±Ііґµ¶·№є»јЅѕї][РС]",  # read as windows-1251
)
"""Patterns for RE2 and for ``re``, one of which all UTF-8 read in another encoding matches."""
CODE_PAGE_MISREAD: Final = "[\xa1-\xff]{4}"
"""Four characters of the upper half of Latin-1 in a row: no language writes so, code pages read as Latin-1 do."""

_SUSPECT: Final = pattern("|".join(UTF8_MISREAD))
_WEAK: Final = pattern("(?:(?<=[A-ZÀ-Ý])|(?<![a-zß-ÿ]))[ÂÃÄÅ][\xa0»”’“„…–—›®™ºª](?![a-zß-ÿ])")
"""An upper-case word, or a letter that is quoted, at the end of a quotation or before a dash: AMANHÃ”. One of these
alone says nothing."""
_LOST_QUOTE: Final = pattern(f"â€(?![{_CONTINUATION}])")
"""A closing quotation mark of which the last byte, 9D, has no character in windows-1252 and was lost."""
_ASIAN: Final = pattern(f"(?:(?:à[¤-®°-º]|[ã-é][{_CONTINUATION}]|[ê-í][{_CONTINUATION}])[{_CONTINUATION}] ?){{2,}}")
_ASIAN_CHARACTER: Final = pattern(f"[à-í][{_CONTINUATION}]{{2}}")
_MOST_WEAK: Final = 2
_PIECE: Final = 2_000
_CODE_PAGE: Final = pattern(CODE_PAGE_MISREAD)
_HIGH: Final = pattern("[\xa1-\xff]+")
_FEWEST_HIGH, _FEWEST_DIFFERENT = 8, 5
_OFTEN: Final = frozenset("оеаинтсрвл")
"""Three of five letters in Russian, Ukrainian and Bulgarian prose."""
_VOWELS: Final = frozenset("оеаиуыэюяёіїє")
"""Two of five letters of the same; of Hebrew read so a quarter."""


class Misreading(NamedTuple):
    """Code points ``start`` to ``end`` of the first place, how many there are, what was read as what, and the
    text as it was written; ``repaired`` is None where that cannot be told in full."""

    start: int
    end: int
    places: int
    what: str
    repaired: str | None


def misread_utf8(text: str) -> Misreading | None:
    """UTF-8 that was read as a one-byte encoding, also twice; None where no repair makes the text more plausible.

    Takes any string, in linear time: ftfy sees pieces of 2,000 characters at most, and only those that look suspicious.
    """
    parts: list[str] = []
    first: re.Match[str] | None = None
    encoding, count, clean = "", 0, True
    for start, piece in _pieces(text):
        places = list(_SUSPECT.finditer(piece))
        if not places or (len(places) <= _MOST_WEAK and all(_WEAK.match(piece, one.start()) for one in places)):
            parts.append(piece)
            continue
        fixed, read_as, left = _repaired(piece)
        parts.append(fixed)
        if fixed != piece:
            count += len(places)
            clean = clean and not left
            if first is None:
                first, encoding = _SUSPECT.search(text, start + places[0].start()), read_as
    if first is None:
        return None
    whole = "".join(parts) if clean else None
    return Misreading(first.start(), first.end(), count, f"UTF-8 that was read as {encoding}", whole)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Lines, and parts of long lines that end at a space, with their offsets; joined they are the text."""
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + _PIECE) + 1
        if not end:
            end = min(start + _PIECE, len(text))
            if end < len(text):
                end = text.rfind(" ", start, end) + 1 or end
        yield start, text[start:end]
        start = end


def _repaired(piece: str) -> tuple[str, str, int]:
    """The piece as it was written, the encoding that it was read in, and how many implausible pairs of characters are
    left; the piece itself where nothing is gained."""
    from ftfy import fix_encoding_and_explain
    from ftfy.badness import badness

    before = badness(piece)
    if not before:
        return piece, "", 0
    fixed, steps = fix_encoding_and_explain(_LOST_QUOTE.sub("â€\x9d", piece))
    steps = [step for step in steps or () if step.action == "encode"]
    encoding = str(steps[0].parameter).removeprefix("sloppy-") if steps else "windows-1252"
    lost = piece.count(REPLACEMENT)
    for candidate in (fixed, _ASIAN.sub(_decoded, piece)):
        left = badness(candidate)
        if left < before and candidate.count(REPLACEMENT) <= lost:
            return candidate, encoding, left
    return piece, "", before


def _decoded(run: re.Match[str]) -> str:
    """A run of East or South Asian characters, each decoded by itself: ftfy gives up where one of them is broken."""
    return _ASIAN_CHARACTER.sub(lambda one: _as_bytes(one[0]).decode("utf-8", "replace"), run[0])


def _as_bytes(text: str) -> bytes:
    return b"".join(
        character.encode("latin-1") if character <= "\xff" else character.encode("cp1252") for character in text
    )


def misread_code_page(text: str) -> Misreading | None:
    """A one-byte or East Asian code page read as Latin-1 ("Ïðèâåò"); repaired only where it must be Cyrillic or
    simplified Chinese. Looks at the first 2,000 characters from the place on."""
    start = _CODE_PAGE.search(text)
    if start is None:
        return None
    sample = text[start.start() : start.start() + _PIECE]
    runs = _HIGH.findall(sample)
    high = "".join(runs)
    letters = sum(character >= "\xc0" for character in high)
    plain = sum(character.isascii() and character.isalpha() for character in sample)
    if letters < _FEWEST_HIGH or len(set(high)) < _FEWEST_DIFFERENT or 2 * letters < len(high) or 2 * plain > len(high):
        return None
    name, codec = _code_page(high)
    repaired = _HIGH.sub(lambda run: run[0].encode("latin-1").decode(codec, "replace"), text) if codec else None
    if repaired is not None and REPLACEMENT in repaired:
        repaired = None
    return Misreading(start.start(), start.end(), len(runs), f"{name} that was read as latin-1", repaired)


def _code_page(high: str) -> tuple[str, str]:
    """Its name and Python's for it; ("another code page", "") where nothing fits well."""
    written = high.encode("latin-1")
    for name, codec in (("windows-1251", "cp1251"), ("KOI8-R", "koi8-r")):
        letters = written.decode(codec, "replace").lower()
        often, vowels = (sum(letter in these for letter in letters) for these in (_OFTEN, _VOWELS))
        if often > 0.45 * len(high) and vowels > 0.32 * len(high):
            return name, codec
    # GB 2312, level 1: the 3,755 most frequent characters begin with a byte from B0 to D7.
    if sum(0xB0 <= byte <= 0xD7 for byte in written[::2]) > 0.9 * len(written[::2]):
        return "GBK", "gbk"
    return "another code page", ""
