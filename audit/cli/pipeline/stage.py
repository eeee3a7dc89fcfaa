"""What a stage is, what it is handed, and which rows there are after each. Runs nothing itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from audit.cli.pipeline.manifest import Entry
from audit.cli.pipeline.options import Name, RunOptions
from audit.config.settings import Settings
from audit.model import Json

if TYPE_CHECKING:
    from audit.engine.drive import Progress

Rows = tuple[tuple[str, str], ...]
"""Files of rows as pairs of a split's name ("" for none) and a path."""


class Show(Protocol):
    """What is seen while a stage goes on."""

    def progress(self) -> AbstractContextManager[Callable[[Progress], None] | None]:
        """A line for reading, gone when the block ends."""

    def training(self, name: str) -> AbstractContextManager[Any]:
        """What shows the steps of a run, gone when the block ends."""

    def asking(self) -> AbstractContextManager[Callable[[str, int, int], None] | None]:
        """What shows how many answers there are, gone when the block ends."""


Keeps = Callable[[str, str], bool]
"""Asked with the name and the key of a part of a stage's folder: whether what lies there is of that key and may be gone
on with. Where it is not, what lies there is taken away, and the key is written down."""


def keeps_nothing(name: str, key: str) -> bool:
    """For a job that runs nothing."""
    return False


class Job(NamedTuple):
    """What a stage is handed. ``done`` has the entries of the stages before it that were run, by name."""

    settings: Settings
    options: RunOptions
    folder: Path
    done: Mapping[str, Entry]
    show: Show
    keeps: Keeps = keeps_nothing

    def figures(self, name: Name) -> Mapping[str, Json]:
        """The figures of an earlier stage, {} where it did not run."""
        entry = self.done.get(name)
        return entry.figures if entry is not None else {}

    def at(self, name: str) -> str:
        """A name of the folder as a path."""
        return (self.folder / name).as_posix()

    def rows(self) -> Rows:
        """The rows as the stages so far have left them, the balanced ones aside."""
        for name in ("split", "fix"):
            if name in self.done:
                return tuple((role, self.at(path)) for role, path in self.done[name].figures["files"])
        return tuple(("", path) for path in self.settings.files) + self.settings.splits

    def training_rows(self, *, balanced: bool) -> Rows:
        """The rows to train on and to validate with; ``balanced``: those of the balance where there are any."""
        kept = [(role, path) for role, path in self.rows() if role in ("train", "validation", "")]
        if balanced and "balance" in self.done:
            kept = [(role, path) for role, path in kept if role == "validation"]
            kept = [("train", self.at(path)) for path in self.done["balance"].figures["files"]] + kept
        return tuple(kept)

    def told(self, rows: Rows) -> Settings:
        """The settings for rows that were mended: their files by split, and what they are for from here on."""
        sections = dict(self.settings.sections)
        if "splits" in (data := sections.get("data", {})):
            sections["data"] = {key: value for key, value in data.items() if key != "splits"}
        return msgspec.structs.replace(
            self.settings,
            files=tuple(path for role, path in rows if not role),
            splits=tuple((role, path) for role, path in rows if role),
            target=self.options.target,
            baseline=None,
            sections=sections,
        )


class Outcome(NamedTuple):
    """What a stage hands back: its files by name relative to the folder, and what is told of it."""

    outputs: Sequence[str]
    figures: Mapping[str, Json]
    exit_code: int = 0


class Stage(Protocol):
    """One stage. ``sections`` are the tables of the configuration that it depends on, ``judges`` whether the rules,
    the settings of a check and the policy have a say, ``dated`` whether the day has; ``resumes`` whether it goes on
    with parts that an earlier run has left in its folder (``Job.keeps``)."""

    name: Name
    sections: Sequence[str]
    judges: bool
    dated: bool
    resumes: bool

    def left_out(self, job: Job) -> str:
        """Why there is nothing for it to do, "" where there is."""

    def reads(self, job: Job) -> Sequence[str]:
        """The files that it reads, in order."""

    def matters(self, job: Job) -> Json:
        """What it depends on beside its files, its sections and the settings of a check."""

    def run(self, job: Job) -> Outcome:
        """Do it. Raises KeyboardInterrupt where somebody interrupted, and AuditError."""


def files_below(folder: Path, name: str, *, without: Sequence[str] = ()) -> list[str]:
    """The files in the folder of a stage by their names relative to ``folder``, sorted; none below or called
    ``without``."""
    return sorted(found for found in _walked(folder, name) if not any(part in without for part in found.split("/")))


def _walked(folder: Path, name: str) -> Iterator[str]:
    for root, _, files in os.walk(folder / name):
        for file in files:
            yield (Path(root) / file).relative_to(folder).as_posix()


def interrupted_unless(whole: bool) -> None:
    """Raise KeyboardInterrupt where a stage ended before its end."""
    if not whole:
        raise KeyboardInterrupt
