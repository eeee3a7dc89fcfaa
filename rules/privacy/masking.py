"""The fix that puts placeholders in a text. Finds nothing; which placeholders is for ``audit.identifiers``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit.identifiers.placeholders import is_json
from audit.model import QUARANTINE_ROW, Applicability, Fix, PointerEdit

MASKS: Final = "put placeholders in their place"


def masking(text: str, mask: Callable[[str], str], title: str = MASKS) -> Callable[[str], Fix]:
    """Given the JSON Pointer of a text, the fix that masks it. Where the text is JSON, as arguments of a call are, and
    would be none any more, the row is put aside instead."""

    def fix(at: str) -> Fix:
        mended = mask(text)
        if is_json(text) and not is_json(mended):
            return QUARANTINE_ROW
        return Fix(Applicability.UNSAFE, title, (PointerEdit("replace", at, mended),))

    return fix
