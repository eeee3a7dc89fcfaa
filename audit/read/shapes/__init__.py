"""The shapes a row can have: which one it is, and the Chat in it. Judges nothing: what is wrong with a row is a rule's.

A new shape is one file with a ``Shape`` in it and one line in ``SHAPES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from audit.errors import UsageError, did_you_mean
from audit.model import Chat, Json
from audit.read.shapes.alpaca import ALPACA
from audit.read.shapes.alpaca_write import write_alpaca
from audit.read.shapes.anthropic import ANTHROPIC
from audit.read.shapes.base import Shape, Unwritable, Written
from audit.read.shapes.kto import KTO
from audit.read.shapes.openai_dpo import OPENAI_DPO, write_openai_dpo
from audit.read.shapes.openai_rft import OPENAI_RFT
from audit.read.shapes.openai_sft import OPENAI_SFT, write_openai_sft
from audit.read.shapes.plain_text import PLAIN_TEXT
from audit.read.shapes.predictions import PREDICTIONS
from audit.read.shapes.prompt_completion import PROMPT_COMPLETION
from audit.read.shapes.sharegpt import SHAREGPT
from audit.read.shapes.sharegpt_preference import SHAREGPT_PREFERENCE
from audit.read.shapes.sharegpt_write import write_sharegpt
from audit.read.shapes.trl_preference import TRL_PREFERENCE
from audit.read.shapes.trl_prompt_completion import TRL_PROMPT_COMPLETION
from audit.read.shapes.trl_write import write_trl

__all__ = ["SHAPES", "WRITERS", "Shape", "Unwritable", "Written", "by_name", "detect", "read_chat", "writer"]

SHAPES: tuple[Shape, ...] = (
    PREDICTIONS,
    OPENAI_DPO,
    SHAREGPT_PREFERENCE,
    TRL_PREFERENCE,
    KTO,
    ANTHROPIC,
    SHAREGPT,
    OPENAI_RFT,
    OPENAI_SFT,
    TRL_PROMPT_COMPLETION,
    ALPACA,
    PROMPT_COMPLETION,
    PLAIN_TEXT,
)
"""In the order in which they are asked: the first that recognises a row has it."""

# No shape that is asked earlier can have a row with these keys alone, and nearly all rows of a chat file are such.
_PLAIN = frozenset({"messages", "tools", "metadata", "parallel_tool_calls"})

WRITERS: Mapping[str, Callable[[Chat], Written]] = MappingProxyType(
    {
        "alpaca": write_alpaca,
        "openai-dpo": write_openai_dpo,
        "openai-sft": write_openai_sft,
        "sharegpt": write_sharegpt,
        "trl": write_trl,
    }
)
"""What a Chat can be written as. ``sharegpt``, ``alpaca`` and ``trl`` write a pair of answers as such, too."""


def detect(data: dict[str, Json]) -> Shape | None:
    """The shape of a row by its keys, or None where it has those of none."""
    if "messages" in data and data.keys() <= _PLAIN:
        return OPENAI_SFT
    for shape in SHAPES:
        if shape.detect(data):
            return shape
    return None


def by_name(name: str) -> Shape:
    """The shape of that name. Raises UsageError with the nearest name."""
    for shape in SHAPES:
        if shape.name == name:
            return shape
    names = [shape.name for shape in SHAPES]
    raise UsageError(f'there is no shape "{name}"', hint=did_you_mean(name, names) or f"one of: {', '.join(names)}")


def writer(name: str) -> Callable[[Chat], Written]:
    """What writes rows of that kind; it raises Unwritable. Raises UsageError with the nearest name."""
    if name in WRITERS:
        return WRITERS[name]
    raise UsageError(
        f'rows cannot be written as "{name}"', hint=did_you_mean(name, WRITERS) or f"one of: {', '.join(WRITERS)}"
    )


def read_chat(data: dict[str, Json], shape: Shape) -> Chat:
    """The Chat in a row of that shape; never raises, whatever stands in the row."""
    return shape.read(data)
