"""Alpaca: ``instruction`` with ``output``, and its kin (Dolly's context and response, self-instruct's instances).

The user's turn is instruction, then input on a new line (LLaMA-Factory, data/README.md); ``history`` pairs come
first. Of several self-instruct instances only the first is read; the others are named in ``lost``.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.alpaca_write import write_alpaca
from audit.read.shapes.base import Shape, joined, other_keys, spoken
from audit.read.shapes.sharegpt import system_turn

_ANSWERS = ("output", "response")
_KNOWN = frozenset({"instruction", "input", "context", "system", "history", "instances", "metadata"})


def _detect(data: dict[str, Json]) -> bool:
    return "instruction" in data


def instruction_turn(
    data: Mapping[str, Json], *, key: str = "instruction", trained: bool | None = None
) -> tuple[Message, ...]:
    """The user's turn of ``key``, ``input`` and ``context``; none where the row has no such key.

    A value that is not text is kept raw where it stands alone in its turn, and left to ``unread`` else.
    """
    if key not in data:
        return ()
    value = data[key]
    if not isinstance(value, str):
        return (spoken("user", value, f"/{key}", trained=trained),)
    pieces = [(f"/{key}", value)]
    pieces += [(f"/{more}", data[more]) for more in ("input", "context") if isinstance(data.get(more), str)]
    return (joined("user", pieces, trained=trained),)


def unread(data: Mapping[str, Json], key: str = "instruction") -> tuple[str, ...]:
    """JSON Pointers of an ``input`` or ``context`` that the user's turn could not take in."""
    alone = not isinstance(data.get(key), str)
    left = [more for more in ("input", "context") if data.get(more) not in (None, "")]
    return tuple(f"/{more}" for more in left if alone or not isinstance(data[more], str))


def history_turns(value: Json, *, trained: bool | None = None) -> tuple[list[Message], list[str]]:
    """The turns of the earlier question and answer pairs, and pointers of what is not a pair."""
    turns: list[Message] = []
    lost: list[str] = []
    if not isinstance(value, list):
        return turns, [] if value is None or value == "" else ["/history"]
    for index, pair in enumerate(value):
        if isinstance(pair, list) and len(pair) == 2:
            turns.append(spoken("user", pair[0], f"/history/{index}/0", trained=trained))
            turns.append(spoken("assistant", pair[1], f"/history/{index}/1", trained=trained))
        else:
            lost.append(f"/history/{index}")
    return turns, lost


def _read(data: dict[str, Json]) -> Chat:
    history, lost = history_turns(data.get("history"))
    answer_key = next((key for key in _ANSWERS if key in data), None)
    if answer_key is not None:
        turns: tuple[Message, ...] = (
            *instruction_turn(data),
            spoken("assistant", data[answer_key], f"/{answer_key}"),
        )
        lost += unread(data)
    else:
        turns, more = _instance(data)
        lost += more
    known = _KNOWN | {answer_key} if answer_key else _KNOWN
    if answer_key and "instances" in data:
        lost.append("/instances")
    return Chat(
        messages=system_turn(data) + tuple(history) + turns,
        metadata=data.get("metadata", ABSENT),
        lost=(*lost, *other_keys(data, known)),
    )


def _instance(data: dict[str, Json]) -> tuple[tuple[Message, ...], list[str]]:
    """The turns of a row whose answer is in ``instances``, or that has none, and what they leave out."""
    instances = data.get("instances")
    if not isinstance(instances, list) or not instances or not isinstance(instances[0], dict):
        return instruction_turn(data), [*unread(data), *(["/instances"] if "instances" in data else [])]
    first, at = instances[0], "/instances/0"
    lost = [f"/instances/{index}" for index in range(1, len(instances))]
    lost += other_keys(first, ("input", "output"), at)
    lost += [f"/{key}" for key in ("input", "context") if data.get(key) not in (None, "")]
    given, asked = first.get("input"), data.get("instruction", ABSENT)
    if isinstance(asked, str) and isinstance(given, str):
        turns = [joined("user", [("/instruction", asked), (f"{at}/input", given)])]
    else:
        turns = [spoken("user", asked, "/instruction")] if asked is not ABSENT else []
        lost += [f"{at}/input"] if given not in (None, "") else []
    if "output" in first:
        turns.append(spoken("assistant", first["output"], f"{at}/output"))
    return tuple(turns), lost


ALPACA = Shape(name="alpaca", title="Alpaca instruction and output", detect=_detect, read=_read, write=write_alpaca)
