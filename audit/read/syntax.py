"""Says in plain words why a text is not JSON: turns the position of Python's JSON decoder into a cause.

Explains only; ``strict`` decides what becomes of it.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

_PARTIAL: Final = re.compile(
    r"-|[.][0-9]*|[eE][+-]?|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|N(?:a)?|-?I(?:n(?:f(?:i(?:n(?:it?)?)?)?)?)?"
)
_PYTHON_WORD: Final = re.compile(r"(?:True|False|None)\b")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_JSON_FOR: Final = {"True": "true", "False": "false", "None": "null"}


class Fault(NamedTuple):
    """Why a text is not JSON: ``truncated`` if it ends early, ``position`` in code points, ``cause`` for evidence."""

    truncated: bool
    message: str
    position: int
    length: int
    cause: str


def explain(text: str, error: json.JSONDecodeError) -> Fault:
    """The cause of a decoding error. ``text`` is what was decoded."""
    position = _skip(text, error.pos)
    if error.msg.startswith("Extra data"):
        return _extra(text, position)
    if _ends_early(text, position, error.msg):
        return Fault(True, "the line ends before the JSON value is complete", len(text.rstrip(" \t\r\n")), 0, "cut")
    if error.msg.startswith("Unterminated string"):
        return Fault(False, "a string that starts here is never closed", error.pos, 1, "unclosed string")
    if error.msg.startswith("Invalid control character"):
        return Fault(False, f"a raw {_control(text[error.pos])} inside a string", error.pos, 1, "raw control character")
    if error.msg.startswith("Invalid \\"):
        return _bad_escape(text, error.pos)
    return _unexpected(text, position, error.msg)


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _ends_early(text: str, position: int, message: str) -> bool:
    rest = text[position:].rstrip(" \t\r\n")
    if message.startswith("Unterminated string"):
        # A line that still ends in its closing bracket was not cut: a quote is missing somewhere in it.
        return not rest.endswith(("}", "]"))
    if message.startswith("Invalid \\u"):
        return len(rest) < 6 and '"' not in rest and "}" not in rest
    return not rest or _PARTIAL.fullmatch(rest) is not None


def _extra(text: str, position: int) -> Fault:
    mark = text[position]
    if mark in "{[":
        return Fault(False, "a second JSON value on the same line", position, 1, "two values")
    if mark == ",":
        return Fault(False, "a trailing comma after the JSON value", position, 1, "trailing comma")
    if mark in "}]":
        return Fault(False, f"a closing {mark!r} too many", position, 1, "extra bracket")
    if mark in "/#":
        return Fault(False, "a comment after the JSON value: JSON has no comments", position, 1, "comment")
    return Fault(False, f"text after the JSON value: {_shown(text, position)}", position, 1, "extra text")


def _bad_escape(text: str, position: int) -> Fault:
    backslash = text.rfind("\\", 0, position + 1)
    start = backslash if backslash >= 0 else position
    shown = text[start : start + (6 if text[start + 1 : start + 2] == "u" else 2)]
    return Fault(False, f"an escape that JSON does not know in a string: {shown}", start, len(shown), "bad escape")


def _unexpected(text: str, position: int, message: str) -> Fault:
    mark = text[position]
    if mark in "}]" and text[:position].rstrip(" \t\r\n").endswith(","):
        comma = text.rfind(",", 0, position)
        return Fault(False, f"a trailing comma before {mark!r}", comma, 1, "trailing comma")
    if mark == "'":
        return Fault(False, "single quotes: JSON strings need double quotes", position, 1, "single quotes")
    if mark in "“”„‘’":
        return Fault(
            False, f"typographic quotes ({mark}): JSON strings need double quotes", position, 1, "curly quotes"
        )
    if mark in "/#":
        return Fault(False, "a comment: JSON has no comments", position, 1, "comment")
    word = _WORD.match(text, position)
    if word and _PYTHON_WORD.match(text, position):
        good = _JSON_FOR[word.group()]
        return Fault(False, f"the Python word {word.group()}: JSON says {good}", position, len(word.group()), "Python")
    return _expected(text, position, message)


def _expected(text: str, position: int, message: str) -> Fault:
    shown = _shown(text, position)
    if "property name" in message:
        what = "a key in double quotes was expected"
    elif "':'" in message:
        what = "a colon was expected after the key"
    elif "','" in message:
        what = "a comma or a closing bracket was expected"
        if text[position - 1 : position] == '"' or _WORD.match(text, position):
            what += " (is a quotation mark inside a string not escaped?)"
    else:
        what = "a value was expected"
    return Fault(False, f"{what}, found {shown}", position, 1, "unexpected text")


def _shown(text: str, position: int) -> str:
    word = _WORD.match(text, position)
    piece = word.group()[:20] if word else text[position]
    return f'"{piece}"' if piece.isprintable() else f"U+{ord(piece[0]):04X}"


def _control(character: str) -> str:
    names = {"\t": "tab", "\n": "line break", "\r": "carriage return"}
    return f"{names.get(character, 'control character')} (U+{ord(character):04X})"
