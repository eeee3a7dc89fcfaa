"""Linear scans for lines that a fast JSON decode may accept although something is odd in them.

``odd_lines`` looks at every byte of a file, for what a row may hold that a typed decode accepted; ``is_suspect`` at
the rows that none did, for everything. Over-cautious by design: a suspect is looked at exactly by
``strict.diagnose``, which may find nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import re2

MAX_MEMORY: Final = 64 << 20
"""Bytes RE2 may use for its automaton. It needs a few hundred states; the default of 8 MiB would do as well."""

_PATTERNS: Final = (
    # Escapes of control characters, preceded by an even number of backslashes (LaTeX has many odd-looking even ones).
    rb"[^\\](?:\\\\)*\\(?:[bf]|u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F]|7[fF]|8[0-46-9a-fA-F]|9[0-9a-fA-F]))",
    rb"[\r\x7f]",  # raw carriage return and DEL
    rb"\xc2[\x80-\x9f]",  # raw C1 controls
    rb"\xe2\x80[\xa8\xa9]",  # U+2028 and U+2029
    rb'"[ \t]+:',  # keys that a count of `":` misses
    rb'\\\\":',  # and that it takes for an escaped quote
    rb"\n[ \t\r\v\f]*\n",  # blank lines
    # Strings of nothing but white space, Unicode's included, which the typed decode would take for content.
    (
        rb':[ \t]*"(?: |\\[nrt]|\\u(?:00[08A-Fa-f][0-9A-Fa-f]|001[c-fC-F]|1680|20[0-9A-Fa-f]{2}|3000)'
        rb'|\xc2\xa0|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xaf]|\xe2\x81\x9f|\xe3\x80\x80)+"'
    ),
    rb"\n\xef\xbb\xbf",  # a byte order mark at the start of a line
    # Invalid UTF-8, which a typed decode does not notice in values that it skips: bytes that never occur, sequences
    # cut short, over-long or out of range, continuation bytes without a start.
    rb"[\xc0\xc1\xf5-\xff]",
    rb"[\xc2-\xf4][^\x80-\xbf]|[\xe0-\xf4][\x80-\xbf][^\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2}[^\x80-\xbf]",
    rb"\xe0[\x80-\x9f]|\xed[\xa0-\xbf]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]",
    rb"[\x00-\x7f][\x80-\xbf]|[\xc2-\xdf][\x80-\xbf]{2}|[\xe0-\xef][\x80-\xbf]{3}|[\xf0-\xf4][\x80-\xbf]{4}",
    # Numbers too large for a double: an exponent of three digits, or 309 digits, in a value that may be skipped.
    rb"[:\[,][ \t]*-?[0-9][0-9.]*[eE]\+?[0-9]{3}|[0-9]{309}",
)


_ESCAPE: Final = rb"\\(?:[bf]|u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F]|7[fF]|8[0-46-9a-fA-F]|9[0-9a-fA-F]))"
_RAW: Final = rb"[\r\x7f]"
_C1: Final = rb"\xc2[\x80-\x9f]"
_SEPARATOR: Final = rb"\xe2\x80[\xa8\xa9]"


@cache
def _compiled(*patterns: bytes) -> re2._Regexp[bytes]:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = MAX_MEMORY
    options.never_nl = False
    return re2.compile(b"|".join(b"(?:" + pattern + b")" for pattern in patterns), options)


def odd_lines(text: bytes) -> list[int]:
    """Ascending indices of the lines with a control character, escaped or raw, or a raw line separator.

    ``text`` is whole lines, each of them ended by ``\\n``. Each pattern begins with one byte that RE2 can look for at
    the speed of memory, so this costs a tenth of looking for everything at once.
    """
    found = {line for line, raw in lines_with(_compiled(_ESCAPE), text) if is_suspect(raw)}
    if b"\r" in text or b"\x7f" in text:
        found.update(line for line, _ in lines_with(_compiled(_RAW), text))
    if not text.isascii():
        if b"\xc2" in text:
            found.update(line for line, _ in lines_with(_compiled(_C1), text))
        if b"\xe2\x80\xa8" in text or b"\xe2\x80\xa9" in text:
            found.update(line for line, _ in lines_with(_compiled(_SEPARATOR), text))
    return sorted(found)


def lines_with(pattern: re2._Regexp[bytes], text: bytes) -> Iterator[tuple[int, bytes]]:
    """Index and bytes of every line that the pattern matches in. ``text`` is whole lines, each ended by ``\\n``."""
    line = start = 0
    while match := pattern.search(text, start):
        at = match.start()
        line += text.count(b"\n", start, at)
        start = text.find(b"\n", at)
        yield line, text[text.rfind(b"\n", 0, at) + 1 : start]


def is_suspect(raw: bytes) -> bool:
    """Whether anything at all about a line may be odd."""
    return _compiled(*_PATTERNS).search(b"\n" + raw + b"\n") is not None


def suspect_lines(text: bytes) -> list[int]:
    """Ascending indices of the lines to look at. ``text`` is whole lines, each of them ended by ``\\n``.

    About 400 MB/s where nothing is found, and a few microseconds for each line that is.
    """
    search, found = _compiled(*_PATTERNS).search, list[int]()
    text = b"\n" + text  # so that the first line begins like any other
    line, start = -1, 0
    while match := search(text, start):
        # The last byte of every pattern lies in the line that is meant, or is its line end.
        last = match.end() - 1
        line += text.count(b"\n", start, last)
        found.append(line)
        start = text.find(b"\n", last)
    return found
