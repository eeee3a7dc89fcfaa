"""To what a change between arms can be laid, as the table of a measure. Reads the records of runs, and no outputs."""

from __future__ import annotations

from collections.abc import Sequence

from audit.model import Json
from audit.outputs.arms import Roles
from audit.outputs.differences import Differences, differences
from audit.outputs.table import Outputs
from audit.rule import ArmFacts

NOT_ATTRIBUTABLE = "not attributable"


def attribution(outputs: Outputs, parts: Roles, facts: Sequence[ArmFacts]) -> tuple[str, dict[str, Json]]:
    """What the change between the judged and the compared arm can be laid to, and the table that says why."""
    found = _differences(outputs, parts, facts)
    notes = _notes(outputs, parts)
    sentence = found.sentence if found else f"Effect of remediation {NOT_ATTRIBUTABLE}: {notes[0]}."
    only = found.only if found else None
    return only or NOT_ATTRIBUTABLE, {
        "judged": parts.judged,
        "compared": parts.compared,
        "base": parts.base,
        "attributable": only is not None,
        "to": [only] if only else [],
        "differs": [
            {
                "cause": one.cause,
                "keys": list(one.keys),
                "seeds": list(one.seeds),
                "from": one.before,
                "to": one.after,
            }
            for one in (found.differs if found else ())
        ],
        "follows": list(found.follows) if found else [],
        "known": found.known if found else False,
        "pairs": list(found.pairs) if found else [],
        "unknown": list(found.unknown) if found else [],
        "unpaired": _unpaired(outputs, parts),
        "derived": dict(outputs.derived),
        "notes": notes,
        "sentence": sentence,
    }


def _differences(outputs: Outputs, parts: Roles, facts: Sequence[ArmFacts]) -> Differences | None:
    if not parts.judged or not parts.compared:
        return None
    both = set(outputs.seeds(parts.judged)) & set(outputs.seeds(parts.compared))
    return differences(facts, parts.judged, parts.compared, both)


def _unpaired(outputs: Outputs, parts: Roles) -> dict[str, Json]:
    """The seeds that only one of the two arms has outputs of."""
    if not parts.judged or not parts.compared:
        return {}
    judged, compared = (set(outputs.seeds(name)) for name in (parts.judged, parts.compared))
    return {parts.judged: sorted(judged - compared), parts.compared: sorted(compared - judged)}


def _notes(outputs: Outputs, parts: Roles) -> list[str]:
    """What cannot be said since an arm is missing."""
    notes = []
    if not parts.judged:
        notes.append("there is no arm to judge")
    elif not parts.compared:
        notes.append(
            f"there is no arm without remediation beside {parts.judged} (one called raw, or named with --compare)"
        )
    if not parts.base:
        notes.append("there is no base arm, so what fine-tuning itself changed is not known")
    return notes
