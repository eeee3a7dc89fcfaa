"""What identifies a person is found, with its kind and how sure it is; what only looks like it is not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import from_regex

from audit.identifiers.national import SCHEMES, Scheme
from audit.identifiers.personal import find_personal
from audit.identifiers.personal_triggers import TRIGGERS
from audit.identifiers.placeholders import masked
from audit.read.screening import Screen

SURE = [
    ("write to maria.k@gmail.com.", "email", "maria.k@gmail.com"),
    ("邮箱abc.li@qq.com谢谢", "email", "abc.li@qq.com"),
    ("Пишите на иван@почта.рф сегодня", "email", "иван@почта.рф"),
    ("o'neil+news@mail.gov.uk,", "email", "o'neil+news@mail.gov.uk"),
    ("mailto:jean.dupont@orange.fr", "email", "jean.dupont@orange.fr"),
    ("bob [at] gmail [dot] com", "email", "bob@gmail.com"),
    ("Ｍｙ ａｄｄｒｅｓｓ： kim＠naver.com", "email", "kim@naver.com"),
    ("+44 20 7031 3000", "phone", "+442070313000"),
    ("my number is +1 (415) 523-8132.", "phone", "+14155238132"),
    ("+44 20 7031 3000 - 24 hours", "phone", "+442070313000"),
    ("Telefon 030 22732152 2024", "phone", "+493022732152"),
    ("tel:+49-30-22732152", "phone", "+493022732152"),
    ("Call me on 415-523-8132", "phone", "+14155238132"),
    ("Telefon: 030 22732152", "phone", "+493022732152"),
    ("Téléphone : 01 42 68 53 00", "phone", "+33142685300"),
    ("llámame al 612 345 679", "phone", "+34612345679"),
    ("电话13812345679吧", "phone", "+8613812345679"),
    ("電話は03-3224-9999です", "phone", "+81332249999"),
    ("मेरा फ़ोन ९८१०१२३४५६", "phone", "+919810123456"),
    ("هاتف ٠٥٠١٢٣٤٥٦٧", "phone", "+966501234567"),
    ("전화 02-3143-7890", "phone", "+82231437890"),
    ("телефон 8 (495) 697-03-49", "phone", "+74956970349"),
    ("ligue para o celular (11) 91234-8765", "phone", "+5511912348765"),
    ("IBAN DE44 5001 0517 5407 3249 31 is mine", "iban", "DE44500105175407324931"),
    ("naar nl02 abna 0123 4567 89 overmaken", "iban", "NL02ABNA0123456789"),
    ("credit card 5425-2334-3010-9903", "card", "5425233430109903"),
    ("信用卡5425233430109903", "card", "5425233430109903"),
    ("your IP address is 93.184.216.34", "ip_address", "93.184.216.34"),
    ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "crypto_address", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("My SSN is 212-09-9999.", "ssn", "212099999"),
    ("ssn: 212099999", "ssn", "212099999"),
    ("CPF 529.982.247-25", "national_id", "52998224725"),
    ("RSSMRA85T10A562S", "national_id", "RSSMRA85T10A562S"),
    ("身份证号11010519491231002X吧", "national_id", "11010519491231002X"),
    ("PESEL: 44051401359", "national_id", "44051401359"),
    ("Steuer-ID 86 095 742 719", "national_id", "86095742719"),
    ("sécurité sociale 2 55 08 14 168 025 38", "national_id", "255081416802538"),
    ("dni: X1234567L", "national_id", "X1234567L"),
    ("आधार 2341 2341 2346", "national_id", "234123412346"),
    ("T.C. 10000000146", "national_id", "10000000146"),
    ("HEGG560427MVZRRL04", "national_id", "HEGG560427MVZRRL04"),
    ("ID 8001015009087", "national_id", "8001015009087"),
    ("AHV 756.9217.0769.85", "national_id", "7569217076985"),
    ("снилс 112-233-445 95", "national_id", "11223344595"),
    ("ת.ז. 123456782", "national_id", "123456782"),
    ("BSN 111222333", "national_id", "111222333"),
    ("personnummer 811228-9874", "national_id", "8112289874"),
    ("マイナンバーは 1234 5678 9018", "national_id", "123456789018"),
    ("NHS number 943 476 5919", "health_number", "9434765919"),
    ("passport number: X1298567", "passport", "X1298567"),
]

UNSURE = [
    ("support@firm.com", "email"),
    ("boss@company.com", "email"),
    ("(212) 736-5000", "phone"),
    ("call now 1-800-356-9377", "phone"),
    ("212-09-9999", "ssn"),
    ("AB 12 34 57 C", "national_id"),
    ("5425-2334-3010-9903", "card"),
    ("host 93.184.216.34 down", "ip_address"),
    ("2606:2800:220:1:248:1893:25c8:1946", "ip_address"),
    ("3C:5A:B4:11:22:33", "mac_address"),
    ("BIC: DEUTDEFF500", "bic"),
]

SPECIMENS = [
    ("maria.kowalski87@example.com", "email", False),
    ("Reply to maria.kowalski87@example.com", "email", True),
    ("Call me on +1 (415) 555-0132.", "phone", True),
    ("(212) 555-0187", "phone", False),
    ("Rufen Sie an: Telefon +49 30 23125 123", "phone", True),
    ("Card 4111 1111 1111 1111, exp 09/29.", "card", True),
    ("4242 4242 4242 4242", "card", False),
    ("My SSN is 219-09-9999.", "ssn", True),
    ("078-05-1120", "ssn", False),
    ("DNI 12345678Z", "national_id", True),
    ("GB82 WEST 1234 5698 7654 32", "iban", False),
]

NOTHING = [
    "",
    "user@domain.com, you@yourdomain.com, test@test.com, name@example.com",
    "[EMAIL_3F9A] and [NATIONAL_ID_12345678], [PHONE_5551234567]",
    "git@github.com:foo/bar.git",
    "postgres://user:pw@db.firm.com/x and https://medium.com/@foo.bar",
    "npm i react@18.2.0 pkg@1.0.0-beta.next logo@2x.png",
    "@app.route and a@b",
    "def f(x): return x @ y.T",
    "She had 48/2 = <<48/2=24>>24 clips and 48+24 = <<48+24=72>>72 in all; 1,234,567,890 in total.",
    "In 1990-1995 and 2001 2002 2003 2004, on 2024-10-12 12:30:45 and 12.10.2024",
    "order 1234567890123456, id 948273645, timestamp 1700000000 and 1700000000000",
    "ISBN 978-3-16-148410-0, ISSN 0378-5955, DOI 10.1000/182",
    "see 18.3.28.80 there; version 93.184.216.34, v1.2.3.4",
    "8.8.8.8, 192.168.1.1, 127.0.0.1, 10.0.0.1, 203.0.113.5, 2001:db8::1, ::1",
    "00:11:22:33:44:55 aa:bb:cc:dd:ee:ff",
    "| 100 | 200 | 300 |\n| 4000 5000 6000 7000 |",
    "2 + 2 = 4; 5551234 - 12345678 = x; +3 -4 +5 000 000",
    "commit 3f2a9c81d7e64b5f9a0c1d2e3f4a5b6c7d8e9f00",
    "0x52908400098527886E0F7030069857D2E4169EE7 in Solidity",
    "529982247 25 is divisible; 123456782; 44051401359; 86095742719; 10000000146; 943 476 5919",
    "call f(1234567890) and phone 12",
    "π = 3.14159265358979, e = 2.718281828459045",
    "The sin of 046 454 286 degrees; a pan of 12 eggs; NIE wieder 12345678",
    "matrix [[1234, 5678], [9012, 3456]]",
    "tel 2024-10-12",
    "ref AB123457C, 20240101-1237, numero d'ordine 3401234567, 订单号码 13812345679, social security cost $212099999",
    "KR 900101-1234567, 123-45-678, 000-12-3456, 666-12-3456, 912-09-9999",
    "9876543210 1234567890 0000000000 +1 111 111 1111",
    "Tesla Model S 2023; ABCDE1234F; AB123456; X1234567",
]


@pytest.mark.parametrize(("text", "kind", "value"), SURE)
def test_a_sure_identifier_is_found_whole(text: str, kind: str, value: str) -> None:
    (found,) = find_personal(text)
    assert (found.kind, found.value, found.sure) == (kind, value, True)


@pytest.mark.parametrize(("text", "kind"), UNSURE)
def test_what_may_be_one_is_not_sure(text: str, kind: str) -> None:
    (found,) = find_personal(text)
    assert (found.kind, found.sure, found.specimen) == (kind, False, False)


@pytest.mark.parametrize(("text", "kind", "given"), SPECIMENS)
def test_a_number_reserved_for_examples_is_nobodys(text: str, kind: str, given: bool) -> None:
    (found,) = find_personal(text)
    assert (found.kind, found.specimen, found.sure) == (kind, True, given)


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert find_personal(text) == []


@pytest.mark.parametrize("text", [case[0] for case in SURE + UNSURE + SPECIMENS])
def test_every_finding_lies_in_a_text_with_a_trigger(text: str) -> None:
    assert Screen({"any": TRIGGERS}).names_in(text)


PIECES = [case[0] for case in SURE + UNSURE + SPECIMENS] + NOTHING + ["\ud800", "\n", "12", " tel ", "@", ".", "-"]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=6).map(" ".join) | st.text(max_size=60)
numerals = st.text("0123456789 +-().@aB:/x", max_size=60)


@settings(max_examples=200)
@given(texts | numerals)
def test_findings_lie_in_order_inside_of_any_text(text: str) -> None:
    at = 0
    for one in find_personal(text):
        assert at <= one.start < one.end <= len(text)
        assert one.value
        at = one.end


@settings(max_examples=150)
@given(texts)
def test_masking_twice_equals_masking_once(text: str) -> None:
    once = text
    for _ in range(8):
        once = masked(once, find_personal(once))
    assert find_personal(once) == []
    assert masked(once, find_personal(once)) == once


HOSTILE = ["1234567890", "a@", "a@a.", "12345 ", "1.", "ab:", "+1 ", "(1", "12-", "[at] a ", "tel 00 "]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_hostile_text_is_read_to_its_end(piece: str) -> None:
    assert find_personal(piece * 100_000 + " maria.k@gmail.com")[-1].kind == "email"


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: f"{scheme.country}-{scheme.kind}")
def test_no_number_of_a_scheme_raises(scheme: Scheme) -> None:
    word = re.sub(r"\\W|[\\*?()\[\]]", "", (scheme.words or ("",))[0])

    @settings(max_examples=25, deadline=None)
    @given(from_regex(scheme.form, fullmatch=True, alphabet=st.characters(codec="ascii")))
    def reads(number: str) -> None:
        for one in find_personal(f"{word}: {number} {word}"):
            assert one.value

    reads()


def test_a_number_of_somebody_over_a_hundred_is_read() -> None:
    assert [one.kind for one in find_personal("personnummer: 121212+1212")] == ["national_id"]


@pytest.mark.parametrize(
    ("text", "kind", "written"),
    [
        ("5425233430109903", "card", "5425233430109903"),
        ("https://wa.me/5511987654321", "phone", "5511987654321"),
        ("mailto:anna_b%40yahoo.fr", "email", "anna_b%40yahoo.fr"),
        ("j dot smith at gmail dot com", "email", "j dot smith at gmail dot com"),
        ("write ana\u200b.pires@gmail.com", "email", "ana\u200b.pires@gmail.com"),
        ("call +351\u200b 912 345 987", "phone", "+351\u200b 912 345 987"),
        (
            "DE44\u00a05001\u00a00517\u00a05407\u00a03249\u00a031",
            "iban",
            "DE44\u00a05001\u00a00517\u00a05407\u00a03249\u00a031",
        ),
        ("swift code: DEUTDEFF", "bic", "DEUTDEFF"),
        ("passport AB123456", "passport", "AB123456"),
    ],
)
def test_what_is_written_in_a_guise_is_found_in_its_place(text: str, kind: str, written: str) -> None:
    assert [(one.kind, text[one.start : one.end]) for one in find_personal(text)] == [(kind, written)]


@pytest.mark.parametrize("text", ["Room 204-15-6789?", "The part number is 123-45-6789-A.", "look at google dot com"])
def test_numbers_of_things_are_nobodys(text: str) -> None:
    assert find_personal(text) == []


@pytest.mark.parametrize("text", ["Contact support@example.com", "MAC address format 00:1A:2B:3C:4D:5E"])
def test_what_only_shows_a_form_is_an_example(text: str) -> None:
    assert [(one.sure, one.specimen) for one in find_personal(text)] == [(False, True)]
