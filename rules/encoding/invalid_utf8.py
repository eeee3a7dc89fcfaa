"""ENC002: bytes that are not UTF-8. Mojibake, valid UTF-8 that was decoded wrongly once, is not judged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, ByteEdit, Fix, Line, Severity
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import DROP, hit_of

# surrogateescape maps each undecodable byte 0x80-0xff to one of these.
_ESCAPED = re.compile("[\udc80-\udcff]+")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16, which stand where texts were joined."""


class InvalidUtf8(LineRule, frozen=True):
    r"""The line holds bytes that are not UTF-8.

    Strict readers reject the file; lenient ones put U+FFFD in the place of the text or drop the row, and the model
    learns the damage. The bytes are most often a copy from Windows-1252 or Latin-1, or a character cut in half.

    Bad:
        {"messages": [{"role": "user", "content": "caf\xe9?"}, {"role": "assistant", "content": "Coffee."}]}
    Good:
        {"messages": [{"role": "user", "content": "caf\xc3\xa9?"}, {"role": "assistant", "content": "Coffee."}]}
    Do: export the file as UTF-8; the fix reads the bad bytes as Windows-1252, which must be looked at.
    """

    code: ClassVar[str] = "ENC002"
    name: ClassVar[str] = "invalid-utf8"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per line, at the first bad sequence, with one fix for all of them."""
        found = [problem for problem in line.problems if problem.kind == "invalid-utf8"]
        if not found:
            return
        first = found[0]
        edit = read_as_windows_1252(line.raw)
        title = "read the bytes that are not UTF-8 as Windows-1252"
        hit = hit_of(self, first, Fix(Applicability.UNSAFE, title, (edit,)) if edit else DROP)
        if len(found) > 1 and not first.file:
            more = len(found) - 1
            hit = self.hit(
                f"{hit.message} (and {more} more bad {'sequence' if more == 1 else 'sequences'} on this line)",
                hit.at,
                byte_span=hit.byte_span,
                evidence={**hit.evidence, "sequences": len(found)},
                fix=hit.fix,
                key=hit.key,
            )
        yield hit


def read_as_windows_1252(raw: bytes) -> ByteEdit | None:
    """The edit that reads every byte outside UTF-8 as Windows-1252, or None where a byte means nothing there.

    A byte order mark of UTF-16 is taken out.
    """
    text = raw.decode("utf-8", "surrogateescape")
    runs = list(_ESCAPED.finditer(text))
    if not runs:
        return None
    first, last = runs[0].start(), runs[-1].end()
    pieces: list[str] = []
    at = first
    for run in runs:
        stray = run.group().encode("utf-8", "surrogateescape")
        try:
            read = "" if stray in _UTF16_MARKS else stray.decode("cp1252")
        except UnicodeDecodeError:
            return None
        pieces += (text[at : run.start()], read)
        at = run.end()
    start = len(text[:first].encode("utf-8"))
    end = len(raw) - len(text[last:].encode("utf-8"))
    return ByteEdit(start, end, "".join(pieces).encode("utf-8"))
