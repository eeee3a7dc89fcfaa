"""The parts of a rendered chat, and what is left to learn from when it is cut. Knows no template and no tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from audit.model import Chat, Message


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a rendered chat.

    ``special`` text is one control token. ``trained`` pieces carry loss. ``message`` is the index of the message in
    ``chat.messages + chat.chosen``, -1 for what belongs to none. ``size`` is the number of tokens where it is known
    without looking at the text (the provider's overhead); it may be negative where the provider's formula is.
    """

    text: str
    special: bool = False
    trained: bool = False
    message: int = -1
    size: int | None = None


class Sample(msgspec.Struct, frozen=True):
    """One training sequence. ``joined`` says that the pieces are cut from one text and must be tokenised together."""

    pieces: tuple[Piece, ...]
    joined: bool = False

    @property
    def text(self) -> str:
        """The whole text of the sample."""
        return "".join(piece.text for piece in self.pieces)


class Rendered(msgspec.Struct, frozen=True):
    """What a chat becomes: usually one sample; one per trained turn where the template rewrites earlier turns; none
    where the template refuses the chat, and then ``problem`` says why. ``off_prompt`` counts the trained turns that do
    not go on from what the template writes to ask for a reply (one that ends with ``<think>``)."""

    samples: tuple[Sample, ...] = ()
    problem: str | None = None
    off_prompt: int = 0


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """``tokens`` tokens in a row that are all trained or all not, and belong to one message."""

    tokens: int
    trained: bool
    message: int


class Template(Protocol):
    """Renders chats."""

    def render(self, chat: Chat) -> Rendered:
        """The samples a chat becomes."""

    def prompt(self, chat: Chat) -> Rendered:
        """The chat up to where its reply begins, with what asks for a reply: one sample, nothing of it trained."""


class Measurer(Protocol):
    """Counts the tokens of a sample, piece by piece."""

    def stretches(self, sample: Sample) -> Sequence[Stretch]:
        """The sample's tokens in order, as stretches."""


class Trainable(msgspec.Struct, frozen=True):
    """Tokens of a rendered chat, all samples together: ``total``, ``trained``, and ``left`` (trained, after the cut).

    ``longest`` is the length of the longest sample. ``last_cut`` says that a part of the last trained turn is lost,
    ``end_cut`` that a trained turn keeps some tokens but not its last, which is where the model learns to stop.
    """

    total: int
    longest: int
    trained: int
    left: int
    last_cut: bool
    end_cut: bool


def is_trained(message: Message) -> bool:
    """Whether a message carries loss: what its shape says, else assistant turns with a weight that is not zero."""
    if message.trained is not None:
        return message.trained
    return message.role == "assistant" and not (isinstance(message.weight, int | float) and message.weight == 0)


def before_reply(chat: Chat) -> Chat:
    """What a reply is given to: all turns but a last one of the assistant."""
    turns = chat.messages + chat.chosen
    if turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    return msgspec.structs.replace(chat, messages=turns, chosen=(), rejected=())


def trainable_tokens(rendered: Rendered, measurer: Measurer, max_tokens: int | None = None) -> Trainable:
    """What there is to learn from when every sample is cut after ``max_tokens`` tokens (None: not cut)."""
    total = longest = trained = left = 0
    last_cut = end_cut = False
    for sample in rendered.samples:
        stretches = measurer.stretches(sample)
        length = sum(run.tokens for run in stretches)
        total += length
        longest = max(longest, length)
        wanted, kept = _by_turn(stretches, length if max_tokens is None else max_tokens)
        trained += sum(wanted.values())
        left += sum(kept.values())
        end_cut = end_cut or any(0 < kept[turn] < wanted[turn] for turn in wanted)
        last = max((turn for turn in wanted if wanted[turn]), default=None)
        last_cut = last_cut or (last is not None and kept[last] < wanted[last])
    return Trainable(total=total, longest=longest, trained=trained, left=left, last_cut=last_cut, end_cut=end_cut)


def _by_turn(stretches: Sequence[Stretch], limit: int) -> tuple[dict[int, int], dict[int, int]]:
    """Trained tokens per turn: all of them, and those among the first ``limit`` tokens."""
    wanted: dict[int, int] = {}
    kept: dict[int, int] = {}
    start = 0
    for run in stretches:
        if run.trained:
            wanted[run.message] = wanted.get(run.message, 0) + run.tokens
            kept[run.message] = kept.get(run.message, 0) + min(run.tokens, max(0, limit - start))
        start += run.tokens
    return wanted, kept
