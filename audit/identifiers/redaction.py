"""Everything in a text that must not be passed on: identifiers of persons, of patients, and secrets."""

from __future__ import annotations

from collections.abc import Sequence

from audit.identifiers.finding import Identifier


def identifiers_in(text: str) -> Sequence[Identifier]:
    """All of them, sure or not, in order and without overlap. Used by audit.reports.redaction for every output: fast
    where there is none (one RE2 search), loads what it needs when it is first called.

    TODO of part E: call the finders of contact, numbers, health and secrets.
    """
    return ()
