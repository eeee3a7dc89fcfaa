"""The citations that somebody has checked, from the files that the user names. Judges none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.errors import InputError
from audit.rules.answers.citations import citations, key_of

LOOKED_UP: Final = ("case", "DOI", "ECLI", "CELEX number")
"""Kinds of citations that can be known."""
_FIELD: Final = "citation"


class Known(NamedTuple):
    """Keys of the citations (``audit.rules.answers.citations.key_of``), and how many entries the files have."""

    keys: frozenset[str]
    entries: int


@lru_cache(maxsize=4)
def read_known(paths: tuple[str, ...]) -> Known:
    """The citations in text files, one to a line, or in JSON Lines under ``citation``. A line may hold more than the
    citation, such as the names of the parties. Raises InputError for a file that cannot be read or holds none."""
    entries: list[str] = []
    for path in paths:
        before = len(entries)
        entries += _entries(path)
        if len(entries) == before:
            raise InputError(f"{path} holds no known citations", hint="one to a line, or JSON Lines with them")
    keys = {key_of(entry) for entry in entries}
    keys.update(one.key for entry in entries for one in citations(entry, date.max) if one.key)
    return Known(frozenset(keys - {""}), len(set(entries)))


def _entries(path: str) -> Iterator[str]:
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"the known citations in {path} cannot be read: {error}") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        yield _cited(line, f"{path} line {number}") if path.endswith((".jsonl", ".ndjson")) else line.strip()


def _cited(line: str, place: str) -> str:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InputError(f"the known citations in {place} are no JSON: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get(_FIELD), str):
        raise InputError(f'{place} has no "{_FIELD}" that is a string', hint='{"citation": "410 U.S. 113"}')
    cited: str = row[_FIELD]
    return cited
