"""Reads a Hugging Face tokenizer and its chat template from a local folder. Fetches nothing, needs no transformers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from audit.errors import InputError, MissingExtra
from audit.model import Json
from audit.read.characters import well_formed
from audit.render import Piece, Sample, Stretch

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

    from audit.render.jinja import JinjaTemplate

_NAMED: Final = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
NO_LIMIT: Final = 10**7
"""A ``model_max_length`` above this is transformers' way of saying that there is none (it writes 1e30)."""


_NO_END: Final = ("bos_token", "unk_token", "pad_token", "cls_token", "mask_token")
"""Named tokens that end no turn, unless they are the end token too."""


class Encoded(msgspec.Struct, frozen=True):
    """One sample as the model sees it: token ids, and which stretches of them are trained and of which message (-1:
    none)."""

    ids: Sequence[int]
    stretches: tuple[Stretch, ...]

    @property
    def trained(self) -> tuple[bool, ...]:
        """Whether each token is trained."""
        return tuple(chain.from_iterable(repeat(run.trained, run.tokens) for run in self.stretches))

    @property
    def messages(self) -> tuple[int, ...]:
        """The message of each token."""
        return tuple(chain.from_iterable(repeat(run.message, run.tokens) for run in self.stretches))


class ChatTokenizer:
    """A tokenizer with the template that belongs to it. ``template`` is None where the folder holds none.

    ``names`` are its named tokens (``eos_token`` ...). ``backend`` is the tokenizer of the library itself.
    """

    def __init__(
        self,
        name: str,
        tokenizer: Tokenizer,
        template: JinjaTemplate | None = None,
        max_tokens: int | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.template = template
        self.max_tokens = max_tokens
        self.names = dict(names or {})
        self.backend = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()

    @cached_property
    def ends(self) -> frozenset[int]:
        """Ids of the tokens that can end a turn: ``eos_token`` and all control tokens but those with another name.
        Empty where the tokenizer has none."""
        end = self.names.get("eos_token")
        others = {self.names[name] for name in _NO_END if name in self.names} - {end}
        found = {text for text in _control(self.backend) if text not in others} | ({end} if end else set())
        ids = (self.backend.token_to_id(text) for text in found)
        return frozenset(token for token in ids if token is not None)

    def count(self, text: str) -> int:
        """Tokens of a text, special-token strings in it counted as plain text."""
        self.backend.encode_special_tokens = True
        return len(self.backend.encode(well_formed(text), add_special_tokens=False).ids)

    def encode(self, sample: Sample) -> Encoded:
        """The tokens of a sample, tokenised once as a whole.

        A token is trained when it begins in trained text, or when it begins before it with nothing but white space
        there and reaches into it; so no first word of an answer is lost to a token that carries the blank before it.
        """
        text = well_formed(sample.text)
        self.backend.encode_special_tokens = False
        encoding = self.backend.encode(text, add_special_tokens=False)
        return Encoded(encoding.ids, _stretches(sample, text, encoding))

    def encode_all(self, samples: Sequence[Sample]) -> list[Encoded]:
        """``encode`` of many samples at once, on all cores that the library may use."""
        texts = [well_formed(sample.text) for sample in samples]
        self.backend.encode_special_tokens = False
        encodings: list[Encoding] = self.backend.encode_batch(texts, add_special_tokens=False)
        return [
            Encoded(encoding.ids, _stretches(sample, text, encoding))
            for sample, text, encoding in zip(samples, texts, encodings, strict=True)
        ]

    def stretches(self, sample: Sample) -> list[Stretch]:
        """The tokens of a sample as stretches."""
        return list(self.encode(sample).stretches)


def _control(tokenizer: Tokenizer) -> list[str]:
    return [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]


def _stretches(sample: Sample, text: str, encoding: Encoding) -> tuple[Stretch, ...]:
    """To which piece each token belongs: to that in which it begins, or to the trained one that it reaches into with
    nothing but white space before."""
    pieces = [piece for piece in sample.pieces if piece.text] or [Piece("")]
    firsts: list[int] = []
    at, before = 0, True
    for piece in pieces:
        firsts.append(_first(encoding, text, at, reaching=piece.trained and not before) if at else 0)
        at, before = at + len(piece.text), piece.trained
    lengths = (end - first for first, end in zip(firsts, [*firsts[1:], len(encoding)], strict=True))
    runs = (Stretch(n, piece.trained, piece.message) for n, piece in zip(lengths, pieces, strict=True) if n)
    return tuple(_joined(runs))


def _first(encoding: Encoding, text: str, at: int, *, reaching: bool) -> int:
    """The first token that begins at a character or after it; with ``reaching`` one that stands over it counts where
    there is only white space before. One character may have several tokens, and a token several characters."""
    for position in range(at, len(text)):
        token: int | None = encoding.char_to_token(position)
        if token is not None:
            break  # characters that the tokenizer drops have none
    else:
        return len(encoding)
    start = _begin(encoding, token)
    if reaching and start < at and text[start:at].isspace():
        return token
    while token < len(encoding) and _begin(encoding, token) < at:
        token += 1
    return token


def _begin(encoding: Encoding, token: int) -> int:
    """The character at which a token begins."""
    characters = encoding.token_to_chars(token)
    return characters[0] if characters else 0


def _joined(runs: Iterable[Stretch]) -> Iterator[Stretch]:
    """Stretches that follow each other and are alike as one."""
    last: Stretch | None = None
    for run in runs:
        if last is not None and (last.trained, last.message) == (run.trained, run.message):
            last = Stretch(last.tokens + run.tokens, run.trained, run.message)
            continue
        if last is not None:
            yield last
        last = run
    if last is not None:
        yield last


def load_chat_tokenizer(path: str) -> ChatTokenizer:
    """The tokenizer in a folder, or in a ``tokenizer.json`` (with the template files that lie beside it).

    Raises InputError for a missing or broken file, MissingExtra without the library ``tokenizers``.
    """
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    return _loaded(path, (*(_stamp(folder / name) for name in _FILES), _stamp(given)))


_FILES: Final = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json")


def _stamp(file: Path) -> tuple[int, int]:
    """What changes when a file is written again: a run may write a tokenizer to where there was another."""
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _loaded(path: str, stamps: tuple[tuple[int, int], ...]) -> ChatTokenizer:
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
    names = _special_tokens(config)
    template = None
    if source is not None:
        from audit.render.jinja import JinjaTemplate

        template = JinjaTemplate(source, names, control=_control(tokenizer))
    return ChatTokenizer(given.name or str(given), tokenizer, template, _limit(config), names)


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
