"""Finds the trained turns in the text of a chat template: where the words of each begin and end. Knows no Jinja source.

Where the template marks the assistant's words with ``{% generation %}`` the marks are used. Elsewhere a turn is what
the rendering of the chat up to it adds to the rendering of the chat before it. Where both are known and do not name the
same end of the turn the chat is refused: one of them would train on what the other leaves out. A template that changes
earlier turns when later ones follow (it drops old reasoning, or merges messages) has no such stretches in the whole
chat: each trained turn becomes a sample of its own, with the history that the model would see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from os.path import commonprefix
from typing import Final, NamedTuple

import msgspec
from jinja2 import TemplateError

from audit.model import Json, Message
from audit.render.pieces import Piece, Rendered, Sample, is_trained

REFUSALS = (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What a template raises when it cannot render a chat: its own ``raise_exception``, or a value it did not expect."""


def _marks(length: int) -> tuple[str, str]:
    """What is put around the words that a template marks: noncharacters, which no text should hold. No end of a mark is
    its beginning, so that a chat cannot make a mark up together with what stands beside it."""
    return f"\ufdd0{'(' * length}\ufdd1", f"\ufdd0{')' * length}\ufdd1"


class _Span(NamedTuple):
    """A stretch of text, and the message that it is of (or the number of the mark that it stands in)."""

    start: int
    end: int
    message: int


_Spans = list[_Span]
"""In order."""

_WORDS: Final = "\ufdd2"
"""Put in place of a content to see what the template itself writes around it: a noncharacter, as in marks."""


class Conversation:
    """The renderings of one chat: whole, and up to a turn."""

    def __init__(
        self,
        text: Callable[[Sequence[Json], Json, bool, Callable[[str], str]], str],
        turns: Sequence[Message],
        messages: Sequence[Json],
        tools: Json,
        control: Sequence[str],
    ) -> None:
        self._text = text
        self._turns = turns
        self._messages = messages
        self._tools = tools
        self._control = control
        self._assistants = [index for index, turn in enumerate(turns) if turn.role == "assistant"]
        self._trained = [index for index, turn in enumerate(turns) if is_trained(turn)]
        self._kept: dict[tuple[int, bool], str] = {}
        self._off_prompt: set[int] = set()

    def samples(self, *, marked: bool) -> Rendered:
        """``marked``: the template holds ``{% generation %}``."""
        made = self._by_marks() if marked else self._by_turns()
        return msgspec.structs.replace(made, off_prompt=len(self._off_prompt)) if self._off_prompt else made

    def _by_turns(self) -> Rendered:
        spans = self._by_prefix(whole := self._up_to(len(self._messages)))
        return self._one_each() if spans is None else Rendered((_cut(whole, spans),))

    def _by_marks(self) -> Rendered:
        whole, marked = self._whole()
        self._kept[len(self._messages), False] = whole
        try:
            turns = self._by_prefix(whole)
        except REFUSALS:
            turns = None  # a template may refuse a chat that is cut; its marks then stand alone
        if self._mark_others(whole, marked, turns or []):
            return Rendered(problem="the chat template's generation marks hold words that are not the assistant's")
        if turns is None:
            spans = self._from_marks(marked, whole)
            return self._one_each() if spans is None else Rendered((_cut(whole, spans),))
        agreed = []
        for turn in turns:
            if (span := self._agreed(whole, marked, turn)) is None:
                said = f"the chat template's generation marks and its turns disagree about message {turn.message + 1}"
                return Rendered(problem=said)
            agreed.append(span)
        return Rendered((_cut(whole, agreed),))

    def _agreed(self, whole: str, marked: _Spans, turn: _Span) -> _Span | None:
        """What is marked of a turn with the token that ends it. None where that is not all of its end (the end token
        and white space around it apart), or leaves out words of the answer though it does not itself end the turn."""
        start, end, index = turn
        own = [(max(start, mark.start), min(end, mark.end)) for mark in marked if mark.start < end]
        own = [(first, last) for first, last in own if first <= last]
        inside = "".join(whole[first:last] for first, last in own)
        mine, theirs = (_without_end(text, self._control) for text in (inside, whole[start:end]))
        if mine != theirs:
            ends = inside.rstrip() != mine
            words = self._turns[index].text.strip()
            if not mine or not theirs.endswith(mine) or not (ends or words in mine or words not in theirs):
                return None
        if not own:
            return turn
        first = start + len(theirs) - len(mine)
        return _Span(first, min(end, _with_end(whole, first, own[-1][1], self._control)), index)

    def _mark_others(self, whole: str, marked: _Spans, turns: _Spans) -> bool:
        """Whether marks hold what others than the assistant say. Where they hold more than the trained turns, that is
        seen by putting another text in the place of what others say."""
        if turns and not any(self._left_of(whole, mark, turns) for mark in marked):
            return False
        own = {*self._assistants, *self._trained}
        messages: list[Json] = [
            message if index in own or not isinstance(message, dict) else {**message, "content": _WORDS}
            for index, message in enumerate(self._messages)
        ]
        try:
            other, spans, _ = self._between(messages, *_marks(1))
        except REFUSALS:
            return False
        said = (sum(text[a:b].count(_WORDS) for a, b, _ in found) for text, found in ((other, spans), (whole, marked)))
        return next(said) > next(said)

    def _left_of(self, whole: str, mark: _Span, turns: _Spans) -> str:
        """What a mark holds beside the turns, without control tokens and white space."""
        left, at = "", mark.start
        for start, end, _ in turns:
            left += whole[at : min(start, mark.end)]
            at = max(at, end)
        left += whole[at : mark.end]
        for token in self._control:
            left = left.replace(token, "")
        return left.strip()

    def _one_each(self) -> Rendered:
        """A sample for every trained turn, which ends with it."""
        samples = []
        for index in self._trained:
            text = self._up_to(index + 1)
            start = self._start_of(index, text)
            if start is None:
                said = f"the chat template does not show where message {index + 1} begins"
                return Rendered(problem=said + self._lost(index, text))
            end = _without_trailing_space(text, start, self._control)
            samples.append(_cut(text, [_Span(start, end, index)]))
        return Rendered(tuple(samples))

    def _lost(self, index: int, text: str) -> str:
        """Whether it is the system prompt that is written before a reply and not where the reply is given."""
        systems = (turn.text.strip() for turn in self._turns[:index] if turn.role in ("system", "developer"))
        asked = self._up_to(index, True)
        if any(said and said in asked and said not in text for said in systems):
            return ": it writes the system prompt only where the last message is the user's"
        return ""

    def _whole(self) -> tuple[str, _Spans]:
        """The whole chat, and what the template marks as generated: one span per mark, numbered from 0."""
        whole, spans, as_made = self._between(self._messages, *_marks(1))
        if not as_made:
            # The chat may hold the same: marks are taken that it does not.
            everything = json.dumps([self._messages, self._tools], ensure_ascii=False, default=str)
            depth = 1
            while any(mark in everything for mark in _marks(depth)):
                depth += 1
            whole, spans, _ = self._between(self._messages, *_marks(depth))
        return whole, spans

    def _between(self, messages: Sequence[Json], opened: str, closed: str) -> tuple[str, _Spans, bool]:
        """The whole as it is with these marks, and whether there are as many as were made."""
        inside: list[str] = []

        def mark(said: str) -> str:
            inside.append(said)
            return opened + said + closed

        text = self._text(messages, self._tools, False, mark)
        return *_taken_out(text, opened, closed), text.count(opened) == text.count(closed) == len(inside)

    def _from_marks(self, marked: _Spans, whole: str) -> _Spans | None:
        """The trained ones of the marked stretches; None where they do not go one to one with assistant turns."""
        if len(marked) != len(self._assistants) or not marked:
            return None
        trained = set(self._trained)
        if not trained <= set(self._assistants):
            return None
        paired = zip(marked, self._assistants, strict=True)
        return [
            _Span(start, _with_end(whole, start, end, self._control), index)
            for (start, end, _), index in paired
            if index in trained
        ]

    def _by_prefix(self, whole: str) -> _Spans | None:
        """What each trained turn adds; None where a shorter rendering is not the beginning of the whole one."""
        spans: _Spans = []
        for index in self._trained:
            text = self._up_to(index + 1)
            if not whole.startswith(text):
                return None
            start = self._start_of(index, text)
            if start is None:
                return None
            spans.append(_Span(start, _without_trailing_space(text, start, self._control), index))
        return spans

    def _start_of(self, index: int, text: str) -> int | None:
        """Where the words of a turn begin in the rendering that ends with it: after what asks for a reply."""
        asked = self._up_to(index, True)
        if text.startswith(asked) and len(asked) < len(text):
            return len(asked)
        before = self._up_to(index)
        if asked == before or not text.startswith(before):
            return None
        return len(asked) if text == asked else self._after_header(index, text, asked)

    def _after_header(self, index: int, text: str, asked: str) -> int | None:
        """Where the words begin behind a header that what asks for a reply has too, and more (``<think>``). None where
        a part of the header would be left."""
        role = self._turns[index].role
        try:
            shown = self._text([*self._messages[:index], {"role": role, "content": _WORDS}], self._tools, False, str)
        except REFUSALS:
            return None
        start = len(commonprefix([text, asked, shown]))  # noqa: RUF071  (of characters, not of paths)
        left = shown[start:].partition(_WORDS)[0]
        if start <= len(self._up_to(index)) or str(role) in left or any(token in left for token in self._control):
            return None
        self._off_prompt.add(index)
        return start

    def _up_to(self, count: int, prompt: bool = False) -> str:
        """The rendering of the first ``count`` turns; kept, because most are asked for twice."""
        kept = self._kept.get((count, prompt))
        if kept is None:
            made = self._text(self._messages[:count], self._tools, prompt, str) if count else self._before(prompt)
            kept = self._kept[count, prompt] = made
        return kept

    def _before(self, prompt: bool) -> str:
        try:
            return self._text([], self._tools, prompt, str)
        except REFUSALS:
            # Most templates look at the first message; without one there is nothing before the first turn.
            return ""


def _taken_out(text: str, opened: str, closed: str) -> tuple[str, _Spans]:
    """The text without the marks, and what stood between them."""
    spans: _Spans = []
    parts: list[str] = []
    length = 0
    for number, part in enumerate(text.split(opened)):
        inside, found, after = part.partition(closed)
        if number and found:
            spans.append(_Span(length, length + len(inside), number - 1))
        parts += (inside, after)
        length += len(inside) + len(after)
    return "".join(parts), spans


def _with_end(text: str, start: int, end: int, control: Sequence[str]) -> int:
    """The end of a marked stretch, with the control token that ends the turn where the template left it outside."""
    if text[start:end].rstrip().endswith(tuple(control)):
        return _without_trailing_space(text[:end], start, control)
    return end + next((len(token) for token in control if text.startswith(token, end)), 0)


def _without_end(text: str, control: Sequence[str]) -> str:
    """The text without white space and control tokens at its end."""
    while True:
        stripped = text.rstrip()
        token = next((token for token in control if stripped.endswith(token)), "")
        if not token:
            return stripped
        text = stripped.removesuffix(token)


def _without_trailing_space(text: str, start: int, control: Sequence[str]) -> int:
    """The end of a turn: white space that the template writes after the control token that ends it is not trained."""
    stripped = text.rstrip()
    return len(stripped) if len(stripped) > start and stripped.endswith(tuple(control)) else len(text)


def _cut(text: str, spans: _Spans) -> Sample:
    """The text as pieces: the trained spans and what lies between them."""
    pieces: list[Piece] = []
    position = 0
    for start, end, index in spans:
        if start > position:
            pieces.append(Piece(text[position:start]))
        pieces.append(Piece(text[start:end], trained=True, message=index))
        position = end
    if position < len(text):
        pieces.append(Piece(text[position:]))
    return Sample(tuple(pieces), joined=True)
