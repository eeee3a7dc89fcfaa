"""The patterns that every text with something of ``personal`` in it matches. Loads nothing and finds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_DIGIT: Final = r"[0-9\x{660}-\x{669}\x{6f0}-\x{6f9}\x{966}-\x{96f}\x{9e6}-\x{9ef}\x{ff10}-\x{ff19}]"
_GAP: Final = r"[ ().\-/\x{a0}\x{2010}-\x{2013}\x{202f}\x{3000}\x{ff08}\x{ff09}\x{ff0d}]"
_SEVEN_DIGITS: Final = rf"{_DIGIT}(?:{_GAP}?{_GAP}?{_DIGIT}){{6}}"
SCREENED: Final[Mapping[str, tuple[str, ...]]] = {
    "email": (
        r"(?i)[0-9a-z_+\x{80}-\x{10ffff}][@\x{ff20}][0-9a-z\x{80}-\x{10ffff}-]+[.\x{ff0e}][0-9a-z\x{80}-\x{10ffff}]",
    ),
    "written out": (
        r"(?i)[0-9a-z_] ?[\[({] ?at ?[\])}] ?[0-9a-z]",
        r"(?i)[0-9a-z_]%40[0-9a-z]",
        r"(?i)[0-9a-z_] at [0-9a-z-]+ dot [a-z]",
    ),
    "split": (r"[0-9A-Za-z@.+ ()-][\x{ad}\x{200b}-\x{200d}\x{2060}\x{feff}]+[0-9A-Za-z@.+ ()-]",),
    "digits": (_SEVEN_DIGITS,),
    "card": (rf"{_DIGIT}(?:{_GAP}?{_DIGIT}){{12}}",),
    "network": (
        r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
        r"\b[23][0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:",
        r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b",
    ),
    "iban": (r"\b[A-Za-z]{2}[0-9]{2}(?:[ \x{a0}\x{2009}\x{202f}-]?[A-Za-z0-9]{4}){2}",),
    "bic": (r"\b(?:BIC|SWIFT|[Ss]wift [Cc]ode)\b",),
    "wallet": (
        r"\b[13LMDXT][1-9A-HJ-NP-Za-km-z]{25}",
        r"\b(?:bc1|ltc1|BC1|LTC1)[0-9A-Za-z]{14}",
        r"\b0x[0-9A-Fa-f]{40}\b",
    ),
    "letters and digits": (
        r"\b[A-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]\b",
        r"\b[A-Za-z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPRSTa-ehlmprst][0-9LMNPQRSTUV]{2}[A-Za-z]",
        r"\b[A-Za-z]{4}[0-9]{6}[HMXhmx][A-Za-z]{5}",
        r"\b[A-Za-z]{5}[0-9]{4}[A-Za-z]\b",
        r"\b[A-Z]{1,2}[0-9]{6}(?:\(|[0-9A-Z]|\b)",
        r"\b[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Z]\b",
        r"\b[XYZxyz]-[0-9]{7}",
        r"\b[0-9]{2}[A-Z]{2}[0-9]{5}\b",
    ),
}
TRIGGERS: Final = tuple(pattern for patterns in SCREENED.values() for pattern in patterns)
"""RE2 patterns, one of which is in every text in which there is something to find."""
