"""A quick look at one text: may it share a run of units with a reference text? Says no only where the answer is no.

For single texts in plain Python; many at once are sooner looked up in ``GramTable``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from audit.clusters.shared_runs import runs

PART: Final = 7
"""Units of the pieces that are looked up. Measured on problems of one kind: of 5 units three texts in five have one in
common with a set of a thousand others, of 7 one in five."""
SPARSE: Final = 32
"""Places for every piece."""
MOST_BITS: Final = 24
"""Places at most: 16 MB."""


class GramSieve:
    """A Bloom filter (Bloom 1970) of the pieces of some texts, with two places for each piece.

    Every run of ``size`` units holds a piece that begins at a multiple of ``size - 6`` units.
    """

    def __init__(self, texts: Iterable[Sequence[bytes]], size: int) -> None:
        self._step = size - PART + 1
        pieces = {crc32(piece) for text in texts for piece in runs(text, PART)}
        bits = min(MOST_BITS, max(10, (len(pieces) * SPARSE).bit_length()))
        self._mask, self._shift = (1 << bits) - 1, 32 - bits
        self._table = bytearray(1 << bits)
        for piece in pieces:
            self._table[piece & self._mask] = self._table[piece >> self._shift] = 1

    def may_hold(self, text: Sequence[bytes]) -> bool:
        """Whether a text may have a run of that size that one of the texts has."""
        table, mask, shift = self._table, self._mask, self._shift
        for at in range(0, len(text) - PART + 1, self._step):
            piece = crc32(b" ".join(text[at : at + PART]))
            if table[piece & mask] and table[piece >> shift]:
                return True
        return False
