"""The rules: one folder per family, one file per rule. This module only says where each family lives; it loads none."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FAMILIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ENC": "audit.rules.encoding",
        "FMT": "audit.rules.format",
        "TCL": "audit.rules.tools",
        "TOK": "audit.rules.tokens",
        "DUP": "audit.rules.duplicates",
        "SPL": "audit.rules.splits",
        "LBL": "audit.rules.labels",
        "TXT": "audit.rules.text",
        "ANS": "audit.rules.answers",
        "LNG": "audit.rules.languages",
        "PII": "audit.rules.privacy",
        "SEC": "audit.rules.security",
        "SAF": "audit.rules.safety",
        "DEM": "audit.rules.demographics",
        "OUT": "audit.rules.outputs",
        "FAI": "audit.rules.fairness",
        "PRV": "audit.rules.provenance",
    }
)
"""Code prefix -> module with a tuple ``RULES`` of rule classes."""
