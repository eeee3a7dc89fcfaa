"""From weights to whole rows: how many copies of every row stand for its weight. Reads no row. Imports numpy.

What is chosen depends on the key of a row, a hash of what it says and of the seed, and never on where it stands.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from math import fsum
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.errors import UsageError

MOST_COPIES: Final = 4
"""Times that a row may stand in the output. Rows seen more than about four times in training are learnt by heart
rather than learnt from (Muennighoff et al. 2023, arXiv 2305.16264)."""

_DIGITS: Final = 9
"""Decimals to which the sum of a cell is rounded before it is made whole: 2.4999999999999996 rows mean 2.5."""


class Resampled(msgspec.Struct, frozen=True, kw_only=True):
    """``copies`` is how often each row stands in the output (0: not at all). ``wanted`` and ``made`` are rows of each
    cell: what its weights ask for, and what the limit on copies leaves of it."""

    copies: array[int]
    wanted: tuple[int, ...]
    made: tuple[int, ...]

    @property
    def short(self) -> int:
        """Cells that the limit on copies keeps from getting all their rows."""
        return sum(made < wanted for made, wanted in zip(self.made, self.wanted, strict=True))


def scaled(weights: Sequence[float], of: Sequence[int], method: Literal["oversample", "undersample"]) -> array[float]:
    """The weights of rows in a cell (``of`` is not -1), scaled: the smallest is 1 for ``oversample``, so that no row is
    lost, the largest for ``undersample``, so that none is repeated. The others are 1. Zero stays zero.

    Raises UsageError where all weights are zero.
    """
    values, inside = np.array(weights, np.float64), np.asarray(of) >= 0
    counted = values[inside & (values > 0)]
    if not counted.size:
        raise UsageError("no row that is to be balanced has a weight above 0", hint="check [data] weight")
    unit = counted.min() if method == "oversample" else counted.max()
    return array("d", np.where(inside, values / unit, 1.0).tobytes())


def resampled(
    weights: Sequence[float], of: Sequence[int], keys: Sequence[int], *, cells: int, most: int = MOST_COPIES
) -> Resampled:
    """How often every row is to stand in the output so that a cell has as many rows as its weights sum to.

    The sum is rounded to a whole number, halves to the even one, and is at least 1 where a weight is above 0. Every row
    of weight w stands there floor(w) times; what is then missing of its cell goes, one each, to the rows with the
    smallest key (64 bits, one of each row) divided by what floor took from the weight: of rows with the same weight
    those with the smallest keys, otherwise in proportion (sequential Poisson sampling, Ohlsson 1998, J. Off. Stat. 14).
    No row stands there more than ``most`` times. Rows in no cell (``of`` is -1) stand there once.
    """
    values = np.asarray(weights, np.float64)
    clipped = np.minimum(values, most)
    whole = np.floor(clipped)
    rest = clipped - whole
    at, hashed = np.asarray(of), np.asarray(keys, np.uint64)
    with np.errstate(divide="ignore"):
        turn = np.log2(hashed.astype(np.float64) + 1) - np.log2(rest)  # in logarithms, which do not overflow
    order = np.lexsort((hashed, turn, at))
    bounds = np.searchsorted(at[order], np.arange(cells + 1))
    wanted, made = list[int](), list[int]()
    copies = np.where(at >= 0, whole, 1).astype(np.uint16)
    for first, end in itertools.pairwise(bounds):
        members = order[first:end]
        wanted.append(_whole(values[members]))
        missing = _whole(clipped[members]) - int(whole[members].sum())
        copies[members[: _eligible(missing, rest[members])]] += 1
        made.append(int(copies[members].sum()))
    return Resampled(copies=array("H", copies.tobytes()), wanted=tuple(wanted), made=tuple(made))


def _whole(weights: NDArray[np.float64]) -> int:
    """The sum of weights as a number of rows. Rounded once (``fsum``), so that the order of the rows does not tell."""
    total = round(fsum(weights.tolist()), _DIGITS)
    return max(1, round(total)) if total > 0 else 0


def _eligible(missing: int, rest: NDArray[np.float64]) -> int:
    """How many rows of a cell get one more: those without a rest are last in the order and get none."""
    return max(0, min(missing, int((rest > 0).sum())))
