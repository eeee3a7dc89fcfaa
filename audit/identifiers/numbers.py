"""Numbers of accounts and cards: IBAN, payment cards, addresses of digital currencies, BIC. Judges a value, finds
nothing in a text; numbers of persons are in ``national_numbers``."""

from __future__ import annotations

import hashlib
from typing import Final

from audit.identifiers.checksums import ALPHANUMERIC, luhn, mod_97_10

IBAN_LENGTHS: Final[dict[str, int]] = {
    country: int(length)
    for length, countries in (
        line.split(":")
        for line in (
            "15:NO",
            "16:BE",
            "18:DK FI FO GL NL SD FK",
            "19:MK SI",
            "20:AT BA EE KZ LT LU XK MN",
            "21:CH HR LI LV",
            "22:BG BH CR DE GB GE IE ME RS VA",
            "23:AE GI IL IQ OM SO TL",
            "24:AD CZ ES MD PK RO SA SE SK TN VG",
            "25:LY PT ST",
            "26:IS TR",
            "27:BI DJ FR GR IT MC MR SM",
            "28:AL AZ BY CY DO GT HN HU LB NI PL SV",
            "29:BR EG PS QA UA",
            "30:JO KW MU YE",
            "31:MT SC",
            "32:LC",
            "33:RU",
        )
    )
    for country in countries.split()
}
"""Country -> length, of the SWIFT IBAN Registry, release 99 (ISO 13616)."""
SPECIMEN_IBANS: Final = frozenset(
    {
        "AT611904300234573201",
        "BE68539007547034",
        "BE71096123456769",
        "CH9300762011623852957",
        "DE75512108001245126199",
        "DE89370400440532013000",
        "DE91100000000123456789",
        "DK5000400440116243",
        "ES9121000418450200051332",
        "ES7921000813610123456789",
        "FI2112345600000785",
        "FR1420041010050500013M02606",
        "FR7630006000011234567890189",
        "GB29NWBK60161331926819",
        "GB33BUKB20201555555555",
        "GB82WEST12345698765432",
        "IE29AIBK93115212345678",
        "IT60X0542811101000000123456",
        "LU280019400644750000",
        "NL91ABNA0417164300",
        "NO9386011117947",
        "PL61109010140000071219812874",
        "PT50000201231234567890154",
        "SE4550000000058398257466",
        "TR330006100519786457841326",
    }
)
"""The examples of the registry and of the European standard, which manuals copy."""
_ISSUERS: Final = (
    ("visa", (13, 16, 19), (("4", "4"),)),
    ("mastercard", (16,), (("51", "55"), ("2221", "2720"))),
    ("american express", (15,), (("34", "34"), ("37", "37"))),
    ("discover", (16, 19), (("6011", "6011"), ("644", "649"), ("65", "65"))),
    ("diners club", (14, 16, 19), (("300", "305"), ("36", "36"), ("38", "39"))),
    ("jcb", (16, 17, 18, 19), (("3528", "3589"),)),
    ("unionpay", (16, 17, 18, 19), (("62", "62"), ("81", "81"))),
    (
        "maestro",
        (13, 15, 16, 18, 19),
        (("5018", "5018"), ("5020", "5020"), ("5038", "5038"), ("6304", "6304"), ("6759", "6763")),
    ),
    ("mir", (16, 17, 18, 19), (("2200", "2204"),)),
    ("rupay", (16,), (("60", "60"), ("82", "82"), ("508", "508"))),
    ("elo", (16,), (("4011", "4011"), ("438935", "438935"), ("5067", "5067"), ("6363", "6363"))),
    ("verve", (16, 18, 19), (("506099", "506198"), ("650002", "650027"))),
)
"""Network -> lengths and ranges of first digits (ISO/IEC 7812-1; the networks' published ranges)."""
SPECIMEN_CARDS: Final = frozenset(
    {
        "378282246310005",
        "371449635398431",
        "378734493671000",
        "30569309025904",
        "38520000023237",
        "36227206271667",
        "3056930009020004",
        "6011111111111117",
        "6011000990139424",
        "6011000400000000",
        "3530111333300000",
        "3566002020360505",
        "5555555555554444",
        "5105105105105100",
        "5200828282828210",
        "5454545454545454",
        "5431111111111111",
        "2223003122003222",
        "2223000048400011",
        "4111111111111111",
        "4012888888881881",
        "4222222222222",
        "4242424242424242",
        "4000056655665556",
        "4000000000000002",
        "4000000000009995",
        "4000000000000077",
        "4532015112830366",
        "4539578763621486",
        "4716461583322103",
        "4485275742308327",
        "4917610000000000",
        "6200000000000005",
        "6759649826438453",
        "6304000000000000",
    }
)
"""Test numbers of the card networks and payment services (PayPal, Stripe, Adyen, Worldpay), and the ones that
tutorials on Luhn's formula use."""
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANTS: Final = (1, 0x2BC830A3)


def is_iban(value: str) -> bool:
    """Whether digits and capitals are an IBAN: the length of its country, and ISO 7064 MOD 97-10 over the whole."""
    if IBAN_LENGTHS.get(value[:2]) != len(value) or not value[2:4].isdigit() or not value.isalnum():
        return False
    return all(sign in ALPHANUMERIC for sign in value) and mod_97_10(value[4:] + value[:4])


def card_network(digits: str) -> str:
    """The network of a payment card whose length, range and check digit are right; "" for none."""
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2 or not luhn(digits):
        return ""
    for network, lengths, ranges in _ISSUERS:
        if len(digits) in lengths and any(low <= digits[: len(low)] <= high for low, high in ranges):
            return network
    return ""


def is_test_card(digits: str) -> bool:
    """Whether a card number is a published test number, or is plainly made up: at most two different digits, or the
    account part nothing but zeros."""
    return digits in SPECIMEN_CARDS or len(set(digits[:-1])) <= 2 or set(digits[6:-1]) == {"0"}


def is_base58_address(value: str) -> bool:
    """Whether a Bitcoin, Litecoin, Dogecoin, Dash or Tron address (25 bytes in base 58) has its four bytes of double
    SHA-256."""
    number = 0
    for sign in value:
        place = _BASE58.find(sign)
        if place < 0:
            return False
        number = number * 58 + place
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    zeros = len(value) - len(value.lstrip("1"))
    if zeros != len(raw) - len(raw.lstrip(b"\0")):
        return False
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def is_bech32_address(value: str) -> bool:
    """Whether a segregated-witness address has its checksum (BIP 173 and, for Taproot, BIP 350)."""
    lower = value.lower()
    prefix, _, data = lower.rpartition("1")
    if value not in (lower, value.upper()) or prefix not in ("bc", "ltc") or len(data) < 14:
        return False
    if any(sign not in _BECH32 for sign in data):
        return False
    values = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    check = 1
    for one in values + [_BECH32.index(sign) for sign in data]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ one
        for bit, generator in enumerate(_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check in _BECH32_CONSTANTS
