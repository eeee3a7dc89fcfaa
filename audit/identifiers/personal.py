"""All that identifies a person by itself: contact, accounts, numbers of persons. Health records and secrets are found
in ``health`` and ``secrets``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final

from audit.identifiers import national, phone_numbers
from audit.identifiers.accounts import find_bics, find_cards, find_ibans, find_wallets
from audit.identifiers.email_addresses import find_emails, find_written_out
from audit.identifiers.finding import Found, Identifier, gathered, plain
from audit.identifiers.network_addresses import find_network
from audit.identifiers.personal_triggers import SCREENED
from audit.read.screening import Screen

_FINDERS: Final[Mapping[str, Callable[[str], Iterable[Identifier]]]] = {
    "email": find_emails,
    "written out": find_written_out,
    "card": find_cards,
    "iban": find_ibans,
    "bic": find_bics,
    "wallet": find_wallets,
}

_INVISIBLE: Final = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
"""What may stand unseen inside of an address or a number."""


def find_personal(text: str, strict: bool = False) -> Found:
    """What identifies a person, in order and without overlap; linear in the length of any text, and ``cut`` where there
    is too much.

    ``kind`` is ``email``, ``phone``, ``ip_address``, ``mac_address``, ``iban``, ``card``, ``bic``, ``crypto_address``,
    ``ssn``, ``tax_id``, ``health_number``, ``national_id``, ``company_id`` or ``passport``. ``strict`` asks for no word
    beside a short IP address and what has the form of a North American telephone number.
    """
    read = plain(text)
    names = _screen().names_in(read)
    if names.isdisjoint(SCREENED):
        return Found()
    if "split" in names:
        return _between_invisible(text, strict)
    finders = [_FINDERS[name](read) for name in SCREENED if name in names and name in _FINDERS]
    if "network" in names:
        finders.append(find_network(read, strict))
    if "digits" in names and (strict or not names.isdisjoint(phone_numbers.SCREENED)):
        finders.append(phone_numbers.find_phones(read, names, strict))
    if ("digits" in names or "letters and digits" in names) and not names.isdisjoint(national.SCREENED):
        finders.append(national.find_national(read, names))
    return gathered(finders)


def _between_invisible(text: str, strict: bool) -> Found:
    """What is found when the invisible characters are taken out, in the places of the text with them."""
    kept = [place for place, sign in enumerate(text) if sign not in _INVISIBLE]
    found = find_personal("".join(map(text.__getitem__, kept)), strict)
    return Found((one._replace(start=kept[one.start], end=kept[one.end - 1] + 1) for one in found), cut=found.cut)


@cache
def _screen() -> Screen:
    return Screen({**SCREENED, **phone_numbers.SCREENED, **national.SCREENED})
