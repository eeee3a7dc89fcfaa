"""Carries out what people decided on rows: keep, drop, quarantine, another label. Reads the rows, decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from audit.engine.finish import Finished
from audit.engine.row_ids import row_ids
from audit.remedy.fix.passes import REVIEW, Passes, Said
from audit.remedy.review.decisions import Decision, relabelling
from audit.rule import Fields


def carry_out(decisions: Mapping[str, Decision], passes: Passes, finished: Finished, fields: Fields) -> int:
    """Carry out decisions, by row id; how many could not be: there is no such row, or no label to change.

    Every row is read to learn its name.
    """
    rows = {name: row for row, name in row_ids(finished, range(finished.rows)).items() if name in decisions}
    ordered = sorted(((row, decisions[name]) for name, row in rows.items()), key=lambda item: item[0])
    unused = len(decisions) - len(ordered)
    for row, decision in ordered:
        unused += not _carried_out(row, decision, passes, finished, fields)
    return unused


def _carried_out(row: int, decision: Decision, passes: Passes, finished: Finished, fields: Fields) -> bool:
    said = Said(REVIEW, _reason(decision), _TITLES[decision.action])
    if decision.action == "keep":
        passes.protected.add(row)
        return True
    if decision.action != "relabel":
        passes.remove(row, said, quarantined=decision.action == "quarantine")
        return True
    (record,) = finished.records([row])
    edits = relabelling(record, fields, decision.label or "")
    return bool(edits) and passes.relabel(row, edits, said)


_TITLES: Mapping[str, str] = {
    "keep": "keep the row",
    "drop": "move the row to the rejected file",
    "quarantine": "move the row to the rejected file for a person to decide",
    "relabel": "write the label that was decided",
}


def _reason(decision: Decision) -> str:
    who = ", ".join(decision.reviewers)
    what = f"{decision.action} {decision.label}" if decision.label else decision.action
    said = f"{what}, decided by {who}" if who else f"{what}, decided in review"
    return f"{said}: {decision.note}" if decision.note else said
