"""Shows the texts that are to be handed in to the provider's moderation first, and names the rows that it flags.

A provider blocks a whole training file for too many flagged rows, after the upload and without saying which they are.
The texts go where the file would go, with the same key, and nothing else of the rows does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.errors import AuditError
from audit.model import Json, Message
from audit.read.shapes import detect, read_chat
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.uploaded import LineOf, UploadedRow, handed_in, origins, uploaded_rows
from audit.train.protocol.connection import Connection
from audit.train.runs.chain import canonical
from audit.train.runs.folder import MODERATION
from audit.train.scorers.moderation import ModerationScorer, NoModeration
from audit.writing import write_whole

AT_ONCE: Final = 2_048
"""Texts that are in memory together."""
NAMED: Final = 10
"""Flagged texts that an error names; the file has all."""


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
    def shown(self) -> str:
        """Where it stands and why, for a sentence."""
        return f"{self.file}:{self.row_line} {self.pointer} ({', '.join(self.categories) or 'no category is named'})"


class Moderation(msgspec.Struct, frozen=True, kw_only=True):
    """What the moderation said of ``asked`` different texts of ``rows`` rows. ``skipped`` says why nobody was asked, ""
    where somebody was."""

    model: str = ""
    asked: int = 0
    rows: int = 0
    flagged: tuple[Flagged, ...] = ()
    skipped: str = ""

    @property
    def flagged_rows(self) -> int:
        """Rows with a flagged text."""
        return len({(one.role, one.line) for one in self.flagged})

    @property
    def note(self) -> str | None:
        """What a user must be told beside the figures; None where nothing was flagged."""
        if self.skipped:
            return f"no text was shown to a moderation: {self.skipped}"
        return _said(self) if self.flagged else None

    def account(self) -> dict[str, Json]:
        """What the record says; it quotes no row."""
        categories: dict[str, int] = {}
        for one in self.flagged:
            for name in one.categories:
                categories[name] = categories.get(name, 0) + 1
        told: dict[str, Json] = {"model": self.model, "asked": self.asked, "rows": self.rows, "skipped": self.skipped}
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

    Asks nobody where the options say so, at Azure, and where a server has no such endpoint: the outcome says why.
    Raises FlaggedRows where a text is flagged and the options refuse that, AuditError where the moderation gives no
    answer, and UsageError where it cannot be used.
    """
    moderation = _moderation(folder, options, connection)
    write_whole(folder / MODERATION, map(canonical, moderation.flagged))
    if moderation.flagged and options.moderation == "refuse":
        raise FlaggedRows(moderation)
    return moderation


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
        flagged=tuple(_placed(folder, flagged)) if flagged else (),
    )


def _asked(folder: Path, scorer: ModerationScorer) -> tuple[int, Mapping[bytes, tuple[str, ...]]]:
    """How many different texts there are, and the categories of each flagged one by its key."""
    seen: set[bytes] = set()
    flagged: dict[bytes, tuple[str, ...]] = {}
    new = _new(folder, seen)
    while some := list(islice(new, AT_ONCE)):
        judged = scorer.judge([one.text for one in some])
        flagged.update((one.key, said.categories) for one, said in zip(some, judged, strict=True) if said.flagged)
    return len(seen), flagged


def _new(folder: Path, seen: set[bytes]) -> Iterator[_Text]:
    for one in _texts(folder):
        if one.key not in seen and one.text.strip():
            seen.add(one.key)
            yield one


def _placed(folder: Path, flagged: Mapping[bytes, tuple[str, ...]]) -> Iterator[Flagged]:
    """Every place of a flagged text; of the lines that were made of one row only the first."""
    found = [(one.line, one.pointer, flagged[one.key]) for one in _texts(folder) if one.key in flagged]
    rows: Mapping[LineOf, UploadedRow] = origins(folder, {line for line, _, _ in found})
    for line, pointer, categories in found:
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
    """(JSON Pointer, text) of every text of a row as it is handed in: of all turns and both answers, refusals and
    arguments of calls among them."""
    shape = detect(row)
    if shape is None:
        return
    chat = read_chat(row, shape)
    for message in chat.messages + chat.chosen + chat.rejected:
        yield from _texts_of(message)


def _texts_of(message: Message) -> Iterator[tuple[str, str]]:
    yield from message.texts()
    refusal = message.raw.get("refusal") if isinstance(message.raw, dict) else None
    if isinstance(refusal, str):
        yield f"{message.at}/refusal", refusal
    for call in message.calls:
        if isinstance(call.arguments, str):
            yield call.arguments_at, call.arguments


def _said(moderation: Moderation) -> str:
    rows, texts = moderation.flagged_rows, len(moderation.flagged)
    named = "; ".join(one.shown for one in moderation.flagged[:NAMED])
    more = f"; and {texts - NAMED:,} more, in {MODERATION}" if texts > NAMED else ""
    return f"the moderation flags {rows:,} of {moderation.rows:,} rows: {named}{more}"
