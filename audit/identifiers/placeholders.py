"""Typed placeholders that stand for what identifies somebody, the same for the same value. Finds nothing itself."""

from __future__ import annotations

import hashlib
import hmac
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from audit.identifiers.finding import Identifier
from audit.read.patterns import pattern

KEY_VARIABLE: Final = "AUDIT_MASK_KEY"
"""The environment variable with the secret key of the placeholders."""
_PUBLIC_KEY: Final = b"audit: placeholders without a key"
_DIGITS_WITH_KEY: Final = 8
_DIGITS_WITHOUT: Final = 6
_ROUNDS: Final = 8
"""Masking shortens a text and so may bring a word within reach of another number; each round finds fewer."""
_JSON_STRING: Final = pattern(r'"(?:[^"\\]|\\.)*+"')


def placeholder(kind: str, value: str) -> str:
    """What stands for a value: ``[EMAIL_3F9A0C]``.

    The tag is the beginning of HMAC-SHA256 (RFC 2104) of kind and value under the key in ``AUDIT_MASK_KEY``: 8
    hexadecimal digits. Without a key it is 6 digits under a public one: whoever tries all telephone numbers learns
    which ones may stand behind it. Set a key, and keep it, before data leaves the house. Equal values have equal tags;
    two of n different ones share a tag with a probability of about n^2 / 2^25 without a key (11 % for 2,000 values),
    of n^2 / 2^33 with one.
    """
    given = os.environ.get(KEY_VARIABLE, "")
    message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
    key = given.encode("utf-8", "surrogateescape") or _PUBLIC_KEY
    tag = hmac.new(key, message, hashlib.sha256).hexdigest().upper()
    return f"[{kind.upper()}_{tag[: _DIGITS_WITH_KEY if given else _DIGITS_WITHOUT]}]"


def masked(text: str, identifiers: Sequence[Identifier]) -> str:
    """The text with each of these, which do not overlap and stand in order, replaced by its placeholder; in a text that
    is JSON as a string, where it was a number."""
    strings = [found.span() for found in _JSON_STRING.finditer(text)] if identifiers and is_json(text) else None
    parts: list[str] = []
    at = 0
    for one in identifiers:
        written = placeholder(one.kind, one.value)
        parts += (text[at : one.start], written if strings is None or _inside(strings, one) else f'"{written}"')
        at = one.end
    return "".join((*parts, text[at:]))


def masked_all(text: str, find: Callable[[str], Sequence[Identifier]]) -> str:
    """The text with all masked that ``find`` finds in it, and then in what came of it; the same object for none."""
    for _ in range(_ROUNDS):
        found = find(text)
        if not found:
            break
        text = masked(text, found)
    return text


def is_json(text: str) -> bool:
    """Whether a text is an object or a list in JSON: arguments of a call."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _inside(strings: Sequence[tuple[int, int]], one: Identifier) -> bool:
    """Whether an identifier begins inside one of some strings of JSON, given in order."""
    place = bisect_right(strings, one.start, key=lambda string: string[0]) - 1
    return place >= 0 and one.start < strings[place][1]
