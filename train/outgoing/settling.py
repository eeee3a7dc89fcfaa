"""What a row can say of training where it goes: turns with a weight of 0 or 1 or none, no metadata. Writes no line."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import msgspec

from audit.engine.batch import UNKNOWN_SHAPE
from audit.engine.rows import UNREADABLE
from audit.model import ABSENT, Chat, Json, Message, Record
from audit.remedy.convert import general
from audit.render import is_trained
from audit.train.data.encode import ASSISTANT, MOST_WEIGHT, masked, message_weight
from audit.train.outgoing.capabilities import Capabilities, Kind

_METADATA: Final = "/metadata: metadata"


class Cannot(Exception):
    """A row that cannot be sent out: a fixed word, and a sentence without a full stop."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.problem = Problem(reason, detail)


class Problem(NamedTuple):
    """Why a row cannot be sent out. The exception is not kept: its traceback holds the row."""

    reason: str
    detail: str


def settle(
    record: Record, kind: Kind, to: Capabilities, mask: Literal["assistant", "last"]
) -> tuple[Record, list[str]]:
    """The row with all that can be said of training there, and what is not said any more. Raises Cannot."""
    if not is_readable(record):
        raise Cannot("unreadable", "no chat can be made of it")
    lost: list[str] = []
    chat = masked(_of_kind(record.chat, kind, lost), mask)
    if not any(map(is_trained, chat.messages + chat.chosen)):
        raise Cannot("nothing_trained", "no turn of it carries loss")
    changes: dict[str, Any] = {}
    if kind == "chat":
        changes["messages"] = tuple(_turn(turn, kind, to, lost) for turn in chat.messages)
    changes["chosen"] = tuple(_turn(turn, kind, to, lost) for turn in chat.chosen)
    if chat.metadata is not ABSENT:
        changes["metadata"] = ABSENT
        lost.append(_METADATA)
    settled: Chat = msgspec.structs.replace(chat, **changes)
    return msgspec.structs.replace(record, chat=settled), lost


def _of_kind(chat: Chat, kind: Kind, lost: list[str]) -> Chat:
    """The chat as a pair of answers, or with the preferred one as its last turn where chats are wanted."""
    if kind == "preference":
        if not chat.chosen or not chat.rejected:
            raise Cannot("unwritable", "it has no pair of a preferred and a rejected answer")
        return chat
    if not chat.chosen and not chat.rejected:
        return chat
    lost.extend(general(f"{turn.at}: the rejected answer") for turn in chat.rejected[:1])
    return msgspec.structs.replace(chat, messages=chat.messages + chat.chosen, chosen=(), rejected=())


def _turn(turn: Message, kind: Kind, to: Capabilities, lost: list[str]) -> Message:
    """A turn with a weight of 0 or 1, or none, where the receiver does not take any other."""
    if turn.role != ASSISTANT:
        return _no_answer(turn, lost)
    weight, trained = message_weight(turn), is_trained(turn)
    if weight is None:
        raise Cannot("bad_weight", f"the weight at {turn.at} is no number from 0 to {MOST_WEIGHT:g}")
    if trained and weight != 1:
        raise Cannot(
            "message_weight",
            f"the answer at {turn.at} counts for {weight:g}, and {to.title} cannot be told more than 0 or 1",
        )
    if kind != "chat" or to.message_weights == "none":
        return marked(turn, weight=ABSENT, trained=turn.trained if trained else False)
    if not trained:
        return marked(turn, weight=0, trained=False)
    return turn if turn.weight is ABSENT else marked(turn, weight=1, trained=turn.trained)


def _no_answer(turn: Message, lost: list[str]) -> Message:
    """A turn of another role, which nobody learns from there."""
    if is_trained(turn):
        lost.append("/messages/*: that a turn which is no answer is to be learnt from")
    if turn.weight is ABSENT:
        return turn
    lost.append("/messages/*/weight: a weight on a turn that is no answer")
    return msgspec.structs.replace(turn, weight=ABSENT)


def marked(turn: Message, *, weight: Json, trained: bool | None) -> Message:
    """The turn with this weight, and with whether it is trained."""
    if turn.weight is weight and turn.trained is trained:
        return turn
    return msgspec.structs.replace(turn, weight=weight, trained=trained)


def is_readable(record: Record) -> bool:
    """Whether a chat could be made of the row."""
    return record.shape not in (UNREADABLE, UNKNOWN_SHAPE) and bool(record.chat.messages + record.chat.chosen)
