"""Hugging Face chat templates: renders a chat once, finds the trained turns as stretches of text, tokenises nothing.

Where the template marks the assistant's words with ``{% generation %}`` the marks are used. Elsewhere a turn is what
the rendering of the chat up to it adds to the rendering of the chat before it. A template that changes earlier turns
when later ones follow (it drops old reasoning, or merges messages) has no such stretches in the whole chat: each
trained turn becomes a sample of its own, with the history that the model would see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from audit.errors import InputError
from audit.model import ABSENT, Chat, Json, Message
from audit.render.pieces import Piece, Rendered, Sample, is_trained

FROZEN_TODAY: Final = date(2024, 7, 26)
"""What ``strftime_now`` tells a template: the date that Llama 3.1's template falls back to. A clock would make the
same data render differently every day."""

_REFUSALS = (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What a template raises when it cannot render a chat: its own ``raise_exception``, or a value it did not expect."""


class _Generation(Extension):
    """``{% generation %}...{% endgeneration %}``: surrounds what is inside with the marks of the rendering."""

    tags = {"generation"}  # noqa: RUF012  (declared so by the base class)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = nodes.Call(nodes.Name("__marked__", "load"), [], [], None, None)
        return nodes.CallBlock(call, [], [], body).set_lineno(line)


class _Refused(TemplateError):
    """A template called ``raise_exception``."""


def _raise(message: object) -> None:
    raise _Refused(str(message))


def _tojson(
    value: Json,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as Hugging Face writes it: without Jinja's escaping of HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _environment(today: date) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = today.strftime
    return environment


class JinjaTemplate:
    """A compiled chat template. Raises InputError where its source is not Jinja.

    ``special_tokens`` are the tokenizer's named tokens (``bos_token``, ``eos_token`` ...), which templates refer to;
    ``control`` are all strings that the tokenizer reads as one control token.
    """

    def __init__(
        self,
        source: str,
        special_tokens: Mapping[str, str] | None = None,
        *,
        control: Iterable[str] = (),
        today: date = FROZEN_TODAY,
    ) -> None:
        self.source = source
        self._names = dict(special_tokens or {})
        self._control = tuple(sorted({*control, *self._names.values()} - {""}, key=lambda text: (-len(text), text)))
        try:
            self._template = _environment(today).from_string(source)
        except TemplateError as error:
            raise InputError(f"the chat template cannot be read: {error}") from error

    def render(self, chat: Chat) -> Rendered:
        """The samples of a chat, or the reason why the template refuses it."""
        turns = chat.messages + chat.chosen
        conversation = _Conversation(self._text, turns, chat.tools)
        try:
            return conversation.samples(self._control)
        except _REFUSALS as error:
            return Rendered(problem=f"the chat template refuses it: {str(error) or type(error).__name__}")

    def _text(self, messages: Sequence[Json], tools: Json, prompt: bool, mark: Callable[[str], str]) -> str:
        return self._template.render(
            messages=messages,
            tools=tools,
            documents=None,
            add_generation_prompt=prompt,
            __marked__=lambda caller: mark(caller()),
            **self._names,
        )


_Spans = list[tuple[int, int, int]]
"""(start, end, message) of trained text, in order."""


class _Conversation:
    """The renderings of one chat: whole, and up to a turn."""

    def __init__(
        self,
        text: Callable[[Sequence[Json], Json, bool, Callable[[str], str]], str],
        turns: Sequence[Message],
        tools: Json,
    ) -> None:
        self._text = text
        self._messages = [as_template_message(turn) for turn in turns]
        self._tools = as_tools(tools)
        self._assistants = [index for index, turn in enumerate(turns) if turn.role == "assistant"]
        self._trained = [index for index, turn in enumerate(turns) if is_trained(turn)]

    def samples(self, control: Sequence[str]) -> Rendered:
        whole, marked = self._whole()
        spans = self._from_marks(marked, whole, control)
        if spans is None:
            spans = self._by_prefix(whole, control)
        if spans is not None:
            return Rendered((_cut(whole, spans),))
        samples = []
        for index in self._trained:
            text = self._up_to(index + 1)
            start = self._start_of(index, text)
            if start is None:
                return Rendered(problem=f"the chat template does not show where message {index + 1} begins")
            end = _without_trailing_space(text, start, control)
            samples.append(_cut(text, [(start, end, index)]))
        return Rendered(tuple(samples))

    def _whole(self) -> tuple[str, _Spans]:
        """The whole chat, and what the template marks as generated: one span per mark, numbered from 0."""
        open_mark, close_mark = self._marks()
        text = self._text(self._messages, self._tools, False, lambda inside: open_mark + inside + close_mark)
        spans: _Spans = []
        parts: list[str] = []
        length = 0
        for number, part in enumerate(text.split(open_mark)):
            inside, closed, after = part.partition(close_mark)
            if number and closed:
                spans.append((length, length + len(inside), number - 1))
            parts += (inside, after)
            length += len(inside) + len(after)
        return "".join(parts), spans

    def _marks(self) -> tuple[str, str]:
        """Two strings of noncharacters that occur nowhere in the chat."""
        everything = json.dumps([self._messages, self._tools], ensure_ascii=False, default=str)
        depth = 1
        while "\ufdd0" * depth in everything or "\ufdd1" * depth in everything:
            depth += 1
        return "\ufdd0" * depth, "\ufdd1" * depth

    def _from_marks(self, marked: _Spans, whole: str, control: Sequence[str]) -> _Spans | None:
        """The trained ones of the marked stretches; None where they do not go one to one with assistant turns."""
        if len(marked) != len(self._assistants) or not marked:
            return None
        trained = set(self._trained)
        if not trained <= set(self._assistants):
            return None
        paired = zip(marked, self._assistants, strict=True)
        return [(start, _with_end(whole, start, end, control), i) for (start, end, _), i in paired if i in trained]

    def _by_prefix(self, whole: str, control: Sequence[str]) -> _Spans | None:
        """What each trained turn adds; None where a shorter rendering is not the beginning of the whole one."""
        spans: _Spans = []
        for index in self._trained:
            text = self._up_to(index + 1)
            if not whole.startswith(text):
                return None
            start = self._start_of(index, text)
            if start is None:
                return None
            spans.append((start, _without_trailing_space(text, start, control), index))
        return spans

    def _start_of(self, index: int, text: str) -> int | None:
        """Where the words of a turn begin in the rendering that ends with it: after the prompt for a reply."""
        for prompt in (True, False):
            before = self._up_to(index, prompt)
            if text.startswith(before) and len(before) < len(text):
                return len(before)
        return None

    def _up_to(self, count: int, prompt: bool = False) -> str:
        if count == 0:
            return self._before_anything(prompt)
        return self._text(self._messages[:count], self._tools, prompt, str)

    def _before_anything(self, prompt: bool) -> str:
        try:
            return self._text([], self._tools, prompt, str)
        except _REFUSALS:
            # Most templates look at the first message; without one there is nothing before the first turn.
            return ""


def _with_end(text: str, start: int, end: int, control: Sequence[str]) -> int:
    """The end of a marked stretch, with the control token that ends the turn where the template left it outside."""
    if text[start:end].rstrip().endswith(tuple(control)):
        return _without_trailing_space(text[:end], start, control)
    return end + next((len(token) for token in control if text.startswith(token, end)), 0)


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


def as_template_message(message: Message) -> dict[str, Json]:
    """A message as Hugging Face templates expect it: tool arguments as objects, an absent content as an empty text."""
    content = "" if message.content is None or message.content is ABSENT else message.content
    made: dict[str, Json] = {"role": "" if message.role is ABSENT else message.role, "content": content}
    if message.name is not ABSENT:
        made["name"] = message.name
    if message.call_id is not ABSENT:
        made["tool_call_id"] = message.call_id
    if message.calls:
        made["tool_calls"] = [
            {
                "type": "function",
                "id": None if call.id is ABSENT else call.id,
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.calls
        ]
    return made


def _arguments(arguments: Json) -> Json:
    if arguments is ABSENT:
        return {}
    if not isinstance(arguments, str):
        return arguments
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return parsed if isinstance(parsed, dict) else arguments


def as_tools(tools: Json) -> Json:
    """Declared tools as templates expect them: a list, or None where there are none."""
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            return None
    return tools if isinstance(tools, list) and tools else None
