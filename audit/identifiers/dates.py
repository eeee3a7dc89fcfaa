"""Detectors of dates that belong to a person, and of ages over 89: 45 CFR 164.514(b)(2)(i)(C). A year alone is none.

Labels and verbs are English, German, French and Spanish, some labels Chinese and Japanese. A search that is strict
takes every date, since Safe Harbor knows no dates that belong to nobody once a text is about a patient.
"""

from __future__ import annotations

import re
from typing import Final

from audit.identifiers.detection import Detector, labelled

_ENGLISH: Final = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_OTHERS: Final = (
    "Januar|Jänner|Februar|März|Mai|Juni|Juli|Oktober|Dezember"
    "|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_UPPER: Final = _ENGLISH.upper()
_MONTH: Final = rf"(?:{_ENGLISH}|{_OTHERS}|{_UPPER})\b\.?"
_DAY: Final = r"(?:3[01]|[12][0-9]|0?[1-9])"
_YEAR: Final = r"(?:1[6-9]|20)[0-9]{2}"
_NUMERIC: Final = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}|[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}"
    r"|[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})|[0-9]{1,2}-[0-9]{1,2}-(?:[0-9]{4}|[0-9]{2})"
    r"|[0-9]{1,2}\.\s?[0-9]{1,2}\.\s?(?:[0-9]{4}|[0-9]{2})"
)
_EAST_ASIAN: Final = (
    r"[0-9]{4}\s?年\s?[0-9]{1,2}\s?月(?:\s?[0-9]{1,2}\s?日)?|[0-9]{4}년\s?[0-9]{1,2}월(?:\s?[0-9]{1,2}일)?"
)
_WORDED: Final = (
    rf"{_DAY}(?:st|nd|rd|th|er|\.|º)?[\s-](?:of\s|de\s)?{_MONTH}(?:,?[\s-](?:de[l]?\s)?(?:{_YEAR}|[0-9]{{2}}\b))?"
    rf"|{_MONTH}\s{_DAY}(?:st|nd|rd|th)?\b(?![:.]?[0-9])(?:,?\s{_YEAR}\b)?"
    rf"|{_MONTH},?\s(?:de[l]?\s)?{_YEAR}\b"
)
_BODY: Final = rf"{_NUMERIC}|{_EAST_ASIAN}|{_WORDED}"
_BEFORE, _AFTER = r"(?<![0-9A-Za-z./-])", r"(?![0-9/]|[.-][0-9])"
_DATE: Final = rf"{_BEFORE}(?P<v>{_BODY}){_AFTER}"
_ANY: Final = rf"{_BEFORE}(?P<v>(?i:{_BODY})|[0-9]{{8}}(?![0-9A-Za-z])){_AFTER}"
"""A date after a label: months in any case, and eight digits too."""

_DAYS, _MONTHS_OF_YEAR = 31, 12


def is_date(value: str) -> bool | None:
    """True for a value that may be a day of a calendar, None otherwise; words for months are taken as they are.

    Year first, day first and month first are all read: no text says which of them is meant.
    """
    numbers = re.split(r"[./\s-]+", value)
    if len(numbers) == 1 and value.isdigit() and len(value) == 8:
        starts = (value[:4], value[4:6], value[6:]), (value[4:], value[2:4], value[:2])
        return True if any(_is_day(*one) or _is_day(one[0], one[2], one[1]) for one in starts) else None
    if len(numbers) != 3 or not all(number.isdigit() and number.isascii() for number in numbers):
        return True
    first, second, third = numbers
    if len(first) == 4:
        return True if _is_day(first, second, third) else None
    return True if _is_day(third, first, second) or _is_day(third, second, first) else None


def _is_day(year: str, month: str, day: str) -> bool:
    return (
        (len(year) != 4 or 1850 <= int(year) <= 2100) and 1 <= int(month) <= _MONTHS_OF_YEAR and 1 <= int(day) <= _DAYS
    )


_WORDS_BETWEEN: Final = r"(?:\s(?!on\s)(?:[^\W\d]|['’.,-]){1,20}){0,7}?"
_ON: Final = rf"{_WORDS_BETWEEN}\s(?i:on|in|since|am|le|el|the|until|till|bis)(?:\s(?i:the|den|d[ií]a))?"

_BIRTH_LABEL: Final = (
    r"(?:\b|_)d\.?o\.?b(?:\b|_)|\b(?:date|day)[ _-]?of[ _-]?birth|birth[ _-]?date\b|geburtsdatum"
    r"|date de naissance|fecha de nacimiento|data di nascita|生年月日|出生日期|생년월일"
)
_BIRTH_PROSE: Final = (
    r"\bborn\b|\bbirthday\b|\bgeburtstag\b|\bgeboren\b|\bgeb\.|\bn[ée]e? le\b|\bnacid[oa] el\b|\bnaci[óo] el\b"
)
_DEATH_LABEL: Final = r"date[ _-]of[ _-]death|death[ _-]?date|todesdatum|sterbedatum|date du d[ée]c[èe]s|fecha de (?:defunci[óo]n|fallecimiento)"  # noqa: E501
_DEATH_PROSE: Final = (
    r"\b(?:died|deceased|passed away|pronounced dead|expired)\b|\bverst(?:orben|arb)\b|\bd[ée]c[ée]d[ée]"
    r"|\bfalleci(?:[óo]|d[oa]\b)"
)
_CARE_LABEL: Final = (
    r"(?:admission|admit|discharge)[ _-]?date\b|date[ _-]of[ _-](?:admission|discharge)|date admitted|date discharged"
    r"|aufnahmedatum|entlassungsdatum|op-datum|date d.(?:admission|hospitalisation)|date de sortie"
    r"|fecha de (?:ingreso|alta)|入院日期?|出院日期|退院日"
)
_VISIT_LABEL: Final = (
    r"\b(?:visit|appointment|surgery|procedure|service|operation|encounter|collection|exam|specimen|implant|injury"
    r"|onset)[ _-]?date\b|\bdate[ _-]of[ _-](?:the )?(?:visit|service|surgery|procedure|operation|appointment|exam"
    r"|injury"
    r"|onset|diagnosis|collection|implant)|\bdos:|\bbehandlungsdatum|\bfecha de (?:consulta|la cirug[íi]a)"
)
_CARE_PROSE: Final = (
    r"\b(?:re-?)?admitted\b|\bdischarged\b|\bhospitali[sz]ed\b|\bpresented\b|\bunderwent\b|\boperated\b|\bexamined\b"
    r"|\btransferred\b|\bdiagnosed\b|\bseen\b|\bvisits?\b|\badmission\b|\bdischarge\b|\bd/c'?d?\b|\breceived\b"
    r"|\bperformed\b|\bcollected\b|\brandomi[sz]ed\b|\btreated\b|\btested\b|\bvaccinated\b|\bvisited\b|\bfollow-?up\b"
    r"|\bappointment\b|\bscheduled\b|\benrolled\b"
    r"|\bsurgery\b|\bimplanted\b|\bprescribed\b|\bbiops(?:y|ied)\b|\bconsulted\b"
    r"|\beingeliefert\b|\baufgenommen\b|\bentlassen\b|\boperiert\b|\bvorgestellt\b|\bhospitalis[ée]|\badmise?\b"
    r"|\bop[ée]r[ée]|\bingres(?:[óo]|ad[oa]\b)|\bdado de alta\b|\boperad[oa]\b"
)
_OLDEST_ALLOWED: Final = 89
_AGE_NUMBER: Final = r"(?<![0-9.,$€£-])(?P<v>9[0-9]|1[0-2][0-9])"
_YEAR_MONTH: Final = r"(?<![0-9A-Za-z./-])(?P<v>(?:19|20)[0-9]{2}[-/](?:0[1-9]|1[0-2]))(?![0-9A-Za-z/]|[.-][0-9])"
_NINETIES: Final = (
    r"\b(?:aged?|turned|is) (?:ninety(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?|(?:a|one) hundred)\b"
    r"|\bninety(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?[- ](?:years?[- ]old|year-old)\b"
)
_GROUP: Final = r"(?!\s?\+|\s?(?:or|and|years? or|years? and)\s(?:older|over|above))"


def is_high_age(value: str) -> bool | None:
    """True for an age that Safe Harbor wants in one category, 90 or older; None otherwise."""
    return True if int(value) > _OLDEST_ALLOWED else None


DATES: Final = (
    labelled("birth_date", _BIRTH_LABEL, _ANY, check=is_date),
    labelled("birth_date", _BIRTH_PROSE, _ANY, between=rf"(?:{_ON})?", context="patient", check=is_date),
    labelled("death_date", _DEATH_LABEL, _ANY, check=is_date),
    labelled("death_date", _DEATH_PROSE, _ANY, between=rf"(?:{_ON})?", context="patient", check=is_date),
    labelled("care_date", _CARE_LABEL, _ANY, check=is_date),
    labelled("care_date", _VISIT_LABEL, _ANY, context="care", check=is_date),
    labelled("care_date", _CARE_PROSE, _ANY, between=rf"(?:{_ON})?", context="patient", check=is_date),
    Detector(
        "care_date",
        f"(?i){_CARE_PROSE}",
        rf"{_DATE}[,:;]?{_WORDS_BETWEEN}\s(?i:{_CARE_PROSE})",
        "patient",
        False,
        is_date,
    ),
    Detector(
        "age_over_89",
        r"(?i)\b(?:9[0-9]|1[0-2][0-9])[ -]?(?:years?[ -]o|yo\b|y/o|y\.o|yr|j[äa]hrig|jahre alt|ans\b|a[ñn]os)",
        _AGE_NUMBER + r"[ -]?(?i:years?[ -]old|years? of age|yo\b|y/o|y\.o\b|yrs?[ -]old|j[äa]hrig|jahre alt|ans\b"
        r"|a[ñn]os\b)(?! (?:or|and) (?:older|over|above))",
        "patient",
        False,
        is_high_age,
    ),
    Detector(
        "age_over_89",
        r"(?i)\b(?:aged?|edad|alter|[âa]g[ée]e? de)\b[\s\"':=-]{1,4}(?:9[0-9]|1[0-2][0-9])\b",
        r"\b(?i:aged?|edad|alter|[âa]g[ée]e? de)[\s\"':=-]{1,4}" + _AGE_NUMBER + r"(?![0-9.,]?[0-9])" + _GROUP,
        "patient",
        False,
        is_high_age,
    ),
    labelled(
        "care_date",
        _CARE_PROSE,
        r"(?P<v>(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12][0-9]|3[01]))(?![0-9/%])",
        between=rf"(?:{_ON})?",
    )._replace(strict_only=True),
    Detector("date", r"\b[0-9]{4}[-/][0-9]{2}\b", _YEAR_MONTH, "none", True),
    Detector(
        "age_over_89",
        rf"(?i){_NINETIES}",
        rf"(?P<v>(?i:{_NINETIES}))(?![ -](?i:million|thousand|dollars|percent))",
        "patient",
    ),
    Detector("date", r"[0-9]{1,4}[./-]\s?[0-9]{1,2}[./-]\s?[0-9]{1,4}", _DATE, "none", True, is_date),
    Detector("date", r"[年년]", _DATE, "none", True, is_date),
    Detector("date", rf"(?:{_ENGLISH}|{_OTHERS}|{_UPPER})", _DATE, "none", True, is_date),
)
"""What finds dates and ages."""
