"""What the stand-in provider remembers, in one SQLite file that outlives its process. Speaks no HTTP.

Both sides read and write it: the server its files, jobs and batches, a test its scenario and its faults.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

NAME: Final = "provider.sqlite"
START: Final = 1_767_225_600
"""The second that the stand-in's clock begins at: 2026-01-01. It goes on by one with everything that is made."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS things (kind TEXT, number INTEGER, id TEXT UNIQUE, value TEXT, PRIMARY KEY (kind, number));
CREATE TABLE IF NOT EXISTS contents (id TEXT PRIMARY KEY, bytes BLOB);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER);
CREATE TABLE IF NOT EXISTS requests (n INTEGER PRIMARY KEY, method TEXT, path TEXT, status INTEGER);
CREATE TABLE IF NOT EXISTS scenario (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS faults (n INTEGER PRIMARY KEY, seen INTEGER, value TEXT);
"""


class Store:
    """The memory in the folder ``folder``. A killed process leaves whole requests or nothing of them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._base = sqlite3.connect(folder / NAME, timeout=30, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=OFF")  # a killed process loses nothing by it, and nobody cuts the power
        self._base.executescript(_TABLES)

    def close(self) -> None:
        self._base.close()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All that is done within is done, or nothing of it; nobody else comes between."""
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._base.execute(statement, values).fetchall()

    def count(self, name: str) -> int:
        """The next number of a counter, from 1."""
        statement = "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
        self._rows(statement, name)
        return int(self._rows("SELECT value FROM counters WHERE name = ?", name)[0][0])

    def now(self) -> int:
        """A second of the stand-in's clock, each once."""
        return START + self.count("clock")

    # ------------------------------------------------------------------ things

    def add(self, kind: str, prefix: str, **fields: Any) -> dict[str, Any]:
        """A new thing of a kind, with an id like ``file-0001`` and its fields."""
        number = self.count(kind)
        value = {"id": f"{prefix}{number:04}", **fields}
        self._rows("INSERT INTO things VALUES (?, ?, ?, ?)", kind, number, value["id"], json.dumps(value))
        return value

    def keep(self, value: dict[str, Any]) -> dict[str, Any]:
        """Remember a thing as it is now."""
        self._rows("UPDATE things SET value = ? WHERE id = ?", json.dumps(value), value["id"])
        return value

    def get(self, kind: str, identity: str) -> dict[str, Any] | None:
        found = self._rows("SELECT value FROM things WHERE kind = ? AND id = ?", kind, identity)
        return json.loads(found[0][0]) if found else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All things of a kind, oldest first."""
        return [
            json.loads(value)
            for (value,) in self._rows("SELECT value FROM things WHERE kind = ? ORDER BY number", kind)
        ]

    def remove(self, identity: str) -> None:
        self._rows("DELETE FROM things WHERE id = ?", identity)
        self._rows("DELETE FROM contents WHERE id = ?", identity)

    def put_content(self, identity: str, data: bytes) -> None:
        self._rows("INSERT INTO contents VALUES (?, ?)", identity, data)

    def content(self, identity: str) -> bytes:
        found = self._rows("SELECT bytes FROM contents WHERE id = ?", identity)
        return bytes(found[0][0]) if found else b""

    # ------------------------------------------------------------------ requests, scenario, faults

    def asked(self, method: str, path: str) -> int:
        """Note a request that came in; its number, from 1."""
        number = self.count("requests")
        self._rows("INSERT INTO requests VALUES (?, ?, ?, NULL)", number, method, path)
        return number

    def answered(self, number: int, status: int | None) -> None:
        self._rows("UPDATE requests SET status = ? WHERE n = ?", status, number)

    def requests(self) -> list[tuple[str, str, int | None, int]]:
        """Method, path without what comes before it (``/v1``), status (None: no answer) and number of all requests."""
        return self._rows("SELECT method, path, status, n FROM requests ORDER BY n")

    def scenario(self) -> dict[str, Any]:
        return {name: json.loads(value) for name, value in self._rows("SELECT name, value FROM scenario")}

    def set_scenario(self, **changes: Any) -> None:
        for name, value in changes.items():
            self._rows("INSERT OR REPLACE INTO scenario VALUES (?, ?)", name, json.dumps(value))

    def add_fault(self, fault: dict[str, Any]) -> None:
        self._rows("INSERT INTO faults VALUES (?, 0, ?)", self.count("faults"), json.dumps(fault))

    def clear_faults(self) -> None:
        self._rows("DELETE FROM faults")

    def faults(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Number, how many requests it was compared with that fit, and the fault itself."""
        return [(n, seen, json.loads(value)) for n, seen, value in self._rows("SELECT * FROM faults ORDER BY n")]

    def fault_seen(self, number: int) -> None:
        self._rows("UPDATE faults SET seen = seen + 1 WHERE n = ?", number)
