"""TXT: what is wrong with the characters of a text: corruption, look-alikes, invisible ones."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.text.dropped_letters import DroppedLetters
from audit.rules.text.invisible import InvisibleCharacters
from audit.rules.text.markup_residue import MarkupResidue
from audit.rules.text.mixed_script import MixedScript
from audit.rules.text.mojibake import Mojibake
from audit.rules.text.unnormalised import Unnormalised

RULES: Final[tuple[type[Rule], ...]] = (
    Mojibake,
    MixedScript,
    InvisibleCharacters,
    Unnormalised,
    MarkupResidue,
    DroppedLetters,
)
