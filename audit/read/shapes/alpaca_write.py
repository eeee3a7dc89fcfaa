"""Writes Alpaca rows: the last question and answer as instruction, input and output, earlier ones as ``history``.

A preference pair becomes LLaMA-Factory's ``chosen`` and ``rejected``. Tool calls and their results have no place.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.base import JoinedMessage, Unwritable, Written, other_keys, unmarked
from audit.read.shapes.openai_write import Notes
from audit.read.shapes.sharegpt_write import plain_text

_KNOWN = frozenset({"role", "content", "from", "value", "name", "weight", "tool_calls", "tool_call_id", "train"})


def write_alpaca(chat: Chat) -> Written:
    """An instruction row. Raises Unwritable unless questions and answers alternate and end as they should."""
    notes = Notes()
    pair = bool(chat.chosen or chat.rejected)
    turns = list(_plain(unmarked(chat.messages) if pair else chat.messages, notes))
    row: dict[str, Json] = {}
    system = _take_system(turns, notes)
    answer = None if pair else _take_answer(turns)
    question = _take_question(turns)
    row.update(_question(question, notes))
    if answer is not None:
        row["output"] = plain_text(answer, notes)
    else:
        row["chosen"] = _only_answer(chat.chosen, "preferred", notes)
        row["rejected"] = _only_answer(chat.rejected, "rejected", notes)
    if system:
        row["system"] = system
    if turns:
        row["history"] = _history(turns, notes)
    if chat.tools is not ABSENT and chat.tools:
        notes.add(chat.tools_at, "tools")
    if chat.metadata is not ABSENT:
        row["metadata"] = chat.metadata
    return Written(row, notes.phrases())


def _plain(messages: Iterable[Message], notes: Notes) -> Iterable[Message]:
    """The messages that are text, without tool calls and their results; the loss is noted."""
    for message in messages:
        if not isinstance(message.role, str):
            raise Unwritable("a message without a role")
        if message.calls:
            notes.add(f"{message.at}/tool_calls" if _has(message, "tool_calls") else message.at, "tool calls")
        elif _has(message, "tool_calls"):
            notes.add(f"{message.at}/tool_calls", "tool calls")
        if message.role in ("tool", "function"):
            notes.add(message.at, "the result of a tool call")
        elif message.text or not message.calls:
            _note_the_rest(message, notes)
            yield message


def _has(message: Message, key: str) -> bool:
    return isinstance(message.raw, dict) and bool(message.raw.get(key))


def _note_the_rest(message: Message, notes: Notes) -> None:
    if message.weight is not ABSENT:
        notes.add(f"{message.at}/weight", "weight")
    elif message.trained is False and message.role == "assistant":
        notes.add(message.at, "that this answer is not to be learnt from")
    if message.name is not ABSENT:
        notes.add(f"{message.at}/name", "name")
    raw = message.raw
    if isinstance(raw, dict) and ("role" in raw or "from" in raw):
        for pointer in other_keys(raw, _KNOWN, message.at):
            notes.add(pointer, "a key that an Alpaca row has no place for")


def _take_system(turns: list[Message], notes: Notes) -> str:
    if not turns or turns[0].role not in ("system", "developer"):
        return ""
    first = turns.pop(0)
    if first.role == "developer":
        notes.add(first.role_at, "the developer role, written as system")
    return plain_text(first, notes)


def _take_answer(turns: list[Message]) -> Message:
    if not any(turn.role == "assistant" for turn in turns):
        raise Unwritable("no assistant answer")
    if turns[-1].role != "assistant":
        raise Unwritable("the last message is not the assistant's")
    if all(turn.trained is False for turn in turns if turn.role == "assistant"):
        raise Unwritable("every answer is marked as not to be learnt from")
    return turns.pop()


def _take_question(turns: list[Message]) -> Message:
    if not turns or turns[-1].role != "user":
        raise Unwritable("no question right before the answer")
    return turns.pop()


def _question(turn: Message, notes: Notes) -> dict[str, Json]:
    if isinstance(turn, JoinedMessage) and len(turn.pieces) == 2 and isinstance(turn.content, str):
        return {"instruction": turn.pieces[0][1], "input": turn.pieces[1][1]}
    return {"instruction": plain_text(turn, notes), "input": ""}


def _only_answer(answer: tuple[Message, ...], which: str, notes: Notes) -> str:
    turns = list(_plain(answer, notes))
    if len(turns) != 1:
        raise Unwritable(f"the {which} answer is not exactly one message")
    return plain_text(turns[0], notes)


def _history(turns: list[Message], notes: Notes) -> list[list[str]]:
    roles = [turn.role for turn in turns]
    if roles != ["user", "assistant"] * (len(turns) // 2):
        raise Unwritable("the user's and the assistant's messages do not alternate")
    texts = [plain_text(turn, notes) for turn in turns]
    return [texts[index : index + 2] for index in range(0, len(texts), 2)]
