"""What the name of a field says that its value is: the kinds of Safe Harbor, for values that no text rule knows by
themselves, such as a number or a rare name. Walks a row; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from audit.identifiers.health import find_health
from audit.identifiers.names import find_names
from audit.identifiers.personal import find_personal
from audit.model import Json
from audit.read.spans import escape
from audit.read.strings import DECLARATIONS

_SAID: Final = frozenset({"messages", "conversations", *DECLARATIONS})
"""Keys of a row whose own keys are those of a format."""
_LONGEST: Final = 200
"""Characters of a value that are looked at with its name: an identifier is short."""
_LARGEST: Final = 10**24
"""Numbers above identify nobody, and take long to write out."""
_WHOSE: Final = (
    "patient|full|first|last|given|family|sur|middle|maiden|legal|preferred|member|subscriber|insured|guarantor|guardian"
    "|physician|provider|doctor|surgeon|nurse|mother|father|spouse|contact"
)
_PLACEHOLDER: Final = re.compile(r"\s*[\[<{(].*[\])}>]\s*|\W*")


class _Named(NamedTuple):
    kind: str
    name: re.Pattern[str]
    value: re.Pattern[str]


def _named(kind: str, name: str, value: str) -> _Named:
    return _Named(kind, re.compile(name), re.compile(value))


_DIGITS: Final = r"(?:[^0-9]*[0-9]){4}"
_NAMED: Final = (
    _named("person_name", rf"(?:\w+_)?(?:{_WHOSE})_?name|patient|surname", r".*[^\W\d_]"),
    _named(
        "phone",
        r"(?:\w+_)?(?:tele)?phone(?:_(?:no|num|number))?|(?:mobile|cell|tel|telefon|handy)(?:_number)?",
        _DIGITS,
    ),
    _named("fax", r"(?:\w+_)?fax(?:_(?:no|number))?", _DIGITS),
    _named("email", r"(?:\w+_)?e_?mail(?:_address)?", r".*@"),
    _named("ssn", r"(?:\w+_)?ssn(?:_last_?4)?|social_security(?:_(?:no|number))?", _DIGITS),
    _named("ip_address", r"(?:\w+_)?ip(?:_?addr(?:ess)?)?", r".*[0-9A-Fa-f][.:][0-9A-Fa-f:]"),
    _named("card", r"(?:credit_|debit_)?card(?:_(?:no|number))?", _DIGITS),
    _named("account_number", r"iban|(?:bank_)?account(?:_(?:no|id|number))?", _DIGITS),
    _named("street_address", r"(?:\w+_)?(?:address|street)(?:_?line)?_?[0-9]?", r".*[^\W\d_]"),
    _named("place", r"city|town|county|suburb|village", r".*[^\W\d_]"),
    _named("zip_code", r"zip(?:_?code)?|post(?:al)?_?code|plz", r".*[0-9]"),
)
"""Names of fields (snake case) and what their values then have in them."""


def named_values(row: Json) -> Iterator[tuple[str, str, str]]:
    """(JSON Pointer, value as text, kind) of every string and number of a row, but in its messages and tools, that the
    name of its field makes an identifier and that the rules on texts do not know for one by itself."""
    waiting: list[tuple[str, str, str, Json]] = []
    if isinstance(row, dict):
        top = [(f"/{escape(key)}", "", key, below) for key, below in row.items() if key not in _SAID]
        waiting.extend(reversed(top))
    while waiting:
        at, parent, name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{at}/{escape(key)}", name, key, below) for key, below in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{at}/{index}", parent, name, value[index]) for index in range(len(value) - 1, -1, -1))
        elif _is_short(value):
            shown = str(value)[:_LONGEST]
            kind = _kind(name, shown) or (_kind(f"{parent}_{name}", shown) if parent else "")
            if kind and not (isinstance(value, str) and _is_known(shown)):
                yield at, shown, kind


def _kind(name: str, value: str) -> str:
    """What the name of a field makes of its value; "" for nothing."""
    if _PLACEHOLDER.fullmatch(value):
        return ""
    found = [one for one in find_health(f"{name}: {value}", strict=True) if one.start > len(name)]
    if found:
        return found[0].kind
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[ .-]", "_", name).lower()
    return next((one.kind for one in _NAMED if one.name.fullmatch(plain) and one.value.match(value)), "")


def _is_known(value: str) -> bool:
    """Whether a rule on texts reports the value: something of a patient in it, or all of it."""
    others = (*find_personal(value, strict=True), *find_names(value, strict=True))
    whole = any(one.end - one.start == len(value.strip()) and not one.specimen for one in others)
    return whole or bool(find_health(value, strict=True))


def _is_short(value: Json) -> bool:
    """Whether a value of a field may identify somebody: a string or a number."""
    return isinstance(value, str) or (type(value) in (int, float) and abs(value) < _LARGEST)
