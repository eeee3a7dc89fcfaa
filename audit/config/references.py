"""Reads files of expected shares: CSV, TOML or JSON of group -> share. Whether they are shares is checked elsewhere."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from audit.errors import ConfigError
from audit.model import Json

HINT = 'a CSV with the columns group and share, or TOML or JSON such as {"F": 0.5, "M": 0.5}'


def read_shares(path: str) -> dict[str, Json]:
    """Group -> share as written. Raises ConfigError for a file that is missing or is none of these."""
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"reference shares {path} cannot be read: {error.strerror or error}", hint=HINT) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"reference shares {path}: not UTF-8 at byte {error.start}", hint=HINT) from None
    try:
        found = _parsed(content, Path(path).suffix.lower())
    except (ValueError, csv.Error, RecursionError) as error:
        raise ConfigError(f"reference shares {path}: {error}", hint=HINT) from None
    if not isinstance(found, dict) or not found:
        raise ConfigError(f"reference shares {path}: no table of groups and shares", hint=HINT)
    return found


def _parsed(content: str, ending: str) -> Json:
    if ending == ".json":
        return json.loads(content)
    if ending == ".toml":
        import tomllib

        return tomllib.loads(content)
    return _of_table(content)


def _of_table(content: str) -> dict[str, float]:
    """The columns ``group`` and ``share`` of a CSV, else its first two. Raises ValueError."""
    rows = [row for row in csv.reader(content.splitlines()) if row]
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if len(header) < 2:
        raise ValueError("a line is no group and share")
    group = header.index("group") if "group" in header else 0
    share = header.index("share") if "share" in header else 1
    found: dict[str, float] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) <= max(group, share):
            raise ValueError(f"line {number} is no group and share")
        if row[group].strip() in found:
            raise ValueError(f"line {number} repeats the group {row[group].strip()!r}")
        found[row[group].strip()] = float(row[share])
    return found
