"""Values that the configuration names: the label, the group and the split of a row. Reads them; judges nothing."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from audit.errors import ConfigError
from audit.model import ABSENT, Json, Record
from audit.read.dialogue import answer_text
from audit.read.spans import pointer
from audit.rule import Fields

LONGEST_LABEL: Final = 60
"""Characters of the longest answer that is taken for a label where none is configured."""
MOST_READ: Final = 1_000
"""Characters of an answer, white space around it included, beyond which none is looked for."""
MOST_WORDS: Final = 6
"""Words of such an answer."""


def value_at(data: Json, path: str) -> Json:
    """The value at ``metadata.label`` or ``/metadata/label``; ABSENT where there is none.

    A key with dots in it is found too, and so is a path below ``metadata`` that leaves that word out.
    """
    for steps in _readings(path):
        value = _walk(data, steps)
        if value is not ABSENT:
            return value
    return ABSENT


def pointer_at(data: Json, path: str) -> str | None:
    """The JSON Pointer of what ``value_at`` finds at a path, None where it finds nothing."""
    for steps in _readings(path):
        if _walk(data, steps) is not ABSENT:
            return pointer(*steps)
    return None


@cache
def _readings(path: str) -> tuple[tuple[str, ...], ...]:
    if path.startswith("/"):
        return (tuple(step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")),)
    steps = tuple(path.split("."))
    whole = (steps[0], ".".join(steps[1:])) if len(steps) > 2 else (path,)
    return tuple(dict.fromkeys((steps, whole, (path,), ("metadata", *steps))))


def _walk(value: Json, steps: tuple[str, ...]) -> Json:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value


def text_of(value: Json) -> str | None:
    """A string as it is, a number or truth value as JSON writes it; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def label_of(record: Record, fields: Fields) -> str | None:
    """The label of a row: the configured one, or else its answer where that is short and on one line; None for none."""
    text = answer_text(record) if fields.label in (None, "answer") else text_of(value_at(record.data, fields.label))
    return label_in(text, fields)


def label_in(text: str | None, fields: Fields) -> str | None:
    """The label in an answer or a field's value."""
    if text is None:
        return None
    if fields.label is None and fields.label_pattern is None and len(text) > MOST_READ:
        return None
    if fields.label_pattern is not None:
        found = pattern(fields.label_pattern).search(text)
        if found is None:
            return None
        text = found.group(1) if found.re.groups else found.group()
        return (text or "").strip() or None
    text = text.strip()
    if not text or (fields.label is None and not is_short(text)):
        return None
    return text


def is_short(answer: str) -> bool:
    """Whether a stripped answer could be a label: one line of at most 60 characters and 6 words."""
    return len(answer) <= LONGEST_LABEL and "\n" not in answer and len(answer.split()) <= MOST_WORDS


@cache
def pattern(source: str) -> re.Pattern[str]:
    """A compiled pattern of the configuration. Raises ConfigError for one that cannot be compiled."""
    try:
        return re.compile(source)
    except re.error as error:
        raise ConfigError(f'"data.label.pattern" is not a regular expression: {error}') from None


def group_of(record: Record, fields: Fields) -> str | None:
    """What the configured group field says, None for none."""
    return None if fields.group is None else text_of(value_at(record.data, fields.group))


def split_of(record: Record, fields: Fields) -> str | None:
    """What the configured split field says, None for none."""
    return None if fields.split is None else text_of(value_at(record.data, fields.split))
