"""The journal of a delivery: what is left to do when all is written, so that a killed run is completed by the next.

Moves and keeps files that exist; writes none but the journal, and knows nothing of what they hold.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from audit.errors import OutputError
from audit.process import lives
from audit.writing import unwritable

TEMPORARY: Final = "audit-tmp"
"""How the names of files end that are not yet in place."""
_JOURNAL: Final = "audit-journal"


State: TypeAlias = tuple[int, int, int]
"""When a file was modified (nanoseconds), its size in bytes, its inode."""


class Journal(msgspec.Struct, frozen=True):
    """What is left to do when everything has been written: keep (file, backup), move (temporary, file), remove.

    ``process`` carries it out; ``started`` tells it from a later one with its number. ``journals`` are all its places:
    the first is written last and goes last, so that only what it is there for holds. ``before`` are the states of the
    files that will be moved over, by which one is known that was written since.
    """

    keep: tuple[tuple[str, str], ...]
    moves: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]
    journals: tuple[str, ...] = ()
    process: int = 0
    started: str = ""
    before: dict[str, State | None] = {}


def recover(main: Path) -> bool:
    """Complete what a killed run had written wholly but not put in place; whether there was any.

    Raises OutputError, also where the run that writes it lives.
    """
    journal = journal_of(main)
    try:
        text = journal.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        sweep(main)
        return False
    except OSError as error:
        raise unwritable(str(main), error) from None
    try:
        plan = msgspec.convert(json.loads(text), Journal)
    except (ValueError, msgspec.ValidationError):
        journal.unlink(missing_ok=True)  # the disk was full or lost its power: nothing had been put in place
        sweep(main)
        return False
    if plan.process != os.getpid() and lives(plan.process) and plan.started == started_of(plan.process):
        raise _busy(main)
    if plan.journals and not os.path.exists(plan.journals[0]):
        journal.unlink(missing_ok=True)  # killed before all journals were there: nothing had been put in place
        sweep(main)
        return False
    try:
        check_backups(plan)
        _give_way(plan)
        replay(plan)
        journal.unlink(missing_ok=True)
        sweep(main)
    except OSError as error:
        raise unwritable(str(main), error) from None
    return True


def _busy(main: Path) -> OutputError:
    return OutputError(f"{main} is being written by another process", hint="let it end, then try again")


def backup_exists(backup: str) -> OutputError:
    """What to tell the user of a backup that is in the way."""
    return OutputError(f"{backup} exists", hint="move the backup of an earlier run away")


def journal_of(main: Path) -> Path:
    """Where the journal of a delivery lies, beside each of its main files."""
    return main.parent / f".{main.name}.{_JOURNAL}"


def unlink(files: Iterable[str]) -> None:
    """Take files away that may be gone already."""
    for path in files:
        Path(path).unlink(missing_ok=True)


def write_journals(plan: Journal) -> None:
    """Write it so that it is on disk as a whole before the first file is moved. Raises OSError, and OutputError where
    another process has written one; ``withdraw`` then takes away what is there already."""
    try:
        for journal in reversed(plan.journals):
            _appear(journal, _text(plan))
    except FileExistsError as error:
        folder, _, name = str(error.filename).rpartition(os.sep)
        raise _busy(Path(folder, name[1 : -len(_JOURNAL) - 1])) from None
    _sync_folders(map(Path, plan.journals))


def withdraw(plan: Journal) -> None:
    """Take away what ``write_journals`` has written, all or a part; those of another process stay. Raises OSError."""
    text = _text(plan)
    for journal in map(Path, plan.journals):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if journal.read_bytes() == text:
                journal.unlink()


def _text(plan: Journal) -> bytes:
    return json.dumps(msgspec.to_builtins(plan)).encode("ascii")  # file names may hold any byte


def _appear(path: str, text: bytes) -> None:
    """A new file that is there whole or not at all, so that nobody reads half of it. Raises FileExistsError."""
    temporary = f"{path}.{os.getpid()}.{TEMPORARY}"
    try:
        with open(temporary, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _linked(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _linked(file: str, name: str) -> None:
    """Give a file a second name, which must be free, or a copy, whole at once, where the file system has no links.

    Raises FileExistsError, with the name.
    """
    try:
        os.link(file, name)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "exists", name) from None
    except OSError:
        if os.path.lexists(name):
            raise FileExistsError(errno.EEXIST, "exists", name) from None
        copy = f"{name}.{os.getpid()}.copy.{TEMPORARY}"
        shutil.copy2(file, copy)
        os.replace(copy, name)


def check_backups(plan: Journal) -> None:
    """A backup that is there must be that of this delivery. Raises OutputError where it is another file."""
    moves = {path: temporary for temporary, path in plan.moves}
    for path, backup in plan.keep:
        waits = os.path.exists(moves.get(path, path))
        if waits and os.path.lexists(backup) and not _is_copy(path, backup):
            raise backup_exists(backup)


def _is_copy(path: str, backup: str) -> bool:
    return os.path.exists(path) and (os.path.samefile(path, backup) or filecmp.cmp(path, backup, shallow=False))


def state_of(path: str | Path) -> State | None:
    """By what a file is known to be as it was, None where there is none. Raises OSError."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _give_way(plan: Journal) -> None:
    """What was written after the journal stays: the file that would have taken its place goes."""
    for temporary, path in plan.moves:
        if path in plan.before and state_of(path) not in (None, plan.before[path]):
            Path(temporary).unlink(missing_ok=True)


def replay(plan: Journal) -> None:
    """Do what is left to do; whatever has been done before is passed over. Raises OutputError; where no file is in
    place yet, nothing is left behind."""
    at = ""
    kept: list[str] = []
    try:
        for path, at in plan.keep:
            if not os.path.lexists(at):
                kept.append(at)
                with contextlib.suppress(FileExistsError):  # it was just made: whoever did has moved the file, too
                    _linked(path, at)
        for temporary, at in plan.moves:
            with contextlib.suppress(FileNotFoundError):
                os.replace(temporary, at)
        for at in plan.remove:
            Path(at).unlink(missing_ok=True)
        _sync_folders(Path(path) for _, path in plan.moves)
        unlink(reversed(plan.journals))
    except OSError as error:
        if all(os.path.exists(temporary) for temporary, _ in plan.moves):
            _undo(plan, kept)
        raise unwritable(at, error) from None


def _undo(plan: Journal, kept: Iterable[str]) -> None:
    """Take away everything that was written, the journals first: without them nobody goes on."""
    with contextlib.suppress(OSError):
        unlink(plan.journals)
        unlink(temporary for temporary, _ in plan.moves)
        unlink(kept)


def sweep(main: Path) -> None:
    """Take away the temporary file of a run that was killed. Those of living processes stay."""
    for left in main.parent.glob(f".{_escaped(main.name)}.*.{TEMPORARY}"):
        number = left.name.removesuffix(f".{TEMPORARY}").rpartition(".")[2]
        if number.isdigit() and not lives(int(number)):
            left.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def started_of(process: int) -> str:
    """When a process began, in ticks since the machine did; "" where the system does not tell (proc_pid_stat(5))."""
    try:
        text = Path(f"/proc/{process}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _sync_folders(files: Iterable[Path]) -> None:
    """Flush the names of some files to disk."""
    if os.name != "posix":
        return
    for folder in sorted({file.parent for file in files}):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
