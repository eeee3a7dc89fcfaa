"""Finds protected health information: the identifiers of HIPAA's Safe Harbor that are no contact details and no names.

Safe Harbor, 45 CFR 164.514(b)(2)(i), lists eighteen kinds. Telephone numbers, e-mail addresses, social security numbers
and IP addresses are ``contact``'s and ``numbers``', names are ``names``'. Pictures are known by their file names only:
nobody looks into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from audit.identifiers.dates import DATES
from audit.identifiers.detection import found_by, triggers_of
from audit.identifiers.finding import Found, Identifier, before
from audit.identifiers.patient_numbers import PATIENT_NUMBERS
from audit.identifiers.places import PLACES
from audit.read.patterns import pattern

_DETECTORS: Final = (*PATIENT_NUMBERS, *DATES, *PLACES)

TRIGGERS: Final[tuple[str, ...]] = triggers_of(_DETECTORS, strict=False)
"""RE2 patterns, one of which every text with a finding of ``find_health`` matches."""
STRICT_TRIGGERS: Final[tuple[str, ...]] = triggers_of(_DETECTORS, strict=True)
"""The same for a strict search."""

_PARTIES: Final = pattern(r"\b[Vv]s?\. (?=[A-Z])")
_LINE: Final = 200
"""Characters of a line before a number that are looked at."""

SAFE_HARBOR: Final[Mapping[str, str]] = {
    "street_address": "B",
    "zip_code": "B",
    "place": "B",
    "birth_date": "C",
    "death_date": "C",
    "care_date": "C",
    "date": "C",
    "age_over_89": "C",
    "fax": "E",
    "ssn": "G",
    "medical_record_number": "H",
    "health_plan_number": "I",
    "account_number": "J",
    "npi": "K",
    "dea_number": "K",
    "driver_license": "K",
    "certificate_number": "K",
    "vehicle_identification_number": "L",
    "license_plate": "L",
    "device_identifier": "M",
    "url": "N",
    "biometric_identifier": "P",
    "face_photo": "Q",
    "patient_number": "R",
    "case_number": "R",
}
"""Kind -> the paragraph of 45 CFR 164.514(b)(2)(i) that names it."""
OF_OTHERS: Final[Mapping[str, str]] = {
    "person_name": "A",
    "phone": "D",
    "email": "F",
    "card": "J",
    "ip_address": "O",
}
"""The same for the kinds that other modules find in texts."""


def find_health(text: str, strict: bool = False) -> Found:
    """Identifiers of patients in a text, in order, without overlap, each the value without its label.

    What is everywhere in general text (dates, towns, links, serial numbers) is found only beside a patient or words of
    medical care, unless ``strict``: then every date but a year, every address, ZIP code and link. Never raises; takes
    time linear in the text, and is ``cut`` where there are too many.
    """
    found = found_by(_DETECTORS, text, strict)
    if strict or not found:
        return found
    return Found((one for one in found if one.kind != "case_number" or not _is_docket(text, one)), cut=found.cut)


def _is_docket(text: str, one: Identifier) -> bool:
    """Whether a number of a case is that of a court: two parties stand before it in the line."""
    return _PARTIES.search(before(text, one.start, _LINE).rpartition("\n")[2]) is not None
