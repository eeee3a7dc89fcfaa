"""A prompt with a preferred and a rejected answer: TRL's preference rows, plain and conversational, and hh-rlhf's.

Without a ``prompt`` the part that both answers share is the prompt, as in TRL's ``extract_prompt``
(dataset_formats.md, "implicit prompt"). The prompt's turns are not trained on.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.alpaca import history_turns, instruction_turn, unread
from audit.read.shapes.base import Shape, other_keys, spoken
from audit.read.shapes.sharegpt import system_turn
from audit.read.shapes.transcript import read_transcript
from audit.read.shapes.trl_prompt_completion import conversation
from audit.read.shapes.trl_write import write_trl

_PROMPTS = ("prompt", "instruction", "question", "query")
_HELD = frozenset({"chosen", "rejected", "tools", "metadata", "system", "history", "input", "context", *_PROMPTS})

_Turns = tuple[Message, ...]


class _Split(NamedTuple):
    prompt: _Turns
    chosen: _Turns
    rejected: _Turns


def _detect(data: dict[str, Json]) -> bool:
    if "chosen" in data:
        return "rejected" in data or any(key in data for key in _PROMPTS)
    # "rejected" alone is also a column of applications and of orders, where it is true or false.
    return isinstance(data.get("rejected"), (str, list, dict)) and any(key in data for key in _PROMPTS)


def _read(data: dict[str, Json]) -> Chat:
    key = next((key for key in _PROMPTS if key in data), None)
    lost = unread(data, key or "") + tuple(f"/{other}" for other in _PROMPTS if other in data and other != key)
    history, stray = history_turns(data.get("history"), trained=False)
    lost += tuple(stray)
    if key is None:
        split = _implicit(data)
    else:
        split, repeated = _explicit(data, key)
        lost += () if repeated else (f"/{key}",)
    return Chat(
        messages=system_turn(data) + tuple(history) + split.prompt,
        tools=data.get("tools", ABSENT),
        tools_at="/tools" if "tools" in data else "",
        chosen=split.chosen,
        rejected=split.rejected,
        metadata=data.get("metadata", ABSENT),
        lost=lost + other_keys(data, _HELD),
    )


def _answer(data: dict[str, Json], key: str) -> _Turns:
    return conversation(data[key], f"/{key}", "assistant", trained=True) if key in data else ()


# ----------------------------------------------------------------------------- a prompt column


def _explicit(data: dict[str, Json], key: str) -> tuple[_Split, bool]:
    """The split, and whether the prompt column is all in it (False where the answers repeat another prompt)."""
    prompt = _prompt(data, key)
    chosen, rejected = _answer(data, "chosen"), _answer(data, "rejected")
    shared = _shared(chosen, rejected)
    if not shared:
        return _Split(prompt, chosen, rejected), True
    if _same(prompt, shared[: len(prompt)]):
        length = len(prompt)
        return _Split(prompt, chosen[length:], rejected[length:]), True
    if isinstance(data[key], (list, dict)):
        return _Split(prompt, chosen, rejected), True
    said = isinstance(data[key], str) and any(turn.text == data[key] for turn in shared)
    length = len(shared)
    return _Split(_unlearnt(shared), chosen[length:], rejected[length:]), said


def _prompt(data: dict[str, Json], key: str) -> _Turns:
    value = data[key]
    if isinstance(value, (list, dict)):
        return conversation(value, f"/{key}", "user", trained=False)
    turns = read_transcript(value, f"/{key}", trained=False) if isinstance(value, str) else ()
    if not turns:
        return instruction_turn(data, key=key, trained=False)
    # A prompt transcript ends with the bare mark of the answer to come.
    return turns[:-1] if turns[-1].role == "assistant" and not turns[-1].text.strip() else turns


# ----------------------------------------------------------------------------- a prompt within the answers


def _implicit(data: dict[str, Json]) -> _Split:
    first, second = data.get("chosen"), data.get("rejected")
    if isinstance(first, str) and isinstance(second, str):
        chosen = read_transcript(first, "/chosen", trained=True)
        rejected = read_transcript(second, "/rejected", trained=True)
        if not chosen or not rejected:
            return _split_texts(first, second)
    else:
        chosen, rejected = _answer(data, "chosen"), _answer(data, "rejected")
    shared = _shared(chosen, rejected)
    length = len(shared)
    return _Split(_unlearnt(shared), chosen[length:], rejected[length:])


def _split_texts(first: str, second: str) -> _Split:
    """Two plain texts: what they share up to a space is the prompt; equal texts have none."""
    length = 0
    if first != second:
        pairs = enumerate(zip(first, second, strict=False))
        shared = next((index for index, (mine, other) in pairs if mine != other), min(len(first), len(second)))
        length = first.rfind(" ", 0, shared) + 1
    prompt = first[:length]
    if not prompt.strip():
        length, prompt = 0, ""
    return _Split(
        (spoken("user", prompt, "/chosen", trained=False),) if prompt else (),
        (spoken("assistant", first[length:], "/chosen", trained=True),),
        (spoken("assistant", second[length:], "/rejected", trained=True),),
    )


def _shared(first: _Turns, second: _Turns) -> _Turns:
    """The turns that both begin with, leaving each at least its last turn."""
    length = 0
    for mine, other in zip(first[:-1], second[:-1], strict=False):
        if not _same((mine,), (other,)):
            break
        length += 1
    return first[:length]


def _same(first: _Turns, second: _Turns) -> bool:
    """Whether the same roles say the same; the calls are compared as they stand in the row."""
    try:
        return [_said(turn) for turn in first] == [_said(turn) for turn in second]
    except RecursionError:  # values nested almost as deeply as Python's stack allows
        return False


def _said(turn: Message) -> Json:
    return turn.role, turn.content, [(call.id, call.name, call.arguments) for call in turn.calls]


def _unlearnt(turns: _Turns) -> _Turns:
    return tuple(msgspec.structs.replace(turn, trained=False) for turn in turns)


TRL_PREFERENCE = Shape(
    name="trl-preference",
    title="TRL prompt with a preferred and a rejected answer",
    detect=_detect,
    read=_read,
    write=write_trl,
)
