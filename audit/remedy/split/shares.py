"""How large each split is to be: reads the shares that flags, configuration and callers give. Assigns no row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from audit.errors import UsageError
from audit.model import Json

SPLITS: Final = ("train", "validation", "test")
"""Every split there can be, in the order in which none may learn from a later one."""
DEFAULT: Final[Mapping[str, Json]] = {"train": 0.8, "validation": 0.1, "test": 0.1}
EXAMPLE: Final = "--train 0.8 --validation 0.1 --test 0.1, or in parts: --train 8 --validation 1 --test 1"
LEAST: Final = 2
"""Splits below which nothing is split."""


class Shares(msgspec.Struct, frozen=True):
    """Names of the splits and the share of the rows that each is to have; shares are positive and sum to 1."""

    names: tuple[str, ...]
    values: tuple[float, ...]

    @property
    def main(self) -> int:
        """The split that may be larger than asked for: ``train``, or else the largest."""
        return self.names.index("train") if "train" in self.names else self.values.index(max(self.values))


def shares_of(given: Mapping[str, Json]) -> Shares:
    """Shares by the name of the split (numbers, or texts that are numbers); names without a value are left out, and
    without any the shares are 0.8, 0.1 and 0.1.

    Whole numbers above 1 in all are parts: 8, 1 and 1 are the same. Raises UsageError for what is no positive number,
    for one split alone, and for shares that do not sum to 1.
    """
    named = {name: value for name in SPLITS if (value := given.get(name)) is not None}
    numbers = {name: _number(name, value) for name, value in (named or DEFAULT).items()}
    if len(numbers) < LEAST:
        raise UsageError("at least two splits are needed", hint=EXAMPLE)
    total = sum(numbers.values())
    if total > 1 and all(number.denominator == 1 for number in numbers.values()):
        numbers = {name: number / total for name, number in numbers.items()}
    elif total != 1:
        said = " + ".join(f"{float(number):g}" for number in numbers.values())
        which = "less" if total < 1 else "more"
        raise UsageError(f"the shares {said} sum to {float(total):g}, which is {which} than 1", hint=EXAMPLE)
    return Shares(tuple(numbers), tuple(float(number) for number in numbers.values()))


def _number(name: str, value: Json) -> Fraction:
    """Exact, as it is written: 0.1 is a tenth."""
    wrong = UsageError(f"the share of {name} must be a number above 0, not {_written(value)}", hint=EXAMPLE)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong
    text = str(value).strip()
    try:
        # Looked at as a float first: an exact 1e999999999 takes an hour.
        if not _LEAST <= float(text) <= _MOST:
            raise wrong
        return Fraction(text)
    except (ValueError, OverflowError):
        raise wrong from None


_LEAST: Final = 1e-9
_MOST: Final = 1e9


def names_of(given: Json, key: str) -> tuple[str, ...]:
    """Names in a list, or in a text with commas between; each once. ``key`` is what they are given for, as
    ``stratify``. Raises UsageError for anything else, and for a text in which there is no name."""
    listed: Sequence[Json] = (given,) if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise UsageError(
            f"{key} takes names, in a list or with commas between, not {_written(given)}", hint=EXAMPLES[key]
        )
    parts = [[part.strip() for part in name.split(",") if part.strip()] for name in listed]
    if not all(parts):
        raise UsageError(f"{key} names nothing", hint=EXAMPLES[key])
    return tuple(dict.fromkeys(name for found in parts for name in found))


def _written(value: Json) -> str:
    """A value as a configuration file spells it."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


EXAMPLES: Final[Mapping[str, str]] = {
    "stratify": "--stratify label,sex",
    "group": "--group metadata.user",
    "template": "--template metadata.template",
}
