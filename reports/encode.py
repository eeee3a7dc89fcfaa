"""Model values as JSON text that is plain ASCII: nothing in it can steer a terminal, and every reader accepts it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from audit.model import Json

_NOT_PLAIN: Final = re.compile("[\x7f-\U0010ffff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_COMMAND: Final = re.compile(r"#(?=#[A-Za-z]*\[)")
"""What build services read as a command wherever it stands in a log (see ``audit.reports.visible``)."""


def encode(value: Json, indent: int | None = None) -> str:
    r"""JSON with sorted keys, characters beyond ASCII as ``\uXXXX``, bytes as base64, numbers that are not finite null.

    Lone surrogates, which UTF-8 cannot carry, come out as ``<U+D800>``; ``##[`` as ``\u0023#[``, the same string to
    every reader of JSON, but no command to a build service that reads the log.
    """
    try:
        encoded = msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_well_formed(msgspec.to_builtins(value)), order="sorted")
    if indent is not None:
        encoded = msgspec.json.format(encoded, indent=indent)
    text = encoded.decode()
    text = _COMMAND.sub(_escape, text)
    return text if encoded.isascii() and b"\x7f" not in encoded else _NOT_PLAIN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def _well_formed(value: Json) -> Json:
    if isinstance(value, str):
        return _SURROGATE.sub(lambda match: f"<U+{ord(match[0]):04X}>", value)
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(item) for item in value]
    return value
