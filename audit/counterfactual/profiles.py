"""The fields that a prompt states: ``key: value; key: value``, a line for each, or a JSON object. Judges no text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from audit.model import Json

LONGEST_KEY: Final = 60
LEAST_FIELDS: Final = 2
"""Fewer ``key: value`` are a heading or a clause of running text."""
_IN_JSON: Final = re.compile(r'"(?P<key>[^"\\]{1,60})"\s*:\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bare>[\w.+-]+))')
_SEPARATORS: Final = (re.compile(r"[;\n|]"), re.compile(r"[,;\n|]"))
_SIGN: Final = re.compile(r"[:=]")


class Stated(NamedTuple):
    """A field that a text states: code points ``start`` to before ``end`` are its value as it is written."""

    key: str
    value: str
    start: int
    end: int
    quoted: bool = False

    def written(self, value: str) -> str:
        """Another value, as it must be written in this place."""
        return json.dumps(value, ensure_ascii=False)[1:-1] if self.quoted else value


class Profile(NamedTuple):
    """The message of a prompt that states fields, and the fields in order."""

    message: int
    fields: tuple[Stated, ...]

    def values(self) -> dict[str, str]:
        """Key -> value; of a key that stands there twice, the first."""
        return {field.key: field.value for field in reversed(self.fields)}


def profile_of(messages: Sequence[Mapping[str, Json]]) -> Profile | None:
    """The last message of a user that states fields; None where none does."""
    for at in range(len(messages) - 1, -1, -1):
        content = messages[at].get("content")
        if messages[at].get("role") == "user" and isinstance(content, str):
            fields = stated(content)
            if fields:
                return Profile(at, fields)
    return None


def stated(text: str) -> tuple[Stated, ...]:
    """The fields of a text, empty values left out; none where there are fewer than two."""
    ways = [_in_json(text)] if "{" in text else []
    for fields in (*ways, *(_between(text, separator) for separator in _SEPARATORS)):
        found = tuple(fields)
        if len(found) >= LEAST_FIELDS:
            return found
    return ()


def _in_json(text: str) -> Iterator[Stated]:
    for found in _IN_JSON.finditer(text):
        if found["bare"] is not None:
            yield Stated(found["key"], found["bare"], *found.span("bare"))
        elif found["text"]:
            yield Stated(found["key"], _unescaped(found["text"]), *found.span("text"), quoted=True)


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _between(text: str, separator: re.Pattern[str]) -> Iterator[Stated]:
    at = 0
    for end in (*(found.start() for found in separator.finditer(text)), len(text)):
        sign = _SIGN.search(text, at, end)
        if sign is not None:
            key, value = text[at : sign.start()].strip(), text[sign.end() : end]
            start = sign.end() + len(value) - len(value.lstrip())
            value = value.strip()
            if key and len(key) <= LONGEST_KEY and value:
                yield Stated(key, value, start, start + len(value))
        at = end + 1
