"""All that identifies a person by itself: contact, accounts, numbers of persons. Health records and secrets are found
in ``health`` and ``secrets``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from audit.identifiers.accounts import find_bics, find_cards, find_ibans, find_wallets
from audit.identifiers.email_addresses import find_emails, find_written_out
from audit.identifiers.finding import Identifier, plain, without_overlaps
from audit.identifiers.national import find_national
from audit.identifiers.network_addresses import find_network
from audit.identifiers.personal_triggers import SCREENED
from audit.identifiers.phone_numbers import find_phones
from audit.identifiers.screening import Screen

_FINDERS: Final[Mapping[str, tuple[Callable[[str], Iterator[Identifier]], ...]]] = {
    "email": (find_emails,),
    "written out": (find_written_out,),
    "digits": (find_phones, find_national),
    "card": (find_cards,),
    "network": (find_network,),
    "iban": (find_ibans,),
    "bic": (find_bics,),
    "wallet": (find_wallets,),
    "letters and digits": (find_national,),
}


def find_personal(text: str) -> list[Identifier]:
    """What identifies a person, in order and without overlap; linear in the length of any text.

    ``kind`` is ``email``, ``phone``, ``ip_address``, ``mac_address``, ``iban``, ``card``, ``bic``, ``crypto_address``,
    ``ssn``, ``tax_id``, ``health_number``, ``national_id``, ``company_id`` or ``passport``.
    """
    names = _screen().names_in(text)
    if not names:
        return []
    read = plain(text)
    finders = dict.fromkeys(finder for name in SCREENED if name in names for finder in _FINDERS[name])
    return without_overlaps(one for finder in finders for one in finder(read))


@cache
def _screen() -> Screen:
    return Screen(SCREENED)
