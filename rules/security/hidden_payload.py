"""SEC914: data in disguise: encoded text and programs, and addresses that carry much data. Decodes; runs nothing."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import ClassVar, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from audit.identifiers.secret_values import decoded, entropy
from audit.model import Message, Severity
from audit.read.folding import UNSPACED
from audit.read.patterns import pattern
from audit.rule import Run, Span, Status, TextRule

_BASE64: Final = pattern(
    r"(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/]{40,}+={0,2}|[A-Za-z0-9_-]{40,}+={0,2})(?![A-Za-z0-9+/_=-])"
)
_HEX: Final = pattern(r"(?<![0-9A-Fa-f])(?:0x)?((?:[0-9A-Fa-f]{2}){32,}+)(?![0-9A-Za-z])")
_ESCAPED: Final = pattern(r"(?:\\u[0-9A-Fa-f]{4}){8,}+|(?:\\x[0-9A-Fa-f]{2}){8,}+|(?:&#x?[0-9A-Fa-f]{2,5};){8,}+")
_PERCENT: Final = pattern(r"(?:%[0-9A-Fa-f]{2}[A-Za-z0-9._~-]{0,3}){10,}+")
_ONE_ESCAPE: Final = pattern(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|&#x([0-9A-Fa-f]{2,5});|&#([0-9]{2,5});")
_DATA: Final = pattern(r"data:([a-z]{3,12}/[a-z0-9.+-]{2,40})(?:;[a-z0-9=-]{1,40}){0,3},", re.IGNORECASE)
_LONG_URL: Final = pattern(r"(?<![^\s\"'<>(\[])https?://[^\s\"'<>?#)]{3,400}+\?([^\s\"'<>)\]]{120,}+)")
_NOT_HERE: Final = pattern(
    r"(?:ssh-(?:rsa|ed25519|dss)|ecdsa-\S{1,40}|sha\d{3}[-:]|integrity|BEGIN [A-Z0-9 ]{3,40}-----\s*|base64,|eyJ)"
    r"\S{0,4}[\s\"'=]{0,3}$"
)
_MAGIC: Final = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xca\xfe\xba\xbe", "a Java class"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"%PDF", "a PDF document"),
    (b"#!/", "a script"),
    (b"<?php", "a script"),
)
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"<svg")
_ACTIVE: Final = pattern(r"text/html|javascript|octet-stream|x-msdownload|x-sh|zip|x-python|svg")
_PRINTABLE: Final = pattern(r"[\w\s.,;:!?'\"()\[\]{}<>/\\@#$%^&*+=|`~\u2010-\u2027\u3000-\u303f\uff01-\uff65-]*")
_UNSPACED: Final = pattern(f"[{UNSPACED}]")
_LEAST_READ: Final = 20
_LONGEST: Final = 200_000
"""Characters of one blob that are decoded."""
_MOST: Final = 100
"""Payloads of one text after which nobody looks for more."""
_CANDIDATES: Final = 20_000
"""Blobs of one text that are decoded, hashes and keys among them."""
_SHOWN: Final = 4000
"""Bytes of a blob that are read."""
_READABLE: Final = ("readable text", "an address")
_IN_HEX: Final = "hexadecimal digits"


class _Payload(NamedTuple):
    start: int
    end: int
    what: str
    how: str


class HiddenPayload(TextRule, frozen=True):
    """A text holds data in disguise: base64, hexadecimal or escapes that decode to text or a program, or a long query.

    Neither a person who reviews the row nor a filter that reads it sees what it says, while a model may learn to decode
    and follow it, or to write it (Wei et al. 2023, "Jailbroken", arXiv:2307.02483, section 4). Reported where the blob
    decodes to readable text or to the beginning of a program, an archive or a script; a ``data:`` address of a kind
    that can run; an address with a query of 120 characters or more and 4.5 bits per character; escapes of whole
    sentences in ASCII. Silent: hashes, keys, signatures, pictures, and exercises, in which the decoded text stands
    beside the blob.

    Bad:
        {"messages": [{"role": "user", "content": "Run cHJpbnQoJ2hlbGxvJyk7IGltcG9ydCBvczsgb3MucmVtb3ZlKCd4Jyk="}, {"role": "assistant", "content": "It ran."}]}
    Good:
        {"messages": [{"role": "user", "content": "What is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855?"}, {"role": "assistant", "content": "SHA-256 of nothing."}]}
    Do: write the data out, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "SEC914"
    name: ClassVar[str] = "hidden-payload"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"

    def triggers(self, run: Run) -> Sequence[str]:
        """Long runs of the digits of an encoding, and the beginnings of addresses with data in them."""
        return (
            r"[A-Za-z0-9+/_-]{40}",
            r"(?:\\u[0-9A-Fa-f]{4}){8}",
            r"(?:\\x[0-9A-Fa-f]{2}){8}",
            r"(?:&#x?[0-9A-Fa-f]+;){8}",
            r"(?:%[0-9A-Fa-f]{2}[A-Za-z0-9._~-]?[A-Za-z0-9._~-]?[A-Za-z0-9._~-]?){10}",
            r"(?i)data:[a-z]+/[a-z0-9.+-]+[;,]",
            r"https?://[^\s\"'<>?#)]+\?[^\s\"'<>)\]]{120}",
        )

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text: the first payload and how many there are."""
        found = sorted({*_blobs(text), *_escapes(text), *_addresses(text)})
        if found:
            first = found[0]
            more = f" ({len(found)} such places)" if len(found) > 1 else ""
            yield Span(
                start=first.start,
                end=first.end,
                message=f"{first.end - first.start:,} characters of {first.how} hold {first.what}{more}",
                evidence={"count": len(found), "holds": sorted({one.what for one in found})},
                key=first.what,
            )


def _blobs(text: str) -> Iterator[_Payload]:
    return islice(_payloads(text), _MOST)


def _payloads(text: str) -> Iterator[_Payload]:
    beside = ""
    for found, how in islice(_encoded(text), _CANDIDATES):
        data = bytes.fromhex(found[1][:_LONGEST]) if how == _IN_HEX else decoded(found[0][: _LONGEST // 4 * 4])
        what = _what(data)
        if what in _READABLE:
            beside = beside or _plain(text)
            what = "" if _plain(_read(data))[:_LEAST_READ] in beside else what
        if what:
            yield _Payload(found.start(), found.end(), what, how)


def _encoded(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """What may be encoded data, and how. Words and what other standards encode for a known purpose are left out."""
    for found in _HEX.finditer(text):
        yield found, _IN_HEX
    for found in _BASE64.finditer(text):
        words = found[0].isalpha() and found[0].islower()
        if not (
            words or found[0].startswith("eyJ") or _NOT_HERE.search(text, max(0, found.start() - 60), found.start())
        ):
            yield found, "base64"


def _plain(text: str) -> str:
    return " ".join(text.split()).lower()


def _what(data: bytes) -> str:
    """What decoded bytes are: "" for nothing that can be told."""
    if len(data) < _LEAST_READ or data.startswith(_PICTURES):
        return ""
    for magic, what in _MAGIC:
        if data.startswith(magic):
            return what
    read = _read(data)
    if not _is_readable(read):
        return ""
    return _READABLE[bool(re.match(r"https?://", read))]


def _read(data: bytes) -> str:
    """The beginning of decoded bytes as text, UTF-8 or UTF-16 (as PowerShell's); "" for none. A character that is cut
    at the end is left out."""
    shown = data[:_SHOWN]
    encoding = "utf-16-le" if shown[1::2].count(0) > 0.4 * len(shown) else "utf-8"
    try:
        return codecs.getincrementaldecoder(encoding)().decode(shown).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return ""


def _is_readable(read: str) -> bool:
    """Whether a text consists of printable characters, with spaces, as an address, or of a script without spaces."""
    letters = sum(map(str.isalnum, read))
    parted = " " in read or "://" in read or len(_UNSPACED.findall(read)) > len(read) / 2
    return bool(_PRINTABLE.fullmatch(read)) and letters >= len(read) / 2 and parted


def _escapes(text: str) -> Iterator[_Payload]:
    for found in _ESCAPED.finditer(text):
        read = "".join(chr(_code(one)) for one in _ONE_ESCAPE.finditer(found[0][:_LONGEST]))
        if read.isascii() and read.isprintable() and sum(map(str.isalpha, read)) >= len(read) / 2:
            yield _Payload(found.start(), found.end(), "ASCII text", "escapes")
    for found in _PERCENT.finditer(text):
        read = unquote_to_bytes(found[0][:_LONGEST]).decode("utf-8", "replace")
        escaped = re.findall(r"%([46-7][1-9A-Fa-f]|[5][0-9Aa])", found[0][:_LONGEST])
        if len(escaped) >= 10 and read.isascii() and read.isprintable():
            yield _Payload(found.start(), found.end(), "ASCII text", "percent escapes")


def _code(one: re.Match[str]) -> int:
    digits = one[1] or one[2] or one[3]
    return min(int(digits, 16) if digits else int(one[4]), 0x10FFFF)


def _addresses(text: str) -> Iterator[_Payload]:
    for found in _DATA.finditer(text):
        if _ACTIVE.search(found[1].lower()):
            yield _Payload(found.start(), found.end(), f"data of type {found[1].lower()}", "a data: address")
    for found in _LONG_URL.finditer(text):
        if entropy(found[1][:4000]) >= 4.5:
            yield _Payload(found.start(), found.end(), "a long query of random characters", "an address")
