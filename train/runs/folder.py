"""The folder of a run: what is in it, whether it may be written, and what an earlier run has left there.

Nothing is taken away that is no run's own, whoever asks for it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from audit.errors import OutputError
from audit.model import Json
from audit.train.data.canaries import CANARIES
from audit.train.runs.chain import FIRST, RECORD, SEAL, chain_of, listed_files, read_entries
from audit.train.runs.record import CLOCKED, Record, check_unwritten, files_of, is_finished
from audit.train.runs.verify import check_intact
from audit.writing import unwritable

SCHEMA: Final = "audit.run/1"
"""What the first line of a run's record says it is."""
BEGAN: Final = "began"
CONFIG: Final = "config.json"
GATE: Final = "gate.json"
ACCOUNTING: Final = "accounting.json"
ROWS: Final = "rows.jsonl"
METRICS: Final = "metrics.jsonl"
CHECKPOINTS: Final = "checkpoints"
TOKENIZER: Final = "tokenizer"
MODEL: Final = "model"
UPLOADS: Final[Mapping[str, str]] = {"train": "train.jsonl", "validation": "validation.jsonl"}
"""What a hosted run hands to the provider, by the role of the file."""
UPLOADED_ROWS: Final = "uploaded.jsonl"
"""For every line of these files the row that it was made of."""
MODERATION: Final = "moderation.jsonl"
EVENTS: Final = "events.jsonl"
JOB: Final = "job.json"
HOSTED_CHECKPOINTS: Final = "checkpoints.json"
RESULT: Final = "result.csv"
HOSTED_FILES: Final = frozenset({*UPLOADS.values(), UPLOADED_ROWS, MODERATION, EVENTS, JOB, HOSTED_CHECKPOINTS, RESULT})
"""What only the folder of a hosted run holds."""
MODEL_ENTRY: Final = "model"
"""The kind of the last entry before training: a record without it was killed before anything could be gone on with."""

State = Literal["new", "begun", "started", "finished"]

_FOLDERS: Final = frozenset(
    {CHECKPOINTS, TOKENIZER, MODEL, *(name.rstrip("/") for name in CLOCKED if name.endswith("/"))}
)
_KEPT: Final = frozenset({CONFIG, GATE, ACCOUNTING, ROWS, CANARIES, METRICS, RECORD, SEAL}) | HOSTED_FILES
_FILES: Final = _KEPT | {name for name in CLOCKED if not name.endswith("/")}
_TEMPORARY: Final = re.compile(rf"\.({'|'.join(map(re.escape, sorted(_FOLDERS | _FILES)))})(\.\d+)?\.tmp")
"""What a process that was killed leaves of a file or of the model that it was writing."""
_WRITTEN: Final = frozenset({".json", ".jinja", ".safetensors", ".model", ".txt", ".md"})
"""How files of a model or a tokenizer end."""
_CHECKPOINT: Final = re.compile(r"step-\d{8,}|\.step-\d{8,}\.\d+\.(tmp|old)")


def state_of(folder: Path) -> State:
    """``new``: nothing there. ``begun``: a run that ended before it had written down what it is. ``started``: one that
    can be gone on with, unless something of it was damaged. ``finished``: one whose record is sealed. Raises
    OutputError for a folder of something else."""
    if not os.path.lexists(folder):
        return "new"
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file", hint="name a folder")
    names = set(os.listdir(folder))
    if not names:
        return "new"
    if not _is_run(folder, names):
        raise OutputError(f"{folder} holds files that are no run's", hint="name an empty or a new folder")
    if is_finished(folder):
        return "finished"
    chain = chain_of(folder)
    known = any(entry.kind == MODEL_ENTRY for entry in chain.entries)
    return "started" if known or chain.faults or names & {METRICS, CHECKPOINTS} else "begun"


def _is_run(folder: Path, names: set[str]) -> bool:
    """Whether the record there is a run's, by its first line; or empty, as a crash leaves it in a new folder."""
    path = folder / RECORD
    if RECORD not in names or path.is_symlink() or not path.is_file():
        return False
    chain = chain_of(folder)
    if not chain.entries:
        return not chain.faults and names == {RECORD}
    first = chain.entries[0]
    return (first.n, first.kind, first.previous, first.data.get("schema")) == (0, BEGAN, FIRST, SCHEMA)


def check_output(folder: Path, inputs: Sequence[str], *, resume: bool, force: bool) -> State:
    """The state of the folder, where the run may be written to it. ``inputs`` are all files, folders and patterns that
    the run reads.

    Raises OutputError where it may not: a run is there and neither ``resume`` nor ``force`` says what to do with it, it
    holds an input or lies in one, another process writes it, it holds what is no run's, or it cannot be written. Raises
    ResumeRefused where a run that is to be gone on with is not as its record says.
    """
    state = state_of(folder)
    if not (resume or force):
        _refuse_earlier(folder, state)
    check_inputs(folder, inputs)
    check_unwritten(folder)
    if state == "finished" and not force:
        check_intact(folder)
    elif state != "new":
        check_own(folder)
    if state == "started" and not force:
        read_entries(folder)
    above = folder if folder.is_dir() else folder.absolute().parent
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} cannot be written: {above.name or above} is not yours to write in")
    return state


def _refuse_earlier(folder: Path, state: State) -> None:
    if state in ("started", "finished"):
        hint = "--resume goes on with it, --force replaces it" if state == "started" else "--force replaces it"
        raise OutputError(f"{folder} holds a run already", hint=hint)


def check_inputs(folder: Path, inputs: Iterable[str]) -> None:
    """Raise OutputError where an input lies in the folder, which may be emptied, or the folder in an input, which would
    be read with the run in it."""
    own = Path(os.path.realpath(folder))
    for given in inputs:
        magic = glob.has_magic(given) and not os.path.lexists(given)
        files = glob.glob(given, recursive=True) if magic else [given] if os.path.exists(given) else []
        if held := next((one for one in files if Path(os.path.realpath(one)).is_relative_to(own)), None):
            raise OutputError(f"{folder} holds {held}, which the run reads", hint="write the run to another folder")
        root = _root_of(given) if magic else given
        if root is not None and os.path.isdir(root) and own.is_relative_to(os.path.realpath(root)):
            raise OutputError(
                f"{folder} lies in {given}, which the run reads: it would be read as data later",
                hint="write the run to a folder outside of it",
            )


def _root_of(pattern: str) -> str | None:
    """The folder below which a pattern looks into folders that it does not name; None where it does not."""
    parts = Path(pattern).parts[:-1]
    at = next((at for at, part in enumerate(parts) if glob.has_magic(part)), None)
    return None if at is None else str(Path(*parts[:at]))


def check_own(folder: Path) -> None:
    """Raise OutputError naming what in the folder of a run is not a run's own: another name, a link, a file where a
    folder belongs, and of a finished run whatever its record does not list."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        left = _TEMPORARY.fullmatch(entry.name)
        name = left[1] if left else entry.name
        fits = entry.is_dir(follow_symlinks=False) if name in _FOLDERS else entry.is_file(follow_symlinks=False)
        if name not in _FOLDERS | _FILES or not fits:
            raise _foreign(folder, entry.name)
    listed = listed_files(chain_of(folder).entries) if is_finished(folder) else None
    for name in files_of(folder):
        top, _, below = name.partition("/")
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise _foreign(folder, name)
        if top == CHECKPOINTS and not (_CHECKPOINT.fullmatch(below.partition("/")[0]) and "/" in below):
            raise _foreign(folder, name)
        if top in (TOKENIZER, MODEL) and path.suffix not in _WRITTEN:
            raise _foreign(folder, name)
        if listed is not None and name not in listed and not _TEMPORARY.fullmatch(top):
            raise _foreign(folder, name)


def _foreign(folder: Path, name: str) -> OutputError:
    return OutputError(f"{folder} holds {name}, which is no run's own", hint="move it elsewhere, and try again")


def sweep_temporary(folder: Path) -> None:
    """Take away what killed processes left half written beside the files of a run whose record is held."""
    for name in os.listdir(folder):
        if _TEMPORARY.fullmatch(name):
            _remove(folder / name)


def begin(folder: Path, began: Mapping[str, Json], *, force: bool = False) -> Record:
    """The record of a new run in a folder with nothing else in it, begun by an entry of what ``began`` says.

    A run that is there is replaced with ``force``, while its record is held, so that nobody writes it meanwhile: the
    seal goes first, then the record begins anew, then the rest goes. Killed in between it is no finished run, and one
    that cannot be gone on with.
    Raises OutputError where another process writes the run, or the folder may not be replaced.
    """
    state_of(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(str(folder), error) from None
    record = Record.locked(folder)
    try:
        if not force:
            _refuse_earlier(folder, state_of(folder))  # as it is now: another process may have been faster
        check_own(folder)
        (folder / SEAL).unlink(missing_ok=True)
        record.restart(BEGAN, {"schema": SCHEMA, **began})
        for name in sorted(set(os.listdir(folder)) - {RECORD}):
            _remove(folder / name)
    except OSError as error:
        record.close()
        raise unwritable(str(folder), error) from None
    except BaseException:
        record.close()
        raise
    return record


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
