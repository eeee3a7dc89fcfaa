"""Questions as token ids: the prompt, the answer that a row has, and labels as answers to it. Runs no model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np

from audit.errors import InputError
from audit.model import Chat, Message
from audit.render import Piece, Rendered, Sample
from audit.tokens.huggingface import ChatTokenizer
from audit.train.prediction.batching import Ids
from audit.train.prediction.questions import Question

TAIL: Final = 16
"""Characters at the end of a prompt that can change how the tokens of a label behind it are cut."""
MOST_KEPT: Final = 1_000
"""Ends of prompts of which the tokens of the labels are kept."""


class Reply(NamedTuple):
    """A prompt with an answer as one sequence of ids, which ends with the token that ends the answer.

    ``first`` is the index of the first token of the answer.
    """

    ids: Ids
    first: int


class Shared(NamedTuple):
    """A prompt that several answers share. ``tails`` are the tokens behind it of each, of which the first ``skipped``
    still belong to the prompt (where an answer changes how its end is cut into tokens)."""

    ids: Ids
    tails: tuple[tuple[int, ...], ...]
    skipped: tuple[int, ...]


Problem: TypeAlias = str
"""Why a row cannot be asked: a fixed word, a colon, and what was found."""


class Prompts:
    """Encodes questions for one tokenizer. Raises InputError where it has no chat template."""

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        if tokenizer.template is None:
            raise InputError(
                f"{tokenizer.name} has no chat template, so there is no way to ask it",
                hint="put a chat_template.jinja beside its tokenizer.json",
            )
        self._tokenizer = tokenizer
        self._template = tokenizer.template
        self._tails: dict[tuple[object, ...], tuple[tuple[int, ...], ...] | None] = {}

    def prompt(self, question: Question) -> Ids | Problem:
        """The tokens up to where the reply begins."""
        text = self._text(question)
        return text if isinstance(text, _Refused) else self._ids(text)

    def reply(self, chat: Chat, text: str | None = None) -> Reply | Problem:
        """A chat with its last turn, or ``text``, as the answer. ``chat`` is a prompt where ``text`` is given."""
        turns = chat.messages if text is None else (*chat.messages, _said(text, len(chat.messages)))
        marked = tuple(
            msgspec.structs.replace(turn, trained=index == len(turns) - 1) for index, turn in enumerate(turns)
        )
        rendered = self._template.render(msgspec.structs.replace(chat, messages=marked))
        if rendered.problem is not None or len(rendered.samples) != 1:
            return _refusal(rendered)
        encoded = self._tokenizer.encode(rendered.samples[0])
        trained = np.flatnonzero(encoded.trained)
        if not len(trained):
            return _Refused("empty_answer: the answer has no tokens")
        if not trained[0]:
            return _Refused("no_prompt: nothing stands before the answer")
        return Reply(np.asarray(encoded.ids[: trained[-1] + 1], np.int32), int(trained[0]))

    def labels(self, question: Question, labels: Sequence[str]) -> Shared | Problem:
        """A prompt with every label as its answer."""
        text = self._text(question)
        if isinstance(text, _Refused):
            return text
        prompt = question.prompt
        key = (text[-TAIL:], tuple(str(turn.role) for turn in prompt.messages), repr(prompt.tools), tuple(labels))
        if key not in self._tails:
            if len(self._tails) >= MOST_KEPT:
                self._tails.clear()
            found = self._shared(question, labels)
            if isinstance(found, _Refused):
                return found
            plain = not any(found.skipped) and np.array_equal(found.ids, self._ids(text))
            self._tails[key] = found.tails if plain else None
            return found
        tails = self._tails[key]
        if tails is None:
            return self._shared(question, labels)
        return Shared(self._ids(text), tails, (0,) * len(tails))

    def ends(self) -> frozenset[int]:
        """The tokens that end a reply: the end token by name, and what the template writes behind every answer."""
        named: int | None = self._tokenizer.backend.token_to_id(self._tokenizer.names.get("eos_token", ""))
        found = set() if named is None else {named}
        asked = Chat(messages=(_said("a", 0, "user"),))
        replies = [self.reply(asked, text) for text in ("a", "b")]
        last = {int(reply.ids[-1]) for reply in replies if isinstance(reply, Reply)}
        if len(last) == 1 and last <= self._tokenizer.ends:
            found |= last
        return frozenset(found)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, control tokens left out."""
        text: str = self._tokenizer.backend.decode(list(ids), skip_special_tokens=True)
        return text

    def _text(self, question: Question) -> str | _Refused:
        rendered = self._template.prompt(question.chat)
        if rendered.problem is not None or len(rendered.samples) != 1:
            return _refusal(rendered)
        return rendered.samples[0].text or _Refused("no_prompt: the chat template writes nothing")

    def _ids(self, text: str) -> Ids:
        return np.asarray(self._tokenizer.encode(_plain(text)).ids, np.int32)

    def _shared(self, question: Question, labels: Sequence[str]) -> Shared | _Refused:
        replies = []
        for label in labels:
            reply = self.reply(question.prompt, label)
            if not isinstance(reply, Reply):
                return reply if isinstance(reply, _Refused) else _Refused(reply)
            replies.append(reply)
        prompts = [reply.ids[: reply.first].tolist() for reply in replies]
        columns = takewhile(lambda column: len(set(column)) == 1, zip(*prompts, strict=False))
        common = min(sum(1 for _ in columns), min(map(len, prompts)))
        tails = tuple(tuple(reply.ids[common:].tolist()) for reply in replies)
        return Shared(replies[0].ids[:common], tails, tuple(reply.first - common for reply in replies))


class _Refused(str):
    """A problem, told apart from a text."""

    __slots__ = ()


def _refusal(rendered: Rendered) -> _Refused:
    return _Refused(f"refused_by_template: {rendered.problem or 'it makes several sequences of one answer'}")


def _said(text: str, index: int, role: str = "assistant") -> Message:
    at = f"/messages/{index}"
    return Message(role=role, content=text, at=at, role_at=f"{at}/role", content_at=f"{at}/content")


def _plain(text: str) -> Sample:
    return Sample((Piece(text),), joined=True)
