"""Typed placeholders that stand for what identifies somebody, the same for the same value. Finds nothing itself."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from typing import Final

from audit.identifiers.finding import Identifier

KEY_VARIABLE: Final = "AUDIT_MASK_KEY"
"""The environment variable with the secret key of the placeholders."""
_PUBLIC_KEY: Final = b"audit: placeholders without a key"
_DIGITS_WITH_KEY: Final = 8
_DIGITS_WITHOUT: Final = 4


def placeholder(kind: str, value: str) -> str:
    """What stands for a value: ``[EMAIL_3F9A]``.

    The tag is the beginning of HMAC-SHA256 (RFC 2104) of kind and value under the key in ``AUDIT_MASK_KEY``: 8
    hexadecimal digits. Without a key it is 4 digits under a public one: equal values can still be told from others,
    but whoever tries all telephone numbers learns which ones may stand behind it. Set a key, and keep it, before data
    leaves the house.
    """
    given = os.environ.get(KEY_VARIABLE, "")
    message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
    key = given.encode("utf-8", "surrogateescape") or _PUBLIC_KEY
    tag = hmac.new(key, message, hashlib.sha256).hexdigest().upper()
    return f"[{kind.upper()}_{tag[: _DIGITS_WITH_KEY if given else _DIGITS_WITHOUT]}]"


def masked(text: str, identifiers: Iterable[Identifier]) -> str:
    """The text with each of these, which do not overlap and stand in order, replaced by its placeholder."""
    parts: list[str] = []
    at = 0
    for one in identifiers:
        parts += (text[at : one.start], placeholder(one.kind, one.value))
        at = one.end
    return "".join((*parts, text[at:]))
