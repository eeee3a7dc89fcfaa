"""From weights of rows to copies of rows, for trainers that know no weights: how often each row is written.

Systematic sampling: on average over all seeds a row stands in the file exactly as often as its scaled weight says, and
for every seed within one copy of it. Reads no row. Imports numpy. Source of the method: Madow and Madow (1944), "On the
theory of systematic sampling", Annals of Mathematical Statistics 15, with unequal sizes (Madow 1949, 20); in particle
filters it is known as systematic resampling (Douc, Cappé and Moulines 2005, "Comparison of resampling schemes").
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from math import fsum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from audit.errors import UsageError
from audit.model import Json
from audit.remedy.balance.resample import MOST_COPIES
from audit.statistics.weighting import kish
from audit.train.data.encode import MOST_WEIGHT
from audit.train.outgoing.capabilities import How

MOST_OF_A_ROW: Final = 1000
"""More copies of one row are a mistake in its weight, not a wish."""
MOST_LINES: Final = 10
"""More lines than this for each row that counts are refused: whoever trains on them pays for every one."""

_BITS: Final = 40
"""Scaled weights are whole numbers of 2^-40 or, for sums that 63 bits would not hold, of a larger part: sums of whole
numbers are the same in any order."""
_SUM_BITS: Final = 61


class Lowered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the weights of rows.

    ``copies`` is how often each row is written, in the order in which the rows were given; ``send_out`` gives those of
    every row of the split, 0 for one that cannot be written. ``rows`` were given (the usable ones), ``made`` is the sum
    of the copies, ``left_out`` counts the rows with a weight above 0 and no copy, which hold ``lost_share`` of the
    weight (0 to 1), ``weightless`` those with the weight 0. ``most`` is the largest number of copies of a row;
    ``scale`` is what weights were multiplied by. ``ess_before`` and ``ess_after`` are how many rows of equal weight the
    weights, and then the copies, are worth (Kish 1965).
    """

    how: How
    copies: array[int]
    rows: int
    made: int
    left_out: int
    lost_share: float
    weightless: int
    most: int
    scale: float
    ess_before: float
    ess_after: float

    def account(self) -> dict[str, Json]:
        """All figures but the copies themselves, as a record holds them."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "copies"}

    def notes(self) -> tuple[str, ...]:
        """Sentences on what a user may not expect."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        if self.left_out:
            yield (
                f"{self.left_out:,} rows with a weight above 0, which hold {self.lost_share:.1%} of the weight, stand "
                'in no line of the file; lowering = "oversample" loses none, for more lines'
            )
        if self.most > MOST_COPIES:
            yield (
                f"a row stands in the file up to {self.most:,} times: beyond about {MOST_COPIES} times rows are learnt "
                "by heart rather than learnt from (Muennighoff et al. 2023, arXiv 2305.16264)"
            )


def lowered(factors: ArrayLike, order: ArrayLike, *, how: How, seed: int) -> Lowered:
    """How often each row is to be written so that its copies stand for its weight.

    ``factors`` are the weights (rows,), from 0 to 1e12. ``order`` holds the place of every row once, in the
    order in which sums are made: rows that lie next to each other there are within one copy of their summed weight,
    so it is sorted by label and groups, and then by a key of what a row says (``audit.train.outgoing.rows``). What is
    in several stretches there, as the groups of a second attribute, may be off by one copy for each of them.
    With ``resample`` the mean of the weights above 0 becomes 1, so that there are as many lines as such rows; with
    ``oversample`` the smallest above 0 becomes 1, so that no row is lost. Rows of weight 0 are never written. Equal
    weights give every row once.

    Raises UsageError where the weights above 0 differ and ``how`` is ``refuse``, for a weight outside its range, where
    no weight is above 0, and for copies beyond ``MOST_OF_A_ROW`` or ``MOST_LINES``.
    """
    weights = np.asarray(factors, np.float64)
    positive = _checked(weights)
    if how == "refuse" and positive.min() != positive.max():
        raise UsageError(
            f"the weights of the rows go from {positive.min():g} to {positive.max():g}, and a weight cannot be said "
            'there: lowering = "refuse"',
            hint='lowering = "resample" writes rows as often as their weights say, rounded up or down',
        )
    unit = float(positive.min()) if how == "oversample" else fsum(positive.tolist()) / positive.size
    _refuse_many(positive, unit)
    copies = systematic(weights / unit, order, _drawn(seed))
    left_out = (weights > 0) & (copies == 0)
    return Lowered(
        how=how,
        copies=array("I", copies.astype(np.uint32).tobytes()),
        rows=weights.size,
        made=int(copies.sum()),
        left_out=int(left_out.sum()),
        lost_share=fsum(weights[left_out].tolist()) / fsum(positive.tolist()),
        weightless=weights.size - positive.size,
        most=int(copies.max()),
        scale=min(1 / unit, sys.float_info.max),
        ess_before=_effective(positive / unit),
        ess_after=_effective(copies.astype(np.float64)),
    )


def systematic(scaled: ArrayLike, order: ArrayLike, start: float) -> NDArray[np.int64]:
    """How often each row is taken, (rows,): floor(C_i + u) - floor(C_(i-1) + u), where C are the sums of ``scaled``
    (at least 0) in the given order and u is ``start``, in [0, 1). Over all u the mean is ``scaled``, to 2^-40 a row.
    """
    values, at = np.asarray(scaled, np.float64), np.asarray(order, np.int64)
    bits = min(_BITS, _SUM_BITS - int(np.ceil(fsum(values.tolist()) + 1)).bit_length())
    sums = np.cumsum(np.rint(np.ldexp(values[at], bits)).astype(np.int64))
    passed = (sums + int(start * (1 << bits))) >> bits
    copies = np.empty(values.size, np.int64)
    copies[at] = np.diff(passed, prepend=0)
    return copies


def ordered(keys: Sequence[Sequence[int]], content: ArrayLike, weights: ArrayLike) -> NDArray[np.int64]:
    """The places of rows sorted by each of ``keys`` in turn (labels before groups), then by ``content`` (64 bits, what
    a row says) and by weight: where rows stand in the file decides between rows that are alike in all of it, only."""
    columns = (weights, np.asarray(content, np.uint64), *reversed([np.asarray(key) for key in keys]))
    return np.lexsort(columns).astype(np.int64)


def content_key(content: str, seed: int) -> int:
    """64 bits that follow from the seed and the content id of a row, and from nothing else."""
    return int.from_bytes(blake2b(f"{seed}:lowering:{content}".encode(), digest_size=8).digest(), "big")


def _drawn(seed: int) -> float:
    """A number in [0, 1), a multiple of 2^-40."""
    return (content_key("", seed) >> (64 - _BITS)) / (1 << _BITS)


def _checked(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights above 0."""
    if not ((weights >= 0) & (weights <= MOST_WEIGHT)).all():
        raise UsageError(f"a weight of a row is no number from 0 to {MOST_WEIGHT:g}", hint="look at [data] weight")
    positive = weights[weights > 0]
    if not positive.size:
        raise UsageError("no row has a weight above 0", hint="check [data] weight, class_weights and group_weights")
    return positive


def _refuse_many(positive: NDArray[np.float64], unit: float) -> None:
    """Raise UsageError for more copies than anybody can mean."""
    with np.errstate(over="ignore"):
        scaled = positive / unit
    most = float(scaled.max())
    if most > MOST_OF_A_ROW:
        raise UsageError(
            f"a row would be written {most:,.0f} times: weights go from {positive.min():g} to {positive.max():g}",
            hint="`audit balance --cap 4` limits weights; so does a smaller class or group weight",
        )
    lines = fsum(scaled.tolist())
    if lines > MOST_LINES * positive.size:
        raise UsageError(
            f"{positive.size:,} rows would become {lines:,.0f} lines: the smallest weight is {positive.min():g}, the "
            f"mean {fsum(positive.tolist()) / positive.size:g}",
            hint='lowering = "resample" keeps the number of lines; a weight of 0 leaves a row out',
        )


def _effective(weights: NDArray[np.float64]) -> float:
    total: list[float] = weights.tolist()
    return kish(fsum(total), fsum(weight * weight for weight in total))
