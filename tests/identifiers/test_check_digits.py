"""Check digits and numbers of persons, against python-stdnum as oracle."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn, verhoeff
from stdnum.iso7064 import mod_11_2, mod_11_10, mod_97_10

from audit.identifiers import checksums, national_numbers, numbers

DIGITS = "0123456789"


def digits(size: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=size, max_size=size)


def dated(order: str, before: int, after: int) -> st.SearchStrategy[str]:
    """Digits around a date of birth, ``order`` such as ``ymd``."""
    parts = {
        "y": st.integers(30, 99).map("{:02d}".format),
        "m": st.integers(1, 12).map("{:02d}".format),
        "d": st.integers(1, 28).map("{:02d}".format),
    }
    return st.tuples(digits(before), *(parts[one] for one in order), digits(after)).map("".join)


@given(digits(16) | digits(9) | digits(13))
def test_luhn_agrees_with_the_oracle(value: str) -> None:
    assert checksums.luhn(value) == luhn.is_valid(value)


@given(digits(12))
def test_verhoeff_agrees_with_the_oracle(value: str) -> None:
    assert checksums.verhoeff(value) == verhoeff.is_valid(value)


@given(digits(11))
def test_iso_7064_agrees_with_the_oracle(value: str) -> None:
    assert checksums.mod_11_10(value) == mod_11_10.is_valid(value)
    assert checksums.mod_11_2(value) == mod_11_2.is_valid(value)
    assert checksums.mod_97_10(value) == mod_97_10.is_valid(value)


@given(st.sampled_from(sorted(numbers.IBAN_LENGTHS)), st.data())
def test_an_account_number_of_the_oracle_is_one(country: str, data: st.DataObject) -> None:
    rest = data.draw(digits(numbers.IBAN_LENGTHS[country] - 4))
    check = 98 - int("".join(str(checksums.ALPHANUMERIC.index(sign)) for sign in f"{rest}{country}00")) % 97
    value = f"{country}{check:02d}{rest}"
    assert numbers.is_iban(value)
    assert iban.calc_check_digits(value) == f"{check:02d}"
    assert not numbers.is_iban(value[:-1] + DIGITS[int(value[-1]) - 1])
    assert not numbers.is_iban(value[:-1])


def with_letter(value: str) -> str:
    """A Finnish number of the last century with its check letter."""
    return f"{value[:6]}-{value[6:]}" + "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value) % 31]


EQUAL = {
    "argentina": ("ar.cuit", digits(11)),
    "australia_tax": ("au.tfn", digits(9)),
    "brazil_company": ("br.cnpj", digits(14)),
    "brazil_person": ("br.cpf", digits(11)),
    "bulgaria": ("bg.egn", dated("ymd", 0, 4)),
    "canada": ("ca.sin", digits(9)),
    "chile": ("cl.rut", digits(9)),
    "croatia": ("hr.oib", digits(11)),
    "estonia": ("ee.ik", dated("ymd", 0, 4).map("4".__add__)),
    "germany": ("de.idnr", digits(11)),
    "greece": ("gr.amka", dated("dmy", 0, 5)),
    "india_aadhaar": ("in_.aadhaar", digits(12)),
    "israel": ("il.idnr", digits(9)),
    "japan": ("jp.in_", digits(12)),
    "netherlands": ("nl.bsn", digits(9)),
    "poland": ("pl.pesel", dated("ymd", 0, 5)),
    "portugal": ("pt.nif", digits(9)),
    "russia_tax": ("ru.inn", digits(12)),
    "spain": ("es.dni", st.tuples(digits(8), st.sampled_from("TRWAGMYFPDXBNJZSQVHLCKE")).map("".join)),
    "sweden": ("se.personnummer", dated("ymd", 0, 4)),
    "switzerland": ("ch.ssn", digits(10).map("756".__add__)),
    "thailand": ("th.pin", digits(13)),
    "turkey": ("tr.tckimlik", digits(11)),
    "united_kingdom_health": ("gb.nhs", digits(10)),
    "united_states_social": ("us.ssn", digits(9)),
}
"""Validators that say what the oracle says."""
CLOSE = {
    "austria": ("at.vnr", dated("dmy", 4, 0), "no"),
    "belgium": ("be.nn", dated("ymd", 0, 5), "yes"),
    "czechia": ("cz.rc", dated("ymd", 0, 4), "no"),
    "finland": ("fi.hetu", dated("dmy", 0, 3).map(with_letter), "yes"),
    "france": ("fr.nir", digits(15).map("1".__add__).map(lambda value: value[:15]), "no"),
    "korea": ("kr.rrn", dated("ymd", 0, 7), "yes"),
    "norway": ("no.fodselsnummer", dated("dmy", 0, 5), "yes"),
    "romania": ("ro.cnp", dated("ymd", 0, 6).map("1".__add__), "yes"),
    "south_africa": ("za.idnr", dated("ymd", 0, 7), "yes"),
    "united_states_tax": ("us.itin", digits(8).map("9".__add__), "yes"),
}  # fmt: skip
"""Validators that are stricter ("no": what the oracle takes may be refused) or laxer ("yes") than the oracle: it does
not look at dates everywhere, and it knows numbers that are reserved or in use by now, or the day."""


def validator(name: str) -> Callable[[str], bool]:
    found: Callable[[str], bool] = getattr(national_numbers, name)
    return found


def oracle(module: str) -> Any:
    return importlib.import_module(f"stdnum.{module}")


@pytest.mark.parametrize("name", EQUAL)
@settings(max_examples=60)
@given(st.data())
def test_a_number_of_a_person_is_judged_as_the_oracle_does(name: str, data: st.DataObject) -> None:
    module, values = EQUAL[name]
    value = data.draw(values)
    assume(len(set(value[:-1])) > 1)  # ours refuses 000000000, whatever its check digit
    for last in DIGITS:
        one = value[:-1] + last if value[-1].isdigit() else value
        if one not in national_numbers.US_SPECIMENS:
            assert validator(name)(one) == oracle(module).is_valid(one), one


@pytest.mark.parametrize("name", CLOSE)
@settings(max_examples=60)
@given(st.data())
def test_a_validator_differs_from_the_oracle_in_one_direction_only(name: str, data: st.DataObject) -> None:
    module, values, laxer = CLOSE[name]
    value = data.draw(values)
    ours, theirs = validator(name)(value), oracle(module).is_valid(value)
    assert (ours or not theirs) if laxer == "yes" else (theirs or not ours), value


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("australia_medicare", "2123456701"),
        ("austria", "1237010180"),
        ("belgium", "85073003328"),
        ("china", "11010519491231002X"),
        ("czechia", "7103192745"),
        ("emirates", "784198012345678"),
        ("finland", "131052-308T"),
        ("france", "255081416802538"),
        ("hong_kong", "A1234563"),
        ("india_pan", "ABCPE1234F"),
        ("ireland", "1234567TW"),
        ("italy", "RSSMRA85T10A562S"),
        ("korea", "9710139019902"),
        ("mexico", "HEGG560427MVZRRL04"),
        ("norway", "15108695088"),
        ("romania", "1630615123457"),
        ("russia_insurance", "11223344595"),
        ("singapore", "S1234567D"),
        ("south_africa", "8001015009087"),
        ("taiwan", "A123456789"),
        ("united_states_tax", "912903456"),
    ],
)  # fmt: skip
def test_a_published_number_is_right_and_its_neighbours_are_not(name: str, right: str) -> None:
    valid = validator(name)
    assert valid(right)
    if name in ("india_pan", "united_states_tax"):
        return
    place = next(i for i in range(len(right) - 2, 0, -1) if right[i].isdigit())
    others = [right[:place] + digit + right[place + 1 :] for digit in DIGITS if digit != right[place]]
    assert sum(map(valid, others)) <= 1


@pytest.mark.parametrize(
    ("digits", "network"),
    [
        ("4111111111111111", "visa"),
        ("5425233430109903", "mastercard"),
        ("2223000048410010", "mastercard"),
        ("378282246310005", "american express"),
        ("30569309025904", "diners club"),
        ("3530111333300000", "jcb"),
        ("6240008631401148", "unionpay"),
        ("4111111111111112", ""),
        ("0000000000000000", ""),
        ("9111111111111111", ""),
    ],
)
def test_a_card_is_of_the_network_of_its_first_digits(digits: str, network: str) -> None:
    assert numbers.card_network(digits) == network


@pytest.mark.parametrize(
    "address",
    ["bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
     "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"],
)  # fmt: skip
def test_a_witness_address_of_the_standard_is_right_until_a_letter_changes(address: str) -> None:
    assert numbers.is_bech32_address(address)
    assert not numbers.is_bech32_address(address[:-1] + ("q" if address[-1] != "q" else "p"))


def test_an_address_of_base_58_is_right_until_a_letter_changes() -> None:
    assert numbers.is_base58_address("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2")
    assert not numbers.is_base58_address("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3")
    assert not numbers.is_base58_address("0OIl")
