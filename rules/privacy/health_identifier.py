"""PII902: protected health information, as HIPAA's Safe Harbor lists it. Contact details and national numbers are
PII901's, names of persons PII903's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from audit.identifiers.detection import about_care
from audit.identifiers.finding import Identifier
from audit.identifiers.health import OF_OTHERS, SAFE_HARBOR, STRICT_TRIGGERS, TRIGGERS, find_health
from audit.identifiers.placeholders import masked, placeholder
from audit.model import Applicability, Fix, Message, PointerEdit, Record, Severity
from audit.rule import Batch, Hit, RecordRule, Run, Span, TextRule
from audit.rules.privacy.masking import MASKS, masking
from audit.rules.privacy.too_many import too_many

_IMAGE: Final = ("an image", "Safe Harbor asks for no full-face photograph", "Q")
_RECORDING: Final = ("a recording", "Safe Harbor asks for no voice print", "P")
_PARTS: Final = {
    **dict.fromkeys(("image_url", "image", "input_image", "video", "video_url", "input_video"), _IMAGE),
    **dict.fromkeys(("input_audio", "audio", "audio_url"), _RECORDING),
}
"""Parts of a message into which nothing looks: what they are, and what Safe Harbor says of them, with its paragraph."""
_SPELT: Final = {
    "npi": "NPI",
    "dea number": "DEA number",
    "url": "web address",
    "ssn": "Social Security number",
    "ip address": "IP address",
    "email": "e-mail address",
    "card": "payment card number",
    "phone": "telephone number",
    "person name": "name of a person",
}
_EVERYDAY: Final = frozenset({"birth_date", "death_date", "license_plate", "vehicle_identification_number"})
"""Kinds that forms of every trade ask for: health information only beside a patient or words of care."""


class HealthIdentifier(TextRule, RecordRule, frozen=True):
    """A text holds an identifier of a patient: record, plan, licence or device number, date, address, print or picture.

    What a model is trained on it can repeat. Safe Harbor (45 CFR 164.514(b)(2)(i)) calls health data de-identified only
    when eighteen kinds of identifiers are gone; this rule looks for the kinds that are no contact details (PII901) and
    no names (PII903). By default it looks for values with a label (``MRN``, ``DOB``, ``Policy No``, ``VIN``) and for
    dates, ages over 89, towns, addresses and ZIP codes only beside a patient; nothing is said of a date in a history
    book, and a birth date or a plate in a text that has nothing to do with care is information. ``strict`` (set by the policy ``hipaa``, which makes it an error) takes every date but a year, every address,
    ZIP code and link, images and recordings, into which nobody looks, and what stands in fields of the row (but in messages and tools) by their names. Texts are read in
    English, German, French and Spanish; a date or a town without such words is not found unless ``strict``.

    Bad:
        {"messages": [{"role": "user", "content": "Summarise: the patient, MRN 00482913, was admitted on 3 March 2021."}, {"role": "assistant", "content": "Admitted with chest pain."}]}
        {"messages": [{"role": "user", "content": "Which device is it?"}, {"role": "assistant", "content": "A pacemaker, serial number PJN482913."}]}
    Good:
        {"messages": [{"role": "user", "content": "When was insulin first given to a patient?"}, {"role": "assistant", "content": "On 11 January 1922; he was 14 years old."}]}
    Do: mask it (`audit fix --unsafe-fixes` writes typed placeholders), or drop the row; set AUDIT_MASK_KEY before data is passed on.
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
        """When strict: one hit per image and recording, and per field of the row whose name makes its value an
        identifier, of whichever of the eighteen kinds."""
        if not self.strict:
            return
        for message in record.turns:
            for place, part in enumerate(message.content if isinstance(message.content, list) else ()):
                named = part.get("type") if isinstance(part, dict) else None
                if isinstance(named, str) and named in _PARTS:
                    what, asked, paragraph = _PARTS[named]
                    yield self.hit(
                        f"{what}, into which nothing looks; {asked}",
                        f"{message.content_at}/{place}",
                        severity=Severity.WARNING,
                        evidence={"kind": what.split()[1], "safe_harbor": paragraph},
                    )
        from audit.identifiers.fields import named_values

        for at, value, kind in named_values(record.data):
            paragraph = {**SAFE_HARBOR, **OF_OTHERS}[kind]
            yield self.hit(
                f"the field makes its value {_a(kind)} (Safe Harbor, {paragraph})",
                at,
                severity=Severity.ERROR,
                evidence={"kind": kind, "count": 1, "safe_harbor": paragraph},
                fix=Fix(Applicability.UNSAFE, MASKS, (PointerEdit("replace", at, placeholder(kind, value)),)),
            )


def span_of(text: str, kind: str, found: Sequence[Identifier], paragraph: str, severity: Severity) -> Span:
    """One span at the first of the identifiers of one kind, with the fix that masks all of them."""
    first = found[0]
    length = first.end - first.start
    what = _a(kind) if len(found) == 1 else f"{len(found):,} {_several(kind)}, the first"
    return Span(
        start=first.start,
        end=first.end,
        message=f"{what} of {length} characters (Safe Harbor, {paragraph}); asked for none",
        severity=severity,
        evidence={"kind": kind, "count": len(found), "sure": any(one.sure for one in found), "safe_harbor": paragraph},
        fix=masking(text, lambda text: masked(text, found)),
        key=kind,
    )


def _several(kind: str) -> str:
    words = kind.replace("_", " ")
    words = {"age over 89": "ages over 89", "fax": "fax numbers"}.get(words) or _SPELT.get(words, words)
    return (
        words if words.endswith("s") and not words.endswith("ss") else words + ("es" if words.endswith("ss") else "s")
    )


def _a(kind: str) -> str:
    words = kind.replace("_", " ")
    words = _SPELT.get(words, words)
    return f"{'an' if words[0] in 'aeiouNI' else 'a'} {words}"
