"""PII: what identifies a person."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.privacy.health_identifier import HealthIdentifier
from audit.rules.privacy.person_name import PersonName
from audit.rules.privacy.personal_identifier import PersonalIdentifier

RULES: Final[tuple[type[Rule], ...]] = (PersonalIdentifier, HealthIdentifier, PersonName)
