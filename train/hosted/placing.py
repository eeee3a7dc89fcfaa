"""Finds the row and the place in it that a provider refuses, and says what to do. Asks nobody and mends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import InputError
from audit.model import Json
from audit.read.spans import pointer
from audit.train.hosted.moderating import flagged_before
from audit.train.hosted.refusals import Fault, Refusal
from audit.train.hosted.uploaded import UploadedRow, line_at, origins, texts_in
from audit.train.runs.folder import MODERATION, UPLOADS

NAMED: Final = 10
"""Rows that a sentence names where a moderation flags many."""
_LISTS: Final = (("messages",), ("input", "messages"), ("preferred_output",), ("non_preferred_output",))
"""Where the messages of a row that is handed in stand."""
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_CHECK: Final = "`audit check DATA --target openai-sft --select {codes}` finds all of them (openai-dpo for preferences)"
_HINTS: Final[Mapping[Fault, str]] = {
    "unsafe": "read the rows for what is named: a policy of the provider's own need not be in its moderation; an "
    "appeal goes to the provider",
    "moderated": "rewrite or take out these rows; --set moderation=refuse shows every text to the moderation before "
    f"anything is uploaded and names what it flags in {MODERATION} of the run's folder",
    "quota": "the account has no credit left for this job: add some, then the same command with --force",
    "too-few-rows": "add rows; --set hold_out changes how many are kept for validation "
    f"({_CHECK.format(codes='FMT114')})",
    "wrong-method": "--set method=supervised for chats, --set method=dpo for preferences; and see which methods the "
    "provider has for this model",
    "invalid-json": _CHECK.format(codes="ENC003"),
    "not-an-object": _CHECK.format(codes="ENC003,ENC004"),
    "missing-role": _CHECK.format(codes="FMT102,FMT103"),
    "unknown-role": _CHECK.format(codes="FMT103"),
    "role-not-taken": "the method that was asked for takes no messages of this role: --set method, or other messages",
    "extra-key": f"`audit fix DATA --target openai-sft` takes such keys out; {_CHECK.format(codes='FMT110')}",
    "missing-key": _CHECK.format(codes="FMT101,FMT102"),
    "special-token": "take the token out of the text, or break it up; " + _CHECK.format(codes="TOK306,TOK307"),
    "wrong-format": _CHECK.format(codes="FMT101"),
    "row": "`audit check DATA --target openai-sft` shows what is known to be refused",
    "unknown": "the provider's words are all that is known; --force tries again, which may be paid for again",
}


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a refusal lies, and what to do.

    ``row`` is the row that was handed in, as it was read; None where that is not known. ``pointer`` is the JSON Pointer
    in that row, "" for the whole of it or where it is not known. ``flagged`` are rows that a moderation names. ``text``
    says all that in one sentence, ``hint`` what to do.
    """

    row: UploadedRow | None = None
    pointer: str = ""
    flagged: tuple[UploadedRow, ...] = ()
    text: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return self.text


def placed(refusal: Refusal, folder: Path) -> Placed:
    """The place of a refusal of a file that was handed in from the folder of a run. What cannot be found out, or of
    which the folder no longer tells, is left open."""
    row, at = _row(refusal, folder)
    flagged = _flagged(refusal, folder)
    seen = _warned(folder) if refusal.kind in ("unsafe", "moderated") and not flagged else ""
    return Placed(
        row=row,
        pointer=at,
        flagged=flagged,
        text=_sentence(refusal, row, at, flagged),
        hint=f"{seen}{_HINTS[refusal.kind]}",
    )


def _warned(folder: Path) -> str:
    """What the moderation flagged before the upload, which was done all the same."""
    try:
        rows = dict.fromkeys(one.shown_row for one in flagged_before(folder))
    except InputError:
        return ""
    return f"the moderation flagged before the upload: {_some(list(rows))}; " if rows else ""


def _row(refusal: Refusal, folder: Path) -> tuple[UploadedRow | None, str]:
    """The row of the example, and the pointer in it. Where it is not said which file is meant it is the only one, or
    the only one with such a fault at that line."""
    if refusal.example is None:
        return None, ""
    found = [
        (rows[role, refusal.example], _pointer(refusal, line_at(folder, role, refusal.example)))
        for role in _roles(refusal, folder)
        if (role, refusal.example) in (rows := _origins(folder, role, (refusal.example,)))
    ]
    if len(found) > 1:
        found = [one for one in found if one[1]]
    return found[0] if len(found) == 1 else (None, "")


def _roles(refusal: Refusal, folder: Path) -> list[str]:
    return [refusal.role] if refusal.role else [role for role, name in UPLOADS.items() if (folder / name).is_file()]


def _origins(folder: Path, role: str, lines: tuple[int, ...]) -> dict[tuple[str, int], UploadedRow]:
    try:
        return origins(folder, {(role, line) for line in lines})
    except InputError:
        return {}


def _flagged(refusal: Refusal, folder: Path) -> tuple[UploadedRow, ...]:
    roles = _roles(refusal, folder)
    if not refusal.flagged or len(roles) != 1:
        return ()
    rows = _origins(folder, roles[0], refusal.flagged)
    return tuple(rows[roles[0], line] for line in refusal.flagged if (roles[0], line) in rows)


# ----------------------------------------------------------------------------- the place in a row


def _pointer(refusal: Refusal, row: Mapping[str, Json]) -> str:
    """Where in a row the fault is, if there is one place that it can be."""
    if refusal.kind == "extra-key" and refusal.key:
        if refusal.key in row:
            return pointer(refusal.key)
        places = [f"{at}{pointer(refusal.key)}" for at, one in _messages(row) if _has(one, refusal.key)]
        return _the_one(places, refusal)
    if refusal.kind == "special-token" and refusal.token:
        return next((at for at, text in texts_in(row) if refusal.token in text), "")
    if refusal.kind == "missing-role":
        return _the_one([at for at, one in _messages(row) if not _has(one, refusal.key or "role")], refusal)
    if refusal.kind == "missing-key" and refusal.message is not None:
        return _the_one([at for at, one in _messages(row) if not _has(one, refusal.key)], refusal)
    if refusal.kind == "unknown-role":
        return _the_one([f"{at}/role" for at, one in _messages(row) if not _is_known(one)], refusal)
    if refusal.kind == "role-not-taken":
        role = refusal.token.lower()
        return next((at for at, one in _messages(row) if _has(one, "role") and one["role"] == role), "")
    return ""


def _the_one(places: list[str], refusal: Refusal) -> str:
    """The only place; of several, the one that is at the number that the provider gives, counted from 0 or from 1."""
    if len(places) == 1:
        return places[0]
    if refusal.message is None:
        return ""
    numbers = {str(refusal.message), str(refusal.message - 1)}
    near = [at for at in places if any(step in numbers for step in at.split("/"))]
    return near[0] if len(near) == 1 else ""


def _messages(row: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """(JSON Pointer, message) of all messages of a row."""
    for path in _LISTS:
        value: Json = dict(row)
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        for index, message in enumerate(value if isinstance(value, list) else ()):
            yield pointer(*path, index), message


def _has(message: Json, key: str) -> bool:
    return isinstance(message, dict) and key in message


def _is_known(message: Json) -> bool:
    role = message.get("role") if isinstance(message, dict) else None
    return isinstance(role, str) and role in _ROLES


# ----------------------------------------------------------------------------- sentences


def _sentence(refusal: Refusal, row: UploadedRow | None, at: str, flagged: tuple[UploadedRow, ...]) -> str:
    parts = [f"{f'{refusal.code}: ' if refusal.code not in ('', refusal.detail) else ''}{refusal.detail}"]
    if row is not None:
        parts.append(f"{row.shown}{f' {at}' if at else ''} ({_line(row)}{_numbered(refusal, at)})")
    elif refusal.example is not None:
        which = f"the file for {refusal.role}" if refusal.role else "one of the files"
        parts.append(f"line {refusal.example:,} of {which}{_numbered(refusal, at)}")
    if refusal.flagged:
        parts.append(_named(refusal, flagged))
    return "; ".join(parts)


def _line(row: UploadedRow) -> str:
    copy = f", copy {row.copy} of the row" if row.copy > 1 else ""
    return f"line {row.line:,} of {UPLOADS[row.role]}{copy}"


def _numbered(refusal: Refusal, at: str) -> str:
    """The provider's number of the message where it is not known which that is, and the column of invalid JSON."""
    if refusal.column is not None:
        return f", column {refusal.column:,}"
    return f", message {refusal.message:,} as the provider counts" if refusal.message is not None and not at else ""


def _named(refusal: Refusal, flagged: tuple[UploadedRow, ...]) -> str:
    if not flagged:
        return f"examples {', '.join(map(str, refusal.flagged[:NAMED]))} are flagged"
    return f"flagged: {_some(list(dict.fromkeys(one.shown for one in flagged)))}"


def _some(places: list[str]) -> str:
    more = f" and {len(places) - NAMED:,} more" if len(places) > NAMED else ""
    return f"{', '.join(places[:NAMED])}{more}"
