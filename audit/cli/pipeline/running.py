"""Runs the stages in order: takes from before what is unchanged, writes down what was done, stops at a failed gate."""

from __future__ import annotations

import contextlib
import glob
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from audit.cli.pipeline.checking import check_folder, check_sections, without_own
from audit.cli.pipeline.data_stages import Balance, Check, Fix, Gate, Split
from audit.cli.pipeline.keys import key_of
from audit.cli.pipeline.manifest import (
    LOCK,
    Begun,
    Entry,
    Manifest,
    hashes,
    is_intact,
    read_manifest,
    sweep,
    write_manifest,
)
from audit.cli.pipeline.model_stages import Evaluate, Refused, Train, why_not
from audit.cli.pipeline.options import NAMES, Name, RunOptions, chosen
from audit.cli.pipeline.report_stage import REPORT, Report
from audit.cli.pipeline.stage import Job, Show, Stage
from audit.config.settings import Settings
from audit.errors import InputError, MissingExtra, OutputError
from audit.evidence import tool_version
from audit.outputs.evaluation import PREDICTIONS, SCORED
from audit.writing import hold, unwritable

STAGES: Final[dict[Name, Stage]] = {
    stage.name: stage for stage in (Check(), Fix(), Split(), Balance(), Gate(), Train(), Evaluate(), Report())
}
State = Literal["ran", "unchanged", "left out", "would run", "may change"]
Tell = Callable[[Entry, State], None]
"""Is told of every stage when it is over."""


class Piped(msgspec.Struct, frozen=True, kw_only=True):
    """How a pipeline went. ``entries`` are its stages in order. ``stopped`` says why it ended before its end, "" where
    it did not; ``states`` what became of each stage."""

    folder: str
    entries: tuple[Entry, ...]
    states: dict[str, State]
    stopped: str = ""

    @property
    def exit_code(self) -> int:
        """1 where it was stopped. That of the re-audit where it is not 0, else that of the gate unless somebody waived
        it; that of the check where nothing but the check was asked for."""
        codes = {entry.name: entry.exit_code for entry in self.entries}
        if self.stopped:
            return 1
        if codes.keys() <= {"check", "report"}:
            return codes.get("check", 0)
        gate = next((entry for entry in self.entries if entry.name == "gate"), None)
        waived = gate is not None and bool(gate.figures.get("waived"))
        return codes.get("evaluate", 0) or (0 if waived else codes.get("gate", 0))


def pipe(
    settings: Settings,
    folder: Path,
    options: RunOptions,
    *,
    show: Show,
    tell: Tell,
    anew: Name | None = None,
    until: Name | None = None,
) -> Piped:
    """Run the stages of ``options`` into ``folder``, up to ``until``, and say how it went.

    A stage with the same key and untouched outputs is taken from before; from ``anew`` on every stage is run. Killed
    at any moment, the same call goes on and leaves the same files, but for the clocked ones: ``timing*`` and
    ``machine.json``, the record of a run (it tells of its attempts) and the page, which shows them.

    A gate that says FAIL and that nobody waived ends it, with a report. Raises ConfigError for settings of a stage that
    do not fit before any is run, OutputError for a folder of something else or in use, KeyboardInterrupt and Signalled
    for an interruption, and AuditError as the stages do.
    """
    check_sections(settings, options)
    settings = without_own(settings, folder)
    check_folder(settings, folder)
    with held(folder):
        manifest = read_manifest(folder) or Manifest(version=tool_version())
        return _Run(Job(settings, options, folder, {}, show), manifest, tell, anew).carried_out(until)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder, made where it is missing, against a second run. Raises OutputError."""
    read_manifest(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("wb") as lock:
            hold(lock.fileno(), f"in {folder}")
            sweep(folder)
            yield
    except OSError as error:
        if error.filename is None or Path(error.filename) not in (folder, folder / LOCK):
            raise
        raise unwritable(str(folder), error) from None


class _Run:
    """One pipeline on its way."""

    def __init__(self, job: Job, manifest: Manifest, tell: Tell, anew: Name | None) -> None:
        self._job = job._replace(keeps=self._keeps)
        self._manifest = manifest
        self._tell = tell
        self._from = NAMES.index(anew) if anew is not None else len(NAMES)
        self._entries: list[Entry] = []
        self._states: dict[str, State] = {}

    def carried_out(self, until: Name | None) -> Piped:
        stopped = ""
        for name in chosen(self._job.options, until):
            try:
                entry = self._one(STAGES[name])
            except Refused as error:
                stopped = error.what
                break
            if name == "gate" and entry.exit_code == 1 and not entry.figures.get("waived"):
                stopped = "the gate says FAIL, so nothing was trained"
                break
        self._drop_stale()
        if stopped and "report" in chosen(self._job.options, until):
            self._one(STAGES["report"])
        self._write(None)
        return Piped(
            folder=self._job.folder.as_posix(), entries=tuple(self._entries), states=self._states, stopped=stopped
        )

    def _one(self, stage: Stage) -> Entry:
        if reason := stage.left_out(self._job):
            return self._done(Entry(name=stage.name, reason=reason), "left out")
        key, old = key_of(stage, self._job), self._manifest.entry(stage.name)
        is_new = NAMES.index(stage.name) >= self._from or stage.name == "report"
        if old is not None and old.key == key and not is_new and is_whole(self._job.folder, old):
            return self._done(old, "unchanged")
        if is_new:
            self._forget(stage.name)
        self._write(Begun(stage.name, key))
        if is_new or not stage.resumes:
            self._clear(stage.name)
        else:
            (self._job.folder / stage.name).mkdir(exist_ok=True)
        try:
            outcome = stage.run(self._job)
        except MissingExtra as error:
            return self._done(Entry(name=stage.name, reason=why_not(error)), "left out")
        entry = Entry(
            name=stage.name,
            key=key,
            exit_code=outcome.exit_code,
            outputs=hashes(self._job.folder, outcome.outputs),
            figures=msgspec.json.decode(msgspec.json.encode(outcome.figures)),  # as they will be read back
        )
        return self._done(entry, "ran")

    def _done(self, entry: Entry, state: State) -> Entry:
        self._entries.append(entry)
        self._states[entry.name] = state
        if not entry.reason:
            self._job = self._job._replace(done={**self._job.done, entry.name: entry})
        self._write(None)
        self._tell(entry, state)
        return entry

    def _keeps(self, name: str, key: str) -> bool:
        """``Keeps`` for the parts of this folder. The key goes before what it stands for, and comes after."""
        kept = self._manifest.kept
        if kept.get(name) == key:
            return True
        self._forget(name)
        self._write(self._manifest.begun)
        remove(self._job.folder / name)
        self._manifest = msgspec.structs.replace(self._manifest, kept={**self._manifest.kept, name: key})
        self._write(self._manifest.begun)
        return False

    def _forget(self, name: str) -> None:
        left = {other: key for other, key in self._manifest.kept.items() if not f"{other}/".startswith(f"{name}/")}
        self._manifest = msgspec.structs.replace(self._manifest, kept=left)

    def _drop_stale(self) -> None:
        """Take away what later stages have left of other rows or settings: nothing may pass for their outcome."""
        job = self._job
        for name in NAMES:
            old = self._manifest.entry(name)
            if name in self._states or old is None or not old.key:
                continue
            stage = STAGES[name]
            if not stage.left_out(job) and key_of(stage, job) == old.key:
                job = job._replace(done={**job.done, name: old})
                continue
            self._forget(name)
            stages = tuple(entry for entry in self._manifest.stages if entry.name != name)
            self._manifest = msgspec.structs.replace(self._manifest, stages=stages)
            remove(self._job.folder / (REPORT if name == "report" else name))

    def _write(self, begun: Begun | None) -> None:
        """Write down the stages so far, and what is known of the later ones."""
        told = {entry.name for entry in self._entries}
        later = [entry for entry in self._manifest.stages if entry.name not in told]
        entries = sorted([*self._entries, *later], key=lambda entry: NAMES.index(entry.name))
        self._manifest = Manifest(version=tool_version(), stages=tuple(entries), begun=begun, kept=self._manifest.kept)
        write_manifest(self._job.folder, self._manifest)

    def _clear(self, name: Name) -> None:
        """An empty folder for a stage; how often test rows were scored stays known."""
        place = self._job.folder / name
        try:
            if place.is_symlink():
                raise OutputError(f"{place} is a link", hint="move it away")
            looks = place / SCORED if name == "evaluate" else None
            for path in sorted(place.iterdir()) if place.is_dir() else ():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                elif path != looks:
                    path.unlink()
            if name != "report":
                place.mkdir(exist_ok=True)
            if looks is not None:
                (place / PREDICTIONS).mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(str(place), error) from None


def is_whole(folder: Path, entry: Entry) -> bool:
    """Whether all that a stage wrote is there, byte for byte, and every run is as it was sealed."""
    from audit.train.runs.verify import verify

    try:
        runs = entry.figures.get("runs", ())
        return is_intact(folder, entry) and all(verify(folder / run["folder"]).state == "intact" for run in runs)
    except InputError:
        return False


def remove(path: Path) -> None:
    """Take away a file or a folder with all that is in it, and files beside it that are called ``NAME.*``."""
    try:
        for one in (path, *(path.parent.glob(f"{glob.escape(path.name)}.*") if path.parent.is_dir() else ())):
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(str(path), error) from None


def planned(
    settings: Settings, folder: Path, options: RunOptions, *, show: Show, anew: Name | None, until: Name | None
) -> Piped:
    """What ``pipe`` would do, with nothing run and nothing written: ``unchanged``, ``would run``, ``left out``, or
    ``may change`` where a stage before it runs and may leave it the same rows."""
    check_sections(settings, options)
    settings = without_own(settings, folder)
    check_folder(settings, folder)
    manifest = read_manifest(folder) or Manifest(version=tool_version())
    job = Job(settings, options, folder, {}, show)
    entries: list[Entry] = []
    states: dict[str, State] = {}
    for name in chosen(options, until):
        stage, old = STAGES[name], manifest.entry(name)
        is_known = all(state in ("unchanged", "left out") for state in states.values())
        entry, state = old or Entry(name=name), "may change" if old is not None and old.key else "would run"
        if is_known and (reason := stage.left_out(job)):
            entry, state = Entry(name=name, reason=reason), "left out"
        elif is_known:
            same = old is not None and old.key == key_of(stage, job) and is_whole(folder, old)
            is_new = anew is not None and NAMES.index(name) >= NAMES.index(anew)
            state = "unchanged" if same and not is_new and name != "report" else "would run"
        if state == "unchanged":
            job = job._replace(done={**job.done, name: entry})
        entries.append(entry)
        states[name] = state  # type: ignore[assignment]
    return Piped(folder=folder.as_posix(), entries=tuple(entries), states=states)
