"""What is said in a row, as text: the whole conversation, the prompt and the answer. Hashes and judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from audit.model import Json, Message, Record


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A conversation cut before its answer: what leads up to it, and the answer ("" and nothing where there is none).

    The answer is the last turn of the assistant, or the preferred answer of a preference row.
    """

    prompt: tuple[Message, ...]
    answer: tuple[Message, ...]


def exchange(record: Record) -> Exchange:
    """The prompt and the answer of a row. Turns after the last of the assistant belong to neither."""
    messages = record.messages
    if record.chat.chosen:
        return Exchange(messages, record.chat.chosen)
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "assistant"), None)
    if last is None:
        return Exchange(messages, ())
    return Exchange(messages[:last], messages[last : last + 1])


def conversation_text(record: Record) -> str:
    """Everything that is said but system prompts and rejected answers, one line break between two turns.

    System prompts are shared by many rows and say nothing about one. Tool calls count as what they call and with what.
    """
    chat = record.chat
    return said(message for message in chat.messages + chat.chosen if message.role not in ("system", "developer"))


def prompt_text(record: Record) -> str:
    """What leads up to the answer, without system prompts."""
    return said(message for message in exchange(record).prompt if message.role not in ("system", "developer"))


def answer_text(record: Record) -> str:
    """What the answer says, stripped; "" for none."""
    return said(exchange(record).answer).strip()


def said(messages: Iterable[Message]) -> str:
    """The texts and calls of some messages, one line break between two of them."""
    return "\n".join(text for message in messages for text in _texts(message))


def _texts(message: Message) -> Sequence[str]:
    texts = [message.text] if isinstance(message.content, str | list) else []
    texts += [f"{call.name} {_written(call.arguments)}" for call in message.calls if isinstance(call.name, str)]
    return texts


def _written(arguments: Json) -> str:
    if isinstance(arguments, str):
        return arguments
    try:
        return msgspec.json.encode(arguments, order="sorted").decode()
    except (msgspec.EncodeError, UnicodeEncodeError, TypeError, OverflowError, RecursionError):
        return ""
