"""Codes of languages as people write them, folded to those that texts are told apart by. Identifies no language."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from audit.errors import ConfigError, did_you_mean
from audit.rules.languages.requests import NAMES

_ISO_639_1: Final = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et
eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk
kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny
oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk
tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
# Withdrawn codes, the written forms of Norwegian, which are told apart by few words, and ISO 639-2 and 639-3 codes of
# the languages with most speakers.
_OTHERS: Final = """
iw he in id ji yi jw jv mo ro sh sr nb no nn no fil tl
eng en deu de ger de fra fr fre fr spa es ita it por pt nld nl dut nl rus ru zho zh chi zh cmn zh yue zh jpn ja kor ko
ara ar arb ar hin hi ben bn urd ur tam ta tel te mar mr pol pl ukr uk tur tr vie vi tha th ind id msa ms may ms zsm ms
swe sv dan da nor no nob no nno no fin fi ces cs cze cs ell el gre el heb he fas fa per fa ron ro rum ro hun hu bul bg
cat ca swa sw lat la hrv hr srp sr slk sk slo sk slv sl est et lav lv lit lt isl is ice is sqi sq alb sq
"""
_PAIRS: Final = _OTHERS.split()
_FOLDED: Final = {code: code for code in _ISO_639_1.split()} | dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
_NAMES: Final = {name: language for language, names in NAMES.items() for name in names if name.isascii()}


def folded(code: str) -> str:
    """A code of ISO 639 in the form that is compared: two letters, "no" for both forms of Norwegian; itself where it is
    none."""
    return _FOLDED.get(code, code)


@lru_cache(maxsize=16)
def languages_of(codes: tuple[object, ...]) -> frozenset[str]:
    """The languages that an option names by codes (``EN``, ``en-US``, ``eng``) or English and native names.

    Raises ConfigError for one that is unknown, with the nearest.
    """
    return frozenset(_language(code) for code in codes)


def _language(code: object) -> str:
    if not isinstance(code, str):
        raise ConfigError(f'"allow" of LNG851 holds {code!r}, which is no code of a language', hint='such as "en"')
    written = code.strip().casefold()
    base = written.replace("_", "-").partition("-")[0]
    language = _FOLDED.get(base) or _NAMES.get(written)
    if language is None:
        raise ConfigError(f'"allow" of LNG851 holds {code!r}, which is no code of ISO 639', hint=_hint(written))
    return language


def _hint(written: str) -> str:
    known: Iterable[str] = (*_FOLDED, *_NAMES)
    return did_you_mean(written, known) or 'codes are those of ISO 639-1, such as "en" and "de"'
