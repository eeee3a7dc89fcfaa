"""The remedy for rows of a shape that the target does not read: write them in one that it does. Judges nothing."""

from __future__ import annotations

from typing import Final

from audit.engine.batch import again
from audit.model import Applicability, Chat, DropRow, Fix, Record, Target, Transcode
from audit.read.shapes import WRITERS, detect

_NAMED: Final = 3


def rewriting(record: Record, target: Target) -> Fix:
    """The fix that writes the row in the first shape of the target that can be written and that holds all answers of
    it, or else in the first of all.

    Safe where nothing is lost, unsafe where something is; the row is dropped where no shape can hold it.
    """
    found: Fix | None = None
    for to in _shapes(target):
        fix, is_whole = _written(record, to, target)
        if is_whole:
            return fix
        if found is None or found.applicability is Applicability.DROP:
            found = fix
    return found or _drop(f"{target.name} reads no shape that can be written")


def _shapes(target: Target) -> list[str]:
    """What can be written and may be read by the target."""
    return [name for name in dict.fromkeys((*target.shapes, target.name)) if name in WRITERS]


def _written(record: Record, to: str, target: Target) -> tuple[Fix, bool]:
    """The fix for one shape, and whether the row can be written so with all of its answers."""
    # The module also writes whole files: nothing that a check of rows that are as they should be has to load.
    from audit.remedy.convert import convert_row

    made = convert_row(record.raw, True, (), to, WRITERS[to])
    if not made.output:
        return _drop(made.reason), False
    if not _is_read(made.output, record.shape, target):
        return _drop(f"{target.name} would not read it as {to}"), False
    title = f"write the row as {to}"
    if not made.lost:
        return Fix(Applicability.SAFE, title, (Transcode(to),)), True
    named = "; ".join(made.lost[:_NAMED]) + ("; ..." if len(made.lost) > _NAMED else "")
    fix = Fix(Applicability.UNSAFE, f"{title}, which loses {named}", (Transcode(to),))
    return fix, not record.chat.rejected or bool(_chat(made.output).rejected)


def _chat(line: bytes) -> Chat:
    data = again(line)
    shape = detect(data)
    return Chat() if shape is None else shape.read(data)


def _is_read(line: bytes, before: str, target: Target) -> bool:
    """Whether the target reads the new row, and it is not the old one again."""
    shape = detect(again(line))
    if shape is None or shape.name == before:
        return False
    return not target.shapes or shape.name in target.shapes


def _drop(reason: str) -> Fix:
    return Fix(Applicability.DROP, f"drop the row ({reason})", (DropRow(),))
