"""Finds accounts and cards: IBAN, payment cards, BIC, addresses of digital currencies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import re2

from audit.identifiers.finding import Identifier, any_of, around, at_most
from audit.identifiers.numbers import (
    IBAN_LENGTHS,
    SPECIMEN_IBANS,
    card_network,
    is_base58_address,
    is_bech32_address,
    is_iban,
    is_test_card,
)

_IBAN: Final = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_CARD: Final = re.compile(
    r"(?<![A-Za-z0-9_])(?<![0-9][.,/-])(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}(?:\1[0-9]{1,3})?"
    r"|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5}|[0-9]{13,19})(?![A-Za-z0-9_])(?![.,][0-9])"
)
_CARD_WORDS: Final = any_of(
    "(?:credit|debit|bank|payment|gift)? ?cards?(?: (?:no|number|nr))?", "visa", "master ?card", "amex",
    "american express", "discover", "cvv2?", "cvc2?", "exp(?:ir(?:y|es|ation))?(?: date)?", "kredit\\w*",
    "karten?(?:nummer)?", "carte(?: bancaire)?", "tarjeta", "cart[ãa]o", "carta", "kaart", "kart[aıu]?\\w*", "PAN",
    "карт\\w*",
    "信用卡", "银行卡", "銀行卡", "卡号", "卡號", "カード", "카드", "بطاقة", "कार्ड", "บัตร",
)  # fmt: skip
_BIC: Final = re.compile(r"(?<![A-Za-z0-9_])[A-Z]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9_])")
_MAYBE_BIC: Final = re2.compile(rb"[A-Z]{6}[A-Z0-9]{2}")
_BIC_WORDS: Final = any_of("BIC", "SWIFT", "[Ss]wift [Cc]ode", "BIC/SWIFT", flags=0)
_BASE58: Final = re.compile(r"(?<![A-Za-z0-9_])[13LMDXT][1-9A-HJ-NP-Za-km-z]{25,34}(?![A-Za-z0-9_])")
_BECH32: Final = re.compile(r"(?<![A-Za-z0-9_])(?:bc1|ltc1|BC1|LTC1)[0-9A-Za-z]{14,87}(?![A-Za-z0-9_])")
_ETHEREUM: Final = re.compile(r"(?<![A-Za-z0-9_])0x[0-9A-Fa-f]{40}(?![A-Za-z0-9_])")
_WALLET: Final = any_of("eth(?:er(?:eum)?)?", "wallet", "erc-?20", "metamask", "usdt", "send (?:me|us|to)")
_SPECIMEN_ADDRESSES: Final = frozenset({"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"})
_OTHERS: Final = "US CA AU NZ JP CN HK SG IN KR TW TH MY ID PH VN ZA NG KE MX AR"
_LONGEST_ALONE: Final = 40
_COUNTRIES: Final = frozenset((*IBAN_LENGTHS, *_OTHERS.split()))


def find_ibans(text: str) -> Iterator[Identifier]:
    """Account numbers whose length and check digits are right: always sure, but for the examples of the registry."""
    for match in at_most(_IBAN.finditer(text)):
        length = IBAN_LENGTHS.get(match[0][:2].upper(), 0)
        end = _after(match[0], length)
        value = re.sub("[ -]", "", match[0][:end]).upper()
        after = match.start() + end
        if end and is_iban(value) and not (text[after : after + 1].isalnum() and text[after : after + 1].isascii()):
            specimen = value in SPECIMEN_IBANS
            yield Identifier(match.start(), after, "iban", value, not specimen, value[:2], specimen)


def find_cards(text: str) -> Iterator[Identifier]:
    """Numbers of payment cards: of a network, with Luhn's check digit. Sure beside a word for a card; a bare run of
    digits needs one, or to be all that the text says, since one number in ten has the check digit. Test numbers are
    specimens."""
    whole = text.strip(" .\n") if len(text) <= _LONGEST_ALONE else ""
    for match in at_most(_CARD.finditer(text)):
        digits = re.sub("[ -]", "", match[0])
        if not card_network(digits):
            continue
        named = _CARD_WORDS.search(around(text, *match.span())) is not None
        specimen = is_test_card(digits)
        if named or len(match[0]) > len(digits) or specimen or match[0] == whole:
            yield Identifier(*match.span(), "card", digits, named, specimen=specimen)


def find_bics(text: str) -> Iterator[Identifier]:
    """Codes of banks (ISO 9362) beside the word BIC or SWIFT; never sure to identify anybody."""
    if _MAYBE_BIC.search(text.encode("utf-8", "replace")) is None:
        return
    for match in at_most(_BIC.finditer(text)):
        if match[1] in _COUNTRIES and _BIC_WORDS.search(around(text, *match.span(), 25)):
            yield Identifier(*match.span(), "bic", match[0], False, match[1])


def find_wallets(text: str) -> Iterator[Identifier]:
    """Addresses of Bitcoin and its relatives, by their checksums; of Ethereum beside a word, never sure."""
    for form, valid in ((_BASE58, is_base58_address), (_BECH32, is_bech32_address)):
        for match in at_most(form.finditer(text)):
            if valid(match[0]):
                specimen = match[0] in _SPECIMEN_ADDRESSES
                yield Identifier(*match.span(), "crypto_address", match[0], not specimen, specimen=specimen)
    for match in at_most(_ETHEREUM.finditer(text)):
        if len(set(match[0][2:].lower())) > 4 and _WALLET.search(around(text, *match.span())):
            yield Identifier(*match.span(), "crypto_address", match[0].lower(), False)


def _after(written: str, length: int) -> int:
    """Where, in a run with separators, so many letters and digits end; 0 where there are fewer."""
    count = 0
    for place, sign in enumerate(written):
        count += sign not in " -"
        if count == length:
            return place + 1
    return 0
