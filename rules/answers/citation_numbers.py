"""Whether numbers that name publications can be right: check digits and ranges. Pure functions; looks for nothing.

A number that passes need not exist: that can only be told by asking its registry.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from audit.identifiers.checksums import mod_11_2
from audit.identifiers.registered import is_gtin

_ISBN_10: Final = re.compile(r"[0-9]{9}[0-9X]")
_ISBN_13: Final = re.compile(r"[0-9]{13}")
_ISSN: Final = re.compile(r"[0-9]{7}[0-9X]")
_ORCID: Final = re.compile(r"[0-9]{15}[0-9X]")
_NEW_ARXIV: Final = re.compile(r"([0-9]{2})([0-9]{2})\.([0-9]{4,5})(?:v[0-9]+)?")
_OLD_ARXIV: Final = re.compile(r"[a-z-]+(?:\.[A-Z]{2})?/([0-9]{2})([0-9]{2})[0-9]{3}(?:v[0-9]+)?")


def isbn_problem(number: str) -> str | None:
    """What is wrong with an ISBN without hyphens and spaces (ISO 2108), None for nothing."""
    if _ISBN_10.fullmatch(number):
        total = sum((10 - at) * _digit(sign) for at, sign in enumerate(number))
        return None if total % 11 == 0 else "the check digit of the ISBN-10 does not fit"
    if not _ISBN_13.fullmatch(number):
        return f"an ISBN has 10 or 13 digits, not {len(number)}"
    if not number.startswith(("978", "979")):
        return f"an ISBN-13 begins with 978 or 979, not with {number[:3]}"
    return None if is_gtin(number) else "the check digit of the ISBN-13 does not fit"


def issn_problem(number: str) -> str | None:
    """What is wrong with an ISSN without its hyphen (ISO 3297), None for nothing."""
    if not _ISSN.fullmatch(number):
        return f"an ISSN has 8 digits, not {len(number)}"
    total = sum((8 - at) * _digit(sign) for at, sign in enumerate(number))
    return None if total % 11 == 0 else "the check digit of the ISSN does not fit"


def orcid_problem(number: str) -> str | None:
    """What is wrong with an ORCID iD without hyphens (ISO 7064, MOD 11-2), None for nothing."""
    if not _ORCID.fullmatch(number):
        return f"an ORCID iD has 16 digits, not {len(number)}"
    return None if mod_11_2(number) else "the check digit of the ORCID iD does not fit"


def arxiv_problem(number: str, year: int, month: int) -> str | None:
    """What is wrong with an arXiv identifier as of a month, None for nothing.

    YYMM.NNNN from April 2007, YYMM.NNNNN from January 2015 (arXiv, "Understanding the arXiv identifier"); before that
    archive/YYMMNNN from August 1991.
    """
    if found := _OLD_ARXIV.fullmatch(number):
        century = 1900 if int(found[1]) >= 91 else 2000
        return _month_problem(century + int(found[1]), int(found[2]), (1991, 8), (2007, 3))
    found = _NEW_ARXIV.fullmatch(number)
    if found is None:
        return "an arXiv identifier is YYMM.NNNNN or archive/YYMMNNN"
    if problem := _month_problem(2000 + int(found[1]), int(found[2]), (2007, 4), (year, month)):
        return problem
    digits = 5 if int(found[1]) >= 15 else 4
    if len(found[3]) != digits:
        return f"an arXiv identifier of 20{found[1]} has {digits} digits after the dot, not {len(found[3])}"
    return "an arXiv identifier counts from 1" if int(found[3]) == 0 else None


def _month_problem(year: int, month: int, first: tuple[int, int], last: tuple[int, int]) -> str | None:
    if not 1 <= month <= 12:
        return f"the arXiv identifier names month {month:02}"
    if not first <= (year, month) <= last:
        return (
            f"the arXiv identifier names {year}-{month:02}; such identifiers are of {_shown(first)} to {_shown(last)}"
        )
    return None


def _shown(month: tuple[int, int]) -> str:
    return f"{month[0]}-{month[1]:02}"


def _digit(sign: str) -> int:
    return 10 if sign == "X" else int(sign)


class Reporter(NamedTuple):
    """A series of law reports: (volume, year of its cases) in ascending order, and whether it has ended.

    The year of a volume between two is interpolated; ``slack`` years on either side are let pass.
    """

    volumes: tuple[tuple[int, int], ...]
    slack: int
    ended: bool = True


REPORTERS: Final = {
    # Years of decisions of well-known cases in these volumes, among others Marbury (5), Dred Scott (60), Plessy (163),
    # Brown (347), Miranda (384), Roe (410), Casey (505), Heller (554), Obergefell (576), Dobbs (597).
    "U.S.": Reporter(
        ((1, 1780), (2, 1791), (5, 1803), (17, 1819), (22, 1824), (60, 1857), (83, 1873), (109, 1883), (163, 1896),
         (198, 1905), (249, 1919), (268, 1925), (304, 1938), (347, 1954), (384, 1966), (410, 1973), (438, 1978),
         (467, 1984), (505, 1992), (531, 2000), (554, 2008), (576, 2015), (597, 2022), (603, 2024)), 6, ended=False,
    ),
    # Volume 93 is of 1972-73, 140 of 2019-20: one volume for each term.
    "S. Ct.": Reporter(((1, 1882), (93, 1973), (140, 2020), (144, 2024)), 2, ended=False),
    "F.": Reporter(((1, 1880), (300, 1924)), 6),
    "F.2d": Reporter(
        ((1, 1924), (100, 1939), (200, 1953), (300, 1962), (400, 1968), (500, 1974), (600, 1979), (700, 1983),
         (800, 1986), (900, 1990), (999, 1993)), 4,
    ),
    "F.3d": Reporter(
        ((1, 1993), (100, 1996), (200, 2000), (300, 2002), (400, 2005), (500, 2007), (600, 2010), (700, 2012),
         (800, 2015), (900, 2018), (999, 2021)), 3,
    ),
    "F.4th": Reporter(((1, 2021), (100, 2024)), 2, ended=False),
    "F. Supp.": Reporter(
        ((1, 1932), (100, 1951), (200, 1962), (300, 1969), (400, 1975), (500, 1980), (600, 1985), (700, 1988),
         (800, 1992), (900, 1995), (999, 1998)), 4,
    ),
    "F. Supp. 2d": Reporter(((1, 1998), (500, 2007), (999, 2014)), 3),
    "F. Supp. 3d": Reporter(((1, 2014), (300, 2018), (600, 2022), (700, 2024)), 3, ended=False),
}  # fmt: skip
"""Volumes of American law reports against years, own work from the years of known cases."""


def volume_problem(reporter: str, volume: int, year: int | None, now: int) -> str | None:
    """What is wrong with a volume of a reporter and the year that is given for it, None for nothing."""
    known = REPORTERS[reporter]
    last, last_year = known.volumes[-1]
    if volume < 1 or (known.ended and volume > last):
        return f"{reporter} has volumes 1 to {last}, none {volume}"
    if not known.ended and volume > last + 25 * max(1, now - last_year + 1):
        return f"{reporter} has no volume {volume} yet"
    if year is None:
        return None
    if year > now:
        return f"{year} is in the future"
    expected = _year_of(known, volume, now)
    if abs(year - expected) > known.slack and not (volume > last and last_year <= year <= now):
        return f"volume {volume} of {reporter} has cases of about {expected}, not of {year}"
    return None


def _year_of(reporter: Reporter, volume: int, now: int) -> int:
    volumes = reporter.volumes
    at = bisect_right(volumes, (volume, 9999))
    if at == len(volumes):
        return min(now, volumes[-1][1])
    (before, from_year), (after, to_year) = volumes[max(0, at - 1)], volumes[at]
    return (
        from_year
        if after == before
        else round(from_year + (to_year - from_year) * (volume - before) / (after - before))
    )
