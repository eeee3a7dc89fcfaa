"""A log of lines of JSON that grows with a run and can be cut after a step. Knows nothing of what the lines say."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from audit.model import Json
from audit.train.runs.chain import canonical
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.record import append_whole
from audit.writing import unwritable

STEP: Final = "step"
EVALUATION: Final = "evaluation"
_ANEW: Final = "train anew into another output folder"


class Cut(NamedTuple):
    """What was taken off the end of a log: whole lines, bytes in all, and their hex sha256."""

    lines: int
    bytes: int
    sha256: str


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint vouches for beside itself: size and hex sha256 of the log up to it, and the hash of the line of
    the record with which training began, which stands for all lines before it."""

    bytes: int
    sha256: str
    record: str = ""


NOTHING_LOGGED: Final = Logged(bytes=0, sha256=hashlib.sha256().hexdigest())


class MetricsLog:
    """``metrics.jsonl``: a line for every step and every evaluation, with ``kind`` and the fields of what it tells.

    Every line is with the system when ``append`` returns, so that a reader sees it and a killed process loses none;
    ``sync`` puts them on the disk, and is called before a checkpoint vouches for them. A context manager.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise unwritable(str(path), error) from None
        before = path.read_bytes()
        self._bytes, self._sha256 = len(before), hashlib.sha256(before)

    def append(self, kind: str, told: Json) -> None:
        """Append one line: ``told`` is a Struct or a mapping. Raises OutputError, and then nothing was appended."""
        line = canonical({"kind": kind, **msgspec.to_builtins(told)})
        append_whole(self._descriptor, line, str(self._path))
        self._bytes += len(line)
        self._sha256.update(line)

    def logged(self, record: str = "") -> Logged:
        """What a checkpoint of now vouches for."""
        return Logged(bytes=self._bytes, sha256=self._sha256.hexdigest(), record=record)

    def sync(self) -> None:
        """Put every line on the disk. Raises OutputError."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise unwritable(str(self._path), error) from None

    def close(self) -> None:
        """Put every line on the disk and close the file."""
        if self._descriptor >= 0:
            self.sync()
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cut_after(path: Path, step: int, logged: Logged | None = None) -> Cut:
    """Take off the lines behind those of ``step``, and a torn last line; says what was taken.

    ``logged`` is what the checkpoint of that step says of the log. Raises ResumeRefused where a line that stays is not
    as it was then, or where the steps from 1 to ``step`` are not all there, each once and in order.
    """
    content = _content(path)
    if logged is not None and hashlib.sha256(content[: logged.bytes]).hexdigest() == logged.sha256:
        kept = min(logged.bytes, len(content))
    else:
        kept = _end_of(path.name, content, step)
        if logged is not None:
            raise ResumeRefused(
                f"{path.name} is not as it was when the checkpoint of step {step} was saved: "
                f"{logged.bytes:,} bytes were logged, and other ones are there",
                hint=_ANEW,
            )
    rest = content[kept:]
    if rest:
        _truncate(path, kept)
    return Cut(rest.count(b"\n"), len(rest), hashlib.sha256(rest).hexdigest())


def steps_logged(path: Path) -> int:
    """How many steps a log has, 0 where there is none. Raises ResumeRefused where it is no file."""
    return _content(path).count(b'"kind":"step"')


def _end_of(name: str, content: bytes, step: int) -> int:
    """Where the lines up to ``step`` end. Raises ResumeRefused naming the first that is not where it belongs."""
    kept, steps = 0, 0
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        kind, at = _told(name, number, line)
        if at > step:
            break
        if kind == STEP:
            steps += 1
            if at != steps:
                raise ResumeRefused(f"{name} line {number} is of step {at} where {steps} belongs", hint=_ANEW)
        kept += len(line) + 1
    if steps != step:
        raise ResumeRefused(f"{name} ends with step {steps}, and the checkpoint is of step {step}", hint=_ANEW)
    return kept


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ResumeRefused(f"{path.name} cannot be read: {error.strerror}", hint=_ANEW) from None


def lines_of(path: Path, kind: str = "") -> Iterator[dict[str, Json]]:
    """The whole lines of a log, or those of one kind, one after the other; a torn last one is passed over.

    Lines of another kind are not parsed. Raises ResumeRefused for a line that cannot be read.
    """
    marked = f'"kind":"{kind}"'.encode()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n") and (not kind or marked in line):
                    told = _parsed(path.name, number, line)
                    if not kind or told.get("kind") == kind:
                        yield told
    except FileNotFoundError:
        return
    except OSError as error:
        raise ResumeRefused(f"{path.name} cannot be read: {error.strerror}", hint=_ANEW) from None


def read_lines(path: Path) -> list[dict[str, Json]]:
    """All whole lines of a log; a torn last one is passed over. Raises ResumeRefused for one that cannot be read."""
    return list(lines_of(path))


def losses_in(path: Path) -> Iterator[float]:
    """The finite losses of the steps of a log, in order; the rest of a line, such as its examples, is not built."""
    marked = f'"kind":"{STEP}"'.encode()
    try:
        with path.open("rb") as file:
            for line in file:
                if marked in line and line.endswith(b"\n"):
                    loss = msgspec.json.decode(line, type=_Loss).loss
                    if loss is not None:
                        yield loss
    except FileNotFoundError:
        return
    except (OSError, msgspec.DecodeError) as error:
        raise ResumeRefused(f"{path.name} cannot be read: {error}", hint=_ANEW) from None


class _Loss(msgspec.Struct):
    loss: float | None


def _told(name: str, number: int, line: bytes) -> tuple[str, int]:
    told = _parsed(name, number, line)
    kind, step = told.get("kind"), told.get("step")
    if not isinstance(kind, str) or not isinstance(step, int):
        raise ResumeRefused(f"{name} line {number} names no kind and step", hint=_ANEW)
    return kind, step


def _parsed(name: str, number: int, line: bytes) -> dict[str, Json]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ResumeRefused(f"{name} line {number} cannot be read: the file was damaged", hint=_ANEW)
    return told


def _truncate(path: Path, size: int) -> None:
    try:
        with path.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(str(path), error) from None
