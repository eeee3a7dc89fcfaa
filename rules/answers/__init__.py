"""ANS: what is wrong with an answer as an answer: cut short, repeated, refused, copied, left as a template."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule

RULES: Final[tuple[type[Rule], ...]] = ()
