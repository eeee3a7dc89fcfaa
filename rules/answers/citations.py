"""Finds citations and links in a text and says which of them cannot be right as written. Asks no registry.

The kinds that a file of known citations can confirm (cases, DOIs, ECLI and CELEX numbers) are given out with a key that
is the same however spaces and dots are set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from audit.lexicons.excluded import excluded_spans, inside
from audit.rules.answers.citation_numbers import (
    arxiv_problem,
    isbn_problem,
    issn_problem,
    orcid_problem,
    volume_problem,
)


class Citation(NamedTuple):
    """A citation at code points ``start`` to ``end``: its kind, what is wrong with its form (None for nothing), and for
    kinds that can be looked up a key ("" for the others)."""

    start: int
    end: int
    kind: str
    problem: str | None = None
    key: str = ""


MOST: Final = 2000
"""Citations of one text that are looked at."""
LONGEST: Final = 1_000_000
"""Characters of a text that are looked at."""

_TRAILING: Final = ".,;:!?)]}>\"'*_”’»"
_NUMBER: Final = r"((?:[0-9Xx][ \-‐‑–]?){7,19}[0-9Xx])(?![0-9])"
_ISBN: Final = re.compile(rf"(?i)\bISBN(?:-?1[03])?(?: (?:number|no\.?))?[:#]? ?{_NUMBER}")
_ISSN: Final = re.compile(r"(?i)\be?-?ISSN(?: (?:number|no\.?))?[:#]? ?([0-9]{3,5}[ \-‐‑–]?[0-9]{2,4}[0-9X])\b")
_ORCID: Final = re.compile(r"(?i)\borcid(?:\.org/|(?: id)?[: ]{1,2})((?:[0-9X]{3,5}-){2,4}[0-9X]{2,5})\b")
_ARXIV: Final = re.compile(
    r"(?i)(?:\barxiv: ?|\barxiv\.org/(?:abs|pdf)/)((?:[a-z]{2,12}(?:-[a-z]{2,8})?(?:\.[a-z]{2})?/[0-9]{4,9}"
    r"|[0-9]{3,5}\.[0-9]{2,7})(?:v[0-9]{1,2})?)"
)
_PMID: Final = re.compile(r"\bPMID:? ?([0-9]{1,15})\b")
_DOI: Final = re.compile(
    r"(?i)(?:\bdoi(?:\.org/|: ?| )|(?<![\w./]))(10\.[0-9x]{1,12}(?:\.[0-9]{1,9}){0,3})(/[^\s\"<>]{0,300})?"
)
_URL: Final = re.compile(r"(?i)\b(?:https?[:/]{1,4}|www\.)[^\s<>\"`|]{0,500}")
_GAP: Final = "[ \xa0\u202f]"
_CASE: Final = re.compile(
    rf"(?<![\w.§])([0-9]{{1,5}}){_GAP}(U\.?{_GAP}?S\.?|S\.{_GAP}?Ct\.|F\.{_GAP}?Supp\.{_GAP}?[23]d|F\.{_GAP}?Supp\."
    rf"|F\.{_GAP}?(?:2d|3d|4th)|F\.|Cal\.(?:{_GAP}?(?:2d|3d|4th|5th))?|N\.{_GAP}?Y\.(?:{_GAP}?[23]d)?|N\.{_GAP}?E\.{_GAP}?[23]d"
    rf"|[AP]\.{_GAP}?[23]d|WL){_GAP}([0-9]{{1,7}})\b"
    rf"(?:,{_GAP}[0-9\-–]{{1,12}}(?![0-9]|{_GAP}[A-Z]))?(?:{_GAP}\([^()\n]{{0,30}}?((?:1[6-9]|20)[0-9]{{2}})\))?"
)
_ECLI: Final = re.compile(r"(?i)\bECLI:[^\s,;()\[\]\"'<>]{1,60}")
_ECLI_SHAPE: Final = re.compile(r"(?i)ECLI:[A-Z]{2}:[A-Z][A-Z0-9]{0,6}:([0-9]{4}):[A-Z0-9.]{1,25}")
_CELEX: Final = re.compile(
    r"(?i)\bCELEX(?: (?:number|no\.?|id))?(?:[:=]|%3A)? ?([0-9CE][0-9A-Z()]{5,20}(?:/[A-Z]{3}(?:\([0-9]{2}\))?)?)"
)
_CELEX_SHAPE: Final = re.compile(
    r"(?i)[0-9CE]([0-9]{4})(?:[A-Z]{1,2}[0-9]{3,4}(?:\([0-9]{2}\))?(?:R\([0-9]{2}\))?(?:-[0-9]{8})?"
    r"|[A-Z]/[A-Z]{3}(?:\([0-9]{2}\))?)"
)
_UK: Final = re.compile(
    r"\[((?:19|20)[0-9]{2})\] (UKSC|UKHL|UKPC|UKUT|UKFTT|UKEAT|EWCA (?:Civ|Crim)|EWHC|EWFC|EWCOP) ([0-9]{1,6})"
    r"(?: \([A-Za-z]{2,10}\))?"
)
_FIRST_UK_YEAR: Final = {"UKSC": 2009, "UKUT": 2008}
"""When these courts began. Neutral citations exist since 2001, but BAILII gave such to judgments of all earlier years:
Donoghue v Stevenson is [1932] UKHL 100."""
_PLACEHOLDER: Final = re.compile(
    r"(?i)https?://(?:\[|<|\{|(?:www\.)?(?:example\.(?:com|org|net)|(?:your|my|some)-?(?:site|website|domain"
    r"|company|link|url)\.|"
    r"(?:link|url|website|insert|xxx+)(?:[./-]|$)))"
)
_SCHEME_ALONE: Final = re.compile(r"(?i)https?[:/]*")
_HOST: Final = re.compile(
    r"(?i)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_][\w-]{1,61}\.?|localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
)


def citations(text: str, today: date) -> Iterator[Citation]:
    """Citations and links of the first ``LONGEST`` characters of a text, kind by kind, at most ``MOST`` of each. Linear
    in the text; never raises."""
    text = text[:LONGEST]
    code = excluded_spans(text)
    for find in _KINDS:
        for citation in islice(find(text, today), MOST):
            if not inside(code, citation.start):
                yield citation


def key_of(citation: str) -> str:
    """What a citation is compared by: its letters and digits alone, in lower case."""
    return "".join(character for character in citation.casefold() if character.isalnum())


def _numbers(text: str, today: date) -> Iterator[Citation]:
    for match in _ISBN.finditer(text):
        yield Citation(*match.span(), "ISBN", _isbn_problem(match[1]))
    for match in _ISSN.finditer(text):
        yield Citation(*match.span(), "ISSN", issn_problem(_digits(match[1])))
    for match in _ORCID.finditer(text):
        yield Citation(*match.span(), "ORCID iD", orcid_problem(_digits(match[1])))


def _isbn_problem(written: str) -> str | None:
    """What is wrong with an ISBN; a number after it and a space ("2nd edition") may not belong to it."""
    problem = isbn_problem(_digits(written))
    if problem is None or " " not in written:
        return problem
    return None if isbn_problem(_digits(written.rpartition(" ")[0])) is None else problem


def _preprints(text: str, today: date) -> Iterator[Citation]:
    for match in _ARXIV.finditer(text):
        yield Citation(*match.span(), "arXiv identifier", arxiv_problem(match[1], today.year, today.month))
    for match in _PMID.finditer(text):
        right = len(match[1]) <= 8 and not match[1].startswith("0")
        problem = None if right else "a PMID has 1 to 8 digits and no zero before them"
        yield Citation(*match.span(), "PMID", problem)


def _dois(text: str, today: date) -> Iterator[Citation]:
    """DOI names: the prefix 10 and a registrant of four digits or more (ISO 26324; Crossref's and DataCite's begin at
    10.1000), a slash, and something after it."""
    for match in _DOI.finditer(text):
        suffix = _without_closing((match[2] or "")[1:])
        registrant = match[1][3:].partition(".")[0]
        if not registrant.isdecimal():
            if not suffix and not match[0].lower().startswith("doi"):
                continue
            problem: str | None = f"{match[1]} is a placeholder for a DOI prefix"
        elif len(registrant) < 4 or registrant.startswith("0"):
            if not match[0].lower().startswith("doi"):
                continue
            problem = f"a DOI prefix has four digits or more after 10., not {registrant}"
        elif not suffix:
            if not match[0].lower().startswith("doi"):
                continue
            problem = "the DOI has nothing after its prefix"
        else:
            problem = None
        end = match.end(1) + (1 + len(suffix) if suffix else 0)
        yield Citation(match.start(), end, "DOI", problem, key_of(f"{match[1]}/{suffix}") if problem is None else "")


def _without_closing(suffix: str) -> str:
    """Without the signs of the sentence around it; a closing bracket stays where the suffix opens one."""
    while suffix and suffix[-1] in _TRAILING:
        if suffix[-1] == ")" and suffix.count("(") >= suffix.count(")"):
            break
        suffix = suffix[:-1]
    return suffix


def _cases(text: str, today: date) -> Iterator[Citation]:
    for match in _CASE.finditer(text):
        year = int(match[4]) if match[4] else None
        written = "".join(match[2].split()).replace("US", "U.S.").rstrip(".") + "."
        reporter = _REPORTER_NAMES.get(written) or _REPORTER_NAMES.get(written[:-1])
        problem = volume_problem(reporter, int(match[1]), year, today.year) if reporter else None
        if year is None and (reporter == "F." or match[2] == "US" or (reporter == "U.S." and problem)):
            continue  # "In 2020 U.S. 331 million people"
        yield Citation(*match.span(), "case", problem, key_of(f"{match[1]}{match[2]}{match[3]}"))
    for match in _UK.finditer(text):
        court, year = match[2].partition(" ")[0], int(match[1])
        first = _FIRST_UK_YEAR.get(court, 1900)
        wrong = not first <= year <= today.year or (court == "UKHL" and year > 2009)
        problem = f"{court} has no neutral citations of {year}" if wrong else None
        yield Citation(*match.span(), "case", problem, key_of(match[0]))


_REPORTER_NAMES: Final = {
    "U.S.": "U.S.", "S.Ct.": "S. Ct.", "F.": "F.", "F.2d": "F.2d", "F.3d": "F.3d", "F.4th": "F.4th",
    "F.Supp.": "F. Supp.", "F.Supp.2d": "F. Supp. 2d", "F.Supp.3d": "F. Supp. 3d",
}  # fmt: skip


def _european(text: str, today: date) -> Iterator[Citation]:
    """ECLI (Council conclusions 2011/C 127/01) and CELEX numbers (EUR-Lex)."""
    for match in _ECLI.finditer(text):
        written = match[0].rstrip(_TRAILING)
        shape = _ECLI_SHAPE.fullmatch(written)
        problem = None if shape else "an ECLI is ECLI:country:court:year:number"
        if shape and not 1800 <= int(shape[1]) <= today.year:
            problem = f"the ECLI names the year {shape[1]}"
        yield Citation(match.start(), match.start() + len(written), "ECLI", problem, key_of(written))
    for match in _CELEX.finditer(text):
        written = match[1].rstrip(_TRAILING) if "(" not in match[1] else match[1]
        shape = _CELEX_SHAPE.fullmatch(written)
        problem = None if shape else "a CELEX number is a sector, a year, one or two letters and four digits"
        if shape and not 1945 <= int(shape[1]) <= today.year:
            problem = f"the CELEX number names the year {shape[1]}"
        yield Citation(match.start(), match.start(1) + len(written), "CELEX number", problem, key_of(written))


def _links(text: str, today: date) -> Iterator[Citation]:
    for match in _URL.finditer(text):
        written = _without_closing(match[0])
        problem = _link_problem(written)
        if problem is not None:
            yield Citation(match.start(), match.start() + len(written), "link", problem)


def host_of(url: str) -> str:
    """The scheme and the host of a link, as far as it has them: no user, password, path or query."""
    scheme, sign, rest = url.partition("://")
    if not sign:
        scheme, rest = "", url
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}{sign}{host}"


def _link_problem(url: str) -> str | None:
    if _SCHEME_ALONE.fullmatch(url):
        return None
    if _PLACEHOLDER.match(url):
        return "the link is a placeholder"
    lower = url.lower()
    if lower.startswith("www."):
        return None
    if not lower.startswith(("http://", "https://")) or lower.startswith(("http:///", "https:///")):
        return "the link begins with neither http:// nor https:// and a host"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return "the host of the link is malformed"
    if not host:
        return "the link has no host" if len(url) > 8 else None
    if "[" in url.split("/")[2] or "{" in host or "$" in host:
        return None
    return None if _HOST.fullmatch(host) or "." not in host else "the host of the link is malformed"


def _digits(number: str) -> str:
    return "".join(character for character in number.upper() if character.isascii() and character.isalnum())


_KINDS: Final[tuple[Callable[[str, date], Iterator[Citation]], ...]] = (
    _dois, _numbers, _preprints, _cases, _european, _links,
)  # fmt: skip
