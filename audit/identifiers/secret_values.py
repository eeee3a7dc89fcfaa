"""Whether a string that has the shape of a secret can be one: randomness, checksums, what it decodes to, and whether it
only stands for one ("YOUR_API_KEY"). Knows no shapes."""

from __future__ import annotations

import binascii
import math
import re
import zlib
from collections import Counter
from itertools import pairwise
from typing import Final

import msgspec

from audit.read.patterns import pattern

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MADE_UP: Final = pattern(
    r"x{4}|\*{3}|\.{3}|0{6}|1234567|abcdef|qwerty|abc123|example|sample|dummy|placeholder|change_?me|redacted|masked|fake"
    r"|your|insert|replace|todo|secret_?key|api_?key|my_?(?:secret|token|pass|key)|token_?here|here$|^test|test$|deadbeef"
    r"|foo_?bar|lorem|1q2w3e|letmein|p[a4@][s5$][s5$]w[o0]?r?d|passw|pass\d{1,4}$|correct.?horse|^(?:hunter2|tr0ub4dor(?:&3)?)$"
    r"|welcome\d*!?$",
    re.IGNORECASE,
)
"""What documentation writes in place of a secret."""
_REPEATED: Final = pattern(r"(.)\1{4}|(..)\2{3}|(.{3,8})\3{2}")
_LEAST_RUN: Final = 8
_WORDS: Final = pattern(r"[a-z]+(?:[._-]+[a-z]+)*|[A-Z]+(?:[._-]+[A-Z]+)*|(?:[A-Z]?[a-z]+){1,6}")
_LONGEST_READ: Final = 4096


def entropy(value: str) -> float:
    """Shannon's entropy of the characters of a string in bits per character; 0.0 for the empty string."""
    n = len(value)
    return -sum(count / n * math.log2(count / n) for count in Counter(value).values()) if n else 0.0


def stands_for_one(value: str) -> bool:
    """Whether a value is written in place of a secret: a placeholder, words, a repetition, a counting run."""
    shown = value[:_LONGEST_READ]
    return bool(_MADE_UP.search(shown) or _REPEATED.search(shown) or _WORDS.fullmatch(shown) or _counts(shown))


def _counts(value: str) -> bool:
    """Whether eight characters in a row each follow the one before: "abcdefgh", "12345678", "87654321"."""
    codes = value.lower().encode("utf-8", "replace")
    up = down = 1
    for before, after in pairwise(codes):
        up = up + 1 if after == before + 1 else 1
        down = down + 1 if after == before - 1 else 1
        if max(up, down) >= _LEAST_RUN:
            return True
    return False


def has_checksum(value: str) -> bool:
    """Whether the last six of the 36 characters after a prefix are the CRC-32 of the others in base 62, as GitHub and
    npm write them ("Behind GitHub's new authentication token formats", github.blog, 2021)."""
    body = value.rpartition("_")[2]
    try:
        number = zlib.crc32(body[:-6].encode("ascii"))
    except UnicodeEncodeError:
        return False
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits == body[-6:]


def decoded(value: str) -> bytes:
    """The bytes of a base64 or base64url string, padding optional; b"" where it is none."""
    padded = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(padded + "=" * (-len(padded) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return b""


def is_signed_token(value: str) -> bool:
    """Whether a JSON Web Token (RFC 7519) decodes to a header with an algorithm and to claims, is signed, and is not
    the one of the tutorials (jwt.io's "John Doe")."""
    header, _, rest = value.partition(".")
    claims, _, signature = rest.partition(".")
    try:
        first, second = msgspec.json.decode(decoded(header)), msgspec.json.decode(decoded(claims))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if not (isinstance(first, dict) and isinstance(second, dict) and isinstance(first.get("alg"), str)):
        return False
    return first["alg"].lower() != "none" and len(signature) >= 16 and second.get("sub") != "1234567890"


def is_random(value: str, least: float) -> bool:
    """Whether a string has ``least`` bits per character, letters and at least two digits, and is not made of words."""
    digits = sum(map(str.isdigit, value))
    return digits >= 2 and digits < len(value) and entropy(value) >= least and not stands_for_one(value)
