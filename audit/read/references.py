"""Reads the files that data is compared with: evaluation sets, benchmarks, prompts of a deployment. Judges nothing.

Benchmark files come in looser forms than training data, so more keys are understood here than the shapes know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.errors import InputError
from audit.model import Chat, Json, Record, Source
from audit.read.dialogue import answer_text, prompt_text
from audit.read.fields import text_of
from audit.read.lines import SourceReader
from audit.read.shapes import detect
from audit.read.sources import find_sources
from audit.read.strict import diagnose
from audit.rule import Reference, ReferenceRow

PROMPT_KEYS: Final = (
    "prompt", "question", "problem", "query", "instruction", "input", "goal", "context", "passage", "turns", "text",
    "content", "sentence",
)  # fmt: skip
"""Keys that may hold the question where no shape knows the row, in order of preference."""
ANSWER_KEYS: Final = (
    "answer", "completion", "solution", "canonical_solution", "response", "target", "output", "reference", "ideal",
    "best_answer", "answers", "expected", "label",
)  # fmt: skip
"""Keys that may hold its answer, in order of preference."""
TEXT_ENDINGS: Final = (".txt", ".txt.gz", ".txt.zst")
"""Files of these names hold one prompt per line, unless a line is a JSON object."""

_decode = msgspec.json.Decoder().decode


def read_reference(paths: Sequence[str]) -> Reference:
    """The prompts and answers in some files, in the order given; every container and shape that can be checked, and
    rows with a question under one of ``PROMPT_KEYS``, bare strings, lists of messages and lines of ``.txt`` files.

    System prompts are left out, and of a preference row the rejected answer. A text without a question is a prompt.
    A row without any text stays with empty texts, so that it can be counted.
    Raises InputError for what cannot be read, and for a file of which no row has a text.
    """
    rows: list[ReferenceRow] = []
    for source in find_sources([str(path) for path in paths]):
        found = list(_text_lines(source) if source.path.lower().endswith(TEXT_ENDINGS) else _rows(source))
        if not any(row.prompt or row.answer for row in found):
            keys = ", ".join(PROMPT_KEYS)
            raise InputError(
                f"{source.path}: none of its {len(found):,} rows has a text to compare with",
                hint=f"looked for chats of any shape, and for one of the keys {keys}; a .txt file has a text per line",
            )
        rows.extend(found)
    return Reference(tuple(rows))


def _rows(source: Source) -> Iterator[ReferenceRow]:
    for chunk in SourceReader(source):
        for index, raw in enumerate(chunk.lines):
            if raw and not raw.isspace():
                yield _row(source, chunk.number(index), _value(raw))


def _value(raw: bytes) -> Json:
    """The value of a line, or of as much of it as can be read; ABSENT for what is no JSON."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return diagnose(raw).value


class _Lines:
    """Counts lines for the reader, which asks whoever splits the text."""

    lines = 0


def _text_lines(source: Source) -> Iterator[ReferenceRow]:
    """One row per line that is not blank, whatever table the commas in it may look like."""
    counter = _Lines()
    lines = b"".join(SourceReader(source).blocks(counter)).split(b"\n")
    for number, raw in enumerate(lines, 1):
        text = raw.strip()
        counter.lines = number
        if text.startswith(b"{") and isinstance(value := _value(text), dict):
            yield _row(source, number, value)
        elif text:
            yield ReferenceRow(source.path, number, text.decode("utf-8", "replace"), "")


def _row(source: Source, line: int, value: Json) -> ReferenceRow:
    if isinstance(value, str):
        return ReferenceRow(source.path, line, value.strip(), "")
    if isinstance(value, list):
        value = {"messages": value}
    prompt, answer = _said(source, line, value) if isinstance(value, dict) else ("", "")
    if not prompt:
        prompt, answer = answer, ""
    return ReferenceRow(source.path, line, prompt, answer)


def _said(source: Source, line: int, data: dict[str, Json]) -> tuple[str, str]:
    """The prompt and the answer as the shape of the row has them, else under the keys of benchmark files."""
    shape = detect(data)
    chat = shape.read(data) if shape is not None else Chat()
    name = shape.name if shape is not None else "unknown"
    record = Record(source=source, line=line, offset=0, raw=b"", data=data, shape=name, chat=chat)
    prompt, answer = prompt_text(record).strip(), answer_text(record)
    if not prompt and not answer:
        prompt = _first(data, PROMPT_KEYS)
    # An answer that is a number or lies beside the chat is none to a shape.
    return prompt, answer or _first(data, ANSWER_KEYS)


def _first(data: Mapping[str, Json], keys: Sequence[str]) -> str:
    return next((text for key in keys if (text := _text(data.get(key)))), "")


def _text(value: Json, depth: int = 3) -> str:
    """A string or number as text; of lists and of messages the texts in them, one a line."""
    if isinstance(value, dict):
        value = value.get("content", value.get("text"))
    if isinstance(value, list) and depth:
        return "\n".join(text for item in value if (text := _text(item, depth - 1)))
    return (text_of(value) or "").strip()
