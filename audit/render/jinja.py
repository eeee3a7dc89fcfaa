"""Hugging Face chat templates: what Jinja is given and what it may do. Tokenises nothing.

Where the turns lie in the text that comes back is for ``audit.render.conversation``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from audit.errors import InputError
from audit.model import Chat, Json, Message
from audit.render.conversation import REFUSALS, Conversation
from audit.render.messages import as_template_message, as_tools
from audit.render.pieces import Piece, Rendered, Sample, before_reply

FROZEN_TODAY: Final = date(2024, 7, 26)
"""What ``strftime_now`` tells a template: the date that Llama 3.1's template falls back to. A clock would make the
same data render differently every day."""

_MARKS: Final = re.compile(r"\{%[-+]?\s*generation\b")


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
        self._marked = _MARKS.search(source) is not None
        self._names = dict(special_tokens or {})
        self._control = tuple(sorted({*control, *self._names.values()} - {""}, key=lambda text: (-len(text), text)))
        try:
            self._template = _environment(today).from_string(source)
        except TemplateError as error:
            raise InputError(f"the chat template cannot be read: {error}") from error

    def render(self, chat: Chat) -> Rendered:
        """The samples of a chat, or the reason why the template refuses it."""
        turns, tools = chat.messages + chat.chosen, as_tools(chat.tools)
        made = Rendered()
        for messages in self._written(turns, tools):
            conversation = Conversation(self._text, turns, messages, tools, self._control)
            try:
                made = _with_calls(conversation.samples(marked=self._marked), turns)
            except REFUSALS as error:
                made = _refused(error)
            if made.problem is None:
                break
        return made

    def prompt(self, chat: Chat) -> Rendered:
        """The chat up to where its reply begins, as one sample without anything trained: all turns but a last one of
        the assistant, and what the template writes to ask for a reply."""
        asked = before_reply(chat)
        tools = as_tools(asked.tools)
        made = Rendered()
        for messages in self._written(asked.messages, tools):
            try:
                return Rendered((Sample((Piece(self._text(messages, tools, True, str)),), joined=True),))
            except REFUSALS as error:
                made = _refused(error)
        return made

    def _written(self, turns: Sequence[Message], tools: Json) -> Iterator[list[Json]]:
        """The turns as messages, in the ways that templates are written for. Beside tool calls a content that says
        nothing is null, which some ask for, or else an empty text, as others cannot read null or write it as a word;
        arguments are objects, or else as found, which some join to their text."""
        plain: list[Json] = [as_template_message(turn) for turn in turns]
        if not any(turn.calls for turn in turns):
            yield plain
            return
        silent: list[Json] = [as_template_message(turn, None) for turn in turns]
        if silent != plain and not self._writes_null(silent, plain, tools):
            yield silent
            yield [as_template_message(turn, None, as_found=True) for turn in turns]
        yield plain
        yield [as_template_message(turn, as_found=True) for turn in turns]

    def _writes_null(self, silent: Sequence[Json], plain: Sequence[Json], tools: Json) -> bool:
        try:
            with_null, without = (self._text(messages, tools, False, str) for messages in (silent, plain))
        except REFUSALS:
            return False
        return with_null.count("None") > without.count("None")

    def _text(self, messages: Sequence[Json], tools: Json, prompt: bool, mark: Callable[[str], str]) -> str:
        return self._template.render(
            messages=messages,
            tools=tools,
            documents=None,
            add_generation_prompt=prompt,
            __marked__=lambda caller: mark(caller()),
            **self._names,
        )


def _refused(error: Exception) -> Rendered:
    return Rendered(problem=f"the chat template refuses it: {str(error) or type(error).__name__}")


def _with_calls(made: Rendered, turns: Sequence[Message]) -> Rendered:
    """The rendering, or a problem where a call of a trained turn is not in what is trained of it."""
    if not any(turn.calls for turn in turns):
        return made
    said: dict[int, str] = {}
    for piece in (piece for sample in made.samples for piece in sample.pieces if piece.trained):
        said[piece.message] = said.get(piece.message, "") + piece.text
    for index, text in said.items():
        for name in (call.name for call in turns[index].calls if isinstance(call.name, str)):
            if name not in text and json.dumps(name)[1:-1] not in text:
                return Rendered(problem=f"the chat template leaves out the call of {name!r} in message {index + 1}")
    return made
