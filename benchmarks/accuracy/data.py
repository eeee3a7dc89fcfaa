"""Where the public data lies that accuracy is measured on, and as what it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SHARED: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
MUTANTS: Final = SHARED / "raw" / "mutants-dev"
TARGET: Final = "openai-sft"
TEXT_FAMILIES: Final = ("TXT", "ANS", "LNG", "PII", "SEC", "SAF")
"""Families that judge what is in the text: their rules in preview are measured, too."""


def preview() -> list[str]:
    """Codes of the rules in preview that are measured beside the stable ones."""
    from audit.catalog import all_rules

    of_text = [rule.code for rule in all_rules() if rule.status == "preview" and rule.code[:3] in TEXT_FAMILIES]
    return ["DUP402", *of_text]
