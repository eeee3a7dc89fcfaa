"""The lines that other trainers read: conversations as chat templates get them, cut so that what is trained is said.

Decides nothing about rows that cannot be said; it names the reason. Every writer is pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from audit.model import ABSENT, Chat, Json, Message, Record
from audit.read.shapes.base import Unwritable, Written
from audit.render import is_trained
from audit.render.messages import as_template_message, as_tools
from audit.train.data.encode import ASSISTANT

Write: TypeAlias = Callable[[Record], Sequence[Written]]

LARGEST: Final = 2**63 - 1
"""The largest whole number of a row: the reader of these trainers holds it in 64 bits (pandas' ujson stops at more)."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
"""What Arrow's reader of JSON takes for a time (arrow.apache.org/docs/cpp/json.html, "Timestamp inference")."""
_TEXTS: Final = ("text", "refusal")


def trained_turns(chat: Chat) -> list[int]:
    """The places of the answers that are trained on. Raises Unwritable where there is none."""
    found = [index for index, turn in enumerate(chat.messages) if turn.role == ASSISTANT and is_trained(turn)]
    if not found:
        raise Unwritable("no answer of it is trained on")
    return found


def messages_of(turns: Iterable[Message]) -> list[dict[str, Json]]:
    """The messages as the chat template of a run on this machine gets them: tool arguments as objects, and the keys
    that only a template knows, such as reasoning. Raises Unwritable for what is no text."""
    made = []
    for turn in turns:
        _check_content(turn)
        made.append(as_template_message(turn))
    return made


def tools_of(chat: Chat) -> str | None:
    """The declared tools as a text of JSON, which no reader of tables can take apart; None where there are none."""
    tools = as_tools(chat.tools)
    return None if tools is None else json.dumps(tools)


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
    if isinstance(content, str) or content is None or content is ABSENT:
        return
    parts = content if isinstance(content, list) else [content]
    for part in parts:
        if not isinstance(part, str) and not (isinstance(part, dict) and part.get("type", "text") in _TEXTS):
            raise Unwritable(f"the content at {turn.content_at} is not text alone")


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
