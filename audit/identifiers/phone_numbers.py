"""Finds telephone numbers with Google's libphonenumber: international ones, and national ones beside a word for
telephone or in North America's form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache, lru_cache
from typing import Final, NamedTuple

from audit.identifiers.finding import Identifier, any_of, at_most, before, necessary

_GROUPS_TOO_MANY: Final = 3
_LAST_GROUP: Final = re.compile(r" [0-9(][^ ]*$")
_EXACT_CHECKS: Final = 2_000
"""Candidates of one text that libphonenumber is asked about, 20 microseconds each; of more the form decides."""
_GAP: Final = r"(?:[ .\-/]|\)[ -]?|[ -]?\()?"
_INTERNATIONAL: Final = re.compile(
    rf"(?<![A-Za-z0-9_+*/=^-])(?:\+|00(?=[1-9]))[1-9](?:{_GAP}[0-9]){{6,19}}(?![A-Za-z0-9_%])"
)
_NORTH_AMERICAN: Final = re.compile(
    r"(?<![A-Za-z0-9_+(=$.,-])(?<![0-9] )(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-.])[2-9][0-9]{2}[-.][0-9]{4}"
    r"(?![A-Za-z0-9_%])(?![-.,/][0-9])"
)
_SHAPED: Final = re.compile(
    r"(?<![\w.+-])(?:1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-]?)[2-9][0-9]{2}[ .-]?[0-9]{4}"
    r"(?![\w%]|[-.,/][0-9])"
)
_NATIONAL: Final = re.compile(
    rf"(?<![A-Za-z0-9_+=$€£¥.,])(?<![0-9][ ()./-])\(?[0-9](?:{_GAP}[0-9]){{6,15}}(?![A-Za-z0-9_%])(?![.,:][0-9])"
)
_LINKED: Final = re.compile(r"(?:(?<=wa\.me/)|(?<=[?&]phone=))\+?[1-9][0-9]{7,14}(?![A-Za-z0-9_%])")
_FORMS: Final = {
    "linked": (_LINKED, r"(?:wa\.me/|[?&]phone=)\+?[1-9][0-9]{7}"),
    "international": (_INTERNATIONAL, r"(?:\+|\b00)[1-9](?:[ ().\-/]{0,2}[0-9]){6}"),
    "north american": (_NORTH_AMERICAN, r"[2-9][0-9]{2}[).-] ?[2-9][0-9]{2}[-.][0-9]{4}\b"),
}
"""Forms that need no word, and a pattern for RE2 that is in every text with one."""
_DATE: Final = re.compile(
    r"(?<![0-9.-])(?:(?:1[6-9]|20)[0-9]{2}(?:[-./][0-9]{1,2}[-./][0-9]{1,2}\b|\s?[-/ ]\s?(?:1[6-9]|20)[0-9]{2}\b)"
    r"|[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ](?:1[6-9]|20)[0-9]{2}\b|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2}$)"
)
_WITHOUT_TRUNK: Final = (
    "US",
    "CA",
    "ES",
    "MX",
    "CL",
    "PE",
    "CO",
    "PT",
    "IT",
    "PL",
    "NO",
    "DK",
    "SG",
    "CN",
    "HK",
    "RU",
    "BR",
    "AR",
)
"""Regions whose national numbers need not begin with a nought."""
_FICTION: Final = re.compile(
    r"\+1[2-9][0-9]{2}5550?1[0-9]{2}$|\+1[0-9]{3}555[0-9]{4}$|\+1555[0-9]{7}$"
    r"|\+44(?:7700900|2079460|1632960|1[1-6]1496|1914980|2890180|2920180|8081570|9098790|3069990)[0-9]{3}$"
    r"|\+61(?:491570|[2378]5550|[2378]7010)[0-9]{3,4}$|\+33(?:1|2|3|4|5)9900[0-9]{4}$|\+3363998[0-9]{4}$"
    r"|\+353(?:2091|1500)[0-9]{4,5}$|\+49(?:3023125|6990009|4066969|2214710|8999998|17139200|1520288|1764004)[0-9]{2,5}$"
)
"""Numbers kept free for films and manuals: 555-01xx (ATIS-0300115; all of 555 is in no home), and those of Ofcom, ACMA,
ARCEP, ComReg and the Bundesnetzagentur."""
_COUNTED: Final = re.compile(r"^\+[0-9]{1,3}?0?(?:1234567890?|123456789|0123456789|9876543210?)$")
"""Numbers that count up or down."""
_ONE_DIGIT: Final = re.compile(r"([0-9])\1{6}")
"""111 111 1111 and the like stand for any number."""


class _Place(NamedTuple):
    words: tuple[str, ...]
    regions: tuple[str, ...]


_PLACES: Final = (
    _Place(
        (
            "tel(?:ephone)?s?",
            "phones?(?: (?:no|number|nr))?",
            "call (?:me|us|him|her|them|at|on|to|now|today|back)",
            "callback",
            "cell(?:phone)?(?: (?:no|number))?",
            "mobile(?: (?:no|number|phone))?",
            "whats ?app",
            "whatsapp",
            "fax",
            "dial",
            "contact (?:me|us|no|number|him|her)",
            "text (?:me|us|him|her)",
            "sms",
            "hotline",
            "reach (?:me|us|him|her)",
            "ring me",
            "voicemail",
            "ph",
            "mob",
            "telegram",
            "viber",
        ),
        ("US", "GB", "IN", "AU", "IE", "NZ", "ZA", "SG", "PK", "NG", "KE", "PH"),
    ),
    _Place(
        (
            "telefon(?:nummer|isch)?",
            "handy(?:nummer)?",
            "mobil(?:nummer|telefon)?",
            "tel",
            "ruf(?:en|nummer)?",
            "anrufen",
            "festnetz",
            "durchwahl",
            "rückruf",
        ),
        ("DE", "AT", "CH"),
    ),
    _Place(
        ("t[ée]l[ée]phone", "t[ée]l", "portable", "appele[rz](?:-moi)?", "joindre"),
        ("FR", "BE", "CH", "CA"),
    ),
    _Place(
        ("tel[ée]fonos?", "tel", "celular", "m[óo]vil", "ll[áa]m[ae](?:me|r|nos|dme)?", "cel", "n[úu]mero de contacto"),
        ("ES", "MX", "AR", "CO", "CL", "PE"),
    ),
    _Place(("telefone", "celular", "telem[óo]vel", "zap", "lig(?:ue|ar)", "contato"), ("BR", "PT")),
    _Place(("telefono", "cellulare", "chiam(?:a|ami|are)"), ("IT",)),
    _Place(("telefoon(?:nummer)?", "mobiel", "bel", "gsm"), ("NL", "BE")),
    _Place(("telefonu?", "kom[óo]rk[ai]", "zadzwo[ńn]"), ("PL",)),
    _Place(("telefon", "puhelin(?:numero)?", "mobilnummer", "tlf", "puh", "ring"), ("SE", "NO", "DK", "FI")),
    _Place(("telefonu?", "cep", "gsm"), ("TR",)),
    _Place(("телефон\\w*", "тел", "звоните", "моб", "мобильн"), ("RU", "UA", "KZ")),
    _Place(("电话", "手机", "联系方式", "致电", "热线", "微信", "座机"), ("CN",)),
    _Place(("電話", "携帯", "ケータイ", "連絡先", "お問い合わせ", "☎", "手機"), ("JP", "TW", "HK")),
    _Place(("전화", "연락처", "휴대폰", "핸드폰"), ("KR",)),
    _Place(("هاتف", "جوال", "موبايل", "تلفون", "اتصل", "واتساب"), ("SA", "EG", "AE", "JO", "MA", "IQ")),
    _Place(("تلفن", "موبایل"), ("IR",)),
    _Place(("फ़ोन", "फोन", "मोबाइल", "कॉल", "संपर्क", "दूरभाष"), ("IN",)),
    _Place(("ফোন", "মোবাইল"), ("BD", "IN")),
    _Place(("โทร", "มือถือ"), ("TH",)),
    _Place(("điện thoại", "đt", "sđt", "gọi"), ("VN",)),
    _Place(("telepon", "hp", "hubungi", "no\\. hp"), ("ID", "MY")),
    _Place(("טלפון", "נייד"), ("IL",)),
)
"""Words for telephone, regular expressions for RE2 and for Python, and where numbers beside them are from."""
_BY_NAME: Final = {f"phone {index}": place for index, place in enumerate(_PLACES)}
_ORDER: Final = {name: index for index, name in enumerate(_BY_NAME)}
SCREENED: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: tuple(map(necessary, place.words)) for name, place in _BY_NAME.items()},
    **{name: (pattern,) for name, (_, pattern) in _FORMS.items()},
}
"""RE2 patterns by name, one of which is in every text with a number: words of a place, and forms that need none."""


def find_phones(text: str, names: Set[str], strict: bool = False) -> Iterator[Identifier]:
    """Telephone numbers in a text of ``finding.plain`` that holds these of ``SCREENED``; they may overlap.

    Sure are valid numbers that are international or stand after a word for telephone; not those of companies
    (toll-free, premium rate), nor bare North American ones. ``strict`` takes the latter however they are written.
    """
    places = sorted((name for name in names if name in _BY_NAME), key=_ORDER.__getitem__)
    forms = [form for name, (form, _) in _FORMS.items() if name in names]
    asked = 0
    for form in (*forms, *((_SHAPED,) if strict else ()), *((_NATIONAL,) if places else ())):
        for match in at_most(form.finditer(text)):
            regions = _regions(places, before(text, match.start())) if places else ()
            if form is _NATIONAL and not regions:
                continue
            asked += 1
            found = _found(form, match, regions, asked > _EXACT_CHECKS)
            if found is not None:
                yield found


def _may_be_national(written: str) -> bool:
    return 7 <= sum(map(written.count, "0123456789")) <= 13 and not _DATE.search(written)


def _found(form: re.Pattern[str], match: re.Match[str], regions: Sequence[str], unasked: bool) -> Identifier | None:
    written = match[0]
    number, end = None, match.start()
    for shorter in _beginnings(written):
        number, end = _number(form, shorter, regions, unasked), match.start() + len(shorter)
        if number is not None:
            break
    if number is None:
        return None
    named = bool(regions)
    specimen = _is_fiction(number.value)
    sure = named if specimen else number.personal and (named or form in (_INTERNATIONAL, _LINKED))
    return Identifier(match.start(), end, "phone", number.value, sure, number.region, specimen)


def _beginnings(written: str) -> Iterator[str]:
    """What was written, and without its last groups of digits, which may be another number."""
    for _ in range(_GROUPS_TOO_MANY):
        yield written
        groups = _LAST_GROUP.search(written)
        if groups is None:
            return
        written = written[: groups.start()]


def _number(form: re.Pattern[str], written: str, regions: Sequence[str], unasked: bool) -> _Number | None:
    if form is _NATIONAL:
        return _first(written, regions, unasked) if _may_be_national(written) else None
    if form in (_NORTH_AMERICAN, _SHAPED):
        return _read(written, "US", unasked)
    if form is _LINKED or written.startswith("+"):
        return _read(f"+{written.lstrip('+')}", "", unasked)
    return _read(f"+{written[2:]}", "", unasked) if regions else None


@cache
def _words_of(place: str) -> re.Pattern[str]:
    return any_of(*_BY_NAME[place].words)


def _regions(places: Sequence[str], words: str) -> Sequence[str]:
    """The regions of those of some places whose words are among these."""
    found = [_BY_NAME[place].regions for place in places if _words_of(place).search(words)]
    return tuple(dict.fromkeys(region for regions in found for region in regions))


class _Number(NamedTuple):
    value: str
    personal: bool
    region: str


def _first(written: str, regions: Sequence[str], unasked: bool) -> _Number | None:
    """The number as the first region has it that may be a person's, else as the first has it at all: words such as
    "tel" are those of many."""
    first: _Number | None = None
    for region in regions:
        if written.lstrip("(").startswith("0") or region in _WITHOUT_TRUNK or _is_mobile(written, region):
            number = _read(written, region, unasked)
            if number is not None and number.personal:
                return number
            first = first or number
    return first


def _is_mobile(written: str, region: str) -> bool:
    """Indian mobile numbers of ten digits are written without a nought."""
    return region == "IN" and written[0] in "6789" and sum(sign.isdigit() for sign in written) == 10


@lru_cache(maxsize=4096)
def _read(written: str, region: str, unasked: bool) -> _Number | None:
    """The number as E.164 writes it; None where there can be none. ``unasked``: by its length alone."""
    digits = re.sub(r"[^0-9+]", "", written)
    if _ONE_DIGIT.search(digits):
        return None
    if _is_fiction(digits if digits.startswith("+") else f"+1{digits[-10:]}") and (region in ("US", "")):
        return _Number(digits if digits.startswith("+") else f"+1{digits[-10:]}", False, "US")
    if unasked:
        return _Number(digits, True, "") if 8 <= len(digits.lstrip("+")) <= 15 else None
    import phonenumbers
    from phonenumbers import PhoneNumberType as Type

    try:
        number = phonenumbers.parse(written, region or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    of_company = phonenumbers.number_type(number) in (Type.TOLL_FREE, Type.PREMIUM_RATE, Type.SHARED_COST, Type.UAN)
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return _Number(value, not of_company, phonenumbers.region_code_for_number(number) or "")


def _is_fiction(value: str) -> bool:
    return bool(_FICTION.match(value) or _COUNTED.match(value))
