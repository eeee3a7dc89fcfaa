"""TRL's KTO row: a prompt, one completion, and whether people liked it. LLaMA-Factory's ``kto_tag`` rows as well.

An answer that was not liked must never be learnt as a good one: ``label`` false makes every answer untrained.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from audit.model import Chat, Json
from audit.read.shapes.alpaca import ALPACA
from audit.read.shapes.base import Shape
from audit.read.shapes.openai_sft import read_openai, spare_keys
from audit.read.shapes.sharegpt import read_sharegpt
from audit.read.shapes.trl_prompt_completion import read_prompt_completion

_LABELS = ("/label", "/kto_tag")


def _detect(data: dict[str, Json]) -> bool:
    if "kto_tag" in data:
        return _reader(data) is not None
    return isinstance(data.get("label"), bool) and "prompt" in data and "completion" in data


def _reader(data: dict[str, Json]) -> Callable[[dict[str, Json]], Chat] | None:
    """What reads the conversation of the row, by the first column that it has."""
    if "messages" in data:
        return _read_openai
    if "conversations" in data:
        return read_sharegpt
    if "instruction" in data:
        return ALPACA.read
    return read_prompt_completion if "prompt" in data or "completion" in data else None


def _read_openai(data: dict[str, Json]) -> Chat:
    return msgspec.structs.replace(read_openai(data), lost=spare_keys(data))


def _read(data: dict[str, Json]) -> Chat:
    reader = _reader(data)
    if reader is None:
        return Chat()
    chat = reader(data)
    liked = data.get("label", data.get("kto_tag")) is not False
    last = len(chat.messages) - 1
    messages = tuple(
        msgspec.structs.replace(turn, trained=liked and index == last) for index, turn in enumerate(chat.messages)
    )
    lost = tuple(pointer for pointer in chat.lost if pointer not in _LABELS)
    return msgspec.structs.replace(chat, messages=messages, lost=lost)


KTO = Shape(name="kto", title="KTO prompt, completion and label", detect=_detect, read=_read)
