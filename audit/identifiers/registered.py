"""Numbers of the health system and of things, and whether their check digits and formats hold. Finds nothing itself."""

from __future__ import annotations

import re
from typing import Final

from audit.identifiers.checksums import luhn

_MBI_LETTER: Final = "AC-HJKMNP-RT-Y"
MBI_PATTERN: Final = (
    rf"[1-9][{_MBI_LETTER}][0-9{_MBI_LETTER}]\d-?[{_MBI_LETTER}][0-9{_MBI_LETTER}]\d-?[{_MBI_LETTER}]{{2}}\d{{2}}"
)
"""Medicare Beneficiary Identifier: 11 characters, letters without S, L, O, I, B and Z, as 1EG4-TE5-MK73 (CMS,
"Understanding the Medicare Beneficiary Identifier Format"). It has no check digit."""

RESTRICTED_ZIP3: Final = frozenset(
    (
        "036",
        "059",
        "063",
        "102",
        "203",
        "556",
        "692",
        "790",
        "821",
        "823",
        "830",
        "831",
        "878",
        "879",
        "884",
        "890",
        "893",
    )
)
"""First three digits of ZIP codes where 20,000 people or fewer live (Census 2000), which Safe Harbor wants changed to
000: HHS, Guidance Regarding Methods for De-identification of Protected Health Information, 26 November 2012."""

_VIN_VALUES: Final = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def is_npi(text: str) -> bool:
    """Whether ten digits are a National Provider Identifier: Luhn over 80840 and the digits (45 CFR 162.406)."""
    return bool(re.fullmatch(r"[12][0-9]{9}", text)) and luhn("80840" + text)


def is_dea(text: str) -> bool:
    """Whether two letters (or a letter and 9) and seven digits are a registration number of the Drug Enforcement
    Administration: the sum of digits 1, 3, 5 and twice that of 2, 4, 6 ends in digit 7."""
    if not re.fullmatch(r"[A-HJ-MPR-UXa-hj-mpr-ux][A-Za-z9][0-9]{7}", text):
        return False
    digits = [int(digit) for digit in text[2:]]
    return (digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])) % 10 == digits[6]


def is_mbi(text: str) -> bool:
    """Whether a text has the format of a Medicare Beneficiary Identifier, hyphens or not."""
    return re.fullmatch(MBI_PATTERN, text, re.IGNORECASE) is not None


def is_vin(text: str) -> bool:
    """Whether 17 characters are a vehicle identification number with its check digit at the ninth place
    (49 CFR 565.15(c)). European numbers have none."""
    upper = text.upper()
    if len(upper) != len(_VIN_WEIGHTS) or any(letter not in _VIN_VALUES for letter in upper):
        return False
    remainder = sum(_VIN_VALUES[letter] * weight for letter, weight in zip(upper, _VIN_WEIGHTS, strict=True)) % 11
    return upper[8] == ("X" if remainder == 10 else str(remainder))


def is_gtin(digits: str) -> bool:
    """Whether 8, 12, 13 or 14 digits are a GTIN (GS1 General Specifications, 7.9: weights 3 and 1 from the right)."""
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", digits):
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0
