"""Makes of data the files that a provider is handed, judges them as it would, and quotes what they cost.

Hands nothing in and asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import msgspec

from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.engine.finish import TRAIN
from audit.errors import ConfigError, InputError
from audit.evidence import file_sha256
from audit.model import Json, Result
from audit.render.chatml import has_estimated_parts
from audit.train.data.accounting import Accounting, SplitAccount, account_of_lines
from audit.train.data.building import RowOutcome, left_alone
from audit.train.data.rows import VALIDATION, FileRead, Rows, gathering
from audit.train.hosted.judging import judged, notes_of, refuse_refused, unused_tokenizer
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.quoting import quote_of, refuse_cost, tokens_of
from audit.train.hosted.uploaded import UploadedRow, line_of, media_in
from audit.train.outgoing.capabilities import Capabilities, Kind, capabilities_of
from audit.train.outgoing.rows import Outgoing, SplitOut, kind_of, send_out
from audit.train.runs.chain import canonical
from audit.train.runs.folder import ACCOUNTING, ROWS, UPLOADED_ROWS, UPLOADS
from audit.train.runs.hosting import HostedFile
from audit.train.runs.rows import row_line
from audit.writing import replacing, unwritable, write_whole

Method = Literal["supervised", "dpo"]
_OF_KIND: Final[Mapping[Kind, Method]] = {"chat": "supervised", "preference": "dpo"}
_DEEP: Final = "it is nested too deeply to be written"


_REPLACEMENT: Final = "\ufffd".encode()
_BOTH: Final = 'method = "supervised" learns the preferred answers of both'


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed in, and what it is made of.

    ``files`` are by role. ``read`` are the data files by their names. ``splits`` holds the account of every split
    (``audit.train.data.accounting.SplitAccount``). ``quote`` is one of ``audit.train.hosted.quoting``, ``lowering``
    what became of the weights of rows ({} where all were equal), ``lost`` counts by split the rows that left something
    behind, by what that is. ``notes`` are sentences on what a user may not expect; they quote no row.
    """

    method: Method
    files: Mapping[str, HostedFile]
    read: Mapping[str, FileRead]
    splits: Mapping[str, Json]
    quote: Mapping[str, Json]
    lowering: Mapping[str, Json] = {}
    lost: Mapping[str, Mapping[str, int]] = {}
    notes: tuple[str, ...] = ()


class _Sent(NamedTuple):
    """What the data became: the kind of its rows, each split as it was written, and what is known of all rows."""

    kind: Kind
    out: Mapping[str, SplitOut]
    written: Mapping[str, _Lines]
    accounts: Mapping[str, SplitAccount]
    outcomes: list[RowOutcome]
    read: Mapping[str, FileRead]


def prepare(
    data: Any,
    options: HostedOptions,
    settings: Settings,
    folder: Path,
    progress: Callable[[Progress], None] | None = None,
) -> Prepared:
    """Write the files for training and validation into ``folder``, with a list of the rows that their lines were made
    of (UPLOADED_ROWS), what became of every row (ROWS) and the ACCOUNTING. The same data and options give the same
    bytes.

    Raises InputError for rows that cannot be written or that the provider would refuse, naming them as they lie in the
    user's files; UsageError for a cost above ``--max-cost``; ConfigError for a method that does not fit the rows; else
    as ``gathering`` and ``send_out``.
    """
    to = capabilities_of(options.provider)
    sent = _written(data, options, settings, folder, to, progress)
    results = {role: judged(folder, role, to.targets[sent.kind], options, settings, progress) for role in sent.out}
    for role, result in results.items():
        refuse_refused(folder, role, result, options)
    written = sent.written[TRAIN]
    quote = quote_of(
        results[TRAIN],
        results.get(VALIDATION),
        options,
        pairs=sent.kind == "preference",
        estimated=written.estimated,
        media=written.media,
    )
    refuse_cost(quote, settings)
    accounts = {split: _with_tokens(account, results.get(split)) for split, account in sent.accounts.items()}
    unused = unused_tokenizer(options, settings)
    notes = (*_notes(sent, folder, results), *((unused,) if unused else ()), *quote.notes)
    write_whole(folder / ROWS, (row_line(one, counted=False) for one in sent.outcomes))
    accounting = Accounting(trained_on="tokens", unit="example", splits=accounts, notes=notes)
    write_whole(folder / ACCOUNTING, [canonical(accounting)])
    lowering = sent.out[TRAIN].lowering
    return Prepared(
        method=_OF_KIND[sent.kind],
        files={role: _file(folder / UPLOADS[role], out.lines) for role, out in sent.out.items()},
        read=sent.read,
        splits=msgspec.to_builtins(accounts),
        quote=msgspec.to_builtins(quote),
        lowering=lowering.account() if lowering is not None else {},
        lost={role: out.lost for role, out in sent.out.items() if out.lost},
        notes=notes,
    )


def _file(path: Path, lines: int) -> HostedFile:
    return HostedFile(name=path.name, sha256=file_sha256(path), bytes=path.stat().st_size, rows=lines)


# ----------------------------------------------------------------------------- writing


def _written(
    data: Any,
    options: HostedOptions,
    settings: Settings,
    folder: Path,
    to: Capabilities,
    progress: Callable[[Progress], None] | None,
) -> _Sent:
    with gathering(data, settings, options.of_rows, progress) as rows:
        roles = [role for role in UPLOADS if rows.splits.get(role)]
        kind = _kind(rows, roles, options)
        with ExitStack() as stack:
            listing = stack.enter_context(replacing(folder / UPLOADED_ROWS))
            written = {
                role: _Lines(rows, role, stack.enter_context(replacing(folder / UPLOADS[role])), listing)
                for role in roles
            }
            out = {
                role: send_out(
                    rows,
                    role,
                    kind,
                    to,
                    options=options.of_rows,
                    lowering=options.lowering,
                    sink=written[role].take,
                )
                for role in roles
            }
        others = {split: left_alone(rows, split) for split in rows.splits if split not in out}
        outcomes = [one for split in rows.splits for one in (out[split].outcomes if split in out else others[split])]
        accounts = {
            split: account_of_lines(rows, out[split].outcomes) if split in out else SplitAccount(rows=len(ordinals))
            for split, ordinals in rows.splits.items()
        }
        return _Sent(kind, out, written, accounts, sorted(outcomes, key=lambda one: one.ordinal), rows.files)


def _kind(rows: Rows, roles: list[str], options: HostedOptions) -> Kind:
    """The kind of rows that the method asks for, else theirs. Of preferences the preferred answer can be learnt."""
    kind: Kind = "chat" if options.method == "supervised" else kind_of(rows, roles, _BOTH)
    if options.method == "dpo" and kind != "preference":
        raise ConfigError(
            "[train] method is dpo, and the rows have no preferred and rejected answers",
            hint="--method supervised learns the answers of conversations",
        )
    if options.beta is not None and kind != "preference":
        raise ConfigError("[train] beta belongs to method dpo, and the rows are learnt with method supervised")
    return kind


class _Lines:
    """Writes the lines of one file, and of each the row that it was made of. Counts lines whose tokens nobody can count
    exactly (``estimated``), their images, sounds and files (``media``), and lines that are to be told."""

    def __init__(self, rows: Rows, role: str, stream: BinaryIO, listing: BinaryIO) -> None:
        self._rows, self._role, self._stream, self._listing = rows, role, stream, listing
        self._lines = self.estimated = self.media = self._damaged = self._unasked = 0

    def take(self, one: Outgoing) -> None:
        """Write a line. Raises OutputError, and InputError for a row that JSON cannot hold."""
        place = self._rows.place(one.ordinal)
        row_id = self._rows.row_ids([one.ordinal])[0]
        file, line = place.file or "", place.line or 0
        self._lines += 1
        try:
            line_written = line_of(one.row)
            self._count(one, line_written)
            self._stream.write(line_written)
            self._listing.write(canonical(UploadedRow(self._role, self._lines, row_id, file, line, one.copy)))
        except RecursionError:
            raise InputError(f"{file} line {line} (row {row_id}) cannot be used for {self._role}: {_DEEP}") from None
        except OSError as error:
            raise unwritable(UPLOADS[self._role], error) from None

    def _count(self, one: Outgoing, written: bytes) -> None:
        if has_estimated_parts(one.record.chat) or _has_functions(one.row):
            self.estimated += 1
            self.media += media_in(one.row)
        self._damaged += _REPLACEMENT in written
        self._unasked += all(turn.role != "user" for turn in one.record.chat.messages)

    def notes(self) -> Iterator[str]:
        """Sentences on the lines; they quote no row."""
        if self._damaged:
            yield (
                f"{self._damaged:,} of the lines for {self._role} hold U+FFFD, which stands for text that was lost or "
                "for bytes that are no UTF-8, and are handed in with it"
            )
        if self._unasked:
            yield f"{self._unasked:,} of the lines for {self._role} have no turn of a user"


def _has_functions(row: Mapping[str, Json]) -> bool:
    """Whether a row has functions of the form that came before tools: what they count for is not published either."""
    turns = row.get("messages")
    called = isinstance(turns, list) and any(isinstance(turn, dict) and "function_call" in turn for turn in turns)
    return called or "functions" in row


# ----------------------------------------------------------------------------- telling


def _with_tokens(account: SplitAccount, result: Result | None) -> SplitAccount:
    if result is None:
        return account
    tokens, trained = tokens_of(result)
    return msgspec.structs.replace(account, tokens=tokens, trained=trained)


def _notes(sent: _Sent, folder: Path, results: Mapping[str, Result]) -> Iterator[str]:
    for role, out in sent.out.items():
        yield from out.notes
        yield from sent.written[role].notes()
        yield from left_behind({role: out.lost})
        yield from notes_of(folder, role, results[role])
    for split, account in sent.accounts.items():
        if split not in sent.out:
            yield f"the {account.rows:,} rows of the split {split} are not handed in"


def left_behind(lost: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """A sentence for each split of which something stays behind."""
    for role, counts in lost.items():
        if counts:
            yield f"left behind in rows for {role}: " + "; ".join(f"{what} ({n:,})" for what, n in counts.items())
