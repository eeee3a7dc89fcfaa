"""PRV952: files that are no longer what a lock says they were. Reads the lock and the bytes of the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from audit.evidence import file_sha256
from audit.model import Json, Measure, Severity, Source
from audit.policy.lock import LockedFile, name_in, read_lock
from audit.rule import Context, DatasetRule, Hit, Run

SHOWN = 12
"""Hexadecimal digits of a hash in a message; the evidence has all of them."""


class ChangedData(DatasetRule, frozen=True):
    """The files are not those that were locked: one has changed, is missing, or has been added.

    A review, a licence or a sign-off holds for the data that was looked at. The lock (``audit baseline DATA --lock
    audit.lock.json``) names every file with the SHA-256 of its bytes; any change of one byte is reported. Without
    ``lock`` the rule does not run. Measure: ``provenance.locked_files``, the files that are as they were.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: look at what changed; when it was meant to, have it reviewed and write the lock anew.
    """

    code: ClassVar[str] = "PRV952"
    name: ClassVar[str] = "changed-data"
    severity: ClassVar[Severity] = Severity.ERROR
    example: ClassVar[dict[str, Json]] = {"rules": {"PRV952": {"lock": "audit.lock.json"}}}
    example_files: ClassVar[dict[str, tuple[str, ...]]] = {
        "audit.lock.json": (
            '{"schema": "audit.lock/1", "files": [{"name": "example.jsonl", "sha256":',
            '"a7aa437ed5ff3d9284313a0c594960c563614072ad57bdbe171bd19498abe734"}]}',
        )
    }

    lock: str = ""

    def applies_to(self, run: Run) -> str | None:
        """Needs a lock."""
        return super().applies_to(run) or (None if self.lock else "no lock is named: [rules.PRV952] lock = FILE")

    def prepare(self, run: Run) -> None:
        """Raise ConfigError for a lock that cannot be read, before the data is."""
        read_lock(self.lock)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every file that has changed, is missing or was added; one measure."""
        locked = {entry.name: entry for entry in read_lock(self.lock).files}
        same = 0
        names = []
        for source in context.sources:
            names.append(name_in(source.path, self.lock))
            hits = list(self._compared(source, names[-1], locked.get(names[-1])))
            same += not hits
            yield from hits
        for name in sorted(set(locked) - set(names)):
            yield self.hit(
                f"{name} is in the lock and not in the data; asked for the files of {self.lock}",
                scope="dataset",
                key=name,
                evidence={"file": name, "locked": locked[name].sha256},
            )
        yield self.measure("provenance.locked_files", same, n=len(names))

    def _compared(self, source: Source, name: str, entry: LockedFile | None) -> Iterator[Hit]:
        if entry is None:
            yield self.hit(
                f"the file is not in the lock {self.lock}",
                scope="file",
                source=source,
                key=name,
                evidence={"file": name},
            )
            return
        found = _sha256(source.path)
        if found != entry.sha256:
            yield self.hit(
                f"the file has changed since it was locked: sha256 {found[:SHOWN]}, then {entry.sha256[:SHOWN]}",
                scope="file",
                source=source,
                key=name,
                evidence={"file": name, "sha256": found, "locked": entry.sha256},
            )


def _sha256(path: str) -> str:
    """Hex SHA-256 of a file as it is stored, "" for what is no file any more."""
    try:
        return file_sha256(path)
    except OSError:
        return ""
