"""PII901: what identifies a person by itself, as a telephone number does. Dates, places and other traits of a patient
are PII902's, secrets SEC911's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from audit.errors import RuleError, did_you_mean
from audit.identifiers.personal_triggers import TRIGGERS
from audit.model import Applicability, Fix, Json, Message, Severity
from audit.rule import Run, Span, TextRule

if TYPE_CHECKING:
    from audit.identifiers.finding import Found, Identifier

NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "bic": ("a code of a bank", "codes of banks"),
    "card": ("a payment card number", "payment card numbers"),
    "company_id": ("a company number", "company numbers"),
    "crypto_address": ("a wallet address", "wallet addresses"),
    "email": ("an e-mail address", "e-mail addresses"),
    "health_number": ("a health service number", "health service numbers"),
    "iban": ("a bank account number (IBAN)", "bank account numbers (IBAN)"),
    "ip_address": ("a public IP address", "public IP addresses"),
    "mac_address": ("a MAC address", "MAC addresses"),
    "national_id": ("a national identity number", "national identity numbers"),
    "passport": ("a passport number", "passport numbers"),
    "phone": ("a telephone number", "telephone numbers"),
    "ssn": ("a Social Security number", "Social Security numbers"),
    "tax_id": ("a tax number", "tax numbers"),
}
"""Kind -> what messages call one and several."""
_GRADES: Final = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class PersonalIdentifier(TextRule, frozen=True):
    """A text holds an e-mail address, telephone number, account, card or identity number.

    A model can repeat what it was trained on word for word, to anybody. Numbers are checked (Luhn, ISO 7064, the check
    digits and dates of some forty countries, libphonenumber); where hardly a doubt is left it is an error. Mailboxes of
    a role, numbers of companies, IP addresses and what only has the form are warnings, and so is a number reserved for
    examples that is given for somebody's own; other such numbers are infos, ``user@domain.com`` is nothing. ``kinds``
    narrows it down; ``allow`` names kinds, values (as they are written or normalised), and e-mail domains
    (``@firm.com``) that may stay. ``strict`` (set by the policy ``hipaa``) takes IP addresses and what has the form of a
    North American telephone number without a word beside it.

    The fix masks all of the kind but infos, the same value with the same placeholder; a row with 1,000 identifiers or
    more in one text is dropped instead. Set ``AUDIT_MASK_KEY`` to a secret before
    data leaves the house; without it, whoever tries all numbers can tell which ones were masked.

    Bad:
        {"messages": [{"role": "user", "content": "I am Ana, ana.pires@gmail.com, call me on +351 912 345 987."}, {"role": "assistant", "content": "Thank you, Ana."}]}
        {"messages": [{"role": "user", "content": "Please pay to DE44 5001 0517 5407 3249 31."}, {"role": "assistant", "content": "Paid."}]}
    Good:
        {"messages": [{"role": "user", "content": "I am [NAME], [EMAIL_3F9A], order 1234567890 of 2024-10-12."}, {"role": "assistant", "content": "Write to user@domain.com or dial 911."}]}
    Do: mask it (`audit fix --unsafe-fixes`), or drop the row; ask why it is in the data.
    """  # noqa: E501

    code: ClassVar[str] = "PII901"
    name: ClassVar[str] = "personal-identifier"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    everywhere: ClassVar[bool] = True

    allow: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    strict: bool = False

    def __post_init__(self) -> None:
        """Raises RuleError for a kind that there is not, and for what is no text."""
        for option, values in (("kinds", self.kinds), ("allow", self.allow)):
            for value in values:
                if not isinstance(value, str):
                    raise RuleError(f"option {option!r} of rule PII901 must hold texts, not {value!r}")
        for kind in self.kinds:
            if kind not in NAMES:
                raise RuleError(f"rule PII901 knows no kind {kind!r}", hint=did_you_mean(kind, NAMES))

    def triggers(self, run: Run) -> Sequence[str]:
        """Addresses, seven digits with separators, and the forms of numbers with letters."""
        return TRIGGERS

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text and kind, at the surest of the kind; one in all where there are too many."""
        found = self._found(text)
        if found.cut:
            from audit.rules.privacy.too_many import too_many

            yield too_many(found, _GRADES[max((1, *map(_grade, found)))])
            return
        by_kind: dict[str, list[Identifier]] = {}
        for one in found:
            by_kind.setdefault(one.kind, []).append(one)
        for kind, ones in by_kind.items():
            yield self._span(text, kind, ones)

    def _found(self, text: str) -> Found:
        from audit.identifiers.finding import Found
        from audit.identifiers.personal import find_personal

        found = find_personal(text, self.strict)
        return Found((one for one in found if self._wanted(one, text)), cut=found.cut) if found else found

    def _wanted(self, one: Identifier, text: str) -> bool:
        if self.kinds and one.kind not in self.kinds:
            return False
        if self.allow and {one.kind, one.value, text[one.start : one.end]} & set(self.allow):
            return False
        domain = one.value.rpartition("@")[2]
        return one.kind != "email" or not {domain, f"@{domain}"} & {allowed.lower() for allowed in self.allow}

    def _span(self, text: str, kind: str, ones: Sequence[Identifier]) -> Span:
        first = max(ones, key=_grade)
        return Span(
            start=first.start,
            end=first.end,
            message=_message(text, first, ones),
            severity=_GRADES[_grade(first)],
            evidence=_evidence(kind, ones),
            fix=self._fix(text, kind) if _grade(first) else None,
            key=kind,
        )

    def _fix(self, text: str, kind: str) -> Callable[[str], Fix]:
        """The fix that leaves nothing of a kind but specimens of nobody."""
        from audit.identifiers.placeholders import masked_all
        from audit.rules.privacy.masking import masking

        def of_kind(text: str) -> list[Identifier]:
            return [one for one in self._found(text) if one.kind == kind and _grade(one)]

        return masking(text, lambda text: masked_all(text, of_kind), f"mask {NAMES[kind][1]}")


def _grade(one: Identifier) -> int:
    """The place in ``_GRADES``: a specimen counts one less."""
    return 1 + one.sure - one.specimen


def _message(text: str, first: Identifier, ones: Sequence[Identifier]) -> str:
    """What was seen, without telling it: how long the first is, and its last two characters."""
    one, several = NAMES[first.kind]
    distinct = len({each.value for each in ones})
    what = one if distinct == 1 else f"{distinct} different {several}"
    if first.specimen:
        what += " reserved for examples or tests" if distinct == 1 else ", the surest of them reserved for examples"
    elif not first.sure:
        what = f"what may be {what}"
    shown = f"{first.end - first.start} characters, ending in {_ending(text, first)}"
    return f"the text holds {what} ({shown}); a model can repeat it to anybody"


def _ending(text: str, one: Identifier) -> str:
    return repr(text[one.end - 2 : one.end])


def _evidence(kind: str, ones: Sequence[Identifier]) -> dict[str, Json]:
    countries: list[Json] = [*sorted({one.country for one in ones if one.country})]
    return {
        "kind": kind,
        "count": len(ones),
        "distinct": len({one.value for one in ones}),
        "sure": sum(one.sure and not one.specimen for one in ones),
        "specimens": sum(one.specimen for one in ones),
        "countries": countries,
    }
