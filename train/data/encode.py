"""Turns rows into sequences of token ids with a weight for each token, or says why a row has none to give.

Decides nothing about rows that cannot be used, and knows no split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np

from audit.engine.batch import UNKNOWN_SHAPE
from audit.engine.rows import UNREADABLE
from audit.errors import UsageError
from audit.model import ABSENT, Chat, Message, Record
from audit.read.dialogue import exchange
from audit.read.shapes.base import PART_MARKS
from audit.render import Sample, is_trained
from audit.tokens.huggingface import ChatTokenizer, Encoded
from audit.train.data.examples import NO_CLASS, Example
from audit.train.options import TrainOptions

Reason: TypeAlias = Literal[
    "unreadable",
    "refused_by_template",
    "nothing_trained",
    "turn_without_tokens",
    "end_not_trained",
    "over_length",
    "no_label",
    "unseen_label",
    "several_answers",
    "bad_weight",
]


MOST_WEIGHT: Final = 1e12
"""No row and no message counts for more: sums of products of weights must stay finite in single precision."""


class Unusable(msgspec.Struct, frozen=True):
    """Why a row cannot be trained on; ``detail`` is a sentence without a full stop, which may quote the row."""

    reason: Reason
    detail: str


class RowIn(NamedTuple):
    """A row to encode: its ordinal, what it counts for, its label (None where it has none)."""

    record: Record
    row: int
    weight: float = 1.0
    label: str | None = None


class RowOut(msgspec.Struct, frozen=True):
    """The sequences of a row. ``tokens`` and ``trained`` count those of all of them, ``roles`` the trained ones by the
    role of their turn. ``truncated``: something was cut off. ``preferred``: it is the chosen one of two answers.
    ``off_prompt`` counts the trained turns that do not go on from what the template asks for a reply with;
    ``unwritten_reasoning``: the template does not write the reasoning that a trained turn has."""

    examples: tuple[Example, ...]
    tokens: int
    trained: int
    roles: Mapping[str, int] = {}
    truncated: bool = False
    preferred: bool = False
    off_prompt: int = 0
    unwritten_reasoning: bool = False


class _Asked(NamedTuple):
    """A row with the samples that it renders to, and the chat they are of."""

    given: RowIn
    chat: Chat
    samples: tuple[Sample, ...]
    off_prompt: int = 0


class Encoder:
    """Encodes rows for a tokenizer with a template.

    ``limit`` is the longest sequence in tokens (None: any). ``classes`` are those of a classification, in the order of
    their codes; for a chat they label its sequences where it has one of them. The weight of a token is that of its row
    times that of its message (its ``weight``, 1 without); with ``unit = "example"`` divided by the number of trained
    tokens of its sequence. The first token of a sequence is never trained, because nothing stands before it.

    Raises UsageError for a tokenizer without a template.
    """

    def __init__(
        self, tokenizer: ChatTokenizer, options: TrainOptions, limit: int | None = None, classes: Sequence[str] = ()
    ) -> None:
        if tokenizer.template is None:
            raise UsageError(
                f"the tokenizer {tokenizer.name} has no chat template", hint="chat_template = FILE, or chatml"
            )
        self.options = options
        self.limit = limit
        self.classes = tuple(classes)
        self.tokenizer = tokenizer
        self._template = tokenizer.template
        self._codes = {label: code for code, label in enumerate(classes)}

    def encode_all(self, rows: Sequence[RowIn]) -> list[RowOut | Unusable]:
        """What each row gives: a sequence, or one for each trained turn where the template rewrites earlier turns. The
        rows are tokenised together."""
        asked = [self._asked(row) for row in rows]
        samples = [sample for one in asked if isinstance(one, _Asked) for sample in one.samples]
        encoded = iter(self.tokenizer.encode_all(samples))
        return [one if isinstance(one, Unusable) else self._made(one, encoded) for one in asked]

    def _asked(self, given: RowIn) -> _Asked | Unusable:
        record = given.record
        if record.shape in (UNREADABLE, UNKNOWN_SHAPE) or not record.chat.messages + record.chat.chosen:
            return Unusable("unreadable", "no chat can be made of it")
        if not 0 <= given.weight <= MOST_WEIGHT:
            return Unusable("bad_weight", f"its weight is no number from 0 to {MOST_WEIGHT:g}")
        if self.options.task == "classify":
            return self._question(given)
        for message in _answers(record.chat):
            if message_weight(message) is None:
                return Unusable("bad_weight", f"the weight at {message.at} is no number from 0 to {MOST_WEIGHT:g}")
            if (mark := _part_mark(message)) is not None:
                return Unusable(
                    "bad_weight", f"a part of {message.at} has {mark!r}, and only whole messages can be left untrained"
                )
        chat = masked(record.chat, self.options.mask)
        if not any(map(is_trained, chat.messages + chat.chosen)):
            return Unusable("nothing_trained", "no turn of it carries loss")
        rendered = self._template.render(chat)
        if rendered.problem is not None:
            return Unusable("refused_by_template", rendered.problem)
        return _Asked(given, chat, rendered.samples, rendered.off_prompt)

    def _made(self, asked: _Asked, encoded: Iterator[Encoded]) -> RowOut | Unusable:
        own = [next(encoded) for _ in asked.samples]
        return self._classified(asked, own[0]) if self.options.task == "classify" else self._answered(asked, own)

    # ------------------------------------------------------------------ answers

    def _answered(self, asked: _Asked, encoded: Sequence[Encoded]) -> RowOut | Unusable:
        turns = [_turns_of(one) for one in encoded]
        if (problem := self._problem(asked, encoded, turns)) is not None:
            return problem
        cut = [self._fitting(one, found) for one, found in zip(encoded, turns, strict=True)]
        kept = [(ids, found) for ids, found in cut if found]
        longest = max(len(one.ids) for one in encoded)
        too_long = self.limit is not None and longest > self.limit
        if too_long and (self.options.over_length != "truncate" or not kept):
            fits = "" if self.options.over_length != "truncate" else ", and none of its trained turns fits whole"
            return Unusable("over_length", f"it has {longest:,} tokens, and {self.limit:,} can be read{fits}")
        roles: Counter[str] = Counter()
        examples = tuple(self._example(asked, ids, found, roles) for ids, found in kept)
        if not (trained := roles.total()):
            return Unusable("nothing_trained", "nothing stands before its only trained token")
        tokens = sum(len(one.ids) for one in examples)
        preferred, unwritten = bool(asked.chat.chosen), _has_unwritten_reasoning(asked)
        return RowOut(examples, tokens, trained, dict(roles), too_long, preferred, asked.off_prompt, unwritten)

    def _problem(self, asked: _Asked, encoded: Sequence[Encoded], turns: Sequence[Sequence[_Turn]]) -> Unusable | None:
        """What is wrong with how trained turns were laid out."""
        wanted = {index for index, turn in enumerate(asked.chat.messages + asked.chat.chosen) if is_trained(turn)}
        if missing := wanted - {turn.message for found in turns for turn in found}:
            return Unusable("turn_without_tokens", f"message {min(missing) + 1} is trained on and has no tokens")
        ends = self.tokenizer.ends
        for one, found in zip(encoded, turns, strict=True):
            last = {turn.message: turn.end for turn in found}
            for message, end in last.items():
                if ends and one.ids[end - 1] not in ends:
                    return Unusable("end_not_trained", f"the template writes no end token after message {message + 1}")
        return None

    def _fitting(self, encoded: Encoded, turns: Sequence[_Turn]) -> tuple[Sequence[int], Sequence[_Turn]]:
        """What is left when it is cut behind the last trained turn that fits whole, if it must be cut."""
        if self.limit is None or len(encoded.ids) <= self.limit:
            return encoded.ids, turns
        first_lost = next((turn.message for turn in turns if turn.end > self.limit), None)
        fitting = [turn for turn in turns if turn.end <= self.limit and turn.message != first_lost]
        return encoded.ids[: fitting[-1].end if fitting else 0], fitting

    def _example(self, asked: _Asked, ids: Sequence[int], turns: Sequence[_Turn], roles: Counter[str]) -> Example:
        said = asked.chat.messages + asked.chat.chosen
        weights = np.zeros(len(ids))
        trained = 0
        for turn in turns:
            start = max(turn.start, 1)
            trained += turn.end - start
            roles[_role(said[turn.message])] += turn.end - start
            weights[start : turn.end] = asked.given.weight * (message_weight(said[turn.message]) or 0.0)
        if self.options.unit == "example" and trained:
            weights /= trained
        label = NO_CLASS if asked.given.label is None else self._codes.get(asked.given.label, NO_CLASS)
        return Example(np.array(ids, np.int32), weights, asked.given.row, label, asked.given.weight)

    # ------------------------------------------------------------------ classes

    def _question(self, given: RowIn) -> _Asked | Unusable:
        """The prompt alone: the answer would give the class away, and so might metadata."""
        record = given.record
        if given.label is None:
            return Unusable("no_label", "it has no label")
        if given.label not in self._codes:
            return Unusable("unseen_label", f"no training row has its label {given.label!r}")
        if sum(turn.role == "assistant" for turn in record.messages + record.chat.chosen) > 1:
            return Unusable("several_answers", "it has several answers, and one label")
        chat = question_of(record)
        rendered = self._template.prompt(chat)
        if rendered.problem is not None:
            return Unusable("refused_by_template", rendered.problem)
        return _Asked(given, chat, rendered.samples)

    def _classified(self, asked: _Asked, encoded: Encoded) -> RowOut | Unusable:
        ids, limit = encoded.ids, self.limit
        if not ids:
            return Unusable("turn_without_tokens", "its prompt has no tokens")
        too_long = limit is not None and len(ids) > limit
        if limit is not None and too_long:
            if self.options.over_length != "truncate":
                return Unusable("over_length", f"it has {len(ids):,} tokens, and {limit:,} can be read")
            # The last token is what a head reads from, or the end of the frame that an encoder was trained with.
            ids = [*ids[: limit - 1], ids[-1]]
        code = self._codes[asked.given.label or ""]
        made = Example(np.array(ids, np.int32), np.zeros(len(ids)), asked.given.row, code, asked.given.weight)
        return RowOut((made,), len(ids), 0, {}, too_long, bool(asked.given.record.chat.chosen))


def question_of(record: Record) -> Chat:
    """What a classifier reads of a row: all turns before its last answer, and no metadata."""
    return msgspec.structs.replace(
        record.chat, messages=exchange(record).prompt, chosen=(), rejected=(), metadata=ABSENT
    )


class _Turn(NamedTuple):
    """Trained tokens of one message: from ``start`` to before ``end``."""

    start: int
    end: int
    message: int


def _turns_of(encoded: Encoded) -> list[_Turn]:
    found = []
    at = 0
    for run in encoded.stretches:
        if run.trained:
            found.append(_Turn(at, at + run.tokens, run.message))
        at += run.tokens
    return found


ASSISTANT: Final = "assistant"


def _answers(chat: Chat) -> Iterator[Message]:
    return (turn for turn in chat.messages + chat.chosen if turn.role == ASSISTANT or turn.trained)


REASONING: Final = ("reasoning_content", "reasoning", "thinking")
"""Keys under which data and providers keep what a model thought before it answered."""


def _has_unwritten_reasoning(asked: _Asked) -> bool:
    turns = (turn for turn in asked.chat.messages + asked.chat.chosen if is_trained(turn))
    texts = [sample.text for sample in asked.samples]
    return any(not any(said in text for text in texts) for turn in turns for said in _reasoning(turn))


def _reasoning(message: Message) -> Iterator[str]:
    """What a message says that was thought, beside its content and in ``<think>`` of it."""
    raw = message.raw
    if isinstance(raw, dict) and len(raw) > 2:
        yield from (said.strip() for key in REASONING if isinstance(said := raw.get(key), str))
    thought, end, _ = message.text.partition("</think>")
    if end:
        yield thought.rpartition("<think>")[2].strip()


def _role(message: Message) -> str:
    return message.role if isinstance(message.role, str) else ""


def message_weight(message: Message) -> float | None:
    """What a message counts for, 1 where it says nothing; None for what is no weight."""
    weight = message.weight
    if weight is ABSENT or weight is None:
        return 1.0
    if not isinstance(weight, int | float) or not 0 <= weight <= MOST_WEIGHT:
        return None
    return float(weight)


def _part_mark(message: Message) -> str | None:
    """The key by which a part of the message says for itself whether it is trained on."""
    parts = message.content if isinstance(message.content, list) else ()
    found = (key for part in parts if isinstance(part, dict) for key in PART_MARKS if key in part)
    return next(found, None)


def masked(chat: Chat, mask: Literal["assistant", "last"]) -> Chat:
    """The chat with every turn marked that is not trained on for another reason than its role: a weight of 0, and with
    the mask ``last`` every answer but the last whose shape leaves that open."""
    turns = chat.messages + chat.chosen
    answers = [index for index, turn in enumerate(turns) if turn.role == ASSISTANT]
    others = set(answers[:-1]) if mask == "last" else set()
    out = {
        index
        for index, turn in enumerate(turns)
        if (index in others and turn.trained is None) or (turn.trained and message_weight(turn) == 0.0)
    }
    if not out:
        return chat
    marked = tuple(
        msgspec.structs.replace(turn, trained=False) if index in out else turn for index, turn in enumerate(turns)
    )
    cut = len(chat.messages)
    return msgspec.structs.replace(chat, messages=marked[:cut], chosen=marked[cut:])
