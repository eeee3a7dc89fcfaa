"""Keeps answers while they come in, so that an interruption loses none, and puts the file of predictions in place.

Beside ``OUT`` there are ``OUT.state.json``, which says what was asked of whom and stays, and until the end
``OUT.partial`` with an answer a line. Both hold no text of a prompt, no key and no place of a file.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from audit.errors import InputError, OutputError, UsageError
from audit.evidence import file_sha256
from audit.model import Json
from audit.train.prediction.answers import PASSING, Answer
from audit.train.prediction.questions import writable
from audit.writing import replacing, unwritable, write_whole

SCHEMA: Final = "audit.predictions/1"
FLUSHED_EVERY: Final = 1.0
"""Seconds after which what was written is made to survive a crash of the machine, with the next answer."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of predictions rests on: everything that the answers depend on by name, and what became of the rows.

    ``errors`` counts answers that failed by the first word of their error. ``complete`` says that the file is whole,
    and ``sha256`` is then that of its bytes.
    """

    schema: str = SCHEMA
    asked: Mapping[str, Json]
    complete: bool = False
    rows: int = 0
    answers: int = 0
    errors: Mapping[str, int] = {}
    sha256: str = ""


class Ledger:
    """The answers of one run. Enter it to write; ``done`` are those that stand already and need not be asked for."""

    def __init__(
        self,
        output: Path,
        asked: Mapping[str, Json],
        rows: Sequence[int],
        *,
        samples: int = 1,
        resume: bool = False,
        force: bool = False,
    ) -> None:
        """For ``samples`` answers to each of ``rows``. Raises OutputError where files of an earlier run are in the way,
        InputError with ``resume`` where there is nothing to go on with, where it was asked something else, or where the
        file is not the one that was written."""
        self.output = output
        self.state_path = output.with_name(f"{output.name}.state.json")
        self.partial_path = output.with_name(f"{output.name}.partial")
        self._asked = asked
        self._rows = rows
        self._samples = samples
        self._places: dict[tuple[int, int], tuple[int, int]] = {}
        self._errors: dict[tuple[int, int], str] = {}
        self.is_complete = False
        self._before: Mapping[str, int] = {}
        if resume:
            self._go_on()
        else:
            self._refuse_existing(force)
        self._stream: BinaryIO | None = None
        self._flushed = time.monotonic()
        self.found = len(self._places)

    @property
    def done(self) -> frozenset[tuple[int, int]]:
        """The rows and samples that are not asked again."""
        return frozenset(self._places)

    @property
    def errors(self) -> Mapping[str, int]:
        """Answers that failed, by the first word of their error."""
        if self.is_complete:
            return self._before
        return dict(sorted(Counter(self._errors.values()).items()))

    @property
    def answers(self) -> int:
        """Answers that stand, those with an error included."""
        return len(self._places)

    def _refuse_existing(self, force: bool) -> None:
        unfinished = self.state_path.exists() and self.partial_path.exists()
        for path in (self.output, self.partial_path):
            if path.exists() and not force:
                hint = "--resume goes on with it, --force begins anew" if unfinished else "--force overwrites it"
                raise OutputError(f"{path} exists already", hint=hint)

    def _go_on(self) -> None:
        if not self.state_path.exists():
            raise InputError(f"there is nothing to resume: {self.state_path} does not exist", hint="leave out --resume")
        try:
            state = msgspec.json.decode(self.state_path.read_bytes(), type=State)
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(f"{self.state_path} cannot be read: {error}", hint="--force begins anew") from None
        differ = [name for name in sorted({*state.asked, *self._asked}) if self._differs(state, name)]
        if differ:
            raise InputError(
                f"{self.output} was begun with another {differ[0]}{_change(state.asked, self._asked, differ[0])}"
                + (f"; other things that differ: {', '.join(differ[1:])}" if len(differ) > 1 else ""),
                hint="repeat the command that began it, or --force to begin anew",
            )
        if state.complete and self.output.exists():
            self._check_unchanged(state)
            if not any(state.errors.get(word) for word in PASSING):
                self.is_complete, self._before = True, state.errors
                return
            self._take_apart()
        if self.partial_path.exists():
            self._read_partial()

    def _check_unchanged(self, state: State) -> None:
        found = file_sha256(self.output)
        if found != state.sha256:
            raise InputError(
                f"{self.output} is not the file that was written: its SHA-256 is {found[:12]} and was "
                f"{state.sha256[:12] or 'not kept'}",
                hint="--force asks everything again",
            )

    def _take_apart(self) -> None:
        """The answers of the whole file as those of a partial one, so that those that failed may be asked again."""
        keys = ((row, sample) for row in self._rows for sample in range(self._samples))
        with self.output.open("rb") as stream:
            lines = (msgspec.json.decode(line) for line in stream)
            told = (
                {name: line[name] for name in Answer.__struct_fields__ if name in line} | {"row": row, "sample": sample}
                for (row, sample), line in zip(keys, lines, strict=True)
            )
            write_whole(self.partial_path, (msgspec.json.encode(answer) + b"\n" for answer in told))

    def _differs(self, state: State, name: str) -> bool:
        given: Json = msgspec.json.decode(msgspec.json.encode(self._asked.get(name)))
        return (name in state.asked) != (name in self._asked) or bool(state.asked.get(name) != given)

    def _read_partial(self) -> None:
        """Where every answer lies; what a crash left half written is cut off, passing errors are asked again."""
        at = 0
        decode = msgspec.json.Decoder(Answer).decode
        with self.partial_path.open("r+b") as stream:
            for line in stream:
                try:
                    answer = decode(line)
                except msgspec.DecodeError:
                    break
                if not line.endswith(b"\n"):
                    break
                if answer.is_settled:
                    self._note(answer, at, len(line))
                at += len(line)
            stream.truncate(at)

    def _note(self, answer: Answer, at: int, length: int) -> None:
        self._places[answer.key] = (at, length)
        self._errors.pop(answer.key, None)
        if answer.error is not None:
            self._errors[answer.key] = answer.error.partition(":")[0]

    # ------------------------------------------------------------------ writing

    def __enter__(self) -> Ledger:
        self._write_state(complete=False)
        try:
            self._stream = self.partial_path.open("ab" if self._places else "wb")
        except OSError as error:
            raise unwritable(str(self.partial_path), error) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._flush(self._stream)
            self._stream.close()
            self._stream = None

    def add(self, answers: Iterable[Answer]) -> None:
        """Write answers down."""
        stream = self._stream
        if stream is None:
            raise UsageError("a ledger is written to only while it is entered")
        try:
            for answer in answers:
                line = msgspec.json.encode(writable(msgspec.to_builtins(answer))) + b"\n"
                at = stream.tell()
                stream.write(line)
                self._note(answer, at, len(line))
            stream.flush()  # to the system, which keeps it though this process be killed
            if time.monotonic() - self._flushed >= FLUSHED_EVERY:
                self._flush(stream)
        except OSError as error:
            raise unwritable(str(self.partial_path), error) from None

    def _flush(self, stream: BinaryIO) -> None:
        stream.flush()
        os.fsync(stream.fileno())
        self._flushed = time.monotonic()

    def read(self, keys: Sequence[tuple[int, int]]) -> Iterator[Answer]:
        """Answers that were written down, in the order of the keys."""
        decode = msgspec.json.Decoder(Answer).decode
        with self.partial_path.open("rb") as stream:
            for key in keys:
                at, length = self._places[key]
                stream.seek(at)
                yield decode(stream.read(length))

    def finish(self, lines: Iterable[bytes]) -> None:
        """Put the file in place, whole or not at all, and take the partial one away."""
        digest = hashlib.sha256()
        with replacing(self.output) as stream:
            try:
                for line in lines:
                    digest.update(line)
                    stream.write(line)
            except OSError as error:
                raise unwritable(str(self.output), error) from None
        self._write_state(complete=True, sha256=digest.hexdigest())
        self.partial_path.unlink(missing_ok=True)

    def _write_state(self, *, complete: bool, sha256: str = "") -> None:
        state = State(
            asked=self._asked,
            complete=complete,
            rows=len(self._rows),
            answers=self.answers,
            errors=self.errors,
            sha256=sha256,
        )
        write_whole(self.state_path, [msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"])


def _change(before: Mapping[str, Json], now: Mapping[str, Json], name: str) -> str:
    """How a short value changed."""
    values = [msgspec.json.encode(found.get(name)).decode() for found in (before, now)]
    return f": it was {values[0]} and is {values[1]}" if max(map(len, values)) <= 60 else ""
