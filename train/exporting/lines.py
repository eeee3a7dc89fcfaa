"""The lines that other trainers read: conversations as chat templates get them, cut so that what is trained is said.

Decides nothing about rows that cannot be said; it names the reason. Every writer is pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.base import Unwritable
from audit.render import is_trained
from audit.render.messages import as_template_message, as_tools
from audit.train.data.encode import ASSISTANT, REASONING

LARGEST: Final = 2**63 - 1
"""The largest whole number of a row: the reader of these trainers holds it in 64 bits (pandas' ujson stops at more)."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
"""What Arrow's reader of JSON takes for a time (arrow.apache.org/docs/cpp/json.html, "Timestamp inference")."""
_TEXTS: Final = ("text", "refusal")
KEYS: Final = ("role", "content", "name", "tool_calls", "tool_call_id", "tool_name", "channel", "recipient", *REASONING)
"""Keys of a message that chat templates read. All others are the data's own, and stay behind."""


def trained_turns(chat: Chat) -> list[int]:
    """The places of the answers that are trained on. Raises Unwritable where there is none."""
    found = [index for index, turn in enumerate(chat.messages) if turn.role == ASSISTANT and is_trained(turn)]
    if not found:
        raise Unwritable("no answer of it is trained on")
    return found


class Said(NamedTuple):
    """Messages, and what of them stays behind, as in ``Written.lost``."""

    messages: list[dict[str, Json]]
    lost: tuple[str, ...]


def messages_of(turns: Iterable[Message]) -> Said:
    """The messages as the chat template of a run on this machine gets them: tool arguments as objects, and of the other
    keys those that templates know (``KEYS``), such as reasoning. Raises Unwritable for what is no text."""
    made, lost = [], []
    for turn in turns:
        _check_content(turn)
        if any(not _is_name(call.name) for call in turn.calls):
            raise Unwritable(f"a tool call at {turn.at} names no function")
        said = as_template_message(turn)
        made.append({key: value for key, value in said.items() if key in KEYS})
        lost += [f"{turn.at}/{key}: a key of a message that chat templates do not know" for key in said.keys() - KEYS]
    return Said(made, tuple(lost))


def tools_of(chat: Chat) -> str | None:
    """The declared tools as a text of JSON, which no reader of tables can take apart; None where there are none.
    Raises Unwritable for what is no list of definitions of functions with a name."""
    tools = as_tools(chat.tools)
    if tools is None:
        if chat.tools in (ABSENT, None, "", []):
            return None
        raise Unwritable("its tools are no list of definitions")
    for at, tool in enumerate(tools):
        if not _is_definition(tool):
            raise Unwritable(f"the tool at {chat.tools_at}/{at} is no definition of a function with a name")
    return json.dumps(tools)


def check_line(row: Json) -> None:
    """Raise Unwritable for what does not come back from a file of JSON lines as it was: half a surrogate pair, numbers
    that are not finite or too large, nesting without end."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise Unwritable("it holds half a surrogate pair, which is no text") from None
    except (ValueError, TypeError):
        raise Unwritable("it holds a number that JSON has not") from None
    if any(isinstance(number, int) and abs(number) > LARGEST for number in _numbers(row)):
        raise Unwritable("it holds a whole number of more than 64 bits")


def _numbers(value: Json) -> Iterator[int | float]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, int | float):
            yield one


def _check_content(turn: Message) -> None:
    """Raise Unwritable for a role or a content that a template for text does not know what to do with."""
    if not isinstance(turn.role, str):
        raise Unwritable(f"the message at {turn.at} has no role")
    content = turn.content
    if isinstance(content, str):
        return
    if content is None or content is ABSENT:
        if not turn.calls:
            raise Unwritable(f"the message at {turn.at} has no content")
        return
    if not all(map(_is_text, content if isinstance(content, list) else [content])):
        raise Unwritable(f"the content at {turn.content_at} is not text alone")


def _is_text(part: Json) -> bool:
    """Whether a part of a content is a text, or an object of a known type with one."""
    if not isinstance(part, dict):
        return isinstance(part, str)
    kind = part.get("type", "text")
    return kind in _TEXTS and isinstance(part.get(kind), str)


def _is_definition(tool: Json) -> bool:
    """Whether it is an object with a named function, wrapped as OpenAI has it or bare."""
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    return isinstance(function, Mapping) and _is_name(function.get("name"))


def _is_name(name: Json) -> bool:
    return isinstance(name, str) and bool(name)


class Times:
    """Looks for columns of which every text is a date or a time: a reader that guesses types turns them into times, and
    what was "2024-05-01" is then trained on as "2024-05-01 00:00:00" (tried with datasets 4.0, 4.8 and 5.2)."""

    def __init__(self) -> None:
        self._times: dict[str, bool] = {}

    def see(self, row: Json, at: str = "") -> None:
        """Look at every text of a line."""
        if isinstance(row, str):
            if self._times.get(at, True):
                self._times[at] = _TIME.fullmatch(row) is not None
        elif isinstance(row, dict):
            for key, value in row.items():
                self.see(value, f"{at}/{key}")
        elif isinstance(row, list):
            for value in row:
                self.see(value, f"{at}/*")

    def columns(self) -> list[str]:
        """The columns of times alone, sorted."""
        return sorted(name for name, is_time in self._times.items() if is_time)
