"""Check digits of the standards: Luhn, Verhoeff, ISO 7064, weighted sums. Knows no country and finds nothing.

All functions take ASCII digits (and letters where it is said) without separators.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

ALPHANUMERIC: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DIHEDRAL: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTED: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right doubled, the sum of digits divisible by ten."""
    turned = digits[::-1]
    return (sum(map(int, turned[::2])) + sum(_DOUBLED[int(digit)] for digit in turned[1::2])) % 10 == 0


def verhoeff(digits: str) -> bool:
    """J. Verhoeff, Error Detecting Decimal Codes (1969): the dihedral group of order ten."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _DIHEDRAL[check][_PERMUTED[place % 8][int(digit)]]
    return check == 0


def mod_11_10(digits: str) -> bool:
    """ISO/IEC 7064, MOD 11,10: the hybrid system of the German and the Croatian tax number."""
    check = 10
    for digit in digits[:-1]:
        check = ((check + int(digit)) % 10 or 10) * 2 % 11
    return (check + int(digits[-1])) % 10 == 1


def mod_11_2(digits: str) -> bool:
    """ISO/IEC 7064, MOD 11-2: the last place may be an X."""
    check = 0
    for digit in digits[:-1]:
        check = (check + int(digit)) * 2 % 11
    return (check + (10 if digits[-1] in "Xx" else int(digits[-1]))) % 11 == 1


def mod_97_10(text: str) -> bool:
    """ISO/IEC 7064, MOD 97-10, over digits and capital letters, A as 10."""
    return int("".join(str(ALPHANUMERIC.index(sign)) for sign in text)) % 97 == 1


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of the digits, each times its weight; the longer of the two is cut."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_date(year: int, month: int, day: int) -> bool:
    """Whether the calendar has such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_short_date(year: str, month: str, day: str) -> bool:
    """Whether a date with a year of two digits exists in one of the last two centuries."""
    return any(is_date(century + int(year), int(month), int(day)) for century in (1900, 2000))


def all_the_same(digits: str) -> bool:
    """``000000000`` and the like, which pass many a checksum and are nobody's."""
    return len(set(digits)) == 1
