"""The remedy for rows of a shape that the target does not read: write them in one that it does. Judges nothing."""

from __future__ import annotations

from typing import Final

from audit.engine.batch import again
from audit.model import Applicability, DropRow, Fix, Record, Target, Transcode
from audit.read.shapes import WRITERS, detect

_NAMED: Final = 3


def rewriting(record: Record, target: Target) -> Fix:
    """The fix that writes the row in the first shape of the target that can be written.

    Safe where nothing is lost, unsafe where something is; the row is dropped where that shape cannot hold it, such as
    one answer in a row of two.
    """
    # The module also writes whole files: nothing that a check of rows that are as they should be has to load.
    from audit.remedy.convert import convert_row

    to = next((name for name in (*target.shapes, target.name) if name in WRITERS), None)
    if to is None:
        return _drop(f"{target.name} reads no shape that can be written")
    made = convert_row(record.raw, True, (), to, WRITERS[to])
    if not made.output:
        return _drop(made.reason)
    if not _is_read(made.output, record.shape, target):
        return _drop(f"{target.name} would not read it as {to}")
    title = f"write the row as {to}"
    if not made.lost:
        return Fix(Applicability.SAFE, title, (Transcode(to),))
    named = "; ".join(made.lost[:_NAMED]) + ("; ..." if len(made.lost) > _NAMED else "")
    return Fix(Applicability.UNSAFE, f"{title}, which loses {named}", (Transcode(to),))


def _is_read(line: bytes, before: str, target: Target) -> bool:
    """Whether the target reads the new row, and it is not the old one again."""
    shape = detect(again(line))
    if shape is None or shape.name == before:
        return False
    return not target.shapes or shape.name in target.shapes


def _drop(reason: str) -> Fix:
    return Fix(Applicability.DROP, f"drop the row ({reason})", (DropRow(),))
