"""Shows the texts that are to be handed in to the provider's moderation first, and names the rows that it flags.

A provider blocks a whole training file for too many flagged rows, after the upload and without saying which they are.
The texts go where the file would go, with the same key, and nothing else of the rows does. Images and sounds are not
shown, only counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.errors import AuditError, InputError
from audit.model import Json
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.uploaded import (
    MEDIA,
    TURN,
    LineOf,
    UploadedRow,
    handed_in,
    media_in,
    origins,
    texts_in,
    uploaded_rows,
)
from audit.train.protocol.connection import Connection
from audit.train.runs.chain import canonical
from audit.train.runs.folder import MODERATION
from audit.train.scorers.moderation import PER_REQUEST, ModerationScorer, NoModeration
from audit.writing import write_whole

AT_ONCE: Final = 2_048
"""Texts that are in memory together."""
NAMED: Final = 10
"""Flagged texts that an error names; the file has all."""
_FORMAL: Final = re.compile(rf"{TURN}/(?:role|tool_call_id|tool_calls/\d+/(?:id|type)|content/\d+/type)$")
"""Where texts stand that nobody says to anybody."""


class Flagged(msgspec.Struct, frozen=True, kw_only=True):
    """A flagged text: the line that is handed in and ``pointer`` in it, the row that it was made of, the categories."""

    role: str
    line: int
    row_id: str
    file: str
    row_line: int
    pointer: str
    categories: tuple[str, ...]

    @property
    def shown_row(self) -> str:
        """Where the row stands, for a sentence."""
        return f"{self.file}:{self.row_line}"

    @property
    def shown(self) -> str:
        """Where it stands and why, for a sentence."""
        return f"{self.shown_row} {self.pointer} ({', '.join(self.categories) or 'no category is named'})"


class Moderation(msgspec.Struct, frozen=True, kw_only=True):
    """What the moderation said of ``asked`` different texts of ``rows`` rows. ``not_shown`` counts the images, sounds
    and files in these rows. ``skipped`` says why nobody was asked, "" where somebody was."""

    model: str = ""
    asked: int = 0
    rows: int = 0
    not_shown: int = 0
    flagged: tuple[Flagged, ...] = ()
    skipped: str = ""

    @property
    def flagged_rows(self) -> int:
        """Rows with a flagged text."""
        return len({(one.role, one.line) for one in self.flagged})

    @property
    def note(self) -> str | None:
        """What a user must be told beside the figures; None where all was shown and nothing was flagged."""
        if self.skipped:
            return f"no text was shown to a moderation: {self.skipped}"
        told = [_said(self)] if self.flagged else []
        if self.not_shown:
            told.append(f"images, sounds and files that no moderation was shown: {self.not_shown:,}")
        return "; ".join(told) or None

    def account(self) -> dict[str, Json]:
        """What the record says; it quotes no row."""
        categories: dict[str, int] = {}
        for one in self.flagged:
            for name in one.categories:
                categories[name] = categories.get(name, 0) + 1
        told = {name: getattr(self, name) for name in ("model", "asked", "rows", "not_shown", "skipped")}
        return {**told, "flagged_rows": self.flagged_rows, "categories": dict(sorted(categories.items()))}


class FlaggedRows(AuditError):
    """Texts that are to be handed in are flagged, and nothing was uploaded. ``moderation`` says which."""

    def __init__(self, moderation: Moderation) -> None:
        super().__init__(
            f"{_said(moderation)}; nothing was uploaded: a provider blocks a whole file for too many flagged rows",
            hint=(
                "rewrite these rows or take them out of the data; --set moderation=warn uploads them all the same, "
                "and is recorded"
            ),
        )
        self.moderation = moderation


class _Text(NamedTuple):
    """A text that is to be handed in: its line, where it stands there, and a key of 128 bits that equal texts share."""

    line: LineOf
    pointer: str
    text: str
    key: bytes


def moderate(folder: Path, options: HostedOptions, connection: Connection) -> Moderation:
    """Ask about every text of the files in ``folder``, equal ones once, and write the flagged ones there (MODERATION).

    Decoded strings of a call's arguments are asked about beside them.

    Asks nobody where the options say so, at Azure, and where a server has no such endpoint: the outcome says why.
    Raises FlaggedRows where a text is flagged and the options refuse that, AuditError where the moderation gives no
    answer, and UsageError where it cannot be used.
    """
    moderation = _moderation(folder, options, connection)
    write_whole(folder / MODERATION, map(canonical, moderation.flagged))
    if moderation.flagged and options.moderation == "refuse":
        raise FlaggedRows(moderation)
    return moderation


def flagged_before(folder: Path) -> tuple[Flagged, ...]:
    """What was flagged before the upload; nothing where nobody was asked. Raises InputError for what cannot be read."""
    path = folder / MODERATION
    if not path.is_file():
        return ()
    decode = msgspec.json.Decoder(Flagged).decode
    try:
        with path.open("rb") as lines:
            return tuple(map(decode, lines))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def _moderation(folder: Path, options: HostedOptions, connection: Connection) -> Moderation:
    if options.moderation == "off":
        return Moderation(skipped="moderation = off")
    if options.provider == "azure":
        return Moderation(skipped="Azure has no such endpoint, and judges the file itself after it was uploaded")
    scorer = ModerationScorer(
        connection.url,
        options.moderation_model,
        key_variable=connection.key_variable,
        timeout=options.timeout,
        retries=options.retries,
    )
    try:
        asked, flagged = _asked(folder, scorer)
    except NoModeration as error:
        return Moderation(skipped=error.what)
    finally:
        scorer.close()
    return Moderation(
        model=options.moderation_model,
        asked=asked,
        rows=sum(one.copy == 1 for one in uploaded_rows(folder)),
        not_shown=_media(folder),
        flagged=tuple(_placed(folder, flagged)) if flagged else (),
    )


def _asked(folder: Path, scorer: ModerationScorer) -> tuple[int, Mapping[bytes, tuple[str, ...]]]:
    """How many different texts there are, and the categories of each flagged one by its key."""
    seen: set[bytes] = set()
    flagged: dict[bytes, tuple[str, ...]] = {}
    new = _new(folder, seen)
    many = PER_REQUEST  # one request first: a server without a moderation is found out before others are judged
    while some := list(islice(new, many)):
        judged = scorer.judge([one.text for one in some])
        flagged.update((one.key, said.categories) for one, said in zip(some, judged, strict=True) if said.flagged)
        many = AT_ONCE
    return len(seen), flagged


def _new(folder: Path, seen: set[bytes]) -> Iterator[_Text]:
    for one in _texts(folder):
        if one.key not in seen and one.text.strip():
            seen.add(one.key)
            yield one


def _placed(folder: Path, flagged: Mapping[bytes, tuple[str, ...]]) -> Iterator[Flagged]:
    """Every place of a flagged text; of the lines that were made of one row only the first."""
    found = {(one.line, one.pointer): flagged[one.key] for one in _texts(folder) if one.key in flagged}
    rows: Mapping[LineOf, UploadedRow] = origins(folder, {line for line, _ in found})
    for (line, pointer), categories in found.items():
        row = rows.get(line)
        if row is not None and row.copy == 1:
            yield Flagged(
                role=row.role,
                line=row.line,
                row_id=row.row_id,
                file=row.file,
                row_line=row.row_line,
                pointer=pointer,
                categories=categories,
            )


def _texts(folder: Path) -> Iterator[_Text]:
    """Every text of the files, in order."""
    for role in _roles(folder):
        for number, row in enumerate(handed_in(folder, role), 1):
            for pointer, text in texts_of(row):
                key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
                yield _Text((role, number), pointer, text, key)


def _roles(folder: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.role for one in uploaded_rows(folder)))


def texts_of(row: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of every text of a row as it is handed in, of names and descriptions of tools, too. The
    arguments of a call are JSON in a text: where it has escapes its strings follow as they are read."""
    for pointer, text in texts_in(row):
        if _FORMAL.match(pointer) or MEDIA.match(pointer):
            continue
        yield pointer, text
        if pointer.endswith("/arguments") and "\\" in text and (decoded := _strings(text)):
            yield pointer, decoded


def _strings(text: str) -> str:
    """The strings of a JSON text, keys too, those of keys that stand twice among them; "" where it is none."""
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: [list(pair) for pair in pairs])
    except (ValueError, RecursionError):
        return ""
    return "\n".join(one for _, one in texts_in(value))


def _media(folder: Path) -> int:
    """Parts that are no text, of the first copies of all rows."""
    first = {(one.role, one.line) for one in uploaded_rows(folder) if one.copy == 1}
    return sum(
        media_in(row)
        for role in _roles(folder)
        for number, row in enumerate(handed_in(folder, role), 1)
        if (role, number) in first
    )


def _said(moderation: Moderation) -> str:
    rows, texts = moderation.flagged_rows, len(moderation.flagged)
    named = "; ".join(one.shown for one in moderation.flagged[:NAMED])
    more = f"; and {texts - NAMED:,} more, in {MODERATION}" if texts > NAMED else ""
    return f"the moderation flags {rows:,} of {moderation.rows:,} rows: {named}{more}"
