"""OpenAI's reinforcement row: messages that leave the answer to the model, beside columns that a grader reads.

``messages`` and ``tools`` are the only reserved keys; any other column is legal and is the user's. It is not written.
"""

from __future__ import annotations

from audit.model import Json
from audit.read.shapes.base import BOOKKEEPING, Shape
from audit.read.shapes.openai_sft import read_openai, spare_keys

_NO_GRADER_COLUMN = BOOKKEEPING | {
    "messages",
    "tools",
    "parallel_tool_calls",
    "functions",
    "prompt",
    "prompt_id",
    "chat_template_kwargs",
    "weight",
    "system",
    "idx",
    "index",
}
"""Keys that a supervised row may carry as well, so that alone they do not make a row one for a grader."""

_LEAVES_THE_ANSWER = ("user", "developer", "system", "tool")


def _detect(data: dict[str, Json]) -> bool:
    messages = data.get("messages")
    if len(data) < 2 or not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return False
    if messages[-1].get("role") not in _LEAVES_THE_ANSWER:
        return False
    return any(key not in _NO_GRADER_COLUMN for key in data)


OPENAI_RFT = Shape(
    name="openai-rft",
    title="OpenAI reinforcement fine-tuning row",
    detect=_detect,
    read=read_openai,
    spare=spare_keys,
)
