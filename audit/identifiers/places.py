"""Detectors of places smaller than a state, 45 CFR 164.514(b)(2)(i)(B), and of web addresses, (N).

Outside a strict search a place is found only where somebody is said to live there, or beside a patient: addresses of
shops and links are everywhere in general text. States and countries are no such place.
"""

from __future__ import annotations

from typing import Final

from audit.identifiers.detection import Detector, labelled
from audit.identifiers.registered import RESTRICTED_ZIP3

_STATES: Final = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR"
    "|PA|PR|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY"
)
_LARGE_WORDS: Final = (
    "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois "
    "indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri "
    "montana nebraska nevada oklahoma ohio oregon pennsylvania tennessee texas utah vermont virginia washington "
    "wisconsin wyoming africa america asia europe canada mexico brazil argentina chile colombia peru cuba england "
    "scotland wales ireland britain france germany spain portugal italy greece poland austria switzerland belgium "
    "holland netherlands sweden norway denmark finland russia ukraine turkey israel egypt morocco algeria tunisia "
    "nigeria kenya ghana ethiopia india pakistan bangladesh china japan korea vietnam thailand indonesia malaysia "
    "philippines australia iran iraq syria jamaica haiti deutschland frankreich österreich schweiz allemagne espagne "
    "españa francia alemania méxico"
)
_LARGE_FIRST: Final = "new north south west united rhode district puerto saudi costa el hong sri"
_LARGE_PAIRS: Final = (
    "|new york|new jersey|new mexico|new hampshire|new zealand|north carolina|north dakota|south carolina|south dakota"
    "|south africa|south korea|north korea|west virginia|rhode island|united states|united kingdom|puerto rico"
    "|saudi arabia|costa rica|el salvador|hong kong|sri lanka|district of columbia|"
)
_NAME: Final = r"(?:(?:St|Ft|Mt)\.\s)?[A-ZÀ-ÖØ-Þ][\w'’-]{1,20}"
_NO_STATES: Final = r"(?!(?:ID|IN|OR|ME|OK|HI|CO|MD|MS|DE|PR|PA|LA)\b)"
"""Abbreviations of states that stand for something else before a number, unless a comma is before them."""
_SUFFIX: Final = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Terrace|Ter|Circle|Cir|Highway|Hwy"
    "|Parkway|Pkwy|Square|Sq|Way|Trail|Trl|Crescent|Close"
)
_TOWN: Final = (
    rf"(?:,?\s{{1,2}}{_NAME}(?:\s{_NAME}){{0,2}},?\s(?:{_STATES})\b(?:\s{{1,3}}[0-9]{{5}}(?:-[0-9]{{4}})?)?)?"
)
_UNIT: Final = r"(?:,?\s(?:Apt|Apartment|Unit|Suite|Ste|Floor|#)\.?\s?#?[0-9A-Z]{1,5}\b)?"
_STREET: Final = (
    rf"\b[0-9]{{1,5}}[A-Za-z]?\s(?:[NSEW]\.?\s|[NS][EW]\s)?(?:{_NAME}\.?\s|[0-9]{{1,3}}(?:st|nd|rd|th)\s){{1,3}}"
    rf"(?:{_SUFFIX})\b(?:\.(?=,|\s(?:Apt|Unit|#)))?{_UNIT}{_TOWN}"
    rf"|\b[A-ZÄÖÜ][a-zäöüß-]{{2,25}}(?:straße|strasse|str\.|weg|platz|allee|gasse)\s[0-9]{{1,4}}[a-z]?\b"
    r"(?:,?\s[0-9]{5}\s[A-ZÄÖÜ][\wäöüß-]{2,25})?"
    r"|\b[0-9]{1,4}(?:\s(?:bis|ter))?,?\s(?:rue|avenue|boulevard|place|chemin|impasse|allée|quai)\s"
    r"(?:(?:de|du|des|la|le|les|l')\s?){0,2}[A-ZÀ-Þ][\w'-]{1,25}(?:,?\s[0-9]{5}\s[A-ZÀ-Þ][\w'-]{1,25})?"
    r"|\b(?:Calle|C/|Avenida|Avda\.|Plaza|Paseo|Carrer)\s(?:(?:de|del|la|las|los|el)\s){0,2}[A-ZÀ-Þ]\w{1,25}"
    r"(?:\s[A-ZÀ-Þ]\w{1,25})?,?\s(?:n[º°.]\s?|nº\s?)?[0-9]{1,4}\b"
    r"|\bP\.?\s?O\.?\sBox\s[0-9]{1,6}\b"
)
_STREET_GATE: Final = (
    rf"[\w.]\s(?:{_SUFFIX})\b|(?:straße|strasse|str\.|weg|platz|allee|gasse)\s[0-9]"
    r"|\b(?:rue|avenue|boulevard|place|chemin|impasse|allée|quai)\s|\b(?:Calle|C/|Avenida|Avda\.|Plaza|Paseo|Carrer)\s"
    r"|P\.?\s?O\.?\sBox"
)
_LIVES: Final = (
    r"\b(?:live[sd]?|living|resid(?:es|ed|ing)|wohnt|wohnhaft|habite|demeurant|domicili[ée]e?|domiciliad[oa]|vive"
    r"|reside)"
    r"\s(?:at|in der|in|au|en la|en)\b"
    r"|\b(?:home|mailing|residential|patient|my|his|her|their|employee)'?s?[ _-]address\b|\bprivatanschrift"
    r"|\badresse personnelle|\bdomicilio\b"
)
_TOWN_LABEL: Final = (
    r"\b(?:live[sd]?|living|resid(?:es|ed|ing)|resident|native|grew up|born|wohnt|wohnhaft|habite|vive|reside)"
    r"\s(?:in|of|from|à|en)\b"
)
_ZIP: Final = r"(?P<v>[0-9]{5}(?:-[0-9]{4})?(?![0-9-])|(?P<zip3>[0-9]{3})(?:\*{1,2}|[xX]{2})?(?![0-9]))"
_ZIP3: Final = 3


def is_small_area(value: str) -> bool | None:
    """True for a ZIP code of five or more digits, and for three digits that stand for 20,000 people or fewer."""
    digits = "".join(character for character in value if character.isdigit())
    return True if len(digits) > _ZIP3 or digits in RESTRICTED_ZIP3 else None


def is_small_place(value: str) -> bool | None:
    """False (found, but not sure) for a capitalised name that is no state, country or continent, else None."""
    words = value.lower().rstrip(".").split()
    first, pair = words[0], " ".join(words[:2])
    large = first in _LARGE_WORDS.split() or f"|{pair}|" in _LARGE_PAIRS
    return None if large or (first == pair and first in _LARGE_FIRST.split()) else False


PLACES: Final = (
    labelled("street_address", _LIVES, rf"(?P<v>{_STREET})", first=r"[0-9A-ZÀ-Þ]"),
    Detector("street_address", _STREET_GATE, rf"(?P<v>{_STREET})", "patient"),
    labelled("zip_code", r"\bzip(?:[ _-]?code)?\b|\bpostal[ _-]code\b", _ZIP, context="patient", check=is_small_area),
    labelled("zip_code", r"\bplz\b|\bpostleitzahl|\bcode postal|\bc[óo]digo postal", _ZIP, context="patient"),
    labelled(
        "zip_code",
        r"\bpost ?code\b",
        r"(?P<v>[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}\b|[0-9]{4,6}\b)",
        context="patient",
    ),
    Detector(
        "zip_code",
        rf"\b(?:{_STATES})\s[0-9]{{5}}\b",
        rf"(?:,\s|\b{_NO_STATES})(?:{_STATES})\s(?P<v>[0-9]{{5}}(?:-[0-9]{{4}})?)(?![\w-])",
        "patient",
    ),
    Detector(
        "zip_code",
        r"\b[0-9]{5}-[0-9]{4}\b",
        r"(?<![\w.<>=*+/-])(?P<v>[0-9]{5}-[0-9]{4})(?![\w-]|\s?[<>=*+/])",
        "none",
        True,
    ),
    labelled("place", _TOWN_LABEL, rf"(?P<v>{_NAME}(?:\s{_NAME}){{0,2}})", context="patient", check=is_small_place),
    Detector("place", r"\bCounty\b", rf"\b(?P<v>(?:{_NAME}\s){{1,2}}County|County of {_NAME})\b", "patient"),
    Detector("place", r"(?i)\bprecinct\s", r"(?i)\b(?P<v>precinct\s(?:no\.?\s)?[0-9]{1,5})\b", "patient"),
    Detector(
        "place",
        rf"[a-z],\s(?:{_STATES})\b",
        rf"\b(?P<v>{_NAME}(?:\s{_NAME}){{0,2}}),\s(?:{_STATES})\b",
        "patient",
        False,
        is_small_place,
    ),
    labelled("place", r"\b(?:city|town|ville|ciudad|wohnort)\s?[:=\"]", rf"(?P<v>{_NAME})", context="patient"),
    Detector(
        "url",
        r"(?i)[?&/](?:patients?|mrn|pid|patient_?id|chart)[=/]",
        r"(?i)(?P<v>\bhttps?://[^\s\"'<>]{1,200}[?&/](?:patients?|mrn|pid|patient_?id|chart)[=/][\w-]{0,20}[0-9]{3}[^\s\"'<>]{0,200})",
    ),
    Detector("url", r"(?i)\bhttps?://|\bwww\.", r"(?i)\b(?P<v>(?:https?://|www\.)[^\s\"'<>)\]]{2,2000})", "none", True),
)
"""What finds places and web addresses."""
