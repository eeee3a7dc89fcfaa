"""Looks at the first rows of data for ``audit init``: shapes, answers, fields beside the chat. Judges nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.engine.batch import UNKNOWN_SHAPE, read_value
from audit.model import Chat, Json, Source
from audit.read.lines import SourceReader
from audit.read.shapes import detect
from audit.read.sources import find_sources

MOST_ROWS: Final = 20_000
"""Rows looked at: a suggestion needs no more, and a large file is not read to its end."""
FEWEST: Final = 5
"""Rows that every value of a closed set must have on average before it is taken for one."""
MOST_LABELS: Final = 100
"""Values of a field beyond which it is no label."""
MOST_ANSWERS: Final = 20
"""Different answers, or different first words of answers, beyond which they are no labels."""
LONGEST_VALUE: Final = 200
"""Characters; longer values are texts and not labels, groups or names."""

LABELS: Final = frozenset(
    [
        "label",
        "labels",
        "class",
        "category",
        "target",
        "intent",
        "sentiment",
        "decision",
        "outcome",
        "rating",
        "verdict",
        "answer_label",
        "gold",
    ]
)
SPLITS: Final = frozenset(["split", "subset", "fold", "partition"])
SPLIT_VALUES: Final = frozenset(["train", "training", "valid", "validation", "val", "dev", "test", "eval", "holdout"])
ATTRIBUTES: Final = frozenset(
    [
        "sex",
        "gender",
        "age",
        "race",
        "ethnicity",
        "ethnic",
        "religion",
        "nationality",
        "citizenship",
        "country",
        "origin",
        "disability",
        "disabled",
        "pregnancy",
        "pregnant",
        "orientation",
        "sexuality",
        "marital",
        "veteran",
        "caste",
        "dialect",
        "skin",
        "income_group",
        "identity",
        "demographic",
        "demographics",
        "target_group",
        "target_ident",
        "native",
    ]
)
"""Words in the name of a field that may say something about people (after EU Charter, article 21)."""
GROUPS: Final = frozenset(
    [
        "group",
        "user",
        "patient",
        "customer",
        "applicant",
        "client",
        "person",
        "author",
        "speaker",
        "document",
        "doc",
        "session",
        "conversation",
        "dialog",
        "dialogue",
        "thread",
        "template",
        "family",
        "household",
        "batch",
        "pair",
        "cluster",
        "source",
    ]
)
IDS: Final = frozenset(["id", "uuid", "guid", "uid", "key", "index", "idx"])


class Field(msgspec.Struct):
    """One field beside the chat: where it is, in how many rows, and its values."""

    path: tuple[str, ...]
    rows: int = 0
    values: Counter[str] = msgspec.field(default_factory=Counter)
    texts: int = 0

    @property
    def name(self) -> str:
        """The last step of its path."""
        return self.path[-1]

    @property
    def words(self) -> frozenset[str]:
        """The words in its name, in lower case."""
        spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", self.name).lower()
        return frozenset(re.split(r"[^a-z]+", spaced)) | {re.sub(r"[^a-z]+", "_", spaced)}

    @property
    def is_closed(self) -> bool:
        """True when few values come again and again."""
        return not self.texts and 1 < len(self.values) <= MOST_LABELS and self.rows >= FEWEST * len(self.values)


class Survey(msgspec.Struct, kw_only=True):
    """What was seen. ``answers`` counts short last answers, ``first_words`` how answers begin."""

    sources: Sequence[Source]
    rows: int = 0
    unreadable: int = 0
    cut: bool = False
    shapes: Counter[str] = msgspec.field(default_factory=Counter)
    fields: dict[tuple[str, ...], Field] = msgspec.field(default_factory=dict)
    answered: int = 0
    answers: Counter[str] = msgspec.field(default_factory=Counter)
    first_words: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def shape(self) -> str:
        """The most frequent known shape, else ``unknown``."""
        known = {name: count for name, count in self.shapes.items() if name != UNKNOWN_SHAPE}
        return min(known, key=lambda name: (-known[name], name)) if known else UNKNOWN_SHAPE

    def named(self, words: frozenset[str]) -> list[Field]:
        """Fields with one of these words in their name, the most complete first."""
        found = [field for field in self.fields.values() if field.words & words]
        return sorted(found, key=lambda field: (-field.rows, field.path))


def survey(paths: Sequence[str]) -> Survey:
    """The survey of the first ``MOST_ROWS`` rows. Raises InputError for what cannot be read."""
    seen = Survey(sources=find_sources(paths))
    for value in _rows(seen):
        seen.rows += 1
        if not isinstance(value, dict):
            seen.unreadable += 1
            continue
        shape = detect(value)
        seen.shapes[shape.name if shape else UNKNOWN_SHAPE] += 1
        if shape is not None:
            _answer(seen, shape.read(value))
        _fields(seen, value)
        if seen.rows >= MOST_ROWS:
            seen.cut = True
            break
    return seen


def _rows(seen: Survey) -> Iterator[Json]:
    for source in seen.sources:
        for chunk in SourceReader(source):
            for index, raw in enumerate(chunk.lines):
                if raw and not raw.isspace():
                    yield read_value(raw, index in chunk.suspects)[0]


def _answer(seen: Survey, chat: Chat) -> None:
    turns = chat.chosen or chat.messages
    last = next((turn for turn in reversed(turns) if turn.role == "assistant"), None)
    text = last.text.strip() if last is not None else ""
    if not text:
        return
    seen.answered += 1
    if len(text) <= LONGEST_VALUE and (text in seen.answers or len(seen.answers) < 50 * MOST_ANSWERS):
        seen.answers[text] += 1
    word = re.match(r"\w+", text)
    if word and (word[0] in seen.first_words or len(seen.first_words) < 50 * MOST_ANSWERS):
        seen.first_words[word[0]] += 1


def _fields(seen: Survey, row: Mapping[str, Json]) -> None:
    """Count plain values at the top of the row and, two levels deep, in its ``metadata``."""
    for key, value in row.items():
        if key != "metadata":
            _count(seen, (key,), value)
        elif isinstance(value, dict):
            for inner, item in value.items():
                _count(seen, (key, inner), item)
                if isinstance(item, dict):
                    for deepest, plain in item.items():
                        _count(seen, (key, inner, deepest), plain)


def _count(seen: Survey, path: tuple[str, ...], value: Json) -> None:
    if not isinstance(value, str | int | float | bool):
        return
    field = seen.fields.setdefault(path, Field(path))
    field.rows += 1
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if len(text) > LONGEST_VALUE:
        field.texts += 1
    else:
        field.values[text] += 1
