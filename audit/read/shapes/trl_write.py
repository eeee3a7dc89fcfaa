"""Writes rows for TRL: ``messages``, or ``prompt`` with ``chosen`` and ``rejected``, or ``prompt`` with ``completion``.

Tool arguments are objects, as chat templates expect them. A weight on a message is unknown to TRL: where earlier
answers are not to be learnt from, they become part of a ``prompt`` instead.
"""

from __future__ import annotations

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.base import Unwritable, Written
from audit.read.shapes.openai_write import Notes, write_messages, write_tools


def write_trl(chat: Chat) -> Written:
    """A row for TRL's SFT or DPO trainer. Raises Unwritable."""
    notes = Notes()
    row: dict[str, Json] = {}
    if chat.chosen or chat.rejected:
        _write_preference(chat, row, notes)
    else:
        _write_turns(chat.messages, row, notes)
    write_tools(chat, row, notes)
    if chat.metadata is not ABSENT:
        row["metadata"] = chat.metadata
    return Written(row, notes.phrases())


def _write_preference(chat: Chat, row: dict[str, Json], notes: Notes) -> None:
    if not chat.chosen or not chat.rejected:
        raise Unwritable("no pair of a preferred and a rejected answer")
    if chat.messages:
        row["prompt"] = write_messages(chat.messages, notes, objects=True)
    row["chosen"] = write_messages(chat.chosen, notes, objects=True)
    row["rejected"] = write_messages(chat.rejected, notes, objects=True)


def _write_turns(turns: tuple[Message, ...], row: dict[str, Json], notes: Notes) -> None:
    answers = [index for index, turn in enumerate(turns) if turn.role == "assistant"]
    learnt = [index for index in answers if turns[index].trained is not False]
    if answers and not learnt:
        raise Unwritable("every answer is marked as not to be learnt from")
    cut = learnt[0] if learnt else 0
    if any(index < cut for index in answers) and len(learnt) == len([index for index in answers if index >= cut]):
        row["prompt"] = write_messages(turns[:cut], notes, objects=True)
        row["completion"] = write_messages(turns[cut:], notes, objects=True)
        return
    for index in answers:
        if turns[index].trained is False:
            notes.add(turns[index].at, "that this answer is not to be learnt from")
    row["messages"] = write_messages(turns, notes, objects=True)
