"""PII902: protected health information, as HIPAA's Safe Harbor lists it. Contact details and national numbers are
PII901's, names of persons PII903's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Final

from audit.identifiers.detection import about_care
from audit.identifiers.finding import Identifier
from audit.identifiers.health import SAFE_HARBOR, STRICT_TRIGGERS, TRIGGERS, find_health
from audit.identifiers.placeholders import masked, placeholder
from audit.model import Applicability, Fix, Json, Message, PointerEdit, Record, Severity
from audit.read.spans import escape
from audit.rule import Batch, Hit, RecordRule, Run, Span, TextRule
from audit.rules.privacy.too_many import too_many

_IMAGE_PARTS: Final = frozenset({"image_url", "image", "input_image"})
_EVERYDAY: Final = frozenset({"birth_date", "death_date", "license_plate", "vehicle_identification_number"})
"""Kinds that forms of every trade ask for: health information only beside a patient or words of care."""
_LONGEST_FIELD: Final = 200
"""Characters of a field that are looked at with its name: an identifier is short."""
_LARGEST: Final = 10**24
"""Numbers above identify nobody, and take long to write out."""


class HealthIdentifier(TextRule, RecordRule, frozen=True):
    """A text holds an identifier of a patient: record, plan, licence or device number, date, address, print or picture.

    What a model is trained on it can repeat. Safe Harbor (45 CFR 164.514(b)(2)(i)) calls health data de-identified only
    when eighteen kinds of identifiers are gone; this rule looks for the kinds that are no contact details (PII901) and
    no names (PII903). By default it looks for values with a label (``MRN``, ``DOB``, ``Policy No``, ``VIN``) and for
    dates, ages over 89, towns, addresses and ZIP codes only beside a patient; nothing is said of a date in a history
    book, and a birth date or a plate in a text that has nothing to do with care is information. ``strict`` (set by the policy ``hipaa``, which makes it an error) takes every date but a year, every address,
    ZIP code and link, images, which nobody can look into, and metadata by the names of its fields. Texts are read in
    English, German, French and Spanish; a date or a town without such words is not found unless ``strict``.

    Bad:
        {"messages": [{"role": "user", "content": "Summarise: the patient, MRN 00482913, was admitted on 3 March 2021."}, {"role": "assistant", "content": "Admitted with chest pain."}]}
        {"messages": [{"role": "user", "content": "Which device is it?"}, {"role": "assistant", "content": "A pacemaker, serial number PJN482913."}]}
    Good:
        {"messages": [{"role": "user", "content": "When was insulin first given to a patient?"}, {"role": "assistant", "content": "On 11 January 1922; he was 14 years old."}]}
    Do: mask it (`audit fix --unsafe` writes typed placeholders), or drop the row; set AUDIT_MASK_KEY before data is passed on.
    """  # noqa: E501

    code: ClassVar[str] = "PII902"
    name: ClassVar[str] = "health-identifier"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    everywhere: ClassVar[bool] = True

    strict: bool = False

    def triggers(self, run: Run) -> Sequence[str]:
        """The labels and verbs, with their values where these have a form of their own."""
        return STRICT_TRIGGERS if self.strict else TRIGGERS

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span for each kind of identifier in the text, at the first of them; one in all where there are too
        many."""
        by_kind: dict[str, list[Identifier]] = {}
        identifiers = find_health(text, self.strict)
        if identifiers.cut:
            yield too_many(identifiers, Severity.ERROR if self.strict else self.severity)
            return
        for found in identifiers:
            by_kind.setdefault(found.kind, []).append(found)
        for kind, found_ones in by_kind.items():
            yield span_of(text, kind, found_ones, SAFE_HARBOR[kind], self._severity(kind, text))

    def _severity(self, kind: str, text: str) -> Severity:
        if self.strict:
            return Severity.ERROR
        return Severity.INFO if kind in _EVERYDAY and not about_care(text) else self.severity

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows with metadata, whose numbers only the names of their fields tell, when strict."""
        return batch.with_metadata if self.strict else ()

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """When strict: one hit per image, and per field of the metadata whose name makes its value an identifier."""
        if not self.strict:
            return
        for message in record.turns:
            for place, part in enumerate(message.content if isinstance(message.content, list) else ()):
                if isinstance(part, dict) and part.get("type") in _IMAGE_PARTS:
                    yield self.hit(
                        "an image, into which nothing looks; Safe Harbor asks for no full-face photograph",
                        f"{message.content_at}/{place}",
                        severity=Severity.WARNING,
                        evidence={"kind": "image", "safe_harbor": "Q"},
                    )
        if isinstance(record.data, dict):
            for at, value, kind in named_values(record.data.get("metadata")):
                yield self.hit(
                    f"the field makes its value {_a(kind)} (Safe Harbor, {SAFE_HARBOR[kind]})",
                    at,
                    severity=Severity.ERROR,
                    evidence={"kind": kind, "count": 1, "safe_harbor": SAFE_HARBOR[kind]},
                    fix=_replacing(placeholder(kind, value))(at),
                )


def span_of(text: str, kind: str, found: Sequence[Identifier], paragraph: str, severity: Severity) -> Span:
    """One span at the first of the identifiers of one kind, with the fix that masks all of them."""
    first = found[0]
    length = first.end - first.start
    what = _a(kind) if len(found) == 1 else f"{len(found)} of {_a(kind)}, the first"
    return Span(
        start=first.start,
        end=first.end,
        message=f"{what} of {length} characters (Safe Harbor, {paragraph}); asked for none",
        severity=severity,
        evidence={"kind": kind, "count": len(found), "sure": any(one.sure for one in found), "safe_harbor": paragraph},
        fix=_replacing(masked(text, found)),
        key=kind,
    )


def _a(kind: str) -> str:
    words = kind.replace("_", " ")
    words = {"npi": "NPI", "dea number": "DEA number", "url": "web address"}.get(words, words)
    return f"{'an' if words[0] in 'aeiouN' else 'a'} {words}"


def _replacing(text: str) -> Callable[[str], Fix]:
    def fix(at: str) -> Fix:
        return Fix(Applicability.UNSAFE, "put placeholders in their place", (PointerEdit("replace", at, text),))

    return fix


def named_values(metadata: Json) -> Iterator[tuple[str, str, str]]:
    """(JSON Pointer, value as text, kind) of every string and number below ``metadata`` that the name of its field
    makes an identifier and that is none by itself."""
    waiting: list[tuple[str, str, Json]] = [("/metadata", "", metadata)]
    while waiting:
        at, name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{at}/{escape(key)}", key, below) for key, below in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{at}/{index}", name, value[index]) for index in range(len(value) - 1, -1, -1))
        elif name and _is_short(value):
            shown = str(value)[:_LONGEST_FIELD]
            found = [one for one in find_health(f"{name}: {shown}", strict=True) if one.start > len(name)]
            if found and not (isinstance(value, str) and find_health(shown, strict=True)):
                yield at, shown, found[0].kind


def _is_short(value: Json) -> bool:
    """Whether a value of a field may identify somebody: a string or a number."""
    return isinstance(value, str) or (type(value) in (int, float) and abs(value) < _LARGEST)
