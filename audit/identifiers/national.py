"""Finds numbers that countries give to persons: by their form, their check digits and the words beside them.

A bare number whose one check digit fits is no evidence, since one in ten does: a word of the country has to stand
within 40 characters. Formats that hardly anything else has need none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache
from typing import Final, NamedTuple

from audit.identifiers import national_numbers as numbers
from audit.identifiers.finding import Identifier, any_of, around, at_most, before, necessary

_SEPARATORS: Final = re.compile(r"[ ./()+-]")

_THINGS: Final = re.compile(
    r"(?i)\b(?:room|suite|part|model|item|sku|order|invoice|serial|catalog(?:ue)?|flight|unit|lot|version|ticket|isbn)\b"
    r"[^.!?\n]{0,20}$"
)
"""Words for things that have numbers, before one that only has the form."""


class Scheme(NamedTuple):
    """Numbers of one kind. ``form`` is a regular expression for RE2 and for Python, ``words`` are some as well, those
    in capitals case-sensitive. ``alone`` says how sure the form is without a word: None for not at all."""

    country: str
    form: str
    valid: Callable[[str], bool]
    words: tuple[str, ...] = ()
    alone: bool | None = None
    kind: str = "national_id"


_NINE: Final = r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}"
_ELEVEN: Final = r"[0-9]{11}"
_TAX: Final = ("tax (?:id|identification|file|payer|number)", "taxpayer")
SCHEMES: Final = (
    Scheme("US", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", numbers.united_states_social, alone=False, kind="ssn"),
    Scheme(
        "US",
        r"[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}",
        numbers.united_states_social,
        ("SSN", "ssn", "S\\.S\\.N", "social security", "soc(?:ial)? sec", "seguro social"),
        kind="ssn",
    ),
    Scheme("US", r"9[0-9]{2}[ -]?[5-9][0-9][ -]?[0-9]{4}", numbers.united_states_tax, ("ITIN", *_TAX), kind="tax_id"),
    Scheme(
        "US",
        r"[0-9]{2}-[0-9]{7}",
        numbers.united_states_employer,
        ("EIN", "FEIN", "employer id(?:entification)?", "federal tax id"),
        kind="tax_id",
    ),
    Scheme(
        "GB",
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] [0-9]{2} [0-9]{2} [0-9]{2} [A-D]",
        numbers.united_kingdom_insurance,
        alone=False,
    ),
    Scheme(
        "GB",
        r"[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]",
        numbers.united_kingdom_insurance,
        ("NINO", "NI (?:no|number)", "national insurance", "insurance n(?:o|umber)"),
    ),
    Scheme("GB", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", numbers.united_kingdom_health, ("NHS",), kind="health_number"),
    Scheme(
        "DE",
        r"[0-9]{2}[ /]?[0-9]{3}[ /]?[0-9]{3}[ /]?[0-9]{3}",
        numbers.germany,
        ("steuer[ -]?id\\w*", "identifikationsnummer", "steuernummer", "IdNr", "TIN", "steuerliche\\w*", *_TAX),
    ),
    Scheme(
        "FR",
        r"[1-478] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[ABab]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        numbers.france,
        ("NIR", "s[ée]curit[ée] sociale", "INSEE", "n° (?:de )?s[ée]cu", "num[ée]ro de s[ée]cu", "social security"),
        alone=False,
    ),
    Scheme(
        "ES",
        r"(?:[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}|[XYZxyz]-?[0-9]{7})[ -]?[A-Za-z]",
        numbers.spain,
        ("DNI", "NIE", "NIF", "dni", "documento nacional", "identidad", "national id\\w*", "extranjer[oa]"),
    ),
    Scheme(
        "IT",
        r"[A-Za-z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPRSTa-ehlmprst][0-9LMNPQRSTUV]{2}[A-Za-z][0-9LMNPQRSTUV]{3}[A-Za-z]",
        numbers.italy,
        ("codice fiscale", "C\\.F\\.", "CF"),
        alone=True,
    ),
    Scheme(
        "NL",
        r"[0-9]{4}[ .]?[0-9]{2}[ .]?[0-9]{3}|[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}",
        numbers.netherlands,
        ("BSN", "bsn", "burgerservicenummer", "sofi-?nummer"),
    ),
    Scheme("BE", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", numbers.belgium, alone=True),
    Scheme(
        "BE",
        r"[0-9]{2}[. ]?[0-9]{2}[. ]?[0-9]{2}[- ]?[0-9]{3}[. ]?[0-9]{2}",
        numbers.belgium,
        (
            "rijksregister\\w*",
            "registre national",
            "niss",
            "insz",
            "num[ée]ro national",
            "national (?:register|number)",
        ),
    ),
    Scheme("PL", _ELEVEN, numbers.poland, ("PESEL", "pesel")),
    Scheme("PT", _NINE, numbers.portugal, ("NIF", "nif", "contribuinte", "NIPC", "identifica[çc][ãa]o fiscal")),
    Scheme("BR", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", numbers.brazil_person, alone=True),
    Scheme("BR", r"[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}[ -]?[0-9]{2}", numbers.brazil_person, ("CPF", "cpf")),
    Scheme(
        "BR",
        r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}",
        numbers.brazil_company,
        alone=False,
        kind="company_id",
    ),
    Scheme(
        "IN",
        r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}",
        numbers.india_aadhaar,
        ("a+dh?aa?r", "UIDAI", "आधार", "ஆதார்", "ఆధార్", "আধার"),
    ),
    Scheme(
        "IN",
        r"[A-Za-z]{5}[0-9]{4}[A-Za-z]",
        numbers.india_pan,
        ("PAN", "permanent account", "income tax", "पैन", "स्थायी खाता"),
    ),
    Scheme(
        "CN",
        r"[1-9][0-9]{5} ?(?:18|19|20)[0-9]{2}[01][0-9][0-3][0-9] ?[0-9]{3}[0-9Xx]",
        numbers.china,
        ("身份证", "身分證", "证件号", "公民身份", "resident id\\w*", "id (?:card|number|no)"),
        alone=True,
    ),
    Scheme(
        "JP",
        r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}",
        numbers.japan,
        ("マイナンバー", "個人番号", "my number", "individual number"),
    ),
    Scheme("KR", r"[0-9]{6}-[0-9]{7}", numbers.korea, alone=False),
    Scheme(
        "KR",
        r"[0-9]{6}[ -]?[0-9]{7}",
        numbers.korea,
        ("주민등록", "주민번호", "外国人登録", "RRN", "resident regist\\w*"),
    ),
    Scheme(
        "SE",
        r"(?:19|20)?[0-9]{6}[-+]?[0-9]{4}",
        lambda value: numbers.sweden(value[-10:]),
        ("personn(?:umme)?r", "personnummer", "samordningsnummer", "personal (?:identity )?number"),
    ),
    Scheme(
        "NO",
        r"[0-9]{6} ?[0-9]{5}",
        numbers.norway,
        ("f[øo]dsels(?:nummer|nr)", "personn(?:umme)?r", "d-nummer", "national id\\w*"),
    ),
    Scheme(
        "DK",
        r"[0-3][0-9][01][0-9]{3}[- ]?[0-9]{4}",
        numbers.denmark,
        ("CPR", "cpr(?:[ -]?n(?:umme)?r)?", "personnummer"),
    ),
    Scheme(
        "FI",
        r"[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]",
        numbers.finland,
        ("hetu", "henkil[öo]tunnus", "sotu"),
        alone=True,
    ),
    Scheme(
        "TR",
        _ELEVEN,
        numbers.turkey,
        ("T\\.?C\\.? ?(?:kimlik)?", "TCKN", "kimlik", "turkish id\\w*"),
    ),
    Scheme(
        "MX",
        r"[A-Za-z][AEIOUXaeioux][A-Za-z]{2}[0-9]{6}[HMXhmx][A-Za-z]{5}[0-9A-Za-z][0-9]",
        numbers.mexico,
        ("CURP",),
        alone=True,
    ),
    Scheme(
        "CA",
        _NINE,
        numbers.canada,
        ("SIN", "social insurance", "assurance sociale"),
    ),
    Scheme("AU", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", numbers.australia_tax, ("TFN", "tax file"), kind="tax_id"),
    Scheme(
        "AU",
        r"[2-6][0-9]{3}[ -]?[0-9]{5}[ -]?[0-9](?:[ /-]?[1-9])?",
        numbers.australia_medicare,
        ("medicare",),
        kind="health_number",
    ),
    Scheme(
        "ZA",
        r"[0-9]{6} ?[0-9]{4} ?[0-2][0-9]{2}",
        numbers.south_africa,
        ("south african? id\\w*", "RSA id", "id (?:no|nr|number)", "identity (?:no|number|document)", "ID"),
    ),
    Scheme(
        "IL", r"[0-9]{8}-?[0-9]", numbers.israel, ("תעודת זהות", "ת\\.?ז", "מספר זהות", "teudat zehut", "israeli id")
    ),
    Scheme("CL", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]", numbers.chile, alone=False),
    Scheme("CL", r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-?[0-9Kk]", numbers.chile, ("RUT", "rut", "rol [úu]nico")),
    Scheme("AR", r"[0-9]{2}[ -]?[0-9]{8}[ -]?[0-9]", numbers.argentina, ("CUIT", "CUIL", "cuit", "cuil")),
    Scheme("RO", r"[1-9][0-9]{12}", numbers.romania, ("CNP", "cnp", "cod numeric personal")),
    Scheme("BG", r"[0-9]{10}", numbers.bulgaria, ("ЕГН", "EGN", "единен граждански")),
    Scheme("CZ", r"[0-9]{6}/?[0-9]{4}", numbers.czechia, ("rodn[ée] [čc][íi]slo", "RČ", "r\\.č")),
    Scheme(
        "CH",
        r"756[. ][0-9]{4}[. ][0-9]{4}[. ][0-9]{2}",
        numbers.switzerland,
        ("AHV\\w*", "AVS"),
        alone=True,
    ),
    Scheme("CH", r"756[0-9]{10}", numbers.switzerland, ("AHV\\w*", "AVS", "sozialversicherungsnummer")),
    Scheme("IE", r"[0-9]{7}[A-Wa-w][A-IWa-iw]?", numbers.ireland, ("PPSN?", "personal public service")),
    Scheme(
        "AT",
        r"[1-9][0-9]{3}[ /-]?[0-3][0-9][01][0-9][0-9]{2}",
        numbers.austria,
        ("SVNR", "SV-?(?:Nr|Nummer)", "sozialversicherungs(?:nummer|nr)", "versicherungsnummer"),
    ),
    Scheme("HK", r"[A-Z]{1,2}[0-9]{6}\([0-9A]\)", numbers.hong_kong, alone=False),
    Scheme("HK", r"[A-Z]{1,2}[0-9]{6}[0-9A]", numbers.hong_kong, ("HKID", "身份證", "hong kong id\\w*")),
    Scheme("SG", r"[STFGMstfgm][0-9]{7}[A-Za-z]", numbers.singapore, ("NRIC", "FIN", "nric")),
    Scheme("TW", r"[A-Z][1289][0-9]{8}", numbers.taiwan, ("身分證", "身份證", "統一編號", "居留證", "national id\\w*")),
    Scheme(
        "TH",
        r"[1-8][ -]?[0-9]{4}[ -]?[0-9]{5}[ -]?[0-9]{2}[ -]?[0-9]",
        numbers.thailand,
        ("บัตรประชาชน", "ประจำตัวประชาชน", "thai id\\w*", "thai national"),
    ),
    Scheme(
        "RU",
        r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{2}",
        numbers.russia_insurance,
        ("снилс", "страхово\\w*", "SNILS"),
    ),
    Scheme("RU", r"[0-9]{12}", numbers.russia_tax, ("ИНН", "INN")),
    Scheme("GR", _ELEVEN, numbers.greece, ("ΑΜΚΑ", "AMKA")),
    Scheme("HR", _ELEVEN, numbers.croatia, ("OIB", "oib", "osobni identifikacijski")),
    Scheme("EE", _ELEVEN, numbers.estonia, ("isikukood", "asmens koda\\w*", "personal code")),
    Scheme("AE", r"784-[0-9]{4}-[0-9]{7}-[0-9]", numbers.emirates, ("emirates id", "الهوية"), alone=True),
    Scheme("PK", r"[0-9]{5}-[0-9]{7}-[0-9]", numbers.pakistan, ("CNIC", "NIC", "شناختی کارڈ"), alone=False),
    Scheme(
        "",
        r"[A-Z]{1,2}[0-9]{6,8}|[0-9]{9}|[0-9]{2}[A-Z]{2}[0-9]{5}",
        lambda value: len(set(value)) > 2,
        (
            "passport",
            "reisepass(?:nummer)?",
            "passeport",
            "pasaporte",
            "passaporto",
            "护照",
            "護照",
            "パスポート",
        ),
        kind="passport",
    ),
)
"""All that is known. Sources: the authorities and statutes named in ``national_numbers``; where there is no check
digit, the word decides."""


class _Search(NamedTuple):
    form: re.Pattern[str]
    exact: re.Pattern[str] | None
    loose: re.Pattern[str] | None


def find_national(text: str, names: Set[str]) -> Iterator[Identifier]:
    """Numbers of persons in a text of ``finding.plain`` that holds these of ``SCREENED``, in the order of the schemes;
    they may overlap."""
    for index, (name, scheme) in enumerate(_BY_NAME.items()):
        if name in names:
            yield from _of_scheme(scheme, _search(index), text)


def _of_scheme(scheme: Scheme, search: _Search, text: str) -> Iterator[Identifier]:
    for match in at_most(search.form.finditer(text)):
        value = (match[0] if scheme.country == "FI" else _SEPARATORS.sub("", match[0])).upper()
        if scheme.valid(value):
            sure = _named(search, around(text, *match.span())) or scheme.alone
            if sure is not None and (sure or not _THINGS.search(before(text, match.start()))):
                yield Identifier(*match.span(), scheme.kind, value, sure, scheme.country, _is_specimen(scheme, value))


def _is_specimen(scheme: Scheme, value: str) -> bool:
    """Whether a number is a known example, or counts up: ``12345678Z``."""
    return (scheme.kind == "ssn" and value in numbers.US_SPECIMENS) or "12345678" in value


def _named(search: _Search, words: str) -> bool | None:
    """True where a word of the scheme is among these, else None."""
    found = (search.exact and search.exact.search(words)) or (search.loose and search.loose.search(words))
    return True if found else None


def _is_exact(word: str) -> bool:
    """Whether a word has to be written as it is: abbreviations, which are words when written small."""
    return word.isupper() or (len(word) <= 6 and word.isascii() and "\\" not in word)


@cache
def _search(index: int) -> _Search:
    scheme = SCHEMES[index]
    exact = [word for word in scheme.words if _is_exact(word)]
    loose = [word for word in scheme.words if not _is_exact(word)]
    form = rf"(?<![A-Za-z0-9_$€£¥+])(?<![0-9][.,/-])(?:{scheme.form})(?![A-Za-z0-9_])(?![.,/-][0-9]|-[A-Za-z])"
    return _Search(re.compile(form), any_of(*exact, flags=0) if exact else None, any_of(*loose) if loose else None)


def _word(word: str) -> str:
    pattern = necessary(word)
    return pattern.replace("(?i:", "(?:", 1) if _is_exact(word) else pattern


_BY_NAME: Final = {f"number {index}": scheme for index, scheme in enumerate(SCHEMES)}
SCREENED: Final[Mapping[str, tuple[str, ...]]] = {
    name: (*map(_word, scheme.words), *((rf"\b(?:{scheme.form})",) if scheme.alone is not None else ()))
    for name, scheme in _BY_NAME.items()
}
"""RE2 patterns by name, one of which is in every text with a number: words of a scheme, or a form that needs none."""
