"""What a detector of identifiers is: a cheap gate, an exact pattern, the context that it needs, and a check of the
value. Runs detectors over a text; which there are is for the modules that hold the tables.

The gates are RE2, so that they can be triggers of a scan, and tell where a pattern is to be tried. The patterns repeat
nothing without a bound and are compiled when a gate first lets a text through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Set
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

import re2

from audit.identifiers.finding import Found, Identifier, at_most, gathered
from audit.read.screening import Screen

Context: TypeAlias = Literal["none", "care", "patient"]
"""What else the text must hold: nothing, a word of medical care, or one patient of whom it speaks."""

_PATIENT: Final = (
    r"(?i)\bpatient(?:['’]s|in|e)?\b|\bpt\b|\bpatient[ _-]?(?:id|name|no)|\bpacientes?\b|\b(?:in|out)patient\b"
    r"|\bmrn\b|\bmedical record\b|\btrial participant\b|\bdecedent\b|\bversicherte[rn]?\b"
)
_CARE: Final = (
    r"(?i)\bpatients\b|\bhospitals?\b|\bhospitali[sz]ed\b|\bclinics?\b|\bphysicians?\b|\bnurses?\b|\binsured\b|\bicu\b"
    r"|\bdiagnos(?:is|ed|es|e|tic)\b|\bsurger(?:y|ies)\b|\bsurgeons?\b|\bbiopsy\b|\bmedicare\b|\bmedicaid\b"
    r"|\bhealth (?:plan|insurance)\b|\bprescri(?:bed|ption)s?\b|\bimplant(?:ed|s)?\b|\bpacemakers?\b"
    r"|\bdefibrillators?\b"
    r"|\binsulin pump\b|\bprosthes[ie]s\b|\bstents?\b|\bdischarge (?:summary|note)\b|\bclinical trial\b"
    r"|\bchart (?:no|number|#)|\bklinik|\bkrankenhaus|[äa]rzt|\barzt\b|\boperiert\b|\bkrankenkasse\b|h[ôo]pital\b"
    r"|\bclinique\b|\bm[ée]decin\b|\bcl[íi]nica\b|\bdiagn[óo]stico\b"
)
_CONTEXTS: Final = {"patient": (_PATIENT,), "care": (_PATIENT, _CARE)}
_PLACEHOLDER: Final = r"\[[A-Z][A-Z0-9_]{1,40}_[0-9A-F]{4,16}\]"
_SEPARATOR: Final = r"[\s\"'`*:：=#|_.,()>\\-]{0,8}?(?:(?i:is|was|are|ist|lautet|est|es|son)\b[\s\"'`*:]{1,3})?"

_GATED_SEPARATOR: Final = r"[\W_]*(?:(?i:is|was|are|ist|lautet|est|es|son)\b\W+)?"
"""For RE2 what stands wherever ``_SEPARATOR`` does."""


class Detector(NamedTuple):
    """How one kind is found.

    ``gate`` is a necessary RE2 pattern, ``pattern`` an exact one of ``re`` whose group ``v`` is the value. ``context``
    is asked for unless the search is strict; ``strict_only`` detectors find nothing otherwise. ``check`` is given the
    value: None refuses it, otherwise whether it is sure. ``at_gate`` says that the pattern begins where the gate does.
    """

    kind: str
    gate: str
    pattern: str
    context: Context = "none"
    strict_only: bool = False
    check: Callable[[str], bool | None] = bool
    at_gate: bool = False


def about_care(text: str) -> bool:
    """Whether a text speaks of a patient or of medical care."""
    encoded = text.encode("utf-8", "replace")
    return any(re2.search(pattern.encode(), encoded) is not None for pattern in _CONTEXTS["care"])


def labelled(
    kind: str,
    label: str,
    value: str,
    *,
    between: str = "",
    context: Context = "none",
    check: Callable[[str], bool | None] = bool,
    first: str = "",
) -> Detector:
    """A detector of values that stand after a label (RE2, any case), as in ``MRN: 1``, ``"mrn": "1"``, ``MRN is 1``.

    ``between`` are words that may stand between the label and the value, ``value`` a pattern with a group ``v``,
    ``first`` (RE2) what the value begins with, where that makes the gate rarer.
    """
    pattern = rf"(?i:(?:{label}){between}){_SEPARATOR}{value}"
    gate = rf"(?i:{label}){_GATED_SEPARATOR}{first}" if first else f"(?i){label}"
    return Detector(kind, gate, pattern, context, False, check, True)


def found_by(detectors: tuple[Detector, ...], text: str, strict: bool) -> Found:
    """What the detectors find in a text, in order, without overlap: the sure before the others, then the longer.

    Never raises; takes time linear in the text. Placeholders of this project hold nothing.
    """
    found = gathered([_checked(detectors, text, strict)])
    return Found(outside_placeholders(found, text), cut=found.cut) if found else found


def _checked(detectors: tuple[Detector, ...], text: str, strict: bool) -> Iterator[Identifier]:
    for detector, match in matches(detectors, text, strict):
        sure = detector.check(match["v"])
        if sure is not None:
            yield Identifier(*match.span("v"), detector.kind, normalised(match["v"]), sure)


def matches(detectors: tuple[Detector, ...], text: str, strict: bool) -> Iterator[tuple[Detector, re.Match[str]]]:
    """Each match of a pattern whose gate and whose context are in the text, values not checked yet.

    Raises TooManyError where gates match at more places than are looked at.
    """
    there = _screen(detectors, strict).names_in(text)
    if not there:
        return
    asked = [one for one in detectors if one.gate in there and _is_asked(one, there, strict)]
    if asked:
        raw = text.encode("utf-8", "replace")
        for detector, match in at_most(_tried(asked, text, raw)):
            if match is not None:
                yield detector, match


def _tried(asked: Iterable[Detector], text: str, raw: bytes) -> Iterator[tuple[Detector, re.Match[str] | None]]:
    """Each place at which a pattern was tried, None where it does not match."""
    for detector in asked:
        pattern = _compiled(detector.pattern)
        if detector.at_gate:
            for start in _starts(detector.gate, raw, ascii_only=len(raw) == len(text)):
                yield detector, pattern.match(text, start)
        else:
            yield from ((detector, match) for match in pattern.finditer(text))


def triggers_of(detectors: Iterable[Detector], strict: bool) -> tuple[str, ...]:
    """RE2 patterns, one of which every text matches in which something is found: the gates, or, of what is found only
    beside a patient, the words for one, which are rarer."""
    gates = (
        _PATIENT if one.context == "patient" and not strict else one.gate
        for one in detectors
        if strict or not one.strict_only
    )
    return tuple(dict.fromkeys(gates))


def normalised(value: str) -> str:
    """One spelling of a value: case folded; with digits in it without spaces, hyphens, dots and slashes."""
    return re.sub(r"[\s./,_-]+", "", value).casefold() if any(map(str.isdigit, value)) else " ".join(value.split())


def outside_placeholders(found: list[Identifier], text: str) -> list[Identifier]:
    """Those that do not begin inside a placeholder of this project."""
    if "[" not in text:
        return found
    inside = {at for match in _compiled(_PLACEHOLDER).finditer(text) for at in range(*match.span())}
    return [one for one in found if one.start not in inside]


def _is_asked(detector: Detector, there: Set[str], strict: bool) -> bool:
    return strict or (not detector.strict_only and (detector.context == "none" or detector.context in there))


def places_of(gate: str, text: str) -> Iterator[int]:
    """The code points at which a pattern of RE2 matches in a text."""
    raw = text.encode("utf-8", "replace")
    return _starts(gate, raw, ascii_only=len(raw) == len(text))


def _starts(gate: str, raw: bytes, *, ascii_only: bool) -> Iterator[int]:
    """The code points at which a gate matches."""
    byte = place = 0
    for match in _gate(gate).finditer(raw):
        start = match.start()
        place += start - byte if ascii_only else len(raw[byte:start].decode("utf-8"))
        byte = start
        yield place


@lru_cache(maxsize=8)
def _screen(detectors: tuple[Detector, ...], strict: bool) -> Screen:
    """The gates and the contexts of a search, by name."""
    gates = {one.gate: (one.gate,) for one in detectors if strict or not one.strict_only}
    return Screen(gates if strict else {**gates, **_CONTEXTS})


@lru_cache(maxsize=256)
def _gate(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
