"""Numbers that countries give to persons: whether a value can be one. Finds nothing in a text.

Each function takes the value without separators, digits and capitals only, of the right length; True where the check
digits, the date of birth and what else the number is made of fit. Dates after today count: there is no clock here.
"""

from __future__ import annotations

from typing import Final

from audit.identifiers.checksums import (
    ALPHANUMERIC,
    all_the_same,
    is_date,
    is_short_date,
    luhn,
    mod_11_2,
    mod_11_10,
    verhoeff,
    weighted,
)

US_SPECIMENS: Final = frozenset({"078051120", "219099999", "457555462", "123456789", "987654321", "111223333"})
"""Numbers that cards, advertisements and forms showed (Social Security Administration), and counted-up ones."""
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU_LETTERS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CF_TEN: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_CF_ODD: Final = dict(
    zip(
        ALPHANUMERIC,
        (*_CF_TEN, *_CF_TEN, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)
_CF_DIGITS: Final = str.maketrans("LMNPQRSTUV", "0123456789")
_CURP_SIGNS: Final = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ"


def argentina(value: str) -> bool:
    """CUIT and CUIL: eleven digits, the last of them modulo 11."""
    known = value[:2] in ("20", "23", "24", "27", "30", "33", "34", "50", "51", "55")
    return known and "012345678990"[11 - weighted(value[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11] == value[10]


def australia_medicare(value: str) -> bool:
    """Medicare card: eight digits, a check digit, and the issue; perhaps the place on the card."""
    return value[0] in "23456" and weighted(value[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(value[8])


def australia_tax(value: str) -> bool:
    """Tax File Number: nine digits."""
    return not all_the_same(value) and weighted(value, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def austria(value: str) -> bool:
    """Sozialversicherungsnummer: a running number, a check digit and the date of birth (months to 15 are used)."""
    check = weighted(value[:3] + value[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
    return value[0] != "0" and check == int(value[3]) and 1 <= int(value[4:6]) <= 31 and 1 <= int(value[6:8]) <= 15


def belgium(value: str) -> bool:
    """Rijksregisternummer: date of birth, a running number, and 97 less the rest by 97, for births since 2000 with a 2
    before the number."""
    if int(value[2:4]) > 12 or int(value[4:6]) > 31 or value[6:9] in ("000", "999"):
        return False
    return any(97 - int(century + value[:9]) % 97 == int(value[9:]) for century in ("", "2"))


def brazil_company(value: str) -> bool:
    """CNPJ: fourteen digits, the last two modulo 11."""
    return not all_the_same(value[:8]) and all(
        (11 - weighted(value[:size], (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)[13 - size :])) % 11 % 10
        == int(value[size])
        for size in (12, 13)
    )


def brazil_person(value: str) -> bool:
    """CPF: eleven digits, the last two modulo 11."""
    return not all_the_same(value) and all(
        weighted(value[:size], range(size + 1, 1, -1)) * 10 % 11 % 10 == int(value[size]) for size in (9, 10)
    )


def bulgaria(value: str) -> bool:
    """EGN: date of birth (20 added to the month before 1900, 40 since 2000), and a check digit."""
    month = int(value[2:4])
    years = {0: 1900, 1: 1800, 2: 2000}
    born = is_date(years.get(month // 20, 0) + int(value[:2]), month % 20, int(value[4:6])) if month < 60 else False
    return born and weighted(value[:9], (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(value[9])


def canada(value: str) -> bool:
    """Social Insurance Number: nine digits by Luhn, none beginning with 0 or 8."""
    return value[0] not in "08" and not all_the_same(value) and luhn(value)


def chile(value: str) -> bool:
    """RUT: seven or eight digits and a check digit modulo 11, K for ten."""
    check = weighted(value[-2::-1], (2, 3, 4, 5, 6, 7, 2, 3)) % 11
    return not all_the_same(value[:-1]) and "0K987654321"[check] == value[-1]


def china(value: str) -> bool:
    """Resident identity card (GB 11643): region, date of birth, number, ISO 7064 MOD 11-2."""
    born = 1850 <= int(value[6:10]) <= 2100 and is_date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    return "11" <= value[:2] <= "91" and born and mod_11_2(value)


def croatia(value: str) -> bool:
    """OIB: eleven digits, ISO 7064 MOD 11,10."""
    return not all_the_same(value) and mod_11_10(value)


def czechia(value: str) -> bool:
    """Rodné číslo of ten digits, of Slovakia too: date of birth (50 added to the month of women), divisible by 11."""
    month = int(value[2:4]) % 50
    year = 1900 + int(value[:2]) + (100 if int(value[:2]) < 54 else 0)
    if month > 20 and year > 2003:
        month -= 20
    check = int(value[:9]) % 11 % 10
    return is_date(year, month, int(value[4:6])) and check == int(value[9])


def denmark(value: str) -> bool:
    """CPR number: the date of birth alone, since numbers of 2007 and later have no check digit."""
    return is_short_date(value[4:6], value[2:4], value[:2]) and value[6:] != "0000"


def emirates(value: str) -> bool:
    """Emirates ID: 784, the year of birth, seven digits, Luhn."""
    return value.startswith("784") and "1900" <= value[3:7] <= "2100" and luhn(value)


def estonia(value: str) -> bool:
    """Isikukood, and the Lithuanian asmens kodas: century, sex, date of birth, number, a digit in two turns."""
    if not (
        "1" <= value[0] <= "8" and is_date(1700 + (int(value[0]) + 1) // 2 * 100 + int(value[1:3]), *_day(value[3:7]))
    ):
        return False
    check = weighted(value[:10], (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = weighted(value[:10], (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return check == int(value[10])


def finland(value: str) -> bool:
    """Henkilötunnus: date of birth, century, number, and a check letter modulo 31."""
    digits = value[:6] + value[7:10]
    century = 1800 if value[6] == "+" else 1900 if value[6] in "-YXWVU" else 2000
    born = is_date(century + int(value[4:6]), int(value[2:4]), int(value[:2]))
    return born and int(value[7:10]) >= 2 and _HETU_LETTERS[int(digits) % 31] == value[10]


def france(value: str) -> bool:
    """NIR of fifteen places: sex, year, month, department (2A and 2B of Corsica), number, 97 less the rest by 97."""
    month = int(value[3:5])
    if value[0] not in "123478" or not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) or value[10:13] == "000":
        return False
    number = value[:13].replace("2A", "19", 1) if value[5:7] == "2A" else value[:13]
    number = number.replace("2B", "18", 1) if value[5:7] == "2B" else number
    return number.isdigit() and 97 - int(number) % 97 == int(value[13:])


def germany(value: str) -> bool:
    """Steuer-Identifikationsnummer: of the first ten digits one comes twice or three times, the last by MOD 11,10."""
    most = sorted((value[:10].count(digit) for digit in set(value[:10])), reverse=True)
    return value[0] != "0" and most[0] in (2, 3) and most[1] == 1 and mod_11_10(value)


def greece(value: str) -> bool:
    """AMKA: date of birth, number, Luhn."""
    return is_short_date(value[4:6], value[2:4], value[:2]) and luhn(value)


def hong_kong(value: str) -> bool:
    """Identity card: one or two letters, six digits, a check digit modulo 11, A for ten."""
    letters, digits = value[:-7], value[-7:]
    first = 36 if len(letters) == 1 else ALPHANUMERIC.index(letters[0])
    total = first * 9 + ALPHANUMERIC.index(letters[-1]) * 8 + weighted(digits[:6], (7, 6, 5, 4, 3, 2))
    return (total + (10 if digits[6] == "A" else int(digits[6]))) % 11 == 0


def india_aadhaar(value: str) -> bool:
    """Aadhaar: twelve digits by Verhoeff, the first 2 to 9, no palindrome."""
    return value[0] not in "01" and value != value[::-1] and verhoeff(value)


def india_pan(value: str) -> bool:
    """Permanent Account Number: the fourth letter says whose it is; there is no published check."""
    return value[3] in "ABCFGHLJPT" and value[5:9] != "0000"


def ireland(value: str) -> bool:
    """PPSN: seven digits, a check letter modulo 23, perhaps one more letter."""
    extra = ALPHANUMERIC.index(value[8]) - 9 if len(value) == 9 and value[8] != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(value[:7], (8, 7, 6, 5, 4, 3, 2)) + extra * 9) % 23] == value[7]


def israel(value: str) -> bool:
    """Mispar zehut: nine digits by Luhn."""
    return not all_the_same(value) and luhn(value)


def italy(value: str) -> bool:
    """Codice fiscale: letters of the names, date of birth and sex, place, a check letter (D.M. 23 December 1976)."""
    odd = sum(_CF_ODD[sign] for sign in value[0:15:2])
    even = sum(int(sign) if sign.isdigit() else ord(sign) - 65 for sign in value[1:15:2])
    day = int(value[9:11].translate(_CF_DIGITS))
    year, month = value[6:8].translate(_CF_DIGITS), "ABCDEHLMPRST".find(value[8]) + 1
    return month > 0 and is_short_date(year, str(month), str(day % 40)) and chr(65 + (odd + even) % 26) == value[15]


def japan(value: str) -> bool:
    """My Number: twelve digits, the last modulo 11 (ordinance of 2014, article 5)."""
    rest = weighted(value[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return not all_the_same(value) and (0 if rest <= 1 else 11 - rest) == int(value[11])


def korea(value: str) -> bool:
    """Resident registration number: date of birth, sex and century, a check digit (none in numbers since 2020)."""
    century = {"0": 1800, "9": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900}.get(value[6], 2000)
    born = is_date(century + int(value[:2]), *_day(value[2:6])) and value[7:9] <= "96"
    return born and (11 - weighted(value[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(value[12])


def mexico(value: str) -> bool:
    """CURP: letters of the names, date of birth, sex, state, and a check digit."""
    century = 1900 if value[16].isdigit() else 2000
    total = sum((18 - place) * _CURP_SIGNS.index(sign) for place, sign in enumerate(value[:17]))
    return is_date(century + int(value[4:6]), *_day(value[6:10])) and (10 - total % 10) % 10 == int(value[17])


def netherlands(value: str) -> bool:
    """Burgerservicenummer: nine digits, the "elfproef"."""
    return not all_the_same(value) and (weighted(value[:8], range(9, 1, -1)) - int(value[8])) % 11 == 0


def norway(value: str) -> bool:
    """Fødselsnummer, and D-number with 40 added to the day: date of birth, number, two digits modulo 11."""
    born = is_short_date(value[4:6], str(int(value[2:4]) % 40), str(int(value[:2]) % 40))
    first = weighted(value[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11 == 0
    return born and first and weighted(value, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def pakistan(value: str) -> bool:
    """CNIC: thirteen digits, the first that of a province; no published check."""
    return value[0] in "1234567" and not all_the_same(value)


def poland(value: str) -> bool:
    """PESEL: date of birth (20, 40, 60 or 80 added to the month for other centuries), number, a check digit."""
    century = (1900, 2000, 2100, 2200, 1800)[int(value[2:4]) // 20]
    born = is_date(century + int(value[:2]), int(value[2:4]) % 20, int(value[4:6]))
    return born and weighted(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def portugal(value: str) -> bool:
    """NIF of a person or a company: nine digits, the last modulo 11."""
    check = 11 - weighted(value[:8], range(9, 1, -1)) % 11
    return value[0] != "0" and not all_the_same(value) and (check if check < 10 else 0) == int(value[8])


def romania(value: str) -> bool:
    """CNP: sex and century, date of birth, county, number, a check digit."""
    century = {"3": 1800, "4": 1800, "5": 2000, "6": 2000}.get(value[0], 1900)
    county = "01" <= value[7:9] <= "52" or value[7:9] in ("70", "80", "81", "82", "83")
    if value[0] == "0" or not county or not is_date(century + int(value[1:3]), *_day(value[3:7])):
        return False
    check = weighted(value[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if check == 10 else check) == int(value[12])


def russia_insurance(value: str) -> bool:
    """SNILS: nine digits and two modulo 101."""
    return int(value[:9]) > 1001998 and weighted(value[:9], range(9, 0, -1)) % 101 % 100 == int(value[9:])


def russia_tax(value: str) -> bool:
    """INN of a person: twelve digits, the last two modulo 11."""
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    return not all_the_same(value) and all(
        weighted(value[:size], weights[11 - size :]) % 11 % 10 == int(value[size]) for size in (10, 11)
    )


def singapore(value: str) -> bool:
    """NRIC and FIN: a letter for the series, seven digits, a check letter."""
    offset = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}[value[0]]
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(value[0], "XWUTRQPNMLK")
    place = (weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2)) + offset) % 11
    return letters[10 - place if value[0] == "M" else place] == value[8]


def south_africa(value: str) -> bool:
    """Identity number: date of birth, sex, citizenship, Luhn."""
    return is_short_date(value[:2], value[2:4], value[4:6]) and value[10] in "012" and luhn(value)


def spain(value: str) -> bool:
    """DNI, or NIE with X, Y or Z for the first digit: a check letter modulo 23."""
    return _DNI_LETTERS[int(value[:-1].translate(str.maketrans("XYZ", "012"))) % 23] == value[-1]


def sweden(value: str) -> bool:
    """Personnummer (or samordningsnummer, 60 added to the day) of ten digits: date of birth, number, Luhn."""
    return is_short_date(value[:2], value[2:4], str(int(value[4:6]) % 60)) and luhn(value)


def switzerland(value: str) -> bool:
    """AHV number: 756 and ten digits, the last as in EAN-13."""
    return value.startswith("756") and weighted(value, (1, 3) * 6 + (1,)) % 10 == 0


def taiwan(value: str) -> bool:
    """National identification card: a letter for the city, nine digits, a check digit."""
    city = str("ABCDEFGHJKLMNPQRSTUVXYWZIO".index(value[0]) + 10)
    return weighted(city + value[1:], (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def thailand(value: str) -> bool:
    """Citizen's number: thirteen digits, the last modulo 11."""
    check = (11 - weighted(value[:12], range(13, 1, -1)) % 11) % 10
    return value[0] not in "09" and not all_the_same(value) and check == int(value[12])


def turkey(value: str) -> bool:
    """T.C. kimlik numarası: eleven digits, the last two from sums of the others."""
    digits = [int(digit) for digit in value]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and digits[9] == tenth and sum(digits[:10]) % 10 == digits[10]


def united_kingdom_health(value: str) -> bool:
    """NHS number: ten digits, the last modulo 11."""
    return not all_the_same(value) and weighted(value, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def united_kingdom_insurance(value: str) -> bool:
    """National Insurance number: which letters may begin it (HMRC manual NIM39110); there is no check digit."""
    first, second = value[0], value[1]
    known = first not in "DFIQUV" and second not in "DFIOQUV" and value[:2] not in _UNUSED_PREFIXES
    return known and not all_the_same(value[2:8])


def united_states_employer(value: str) -> bool:
    """Employer Identification Number: nine digits, the first two of a campus in use (IRS); no check digit."""
    return value[:2] not in _UNUSED_CAMPUSES and not all_the_same(value)


def united_states_social(value: str) -> bool:
    """Social Security number: area 001 to 899 without 666, group and serial not nought (SSA); no check digit."""
    return value[:3] not in ("000", "666") and value[0] != "9" and value[3:5] != "00" and value[5:] != "0000"


def united_states_tax(value: str) -> bool:
    """Individual Taxpayer Identification Number: 9, and a group of 50 to 65, 70 to 88, 90 to 92 or 94 to 99 (IRS)."""
    group = int(value[3:5])
    return value[0] == "9" and (50 <= group <= 65 or 70 <= group <= 88 or (group >= 90 and group != 93))


def _day(value: str) -> tuple[int, int]:
    return int(value[:2]), int(value[2:4])


_UNUSED_PREFIXES: Final = ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
_UNUSED_CAMPUSES: Final = (
    *("00", "07", "08", "09", "17", "18", "19", "28", "29", "49"),
    *("69", "70", "78", "79", "89", "96", "97"),
)
