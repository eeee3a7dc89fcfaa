"""What is remembered of batches beside the predictions, ``OUT.batches.jsonl``, so that none is paid for twice.

A line for every file of requests before it is handed in, for the batch that was made of it, and for its end. It holds
no text of a prompt and no key.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec

from audit.errors import InputError
from audit.train.prediction.remote import NEWER, USUAL, Key, Limit
from audit.train.protocol.failures import ProviderError
from audit.writing import hold, unwritable

SCRATCH: Final = ".batching"
"""What the name of the folder for files on their way has behind it; it begins with a dot."""
ENDING: Final = ".batches.jsonl"
"""What the name of the predictions has behind it."""
LOST: Final = "lost"
"""How a batch ended whose results are not to be had, though they may have been paid for."""


class Planned(msgspec.Struct, frozen=True, kw_only=True, tag="planned"):
    """File number ``n`` of requests will be handed in: its SHA-256, what it asks for by line (numbers of question and
    sample), and what it calls the longest reply."""

    n: int
    sha256: str
    requests: tuple[Key, ...]
    limit: Limit = USUAL


class Handed(msgspec.Struct, frozen=True, kw_only=True, tag="handed"):
    """There is a batch of file ``n``."""

    n: int
    file: str
    batch: str


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """A batch has ended and all that it gave is written down: how it ended, and how many lines of its results were odd.
    ``strangers`` answer nothing that was asked, ``repeated`` what was answered already, ``garbled`` cannot be read.
    ``limit``: what calls the longest reply otherwise is asked again."""

    n: int
    status: str
    strangers: int = 0
    repeated: int = 0
    garbled: int = 0
    limit: Limit = USUAL


class Doubted(msgspec.Struct, frozen=True, kw_only=True, tag="doubted"):
    """An earlier prediction in this place was handing in the requests with this SHA-256, and nobody knows whether a
    batch was made of them."""

    sha256: str


Note: TypeAlias = Planned | Handed | Ended | Doubted


class BatchAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the batches of a prediction: how many were handed in, how many of them go on at the provider, how
    many more may do so (nobody knows whether they were made), and how many lines of results were ``strangers``,
    ``repeated`` or ``garbled`` (``Ended``). ``left`` are those of an earlier prediction in the same place that were not
    fetched and that nothing remembers any more; ``outages`` is how often the provider could not be asked for a
    while."""

    batches: int = 0
    waiting: int = 0
    doubtful: int = 0
    odd: Mapping[str, int] = {}
    left: tuple[str, ...] = ()
    outages: int = 0


def batches(count: int) -> str:
    """``1 batch``, ``2 batches``."""
    return f"{count:,} batch{'' if count == 1 else 'es'}"


class Open(NamedTuple):
    """A file of requests whose answers are still to come, and its batch where it is known that there is one."""

    planned: Planned
    batch: str | None


def notes_beside(output: Path) -> Path:
    """Where the notes lie."""
    return output.with_name(output.name + ENDING)


@contextmanager
def held(output: Path, *, always: bool) -> Iterator[None]:
    """Hold the notes against other processes: what two hand in at once is paid for twice. Without ``always`` only where
    there are some; an empty file is taken away in the end. Raises OutputError where another process holds them."""
    path = notes_beside(output)
    try:
        with path.open("ab") if always or path.exists() else nullcontext() as stream:
            if stream is not None:
                hold(stream.fileno(), str(output))
            try:
                yield
            finally:
                if stream is not None and not stream.seek(0, os.SEEK_END):
                    path.unlink(missing_ok=True)
    except OSError as error:
        if error.filename is None or Path(error.filename) != path:
            raise
        raise unwritable(str(path), error) from None


@contextmanager
def scratch(output: Path) -> Iterator[Path]:
    """A folder beside the predictions for requests on their way out and results on their way in. It is gone in the end;
    what a process that was killed left there, with prompts in it, is taken away by the next. Raises OutputError."""
    folder = output.with_name(f".{output.name}{SCRATCH}")
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise unwritable(str(folder), error) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class BatchNotes:
    """The notes beside a file of predictions, which are ``held``. Raises InputError for notes that cannot be read."""

    def __init__(self, output: Path, *, keep: bool) -> None:
        """With ``keep`` those of an earlier run hold, without they are taken away; its open batches are ``left``."""
        self.output = output
        self.path = notes_beside(output)
        self.outages = 0
        self._left: tuple[str, ...] = ()
        self._clear()
        try:
            if keep:
                self._read()
            elif self.path.exists():
                self._leave()
        except OSError as error:
            raise unwritable(str(self.path), error) from None

    def _clear(self) -> None:
        self._planned: dict[int, Planned] = {}
        self._handed: dict[int, Handed] = {}
        self._ended: dict[int, Ended] = {}
        self._doubted: set[str] = set()

    def _leave(self) -> None:
        with suppress(InputError):  # they are given up in any case
            self._read()
        self._left = tuple(one.batch for one in self.open if one.batch)
        doubted = sorted(self.doubted)
        self._clear()
        os.truncate(self.path, 0)
        for sha256 in doubted:
            self.add(Doubted(sha256=sha256))

    def _read(self) -> None:
        if not self.path.exists():
            return
        *lines, torn = self.path.read_bytes().split(b"\n")
        decode = msgspec.json.Decoder(Note).decode
        try:
            for line in lines:
                self._take(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise InputError(
                f"{self.path} cannot be read: {error}",
                hint="it says which batches there are at the provider; --force begins anew",
            ) from None
        if torn:  # a crash left it half written
            os.truncate(self.path, self.path.stat().st_size - len(torn))

    def _take(self, note: Note) -> None:
        if isinstance(note, Doubted):
            self._doubted.add(note.sha256)
            return
        if isinstance(note, Planned):
            self._planned[note.n] = note
            return
        if note.n not in self._planned:
            raise ValueError(f"file {note.n} was not planned")
        if isinstance(note, Handed):
            self._handed[note.n] = note
        else:
            self._ended[note.n] = note

    def add(self, note: Note) -> None:
        """Write a note down, so that it survives a crash of the machine. Raises OutputError."""
        try:
            with self.path.open("ab") as stream:
                stream.write(msgspec.json.encode(note) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise unwritable(str(self.path), error) from None
        self._take(note)

    def note_outage(self, _: ProviderError) -> None:
        """Count a while in which the provider could not be asked, for the account."""
        self.outages += 1

    @property
    def next(self) -> int:
        """The number of the next file."""
        return len(self._planned) + 1

    @property
    def open(self) -> list[Open]:
        """The files whose answers are still to come."""
        return [
            Open(one, self._handed[n].batch if n in self._handed else None)
            for n, one in self._planned.items()
            if n not in self._ended
        ]

    @property
    def doubted(self) -> frozenset[str]:
        """The SHA-256 of files of which there may be a batch that nobody knows of."""
        known = {self._planned[n].sha256 for n in self._handed}
        return frozenset(self._doubted - known | {one.planned.sha256 for one in self.open if one.batch is None})

    @property
    def spent(self) -> frozenset[str]:
        """The batches whose answers are written down: a further batch of the same requests is another one."""
        return frozenset(self._handed[n].batch for n in self._ended if n in self._handed)

    @property
    def limit(self) -> Limit:
        """What the model calls the longest reply, as far as that was learnt."""
        told = {one.limit for one in self._planned.values()} | {one.limit for one in self._ended.values()}
        return NEWER if NEWER in told else USUAL

    @property
    def account(self) -> BatchAccount:
        """The sums; what was left and then found again is not ``left``."""
        found = {one.batch for one in self._handed.values()}
        odd = Counter[str]()
        for one in self._ended.values():
            for word in ("strangers", "repeated", "garbled"):
                odd[word] += getattr(one, word)
        return BatchAccount(
            batches=len(self._handed),
            waiting=sum(one.batch is not None for one in self.open),
            doubtful=sum(one.batch is None for one in self.open),
            odd={word: count for word, count in odd.items() if count},
            left=tuple(one for one in self._left if one not in found),
            outages=self.outages,
        )
