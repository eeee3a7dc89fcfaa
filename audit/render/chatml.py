"""OpenAI's way of laying out a chat, with the arithmetic OpenAI publishes for counting it. Counts no text itself.

A message is ``<|im_start|>role<|im_sep|>content<|im_end|>``: three control tokens, the role and the content; a name
costs one more; the reply that a row ends with is primed with three. Source: OpenAI cookbook, "How to count tokens
with tiktoken", sections 6 and 7. What the cookbook does not give (tool calls) is an estimate; images are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from audit.model import ABSENT, Chat, Json, Message, ToolCall
from audit.render.pieces import Piece, Rendered, Sample, before_reply, is_trained

MESSAGE_OVERHEAD = 3
"""Control tokens around every message."""
NAME_OVERHEAD = 1
PRIMING = 3
CALL_OVERHEAD = 3
"""Control tokens around a tool call: an estimate, the provider publishes no number."""

# Cookbook section 7. The first number depends on the model family: 7 for gpt-4o, 10 for gpt-3.5-turbo and gpt-4.
FUNCTION_START = {"o200k_base": 7, "o200k_harmony": 7}
FUNCTION_START_OLD = 10
FUNCTION_END = 12
PROPERTIES = 3
PROPERTY = 3
ENUM = -3
ENUM_ITEM = 3

_START = "<|im_start|>"
_SEPARATOR = "<|im_sep|>"
_END = "<|im_end|>"


class ChatML(msgspec.Struct, frozen=True):
    """The layout; ``encoding`` decides what a function declaration costs."""

    encoding: str = "o200k_base"

    def render(self, chat: Chat) -> Rendered:
        """One sample; never a problem: whatever is missing or of the wrong type is left out."""
        pieces = [*self._tools(chat.tools)]
        for index, message in enumerate(chat.messages + chat.chosen):
            pieces.extend(_message(message, index))
        pieces += (Piece(_START, special=True), Piece("assistant", size=1), Piece(_SEPARATOR, special=True))
        return Rendered((Sample(tuple(pieces)),))

    def prompt(self, chat: Chat) -> Rendered:
        """The same up to where the reply begins, nothing of it trained; it ends with what every row ends with."""
        (sample,) = self.render(before_reply(chat)).samples
        return Rendered((Sample(tuple(msgspec.structs.replace(piece, trained=False) for piece in sample.pieces)),))

    def _tools(self, tools: Json) -> Iterator[Piece]:
        """Pieces of the declared tools, before the first message."""
        if isinstance(tools, str):
            yield Piece(tools)
        if not isinstance(tools, list) or not tools:
            return
        for tool in tools:
            function = tool.get("function", tool) if isinstance(tool, dict) else None
            if isinstance(function, dict):
                yield Piece("", size=FUNCTION_START.get(self.encoding, FUNCTION_START_OLD))
                yield Piece(f"{_word(function.get('name'))}:{_sentence(function.get('description'))}")
                yield from _properties(function.get("parameters"))
        yield Piece("", size=FUNCTION_END)


def _message(message: Message, index: int) -> Iterator[Piece]:
    trained = is_trained(message)
    yield Piece(_START, special=True, message=index)
    if isinstance(message.role, str):
        yield Piece(message.role, message=index)
    if isinstance(message.name, str):
        yield Piece("", message=index, size=NAME_OVERHEAD)
        yield Piece(message.name, message=index)
    yield Piece(_SEPARATOR, special=True, message=index)
    for _, text in message.texts():
        yield Piece(text, trained=trained, message=index)
    for call in message.calls:
        yield from _call(call, index, trained)
    yield Piece(_END, special=True, trained=trained, message=index)


def _call(call: ToolCall, index: int, trained: bool) -> Iterator[Piece]:
    yield Piece("", trained=trained, message=index, size=CALL_OVERHEAD)
    if isinstance(call.name, str):
        yield Piece(call.name, trained=trained, message=index)
    if call.arguments is not ABSENT:
        yield Piece(as_json(call.arguments), trained=trained, message=index)


def _properties(schema: Json) -> Iterator[Piece]:
    """The properties of a JSON Schema object; nested objects are counted like the outermost, which is a guess."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not properties:
        return
    yield Piece("", size=PROPERTIES)
    # An explicit stack: a schema may be nested deeper than Python may recurse.
    waiting = [iter(properties.items())]
    while waiting:
        name, value = next(waiting[-1], (None, None))
        if name is None:
            waiting.pop()
            continue
        yield Piece("", size=PROPERTY)
        if not isinstance(value, dict):
            yield Piece(str(name))
            continue
        if isinstance(value.get("enum"), list):
            yield Piece("", size=ENUM)
            for item in value["enum"]:
                yield Piece("", size=ENUM_ITEM)
                yield Piece(_word(item))
        yield Piece(f"{name}:{_word(value.get('type'))}:{_sentence(value.get('description'))}")
        items = value.get("items")
        for nested in (value, items if isinstance(items, dict) else {}):
            if isinstance(nested.get("properties"), dict):
                waiting.append(iter(nested["properties"].items()))


def _word(value: Json) -> str:
    return "" if value is None else as_json(value)


def _sentence(value: Json) -> str:
    return _word(value).removesuffix(".")


def as_json(value: Json) -> str:
    """A string as it is, anything else as compact JSON; text that cannot be written as JSON as Python shows it."""
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.EncodeError, UnicodeError, RecursionError, TypeError):
        return str(type(value).__name__)


def has_estimated_parts(chat: Chat) -> bool:
    """Whether a count of this chat rests on more than published arithmetic: tools, tool calls, images, odd contents."""
    if chat.tools is not ABSENT and chat.tools:
        return True
    turns = chat.messages + chat.chosen + chat.rejected
    return any(message.calls or message.role in ("tool", "function") or _has_media(message) for message in turns)


def _has_media(message: Message) -> bool:
    content = message.content
    return isinstance(content, list) and any(
        isinstance(part, dict) and not isinstance(part.get("text"), str) and not isinstance(part.get("refusal"), str)
        for part in content
    )
