"""Writes a value into one row's JSON, such as its weight, and leaves every other byte as it was. Decides no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from audit.engine.batch import again
from audit.model import ABSENT, Json, PointerEdit
from audit.read.canonical import repeats_a_key
from audit.read.fields import pointer_at, value_at
from audit.read.marks import COPY_OF, SYNTHETIC, WEIGHT, names_row
from audit.read.spans import pointer, resolve, steps
from audit.read.strict import diagnose
from audit.read.suspects import is_suspect
from audit.remedy.edits import apply_edits

_UNSURE: Final = "duplicate-key"


def can_carry(raw: bytes, data: Json, path: str | None = None) -> bool:
    """Whether marks and a weight can be written into a row so that every reader finds them: it is an object, what is to
    hold them is one or is not there, and no key stands twice. ``path`` is ``[data] weight``."""
    if not isinstance(data, dict):
        return False
    if any(_open_to(data, steps(at)) is None for at in (COPY_OF, weight_pointer(data, path))):
        return False
    if is_suspect(raw) or repeats_a_key(raw, data):
        return all(problem.kind != _UNSURE for problem in diagnose(raw).problems)
    return True


def weight_pointer(data: Json, path: str | None) -> str:
    """Where the weight of a row is written: where it is read from, ``[data] weight`` or ``metadata.audit.weight``."""
    if path is None:
        return WEIGHT
    return pointer_at(data, path) or (path if path.startswith("/") else pointer(*path.split(".")))


def with_weight(raw: bytes, data: Json, path: str | None, weight: float) -> bytes | None:
    """The row with its weight, None where it cannot be written there, or would not be read from there again."""
    written = _with_value(raw, data, weight_pointer(data, path), weight)
    return written if written is not None and value_at(again(written), path or WEIGHT) == weight else None


def as_copy(raw: bytes, data: Json, row_id: str, path: str | None) -> bytes:
    """A copy of a row that names the row it is a copy of and counts 1. A copy of a copy names the first; a mark that
    names no row is replaced."""
    marked = raw
    if not names_row(data):
        marked = _with_value(raw, data, COPY_OF, row_id) or raw
    return without_weight(marked, again(marked), path)


def as_made_up(raw: bytes, data: Json, method: str, row_id: str) -> bytes | None:
    """A made-up row that says how it was made and of which row; one that says so already is left as it is."""
    if resolve(data, SYNTHETIC) is not ABSENT:
        return raw
    return _with_value(raw, data, SYNTHETIC, {"method": method, "of": row_id})


def without_weight(raw: bytes, data: Json, path: str | None) -> bytes:
    """The row with the weight that it carries set to 1, for rows whose weight has become a number of copies."""
    at = weight_pointer(data, path)
    weight = resolve(data, at)
    if weight is ABSENT or (weight == 1 and not isinstance(weight, bool)):
        return raw
    return _with_value(raw, data, at, 1.0) or raw


def _with_value(raw: bytes, data: Json, at: str, value: Json) -> bytes | None:
    """The row with a value at a pointer, in objects that are added where they are missing (or null)."""
    path = steps(at)
    found = _open_to(data, path)
    if found is None:
        return None
    for step in reversed(path[found:]):
        value = {step: value}
    target = pointer(*path[:found])
    applied = apply_edits(raw, (PointerEdit("add" if resolve(data, target) is ABSENT else "replace", target, value),))
    return applied.raw if applied.applied else None


def _open_to(data: Json, path: Sequence[str]) -> int | None:
    """How many steps of a path lead to the place to write at: all of them, or up to the first that is missing or null.
    None where something else than an object is in the way."""
    value = data
    for depth, step in enumerate(path):
        if not isinstance(value, dict):
            return depth if value is None and depth else None
        if step not in value:
            return depth + 1
        value = value[step]
    return len(path)
