"""What a model answered: a predictions row, ``messages`` with the ``output`` of one arm.

The output becomes the last message, so that rules over texts judge it like any answer. What was measured about it
(seconds, logprobs, scores ...) stays in the row.
"""

from __future__ import annotations

import msgspec

from audit.model import Chat, Json
from audit.read.shapes.base import Shape, other_keys, spoken
from audit.read.shapes.openai_sft import read_openai

OUTPUT = "/output"
"""The JSON Pointer of what the model answered."""
GIVEN = "answer"
"""The ``finish_reason`` of a row whose own answer was scored: no model wrote it."""
_HELD = frozenset({"messages", "output", "tools", "metadata"})


def _detect(data: dict[str, Json]) -> bool:
    return "row_id" in data and "arm" in data and "messages" in data and "output" in data


def _read(data: dict[str, Json]) -> Chat:
    chat = read_openai(data)
    said = data.get("output")  # null where nobody answered: the error beside it says why
    output = () if said is None else (spoken("assistant", said, OUTPUT),)
    return msgspec.structs.replace(chat, messages=chat.messages + output, lost=other_keys(data, _HELD))


PREDICTIONS = Shape(name="predictions", title="model outputs", detect=_detect, read=_read)
