"""What is remembered of batches beside the predictions, ``OUT.batches.jsonl``, so that none is paid for twice.

A line for every file of requests before it is handed in, for the batch that was made of it, and for its end. It holds
no text of a prompt and no key.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec

from audit.errors import InputError
from audit.train.prediction.remote import NEWER, USUAL, Key, Limit
from audit.writing import unwritable

ENDING: Final = ".batches.jsonl"
"""What the name of the predictions has behind it."""


class Planned(msgspec.Struct, frozen=True, kw_only=True, tag="planned"):
    """File number ``n`` of requests will be handed in: its SHA-256, what it asks for by line (numbers of question and
    sample), and what it calls the longest reply."""

    n: int
    sha256: str
    requests: tuple[Key, ...]
    limit: Limit = USUAL


class Handed(msgspec.Struct, frozen=True, kw_only=True, tag="handed"):
    """There is a batch of file ``n``; ``found``: it was there already."""

    n: int
    file: str
    batch: str
    found: bool = False


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """A batch has ended and all that it gave is written down: how it ended, and how many lines of its results were odd.
    ``strangers`` answer nothing that was asked, ``repeated`` what was answered already, ``garbled`` cannot be read, and
    of ``missing`` requests nothing came. ``limit``: what calls the longest reply otherwise is asked again."""

    n: int
    status: str
    answers: int = 0
    strangers: int = 0
    repeated: int = 0
    garbled: int = 0
    missing: int = 0
    limit: Limit = USUAL


Note: TypeAlias = Planned | Handed | Ended


class BatchAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the batches of a prediction: how many were handed in, how many of them go on at the provider, and
    how many lines of results were odd, by the word in ``Ended``."""

    batches: int = 0
    waiting: int = 0
    odd: Mapping[str, int] = {}


def batches(count: int) -> str:
    """``1 batch``, ``2 batches``."""
    return f"{count:,} batch{'' if count == 1 else 'es'}"


class Open(NamedTuple):
    """A file of requests whose answers are still to come, and its batch where it is known that there is one."""

    planned: Planned
    batch: str | None


class BatchNotes:
    """The notes beside a file of predictions. Raises InputError for notes that cannot be read."""

    def __init__(self, output: Path, *, keep: bool) -> None:
        """With ``keep`` those of an earlier run hold, without they are taken away."""
        self.path = output.with_name(output.name + ENDING)
        self._planned: dict[int, Planned] = {}
        self._handed: dict[int, Handed] = {}
        self._ended: dict[int, Ended] = {}
        try:
            if keep:
                self._read()
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(str(self.path), error) from None

    def _read(self) -> None:
        if not self.path.exists():
            return
        *lines, torn = self.path.read_bytes().split(b"\n")
        decode = msgspec.json.Decoder(Note).decode
        try:
            for line in lines:
                self._take(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
            raise InputError(
                f"{self.path} cannot be read: {error}",
                hint="it says which batches there are at the provider; --force begins anew",
            ) from None
        if torn:  # a crash left it half written
            os.truncate(self.path, self.path.stat().st_size - len(torn))

    def _take(self, note: Note) -> None:
        if isinstance(note, Planned):
            self._planned[note.n] = note
            return
        self._planned[note.n]  # raises KeyError for one that was not planned
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
        """The sums."""
        odd = Counter[str]()
        for one in self._ended.values():
            for word in ("strangers", "repeated", "garbled"):
                odd[word] += getattr(one, word)
        return BatchAccount(
            batches=len(self._handed),
            waiting=sum(one.batch is not None for one in self.open),
            odd={word: count for word, count in odd.items() if count},
        )
