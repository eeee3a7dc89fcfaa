"""Where data comes from: licence, consent, source, and whether it is still the data that was locked."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.provenance.changed_data import ChangedData
from audit.rules.provenance.missing_origin import MissingOrigin
from audit.rules.provenance.undeclared_synthetic import UndeclaredSynthetic

RULES: Final[tuple[type[Rule], ...]] = (MissingOrigin, ChangedData, UndeclaredSynthetic)
