"""The texts of outputs with their true answers, read again from the rows: the table keeps none. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from audit.model import Json
from audit.outputs.table import Outputs
from audit.rule import Context


class AnswerText(NamedTuple):
    """One output: its index in the table that was asked for, its text and the true answer, both stripped ("" for none),
    and the row it stands in, such as ``{"tools": [...]}``."""

    at: int
    output: str
    truth: str
    data: Json


def answer_texts(context: Context, part: Outputs) -> Iterator[AnswerText]:
    """The texts of outputs that were asked for, in reading order; those of derived arms have no row."""
    places = [at for at, row in enumerate(part.rows.tolist()) if row >= 0]
    records = context.records([int(part.rows[at]) for at in places])
    for at, record in zip(places, records, strict=True):
        data = record.data if isinstance(record.data, dict) else {}
        yield AnswerText(at, _text(data.get("output")), _text(data.get("truth")), data)


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""
