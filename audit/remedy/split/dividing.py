"""Divides units by shares and strata, with a seed: makes numbers of names for ``assignment``. Reads no row."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from audit.remedy.split.assignment import Plan, Problem, assign
from audit.remedy.split.shares import Shares
from audit.remedy.split.strata import Strata
from audit.remedy.split.units import UnitTable


def divide(units: UnitTable, strata: Strata, shares: Shares, seed: int) -> Plan:
    """The split of every unit. It depends on what the rows say, the shares and the seed, and on nothing else: not on
    their order, nor on how they were read."""
    import numpy as np

    return assign(
        Problem(
            units=units.of_row,
            strata=strata.of_row,
            shares=shares.values,
            main=shares.main,
            ties=np.array(_numbers(seed, "unit", units.names), dtype=np.uint64),
            stratum_ties=_numbers(seed, "stratum", strata.names),
            split_ties=[_numbers(seed, f"remainder of {stratum}", shares.names) for stratum in strata.names],
        )
    )


def _numbers(seed: int, purpose: str, names: Sequence[str]) -> list[int]:
    """A 64-bit number for each name."""
    start = blake2b(f"{seed}:split {purpose}:".encode(), digest_size=8)
    found: list[int] = []
    for name in names:
        digest = start.copy()
        digest.update(name.encode())
        found.append(int.from_bytes(digest.digest(), "big"))
    return found
