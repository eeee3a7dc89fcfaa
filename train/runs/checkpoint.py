"""Checkpoints: a folder for each, in place whole or not at all, and read back only where every byte is as it was.

A checkpoint holds what is trained, the optimiser's state, how far the run is, the identity of the run, and what its log
and its record were. It holds no random state: everything that is drawn is a function of seed and step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from audit.errors import OutputError
from audit.process import lives
from audit.train.core.state import Progress, Snapshot
from audit.train.runs.chain import canonical
from audit.train.runs.identity import Identity, ResumeRefused, refuse
from audit.train.runs.log import NOTHING_LOGGED, Logged
from audit.train.runs.record import fingerprint, sync_folder
from audit.writing import unwritable

SCHEMA: Final = "audit.checkpoint/1"
MODEL: Final = "model.safetensors"
OPTIMISER: Final = "optimiser.safetensors"
PROGRESS: Final = "progress.json"
IDENTITY: Final = "identity.json"
LOGGED: Final = "logged.json"
MANIFEST: Final = "manifest.json"
CONTENTS: Final = (IDENTITY, LOGGED, MODEL, OPTIMISER, PROGRESS)
"""What every checkpoint holds beside its manifest."""

_NAME: Final = re.compile(r"step-(\d{8,})")
_LEFT: Final = re.compile(r"\.(step-\d{8,})\.(\d+)\.(tmp|old)")
_ANEW: Final = "restore the folder from a copy, or train anew into another output folder"
T = TypeVar("T")


class PassedOver(NamedTuple):
    """A checkpoint that was not written to its end, as a crash leaves it, and why it cannot be used."""

    name: str
    why: str


class Found(NamedTuple):
    """The checkpoint to go on from, what it says of the log, and the newer ones that were passed over."""

    path: Path
    progress: Progress
    logged: Logged
    passed_over: tuple[PassedOver, ...]

    @property
    def step(self) -> int:
        """The last step that it holds."""
        return self.progress.step


class _Broken(Exception):
    """Why a checkpoint cannot be used. ``damaged``: in a way that no crash leaves, for its manifest, which is written
    last, is there."""

    def __init__(self, why: str, *, damaged: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.damaged = damaged


# ----------------------------------------------------------------------------- saving


def save(
    folder: Path, snapshot: Snapshot, identity: Identity, logged: Logged = NOTHING_LOGGED, *, keep: int, best: bool
) -> Path:
    """Write a checkpoint below ``folder``, the run's ``checkpoints``, and return its path.

    It is on the disk before anything older goes. ``keep`` of the newest stay, this one counted, and beside them those
    that the kept ones name as their best (``best``: this one is); later steps, which a resume passed over, go. Tensors
    are written as they are, whatever their type.
    Raises OutputError where it cannot be written; nothing half is left.
    """
    progress = snapshot.progress
    if best and progress.best_step != progress.step:
        raise ValueError(f"step {progress.step} is saved as the best, and progress names step {progress.best_step}")
    final = folder / name_of(progress.step)
    temporary = folder / f".{final.name}.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        temporary.mkdir()
        _write(temporary, snapshot, identity, logged)
        _put_in_place(temporary, final)
        _thin(folder, progress.step, keep)
    except OSError as error:
        raise unwritable(str(final), error) from None
    except SafetensorError as error:
        raise OutputError(
            f"{final} cannot be written: {error}", hint="is the folder yours, is there space left?"
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def name_of(step: int) -> str:
    """The name of the folder of a step."""
    return f"step-{step:08d}"


def _write(folder: Path, snapshot: Snapshot, identity: Identity, logged: Logged) -> None:
    save_file(_plain(snapshot.model), folder / MODEL)
    save_file(_plain(snapshot.optimiser), folder / OPTIMISER)
    # The standard library's JSON, for it reads back a best value that is infinite.
    (folder / PROGRESS).write_text(json.dumps(msgspec.to_builtins(snapshot.progress), sort_keys=True))
    (folder / IDENTITY).write_bytes(canonical(identity))
    (folder / LOGGED).write_bytes(canonical(logged))
    files = {name: fingerprint(folder / name) for name in CONTENTS}
    for name in CONTENTS:
        _sync(folder / name)
    manifest = {"schema": SCHEMA, "step": snapshot.progress.step, "files": files}
    (folder / MANIFEST).write_bytes(canonical(manifest))
    _sync(folder / MANIFEST)
    sync_folder(folder)


def _plain(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """On the CPU, contiguous, and each with its own memory, as the format asks for."""
    plain: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        at = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if at in seen else tensor
        seen.add(at)
    return plain


def _put_in_place(temporary: Path, final: Path) -> None:
    """Rename; a checkpoint of the same step is set aside first, and comes back in ``sweep`` after a crash between."""
    aside = final.parent / f".{final.name}.{os.getpid()}.old"
    if final.exists():
        os.rename(final, aside)
    os.rename(temporary, final)
    sync_folder(final.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _thin(folder: Path, step: int, keep: int) -> None:
    """Remove all but the newest up to ``step`` and those that they name as their best.

    What is beyond it was passed over when the run was resumed: those steps are taken again.
    """
    newest = [at for at in steps_in(folder) if at <= step][: max(keep, 1)]
    kept = {*newest, *(_best_of(folder / name_of(step)) for step in newest)}
    for at in steps_in(folder):
        if at not in kept:
            # Renamed first: a crash in the middle leaves no checkpoint that looks damaged.
            gone = folder / f".{name_of(at)}.{os.getpid()}.tmp"
            os.rename(folder / name_of(at), gone)
            shutil.rmtree(gone, ignore_errors=True)


def _best_of(path: Path) -> int:
    try:
        told = json.loads((path / PROGRESS).read_bytes())
        return int(told["best_step"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0


def sweep(folder: Path) -> None:
    """Take away what processes that are gone left half done; a checkpoint set aside and not replaced is put back. What
    carries our own number is left over from one before us."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        left = _LEFT.fullmatch(entry.name)
        if left is None or (int(left[2]) != os.getpid() and lives(int(left[2]))):
            continue
        whole = folder / left[1]
        if left[3] == "old" and not whole.exists():
            os.rename(entry, whole)
        else:
            shutil.rmtree(entry, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


# ----------------------------------------------------------------------------- finding and loading


def newest(folder: Path, identity: Identity) -> Found | None:
    """The newest checkpoint; None where no checkpoint was written yet. One that was not written to its end is passed
    over.

    Raises ResumeRefused where a byte of it is not as it was written, where the run that wrote it differs from
    ``identity``, where the best checkpoint that it names is missing or damaged, and where all were passed over.
    """
    _sweeping(folder)
    passed: list[PassedOver] = []
    steps = steps_in(folder)
    for step in steps:
        path = folder / name_of(step)
        try:
            progress, recorded, logged = _checked(path)
        except _Broken as broken:
            if broken.damaged:
                way_out = f"delete {path} to go on from the one before it" if step != steps[-1] else _ANEW
                raise ResumeRefused(f"{path.name} cannot be gone on from: {broken.why}", hint=way_out) from None
            passed.append(PassedOver(path.name, broken.why))
            continue
        refuse(path.name, recorded, identity)
        _check_best(path, progress)
        return Found(path, progress, logged, tuple(passed))
    if passed:
        told = "; ".join(f"{one.name}: {one.why}" for one in passed)
        raise ResumeRefused(f"no checkpoint can be gone on from: {told}", hint=_ANEW)
    return None


def load(path: Path, identity: Identity | None) -> Snapshot:
    """What a checkpoint holds, every tensor on the CPU, bit for bit as it was saved.

    Raises ResumeRefused for one that is damaged, or whose run differs from ``identity``; None does not compare, which
    is for weights that are only looked at.
    """
    try:
        progress, recorded, _ = _checked(path)
        if identity is not None:
            refuse(path.name, recorded, identity)
        return Snapshot(progress, load_file(path / MODEL), load_file(path / OPTIMISER))
    except _Broken as broken:
        raise ResumeRefused(f"{path.name} cannot be gone on from: {broken.why}", hint=_ANEW) from None
    except (SafetensorError, OSError) as error:
        raise ResumeRefused(f"{path.name} cannot be read: {error}", hint=_ANEW) from None


def _check_best(path: Path, progress: Progress) -> None:
    if progress.best_step in (0, progress.step):
        return
    best = path.parent / name_of(progress.best_step)
    try:
        _checked(best)
    except _Broken as broken:
        raise ResumeRefused(
            f"{path.name} names {best.name} as the best checkpoint so far, which cannot be used: {broken.why}",
            hint=_ANEW,
        ) from None


def _checked(path: Path) -> tuple[Progress, Identity, Logged]:
    """How far a checkpoint is, which run's, and what was logged, after its manifest and every hash held. Raises
    _Broken."""
    step, files = _manifest(path)
    for name in CONTENTS:
        if (what := _fault(path / name, files[name])) is not None:
            raise _Broken(f"{name} {what}")
    if other := sorted(set(os.listdir(path)) - {*CONTENTS, MANIFEST}):
        raise _Broken(f"it holds {other[0]}, which is not its own")
    progress = _decoded(path / PROGRESS, Progress)
    if progress.step != step or path.name != name_of(step):
        raise _Broken(f"it is named {path.name}, and holds step {progress.step}")
    return progress, _decoded(path / IDENTITY, Identity), _decoded(path / LOGGED, Logged)


def _manifest(path: Path) -> tuple[int, dict[str, object]]:
    try:
        content = (path / MANIFEST).read_bytes()
    except FileNotFoundError:
        missing = "it is not there" if not path.is_dir() else f"{MANIFEST} is missing: it was not written to its end"
        raise _Broken(missing, damaged=False) from None
    except OSError as error:
        raise _Broken(f"{MANIFEST} cannot be read: {error.strerror}") from None
    with contextlib.suppress(ValueError, RecursionError, TypeError, KeyError, AttributeError):
        told = json.loads(content)
        whole = canonical(told) == content and told["schema"] == SCHEMA and sorted(told["files"]) == list(CONTENTS)
        if whole and set(told) == {"schema", "step", "files"} and isinstance(told["step"], int):
            return told["step"], told["files"]
    raise _Broken(f"{MANIFEST} was changed: it is not as it was written")


def _fault(path: Path, recorded: object) -> str | None:
    """What is wrong with a file of a checkpoint, None where nothing is."""
    if path.is_symlink():
        return "is a link"
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != (told := _entry(recorded))[0]:
                return f"was changed: {size:,} bytes, and {told[0]:,} were recorded"
            same = hashlib.file_digest(file, "sha256").hexdigest() == told[1]
            return None if same else "was changed: the same number of bytes, another sha256"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _entry(recorded: object) -> tuple[int, str]:
    told = recorded if isinstance(recorded, dict) else {}
    size, digest = told.get("bytes"), told.get("sha256")
    return (size if isinstance(size, int) else -1), str(digest)


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.convert(json.loads(path.read_bytes()), kind)
    except (OSError, ValueError, RecursionError, msgspec.ValidationError):
        raise _Broken(f"{path.name} is not one that this version reads") from None


def steps_in(folder: Path) -> list[int]:
    """The steps that have a folder, the newest first."""
    return sorted(_numbers(folder), reverse=True)


def _numbers(folder: Path) -> Iterator[int]:
    for entry in folder.iterdir() if folder.is_dir() else ():
        if (named := _NAME.fullmatch(entry.name)) and entry.name == name_of(int(named[1])):
            yield int(named[1])


def _sweeping(folder: Path) -> None:
    try:
        sweep(folder)
    except OSError as error:
        raise unwritable(str(folder), error) from None
