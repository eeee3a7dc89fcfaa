"""Reads a Hugging Face tokenizer and its chat template from a local folder. Fetches nothing, needs no transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from audit.errors import InputError, MissingExtra
from audit.model import Json
from audit.render import Sample, Stretch

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from audit.render.jinja import JinjaTemplate

_NAMED: Final = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
NO_LIMIT: Final = 10**7
"""A ``model_max_length`` above this is transformers' way of saying that there is none (it writes 1e30)."""


class Encoded(msgspec.Struct, frozen=True):
    """One sample as the model sees it: token ids, whether each is trained, and the message of each (-1: none)."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    messages: tuple[int, ...]


class ChatTokenizer:
    """A tokenizer with the template that belongs to it. ``template`` is None where the folder holds none."""

    def __init__(
        self, name: str, tokenizer: Tokenizer, template: JinjaTemplate | None = None, max_tokens: int | None = None
    ) -> None:
        self.name = name
        self.template = template
        self.max_tokens = max_tokens
        self._tokenizer = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()

    def count(self, text: str) -> int:
        """Tokens of a text, special-token strings in it counted as plain text."""
        self._tokenizer.encode_special_tokens = True
        return len(self._tokenizer.encode(_writable(text), add_special_tokens=False).ids)

    def encode(self, sample: Sample) -> Encoded:
        """The tokens of a sample, tokenised once as a whole.

        A token is trained when it begins in trained text, or begins before it and reaches into it with more than
        white space before; so no first word of an answer is lost to a token that carries the blank before it.
        """
        text = _writable(sample.text)
        self._tokenizer.encode_special_tokens = False
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        trained, messages = _by_character(sample)
        owners = [_owner(start, end, text, trained) for start, end in encoding.offsets]
        return Encoded(
            tuple(encoding.ids),
            tuple(trained[owner] if owner is not None else False for owner in owners),
            tuple(messages[owner] if owner is not None else -1 for owner in owners),
        )

    def stretches(self, sample: Sample) -> list[Stretch]:
        """The tokens of a sample as stretches."""
        encoded = self.encode(sample)
        stretches: list[Stretch] = []
        for trained, message in zip(encoded.trained, encoded.messages, strict=True):
            last = stretches[-1] if stretches else None
            if last is not None and last.trained == trained and last.message == message:
                stretches[-1] = Stretch(last.tokens + 1, trained, message)
            else:
                stretches.append(Stretch(1, trained, message))
        return stretches


def _owner(start: int, end: int, text: str, trained: Sequence[bool]) -> int | None:
    """The character that decides whether a token is trained; None for a token that stands for no character."""
    if not trained:
        return None
    first = min(start, len(trained) - 1)
    while first < end - 1 and not trained[first] and text[first].isspace():
        first += 1
    return first


def _by_character(sample: Sample) -> tuple[list[bool], list[int]]:
    trained: list[bool] = []
    messages: list[int] = []
    for piece in sample.pieces:
        trained += [piece.trained] * len(piece.text)
        messages += [piece.message] * len(piece.text)
    return trained, messages


def _writable(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, one for one, because tokenizers needs UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


@lru_cache(maxsize=4)
def load_chat_tokenizer(path: str) -> ChatTokenizer:
    """The tokenizer in a folder, or in a ``tokenizer.json`` (with the template files that lie beside it).

    Raises InputError for a missing or broken file, MissingExtra without the library ``tokenizers``.
    """
    given = Path(path)
    file = given / "tokenizer.json" if given.is_dir() else given
    if not file.is_file():
        raise InputError(f"no tokenizer at {file}", hint="name a folder that holds tokenizer.json, or that file")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("the library tokenizers is not installed", hint="pip install tokenizers") from error
    # The library raises a bare Exception for a file that it cannot use, so the likely mistakes are ruled out first.
    if not isinstance(_json(file).get("model"), dict):
        raise InputError(f"{file} is not a Hugging Face tokenizer: it holds no model")
    tokenizer = Tokenizer.from_file(str(file))
    config = _json(file.parent / "tokenizer_config.json")
    source = _template_source(file.parent, config)
    control = [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]
    template = None
    if source is not None:
        from audit.render.jinja import JinjaTemplate

        template = JinjaTemplate(source, _special_tokens(config), control=control)
    return ChatTokenizer(given.name or str(given), tokenizer, template, _limit(config))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}") from error


def _json(file: Path) -> dict[str, Json]:
    """The object in a JSON file, empty where there is no file."""
    if not file.is_file():
        return {}
    try:
        value = msgspec.json.decode(_read(file))
    except msgspec.DecodeError as error:
        raise InputError(f"{file} is not JSON: {error}") from error
    return value if isinstance(value, dict) else {}


def _template_source(folder: Path, config: dict[str, Json]) -> str | None:
    """The chat template: a file of its own wins over the one in the configuration, as in transformers."""
    if (folder / "chat_template.jinja").is_file():
        return _read(folder / "chat_template.jinja")
    for holder in (_json(folder / "chat_template.json"), config):
        found = holder.get("chat_template")
        if isinstance(found, list):
            by_name = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
            found = by_name.get("default")
        if isinstance(found, str):
            return found
    return None


def _special_tokens(config: dict[str, Json]) -> dict[str, str]:
    """Named special tokens; each is written as a string or as an object with ``content``."""
    found: dict[str, str] = {}
    for name in _NAMED:
        value = config.get(name)
        if isinstance(value, dict):
            value = value.get("content")
        if isinstance(value, str):
            found[name] = value
    return found


def _limit(config: dict[str, Json]) -> int | None:
    limit = config.get("model_max_length")
    return limit if isinstance(limit, int) and 0 < limit <= NO_LIMIT else None
