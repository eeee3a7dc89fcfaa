"""Applies edits to the bytes of one row, so that everything they do not touch stays byte for byte.

Decides nothing: which fixes to apply is the caller's choice. Files as a whole (``Transcode``) are not its business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from audit.model import ByteEdit, DropRow, Edit, Fix, Json, PointerEdit
from audit.read.spans import Span, locate, locate_key, pointer, steps

_SPACE: Final = b" \t\r\n"
_INDEX: Final = re.compile(r"0|[1-9][0-9]*")
_SPACED: Final = re.compile(rb'"[ \t]*:[ \t]')


class Applied(msgspec.Struct, frozen=True):
    """What became of a row. ``raw`` is its new bytes, None when it is dropped.

    ``applied`` edits are in it; ``deferred`` ones wait for the next pass, because an earlier edit touched the same
    bytes, or what they were to change is not there.
    """

    raw: bytes | None
    applied: tuple[Edit, ...] = ()
    deferred: tuple[Edit, ...] = ()


class AppliedFixes(msgspec.Struct, frozen=True):
    """What became of a row. As ``Applied``, with whole fixes: all edits of a fix are in ``raw``, or none."""

    raw: bytes | None
    applied: tuple[Fix, ...] = ()
    deferred: tuple[Fix, ...] = ()


def apply_edits(raw: bytes, edits: Sequence[Edit]) -> Applied:
    """The row with the edits applied, each on its own. Offsets and pointers are those of ``raw`` as given.

    The first of two overlapping edits wins. A DropRow is carried out only when no other edit could be: a row that
    was mended is judged again before it is given up. A Transcode is always deferred.
    """
    done, taken, left = _apply_groups(raw, [(edit,) for edit in edits])
    return Applied(done, tuple(edits[index] for index in taken), tuple(edits[index] for index in left))


def apply_fixes(raw: bytes, fixes: Sequence[Fix]) -> AppliedFixes:
    """The row with the fixes applied, each wholly or not at all; otherwise as ``apply_edits``."""
    done, taken, left = _apply_groups(raw, [fix.edits for fix in fixes])
    return AppliedFixes(done, tuple(fixes[index] for index in taken), tuple(fixes[index] for index in left))


def _apply_groups(raw: bytes, groups: Sequence[Sequence[Edit]]) -> tuple[bytes | None, list[int], list[int]]:
    """(new bytes, indices of the groups applied, indices of those left)."""
    state, taken, left = _State(raw), list[int](), list[int]()
    drop: int | None = None
    for index, group in enumerate(groups):
        if any(isinstance(edit, DropRow) for edit in group):
            drop = index if drop is None else drop
        after = state.with_group(group)
        if after is None:
            left.append(index)
        else:
            state = after
            taken.append(index)
    if drop is not None and not taken:
        return None, [drop], [index for index in left if index != drop]
    return state.raw, taken, left


_Path: TypeAlias = tuple[str, ...]


class _Splice(NamedTuple):
    """Replace bytes ``start`` to ``end`` of the row as it is now.

    ``core`` is the part of them that may not have been changed before; the rest is a comma and white space.
    """

    start: int
    end: int
    new: bytes
    core: Span


class _Moved(NamedTuple):
    """How pointers into the original row change below ``parent``.

    The key ``step`` is now called ``now`` (None: it is gone), or, with a ``shift``, the elements from index ``step``
    on have moved by that much.
    """

    parent: _Path
    step: str
    now: str | None
    shift: int


def _splice(start: int, end: int, new: bytes) -> _Splice:
    return _Splice(start, end, new, (start, end))


class _Conflict(Exception):
    """The edit touches what an earlier one changed, or its place is not there. Never leaves this module."""


class _State:
    """A row in the middle of being edited: its bytes, the spans changed so far, and how places have moved."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._changed: list[Span] = []
        self._splices: list[_Splice] = []
        self._moved: list[_Moved] = []

    def with_group(self, group: Sequence[Edit]) -> _State | None:
        """The state after all edits of the group, None where one of them has to wait."""
        if not group:
            return None
        state = _State(self.raw)
        state._changed, state._splices, state._moved = list(self._changed), list(self._splices), list(self._moved)
        try:
            for edit in group:
                state._apply(edit)
        except _Conflict:
            return None
        return state

    def _apply(self, edit: Edit) -> None:
        if isinstance(edit, ByteEdit):
            start, end = self._now(edit.start, edit.end)
            self._carry_out(_splice(start, end, edit.replacement))
        elif isinstance(edit, PointerEdit):
            path = self._path(steps(edit.pointer))
            splice, moved = _plan(self.raw, edit, path)
            self._carry_out(splice)
            if moved is not None:
                self._moved.append(moved)
        else:
            raise _Conflict

    def _now(self, start: int, end: int) -> Span:
        """Where bytes of the original row are now."""
        if not 0 <= start <= end:
            raise _Conflict
        for splice in self._splices:
            shift = len(splice.new) - (splice.end - splice.start)
            if start >= splice.end:
                start, end = start + shift, end + shift
            elif end > splice.start:
                raise _Conflict
        if end > len(self.raw):
            raise _Conflict
        return start, end

    def _path(self, path: _Path) -> _Path:
        """Where a pointer into the original row leads now."""
        for moved in self._moved:
            depth = len(moved.parent)
            if len(path) <= depth or path[:depth] != moved.parent:
                continue
            step = path[depth]
            if moved.shift and _INDEX.fullmatch(step):
                if step == moved.step and moved.shift < 0:
                    raise _Conflict
                if int(step) >= int(moved.step):
                    step = str(int(step) + moved.shift)
            elif step == moved.step and not moved.shift:
                if moved.now is None:
                    raise _Conflict
                step = moved.now
            path = (*path[:depth], step, *path[depth + 1 :])
        return path

    def _carry_out(self, splice: _Splice) -> None:
        start, end, new, core = splice
        if any(_overlap(core, span) for span in self._changed):
            raise _Conflict
        shift = len(new) - (end - start)
        self.raw = self.raw[:start] + new + self.raw[end:]

        def moved(at: int) -> int:
            return at if at <= start else max(at, end) + shift

        self._changed = [(moved(a), moved(b)) if a < b else (moved(a), moved(a)) for a, b in self._changed]
        self._changed.append((start, start + len(new)))
        self._splices.append(splice)


def _overlap(one: Span, other: Span) -> bool:
    """Whether two spans share a byte, or one lies empty within the other. Spans that only touch do not overlap."""
    return one[0] < other[1] and other[0] < one[1]


def _plan(raw: bytes, edit: PointerEdit, path: _Path) -> tuple[_Splice, _Moved | None]:
    """The splice that carries out an edit at a place of the row as it is now. Raises _Conflict where there is none."""
    at = pointer(*path)
    if edit.op == "replace":
        return _splice(*_found(locate(raw, at)), _written(edit.value, raw)), None
    if not path:
        raise _Conflict
    if edit.op == "rename":
        return _rename(raw, edit, path, at)
    if edit.op == "remove":
        return _remove(raw, path, at)
    return _add(raw, edit, path, at)


def _found(span: Span | None) -> Span:
    if span is None:
        raise _Conflict
    return span


def _rename(raw: bytes, edit: PointerEdit, path: _Path, at: str) -> tuple[_Splice, _Moved]:
    name = edit.value
    if not isinstance(name, str) or locate(raw, pointer(*path[:-1], name)) is not None:
        raise _Conflict
    key = _found(locate_key(raw, at))
    return _splice(*key, _written(name, raw)), _Moved(path[:-1], path[-1], name, 0)


def _remove(raw: bytes, path: _Path, at: str) -> tuple[_Splice, _Moved]:
    """Cuts a member or an element together with one comma: the one behind it, or for the last the one before it."""
    value = _found(locate(raw, at))
    key = locate_key(raw, at)
    start, end = (key or value)[0], value[1]
    after, before = _skip(raw, end), _skip_back(raw, start)
    if raw[after : after + 1] == b",":
        end = _skip(raw, after + 1)
    elif raw[before - 1 : before] == b",":
        start = before - 1
    core = ((key or value)[0], value[1])
    return _Splice(start, end, b"", core), _Moved(path[:-1], path[-1], None, 0 if key else -1)


def _add(raw: bytes, edit: PointerEdit, path: _Path, at: str) -> tuple[_Splice, _Moved | None]:
    """As RFC 6902 section 4.1: an existing member is replaced, an element is put before the one at its index."""
    start, end = _found(locate(raw, pointer(*path[:-1])))
    step = path[-1]
    comma = b", " if _spaced(raw) else b","
    text = _written(edit.value, raw)
    if raw[start : start + 1] == b"{":
        existing = locate(raw, at)
        if existing is not None:
            return _splice(*existing, text), None
        colon = b": " if _spaced(raw) else b":"
        return _append(raw, (start, end), _written(step, raw) + colon + text, comma), None
    if raw[start : start + 1] != b"[":
        raise _Conflict
    if step != "-":
        if not _INDEX.fullmatch(step):
            raise _Conflict
        existing = locate(raw, at)
        if existing is not None:
            return _splice(existing[0], existing[0], text + comma), _Moved(path[:-1], step, None, 1)
        if step != "0":
            _found(locate(raw, pointer(*path[:-1], int(step) - 1)))
    return _append(raw, (start, end), text, comma), None


def _append(raw: bytes, container: Span, text: bytes, comma: bytes) -> _Splice:
    last = _skip_back(raw, container[1] - 1)
    empty = last == container[0] + 1
    return _splice(last, last, text if empty else comma + text)


def _skip(raw: bytes, at: int) -> int:
    while at < len(raw) and raw[at] in _SPACE:
        at += 1
    return at


def _skip_back(raw: bytes, at: int) -> int:
    """The end of the last byte before ``at`` that is not white space."""
    while at > 0 and raw[at - 1] in _SPACE:
        at -= 1
    return at


def _spaced(raw: bytes) -> bool:
    return _SPACED.search(raw) is not None


def _written(value: Json, raw: bytes) -> bytes:
    """A value as JSON, spaced as the row is; escaped to ASCII where the row is, or where UTF-8 cannot hold it."""
    separators = (", ", ": ") if _spaced(raw) else (",", ":")
    as_ascii = b"\\u" in raw and raw.isascii()
    try:
        text = json.dumps(value, ensure_ascii=as_ascii, separators=separators)
    except (ValueError, RecursionError) as error:
        raise _Conflict from error
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value, separators=separators).encode("ascii")
