"""Everything that must not be passed on in a text: identifiers of persons and patients, secrets, names after a
title or a label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from audit.identifiers.finding import Found, Identifier, without_overlaps
from audit.identifiers.health import TRIGGERS as HEALTH
from audit.identifiers.names import LABELS, find_labelled_names
from audit.identifiers.personal_triggers import TRIGGERS as PERSONAL
from audit.identifiers.secrets import TRIGGERS as SECRETS
from audit.read.screening import Screen


def identifiers_in(text: str) -> Sequence[Identifier]:
    """All of them, sure or not, in order and without overlap; the whole text as one where there are too many. Where
    there is none, one search with RE2 is all it costs; what finds them is loaded when it is first needed."""
    names = _screen().names_in(text)
    if not names:
        return ()
    found: list[Found] = []
    if "personal" in names:
        from audit.identifiers.personal import find_personal

        found.append(find_personal(text))
    if "health" in names:
        from audit.identifiers.health import find_health

        found.append(find_health(text))
    if "secrets" in names:
        from audit.identifiers.secrets import find_secrets

        found.append(find_secrets(text))
    if "names" in names:
        found.append(find_labelled_names(text))
    if any(ones.cut for ones in found):
        return (Identifier(0, len(text), "many_identifiers", "", False),)
    return without_overlaps(one for ones in found for one in ones)


def redact(text: str) -> str:
    """The text as it may be passed on: a placeholder for each of them; the same object where there is none.

    What it returns holds none, so that a second call changes nothing.
    """
    if not identifiers_in(text):
        return text
    from audit.identifiers.placeholders import masked_all

    return masked_all(text, identifiers_in)


@cache
def _screen() -> Screen:
    return Screen({"personal": PERSONAL, "health": HEALTH, "secrets": SECRETS, "names": LABELS})
