"""The script that most letters of a text are in, and the language where a script has but one. Reads no words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from audit.read.patterns import pattern

# Letters by ISO 15924 script, as ranges of a character class (blocks of Unicode 15 that are in use; Latin without its
# signs). Those of a block that are no letters hardly matter for a majority.
_RANGES: Final[Mapping[str, str]] = {
    "Latn": "A-Za-zªºÀ-ÖØ-öø-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a",
    "Grek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrl": "\u0400-\u052f",
    "Armn": "\u0530-\u058f",
    "Hebr": "\u0590-\u05ff",
    "Arab": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "Deva": "\u0900-\u097f",
    "Beng": "\u0980-\u09ff",
    "Guru": "\u0a00-\u0a7f",
    "Gujr": "\u0a80-\u0aff",
    "Orya": "\u0b00-\u0b7f",
    "Taml": "\u0b80-\u0bff",
    "Telu": "\u0c00-\u0c7f",
    "Knda": "\u0c80-\u0cff",
    "Mlym": "\u0d00-\u0d7f",
    "Sinh": "\u0d80-\u0dff",
    "Thai": "\u0e00-\u0e7f",
    "Laoo": "\u0e80-\u0eff",
    "Tibt": "\u0f00-\u0fff",
    "Mymr": "\u1000-\u109f",
    "Geor": "\u10a0-\u10ff",
    "Hang": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Ethi": "\u1200-\u137f",
    "Khmr": "\u1780-\u17ff",
    "Mong": "\u1800-\u18af",
    "Kana": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Hani": "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
}
_LETTERS: Final = {script: pattern(f"[{ranges}]+") for script, ranges in _RANGES.items()}

_BEYOND_LATIN: Final = pattern("[\u0370-\u1dff\u1f00-\u1fff\u2e80-\ud7ff\uf900-\uffef\U00010000-\U0010ffff]")

UNKNOWN: Final = "Zyyy"
"""The code of characters that belong to no script (ISO 15924, "undetermined")."""
ONLY_LANGUAGE: Final[Mapping[str, str]] = {
    "Grek": "el", "Armn": "hy", "Guru": "pa", "Gujr": "gu", "Orya": "or", "Taml": "ta", "Telu": "te", "Knda": "kn",
    "Mlym": "ml", "Sinh": "si", "Thai": "th", "Laoo": "lo", "Mymr": "my", "Geor": "ka", "Hang": "ko", "Khmr": "km",
    "Kana": "ja", "Hani": "zh",
}  # fmt: skip
"""Script -> the language that is, in data of our day, all but always written in it."""
_KANA_SHARE: Final = 0.05
"""Of the letters of a text in Han and Kana, above which it is Japanese: Chinese has none, Japanese prose half."""


def script_of(text: str) -> str:
    """The script of most letters, as ISO 15924 names it; ``Zyyy`` for a text without letters that are known here.

    Han characters count as Kana (which then stands for Japanese writing) where a twentieth of both is Kana.
    """
    if text.isascii() or not _BEYOND_LATIN.search(text):
        return "Latn" if _LETTERS["Latn"].search(text) else UNKNOWN
    counts = {script: sum(map(len, letters.findall(text))) for script, letters in _LETTERS.items()}
    if counts["Kana"] > _KANA_SHARE * (counts["Kana"] + counts["Hani"]):
        counts["Kana"] += counts.pop("Hani")
    script = max(counts, key=lambda name: counts[name])
    return script if counts[script] else UNKNOWN
