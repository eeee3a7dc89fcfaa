"""The bytes of a made-up row: those of its source with the edits made and the mark added. Reads nothing back."""

from __future__ import annotations

from audit.engine.batch import again
from audit.model import Record
from audit.read.marks import made_of
from audit.remedy.balance.augment.result import Changes, Kind, Refused
from audit.remedy.balance.marking import as_made_up, can_carry, without_weight
from audit.remedy.edits import apply_edits
from audit.rule import Fields


def made_up(record: Record, changes: Changes, kind: Kind, row_id: str, fields: Fields) -> bytes:
    """The row that the changes make of a record, marked as made up of ``row_id``; a weight of the source becomes 1.

    Refuses (``unwritable``) a row that cannot carry the mark, or in which an edit has no place.
    """
    if not can_carry(record.raw, record.data, fields.weight):
        raise Refused("unwritable")
    applied = apply_edits(record.raw, changes.edits)
    if applied.raw is None or applied.deferred:
        raise Refused("unwritable")
    marked = as_made_up(applied.raw, again(applied.raw), kind, row_id)
    data = again(marked) if marked is not None else None
    if marked is None or made_of(data) != row_id:
        raise Refused("unwritable")
    return without_weight(marked, data, fields.weight)
