"""LLaMA-Factory's ranking row: ShareGPT ``conversations`` with ``chosen`` and ``rejected`` as one turn each."""

from __future__ import annotations

from audit.model import Chat, Json, Message
from audit.read.shapes.base import Shape, spoken
from audit.read.shapes.sharegpt import read_sharegpt, read_turn, read_turns
from audit.read.shapes.sharegpt_write import write_sharegpt

_ANSWERS = ("/chosen", "/rejected")


def _detect(data: dict[str, Json]) -> bool:
    return "conversations" in data and ("chosen" in data or "rejected" in data)


def _answer(data: dict[str, Json], key: str) -> tuple[Message, ...]:
    if key not in data:
        return ()
    value = data[key]
    if isinstance(value, list):
        return read_turns(value, f"/{key}", trained=True)
    if isinstance(value, dict):
        return (read_turn(value, f"/{key}", trained=True),)
    return (spoken("assistant", value, f"/{key}", trained=True),)


def _read(data: dict[str, Json]) -> Chat:
    prompt = read_sharegpt(data, trained=False)
    return Chat(
        messages=prompt.messages,
        tools=prompt.tools,
        tools_at=prompt.tools_at,
        chosen=_answer(data, "chosen"),
        rejected=_answer(data, "rejected"),
        metadata=prompt.metadata,
        lost=tuple(pointer for pointer in prompt.lost if pointer not in _ANSWERS),
    )


SHAREGPT_PREFERENCE = Shape(
    name="sharegpt-preference",
    title="ShareGPT conversation with a preferred and a rejected answer",
    detect=_detect,
    read=_read,
    write=write_sharegpt,
)
