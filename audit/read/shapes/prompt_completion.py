"""A question and an answer in two columns: prompt and completion, question and answer, query and response ...

Separators and stop sequences of the old completion files stay in the text. A system prompt column (OpenOrca) becomes
the system message; context, input and a list of choices are put after the question, each on lines of their own.
"""

from __future__ import annotations

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.base import Shape, joined, other_keys, spoken

PAIRS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("prompt", ("completion", "response", "generation")),
    ("question", ("answer", "response")),
    ("query", ("response", "answer")),
    ("INSTRUCTION", ("RESPONSE",)),
    ("message_1", ("message_2",)),
    ("input", ("output",)),
)
"""Column of the question, and the columns that may hold its answer, in order of preference."""

_SYSTEM = ("system_prompt", "system")


def pair_of(data: dict[str, Json]) -> tuple[str, str] | None:
    """The columns of the question and of the answer, or None where the row has no such pair."""
    for asked, answers in PAIRS:
        if asked in data:
            for answer in answers:
                if answer in data:
                    return asked, answer
    return None


def _detect(data: dict[str, Json]) -> bool:
    pair = pair_of(data)
    if pair is None:
        return False
    # Beside a text column, input and output are two parts of three, and which is the question is not known.
    return pair[0] != "input" or "text" not in data


def _choices(data: dict[str, Json]) -> list[tuple[str, str]]:
    choices = data.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        return []
    return [(f"/choices/{index}", choice) for index, choice in enumerate(choices)]


def _question(data: dict[str, Json], key: str, used: set[str]) -> Message:
    value = data[key]
    if not isinstance(value, str):
        return spoken("user", value, f"/{key}", trained=False)
    pieces = [(f"/{key}", value)]
    for more in ("context", "input"):
        if more not in used and isinstance(data.get(more), str):
            pieces.append((f"/{more}", data[more]))
            used.add(more)
    choices = _choices(data)
    if choices:
        used.add("choices")
    return joined("user", pieces + choices, trained=False)


def _answer(data: dict[str, Json], key: str) -> Message:
    """The answer; a number that points into a list of choices stands for the choice."""
    value, choices = data[key], _choices(data)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(choices):
        at, choice = choices[value]
        return spoken("assistant", choice, at, trained=True)
    return spoken("assistant", value, f"/{key}", trained=True)


def _system(data: dict[str, Json], used: set[str]) -> tuple[Message, ...]:
    for key in _SYSTEM:
        if key in data:
            used.add(key)
            empty = data[key] is None or data[key] == ""
            return () if empty else (spoken("system", data[key], f"/{key}", trained=False),)
    return ()


def read_pair(data: dict[str, Json]) -> Chat:
    """The Chat of a row with two such columns; an empty one where it has none."""
    pair = pair_of(data)
    if pair is None:
        return Chat(metadata=data.get("metadata", ABSENT))
    used = {*pair, "metadata"}
    messages = (*_system(data, used), _question(data, pair[0], used), _answer(data, pair[1]))
    return Chat(messages=messages, metadata=data.get("metadata", ABSENT), lost=other_keys(data, used))


PROMPT_COMPLETION = Shape(
    name="prompt-completion", title="question and answer in two columns", detect=_detect, read=read_pair
)
