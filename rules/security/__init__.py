"""SEC: secrets, injected instructions, planted triggers and hidden payloads."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.security.backdoor import Backdoor
from audit.rules.security.hidden_payload import HiddenPayload
from audit.rules.security.prompt_injection import PromptInjection
from audit.rules.security.secret import Secret

RULES: Final[tuple[type[Rule], ...]] = (Secret, PromptInjection, Backdoor, HiddenPayload)
