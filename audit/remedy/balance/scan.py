"""Goes through all rows once before any is chosen: their names, the keys they are drawn by, which can carry a mark.

Chooses nothing. Keeps 29 bytes for every row, and while it works more for rows that another one repeats.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final, Protocol

import msgspec

from audit.engine.row_ids import SEPARATOR
from audit.model import ABSENT, Record
from audit.read.fields import value_at
from audit.read.identity import content_id
from audit.read.marks import WEIGHT, weight_at
from audit.remedy.balance.marking import can_carry
from audit.rule import Product

PURPOSE: Final = "balance"
NEEDS: Final[frozenset[Product]] = frozenset({"rows", "conversation"})
_BYTES: Final = 16


class Rows(Protocol):
    """What is gone through: a ``Context`` with the product ``conversation``."""

    @property
    def rows(self) -> int: ...
    def column(self, product: Product) -> Sequence[int]: ...
    def groups(self, product: Product) -> Iterator[Sequence[int]]: ...
    def records(self, rows: Sequence[int]) -> Iterator[Record]: ...


class Scanned(msgspec.Struct, frozen=True, eq=False):
    """The rows of a run. ``keys`` are 64 bits each, ``carries`` is 1 for a row into which marks can be written.
    ``unusable`` are the ordinals of the rows whose own weight is no finite number of 0 or more."""

    contents: bytearray
    numbers: array[int]
    keys: array[int]
    carries: bytearray
    unusable: array[int]

    def row_id(self, row: int) -> str:
        """``CONTENT_ID#N``, as ``audit.engine.row_ids`` gives it."""
        content = self.contents[row * _BYTES : (row + 1) * _BYTES].hex()
        return f"{content}{SEPARATOR}{self.numbers[row]}"


def scan(rows: Rows, *, seed: int, weight: str | None = None) -> Scanned:
    """All rows gone through. ``weight`` is the field of ``[data] weight``.

    The key of a row is a hash of the seed and of its name, ``blake2b("SEED:balance:CONTENT_ID#N")``; for keys alone
    rows with the same content are numbered in the order of their bytes, so that a file gives the same in any order.
    """
    found = Scanned(bytearray(), array("I"), array("Q"), bytearray(), array("Q"))
    repeated = _repeated(rows)
    alike: dict[str, list[tuple[bytes, int]]] = {}
    seen: Counter[str] = Counter()
    for row, record in enumerate(rows.records(range(rows.rows))):
        content = content_id(record)
        if repeated[row]:
            seen[content] += 1
            alike.setdefault(content, []).append((blake2b(record.raw, digest_size=_BYTES).digest(), row))
        found.contents.extend(bytes.fromhex(content))
        found.numbers.append(seen[content] if repeated[row] else 1)
        found.keys.append(_key(seed, content, 1))
        found.carries.append(can_carry(record.raw, record.data, weight))
        if value_at(record.data, weight or WEIGHT) is not ABSENT and weight_at(record.data, weight) is None:
            found.unusable.append(row)
    for content, members in alike.items():
        for number, (_, row) in enumerate(sorted(members), 1):
            found.keys[row] = _key(seed, content, number)
    return found


def _repeated(rows: Rows) -> bytearray:
    """1 for every row that may have its content from another: those with an identity of their own have not."""
    flags = bytearray(0 if key else 1 for key in rows.column("conversation"))
    for group in rows.groups("conversation"):
        for row in group:
            flags[row] = 1
    return flags


def _key(seed: int, content: str, number: int) -> int:
    name = f"{seed}:{PURPOSE}:{content}{SEPARATOR}{number}".encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big")
