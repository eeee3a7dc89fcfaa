"""TRL's conversational prompt-completion row: ``prompt`` and ``completion`` as lists of messages.

The loss is on the completion alone, so turns of the prompt are not trained on, answers among them included.
"""

from __future__ import annotations

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.base import Shape, other_keys, spoken
from audit.read.shapes.messages import read_message, read_messages
from audit.read.shapes.sharegpt import read_turn, read_turns
from audit.read.shapes.trl_write import write_trl

_HELD = frozenset({"prompt", "completion", "tools", "metadata"})


def _detect(data: dict[str, Json]) -> bool:
    if "prompt" not in data or "completion" not in data:
        return False
    return isinstance(data["prompt"], (list, dict)) or isinstance(data["completion"], (list, dict))


def conversation(value: Json, at: str, role: str, *, trained: bool) -> tuple[Message, ...]:
    """The turns of a list of messages (or of ShareGPT turns), of one message, or of a bare value said by ``role``."""
    if isinstance(value, list):
        first = value[0] if value else None
        if isinstance(first, dict) and "from" in first:
            return read_turns(value, at, trained=trained)
        return read_messages(value, at, trained=trained)
    if isinstance(value, dict):
        read = read_turn if "from" in value else read_message
        return (read(value, at, trained=trained),)
    return (spoken(role, value, at, trained=trained),)


def read_prompt_completion(data: dict[str, Json], *, trained: bool = True) -> Chat:
    """The Chat of a ``prompt`` and a ``completion``, each a list of messages or a text."""
    turns: tuple[Message, ...] = ()
    if "prompt" in data:
        turns += conversation(data["prompt"], "/prompt", "user", trained=False)
    if "completion" in data:
        turns += conversation(data["completion"], "/completion", "assistant", trained=trained)
    return Chat(
        messages=turns,
        tools=data.get("tools", ABSENT),
        tools_at="/tools" if "tools" in data else "",
        metadata=data.get("metadata", ABSENT),
        lost=other_keys(data, _HELD),
    )


TRL_PROMPT_COMPLETION = Shape(
    name="trl-prompt-completion",
    title="TRL conversational prompt and completion",
    detect=_detect,
    read=read_prompt_completion,
    write=write_trl,
)
