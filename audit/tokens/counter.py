"""Counts the tokens of rows: exactly where the encoding is on this machine, else as an estimate that says so.

Judges nothing and keeps nothing but role names. Counting one text is one call of the tokenizer's ordinary encoding.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from audit.errors import UsageError, did_you_mean
from audit.model import Chat, Message, Record, RowTokens
from audit.render import ChatML, Rendered, Sample, Stretch, Template, Trainable, trainable_tokens
from audit.render.chatml import MESSAGE_OVERHEAD, PRIMING
from audit.rule import TokenCounter
from audit.tokens.encodings import ENCODINGS, load_encoding
from audit.tokens.models import resolve_model

if TYPE_CHECKING:
    from audit.tokens.huggingface import ChatTokenizer

BYTES_PER_TOKEN: Final = 4
"""The usual rule of thumb for English; other scripts and code need more tokens than it says."""
LONG_TEXT: Final = 400_000
"""Above this many characters a text is counted in parts: tiktoken 0.14 panics on a run of 1,000,000 white-space
characters (its pattern matcher gives up), and a panic cannot be handled."""
KEPT_LENGTH: Final = 20_000
KEPT_TEXTS: Final = 32
"""Counts of texts of more characters than the first are remembered, as many as the second."""
KEPT_SHORT: Final = 64
KEPT_SYSTEM: Final = 2_000
KEPT_SHORT_TEXTS: Final = 10_000
"""So are those of texts (labels, set phrases) and of system prompts up to so many characters, up to so many texts."""


class PlainTurn(Protocol):
    """A message of which only role and content are known, both strings."""

    @property
    def role(self) -> str:
        """Who speaks."""

    @property
    def content(self) -> str:
        """What is said."""


class Counter(ABC):
    """Implements ``audit.rule.TokenCounter``. ``note`` states what the number rests on, in a sentence or two.

    ``max_tokens`` is the longest sequence that the tokenizer's own configuration or the caller allows.
    """

    name: str
    exact: bool
    note: str
    max_tokens: int | None = None
    template: Template

    @abstractmethod
    def count(self, text: str) -> int:
        """Tokens of a text, special-token strings in it counted as plain text."""

    @abstractmethod
    def stretches(self, sample: Sample) -> Sequence[Stretch]:
        """The tokens of a rendered sample, as stretches that are trained or not."""

    def render(self, chat: Chat) -> Rendered:
        """The samples a chat becomes for the model that is counted for."""
        return self.template.render(chat)

    def row(self, record: Record) -> RowTokens:
        """Counts of one row. ``total`` is the longest sequence that it becomes (of the two answers of a preference
        row the longer), ``trainable`` counts what carries loss, of a preference row in the chosen answer. A row that
        the template refuses has nothing trainable."""
        chat = record.chat
        whole = trainable_tokens(self.render(chat), self)
        longest = whole.longest
        if chat.rejected:
            other = msgspec.structs.replace(chat, chosen=chat.rejected)
            longest = max(longest, trainable_tokens(self.render(other), self).longest)
        content = sum(self.count(text) for text in string_contents(record.turns))
        return RowTokens(content=content, total=longest or content, trainable=whole.trained)

    def plain_chats(self, chats: Sequence[Sequence[PlainTurn]]) -> list[RowTokens]:
        """``row`` of plain chats: roles and string contents only, no names, weights or tools."""
        return [self._plain_chat(chat) for chat in chats]

    def _plain_chat(self, turns: Sequence[PlainTurn]) -> RowTokens:
        chat = Chat(messages=tuple(_message(turn, index) for index, turn in enumerate(turns)))
        whole = trainable_tokens(self.render(chat), self)
        content = sum(self.count(turn.content) for turn in turns)
        return RowTokens(content=content, total=whole.longest or content, trainable=whole.trained)


def _message(turn: PlainTurn, index: int) -> Message:
    at = f"/messages/{index}"
    return Message(role=turn.role, content=turn.content, at=at, role_at=f"{at}/role", content_at=f"{at}/content")


def string_contents(messages: Iterable[Message]) -> Iterable[str]:
    """The contents that are plain strings."""
    return (message.content for message in messages if isinstance(message.content, str))


class LayoutCounter(Counter):
    """Counts text by text, with OpenAI's published overhead: for OpenAI's encodings, and where no template is known."""

    def __init__(
        self,
        name: str,
        length: Callable[[str], int],
        layout: str,
        *,
        exact: bool,
        note: str,
        encode: Callable[[str], list[int]] | None = None,
    ) -> None:
        """``encode`` may stand in for ``length`` for all but very long texts: a call less for each text."""
        self._encode = encode
        self.name = name
        self.exact = exact
        self.note = note
        self.template = ChatML(layout)
        self._length = length
        self._words: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._recent: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Tokens of a text; those of the last few are kept, because a row's contents are counted and then rendered."""
        tokens = self._recent.get(text)
        if tokens is None:
            if len(self._recent) >= KEPT_TEXTS:
                self._recent.clear()
            tokens = self._recent[text] = self._length(text)
        return tokens

    def stretches(self, sample: Sample) -> list[Stretch]:
        """One stretch per piece that is not empty."""
        return [
            Stretch(size, piece.trained, piece.message)
            for piece in sample.pieces
            if (size := piece.size if piece.size is not None else 1 if piece.special else self._word(piece.text))
        ]

    def plain_chats(self, chats: Sequence[Sequence[PlainTurn]]) -> list[RowTokens]:
        """The hot path: little more than one encoding per message, and none for a text that keeps coming back."""
        length, words, kept, encode = self._length, self._words, self._kept, self._encode
        rows: list[RowTokens] = []
        for turns in chats:
            content = overhead = trainable = 0
            for turn in turns:
                role, text = turn.role, turn.content
                if len(text) > (KEPT_SYSTEM if role == "system" else KEPT_SHORT):
                    tokens = len(encode(text)) if encode is not None and len(text) <= KEPT_LENGTH else length(text)
                else:
                    again = kept.get(text)
                    if again is None:
                        if len(kept) >= KEPT_SHORT_TEXTS:
                            kept.clear()
                        again = kept[text] = length(text)
                    tokens = again
                content += tokens
                known = words.get(role)
                overhead += self._word(role) if known is None else known
                if role == "assistant":
                    trainable += tokens + 1
            rows.append(RowTokens(content, content + overhead + MESSAGE_OVERHEAD * len(turns) + PRIMING, trainable))
        return rows

    def _word(self, text: str) -> int:
        """Tokens of a text; those of role names are kept."""
        if text in self._words:
            return self._words[text]
        tokens = self.count(text)
        if len(text) <= 16 and len(self._words) < 1_000:
            self._words[text] = tokens
        return tokens


class TemplateCounter(Counter):
    """Counts with a Hugging Face tokenizer, through its own chat template where it has one."""

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self.tokenizer = tokenizer
        self.name = tokenizer.name
        self.max_tokens = tokenizer.max_tokens
        has_template = tokenizer.template is not None
        self.exact = has_template
        self.note = (
            "Counted with the tokenizer's own chat template."
            if has_template
            else "The tokenizer has no chat template: contents are exact, the overhead of the chat is an estimate."
        )
        self.template = tokenizer.template or ChatML(self.name)

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return self.tokenizer.count(text)

    def stretches(self, sample: Sample) -> list[Stretch]:
        """A joined sample is tokenised as a whole, another piece by piece."""
        if sample.joined:
            return self.tokenizer.stretches(sample)
        sizes = (
            piece.size if piece.size is not None else 1 if piece.special else self.count(piece.text)
            for piece in sample.pieces
        )
        return [Stretch(n, piece.trained, piece.message) for n, piece in zip(sizes, sample.pieces, strict=True) if n]


def make_counter(
    tokenizer: str | None = None,
    model: str | None = None,
    *,
    allow_download: bool = False,
    max_tokens: int | None = None,
) -> Counter:
    """The counter for a tokenizer (an encoding's name, or a path), else for a model, else for OpenAI's current models.

    Raises UsageError for an encoding that does not exist, InputError for a folder without a usable tokenizer, or a
    permitted download that fails.
    """
    counter = _counter(tokenizer, model, allow_download)
    if max_tokens is not None:
        counter.max_tokens = max_tokens
    return counter


def _counter(tokenizer: str | None, model: str | None, allow_download: bool) -> Counter:
    path = tokenizer if tokenizer is not None else model
    if tokenizer is not None and tokenizer in ENCODINGS:
        return _encoding_counter(tokenizer, "", allow_download)
    if path is not None and (Path(path).exists() or (tokenizer is not None and _looks_like_a_path(path))):
        from audit.tokens.huggingface import load_chat_tokenizer

        return TemplateCounter(load_chat_tokenizer(path))
    if tokenizer is not None:
        raise UsageError(
            f"no encoding and no file is called {tokenizer!r}",
            hint=did_you_mean(tokenizer, ENCODINGS) or f"encodings: {', '.join(ENCODINGS)}",
        )
    if model is None:
        return _encoding_counter("o200k_base", "No model was named: OpenAI's current models are meant.", allow_download)
    info = resolve_model(model)
    if info.assumed:
        note = f"The tokenizer of {model} is not known: o200k_base is assumed, so the counts are an estimate."
        return _encoding_counter(info.encoding, note, allow_download, exact=False)
    published = info.base.startswith(_PUBLISHED)
    note = "" if published else f"The chat overhead of {model} is not published: gpt-4o's is used, as an estimate."
    return _encoding_counter(info.encoding, note, allow_download, exact=published)


_PUBLISHED: Final = ("gpt-3.5", "gpt-35", "gpt-4", "chatgpt-4o")
"""Model families whose chat overhead the cookbook gives."""
_PARTS: Final = "Tools and tool calls are estimates, images are not counted."


def _looks_like_a_path(text: str) -> bool:
    return text.endswith(".json") or text.startswith((".", "~", "/")) or "\\" in text or text.count("/") > 1


def _encoding_counter(encoding: str, note: str, allow_download: bool, *, exact: bool = True) -> LayoutCounter:
    loaded = load_encoding(encoding, allow_download=allow_download)
    if loaded is None:
        missing = f"{encoding} is not on this machine: tokens are estimated as UTF-8 bytes / {BYTES_PER_TOKEN}."
        return LayoutCounter(f"bytes/{BYTES_PER_TOKEN}", estimate, encoding, exact=False, note=_join(missing, note))
    encode = loaded.encode_ordinary
    return LayoutCounter(encoding, _ordinary(encode), encoding, exact=exact, note=_join(note, _PARTS), encode=encode)


def _join(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def estimate(text: str) -> int:
    """Tokens of a text by its UTF-8 size: ceil(bytes / 4)."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def _ordinary(encode: Callable[[str], list[int]]) -> Callable[[str], int]:
    """Token count of a text. The last few long ones are kept: several rules ask about the rows that hold them."""

    @lru_cache(maxsize=KEPT_TEXTS)
    def long(text: str) -> int:
        return sum(len(encode(part)) for part in parts(text))

    def length(text: str) -> int:
        return len(encode(text)) if len(text) <= KEPT_LENGTH else long(text)

    return length


# Between a letter and a blank that a letter follows, every pattern of OpenAI's ends one piece and begins the next.
_SAFE_CUT: Final = re.compile(r"[A-Za-z](?= [A-Za-z])")


def parts(text: str, size: int = LONG_TEXT) -> Iterable[str]:
    """The text in parts of about ``size`` characters, cut where no token crosses; where there is no such place within
    ``size`` characters, cut anyway, which may add a token."""
    start = 0
    while len(text) - start > size:
        cut = _SAFE_CUT.search(text, start + size // 2, start + size)
        end = cut.end() if cut else start + size
        yield text[start:end]
        start = end
    yield text[start:]


def after_truncation(chat: Chat, counter: TokenCounter, limit: int | None) -> tuple[Trainable, str | None]:
    """What a chat has to learn from when it is cut at ``limit`` tokens, and why the template refuses it, if it does.

    A counter that is not ours is used for the texts, within OpenAI's layout.
    """
    ours = counter if isinstance(counter, Counter) else _layout_over(counter)
    rendered = ours.render(chat)
    return trainable_tokens(rendered, ours, limit), rendered.problem


def _layout_over(counter: TokenCounter) -> Counter:
    return LayoutCounter(counter.name, counter.count, counter.name, exact=counter.exact, note=counter.note)
