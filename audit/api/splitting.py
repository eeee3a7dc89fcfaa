"""Splitting data so that no split learns from another: gathers, assigns, writes and certifies. Renders nothing."""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from audit.api.preparing import make_run, means, override, readers_of
from audit.catalog import plan
from audit.config.attributes import files_named
from audit.config.settings import Settings
from audit.engine.drive import Driven, Progress, Reader, driving
from audit.engine.finish import Finished
from audit.evidence import tool_version
from audit.model import Json
from audit.read.sources import MANIFEST
from audit.remedy.delivery import delivering
from audit.remedy.sinks import shown
from audit.remedy.split import assignment, writing
from audit.remedy.split.account import notes_on, notes_on_rows, strata_account, units_account
from audit.remedy.split.asking import (
    Asked,
    folder_for,
    keys_to_gather,
    products_for,
    read_options,
    reasons_for,
    refuse,
)
from audit.remedy.split.certificate import Inspection, LeakError, inspect
from audit.remedy.split.dividing import divide
from audit.remedy.split.gathering import CONTENT
from audit.remedy.split.report import (
    Certificate,
    SplitInput,
    SplitOptions,
    SplitOutput,
    SplitReport,
    Units,
)
from audit.remedy.split.strata import LABEL, Strata, check_names, strata_of
from audit.remedy.split.units import (
    NUMBERED,
    Identities,
    UnitTable,
    identities_of,
    numbered,
    units_of,
    with_links,
)
from audit.rule import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SplitOptions", "split"]

CERTIFYING: Final = ("SPL501", "SPL502", "SPL503")
"""Rules that are run over the written files."""
MOST_ROUNDS: Final = 5
"""Assignments before near-duplicates that are seen in the files, and were not in the input, are an error."""
MOST_SHOWN: Final = 10
"""Rejected rows that the report names."""
DEFAULT: Final = SplitOptions()


class _Gathered(NamedTuple):
    """What was read of the input: its rows, the keys of each, and the strata of those that could be read."""

    finished: Finished
    keys: Mapping[str, array[int]]
    identities: Identities
    asked: Asked
    run: Run
    settings: Settings


class _Divided(NamedTuple):
    """An assignment: the units as they were joined for it, and where each went."""

    identities: Identities
    units: UnitTable
    strata: Strata
    plan: assignment.Plan


def split(
    data: Any,
    output: str | os.PathLike[str] | None = None,
    *,
    options: SplitOptions = DEFAULT,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    write: bool = True,
    **config: Any,
) -> SplitReport:
    """Split data into files of the folder ``output`` and say what was done; rows that belong together stay together.

    ``data`` is what ``audit.api.check`` takes. Without ``output`` the folder is named after the one input file.
    ``config`` are fields of ``Settings``; its section ``split`` stands in for options that are not given. With
    ``write`` False nothing is written and there is no certificate.

    The same comes out for any number of processes and for rows in any order (of files above 2 MB nearly: what is a
    near-duplicate there rests on a sample, see docs/decisions/0018); another ``seed`` gives another split.
    An interruption (Ctrl-C) while rows are gathered gives a report that is ``partial``; nothing is written then.
    Raises UsageError for what cannot be split as asked, OutputError for a folder that is in use, LeakError (an
    AuditError) where the written files fail their inspection: nothing is left behind.
    """
    settings = override(settings or Settings(), config)
    run = make_run(settings)
    asked = read_options(options, settings, run)
    check_names(asked.stratify, run)
    run = msgspec.structs.replace(run, fields=msgspec.structs.replace(run.fields, split=None))
    readers = readers_of(data, settings)
    target = _target(output, readers, settings, check=write, force=options.force)
    keys = keys_to_gather(settings, run, asked)
    with driving(readers, [keys], run, means(settings), progress, wanted=products_for(asked)) as (driven, finished):
        if driven.partial:
            return _interrupted(driven, asked, settings, target.folder)
        columns = keys.columns_of(driven.outcome.measures)
        refuse(finished, columns, asked)
        identities = identities_of(finished, columns, reasons_for(settings, asked))
        gathered = _Gathered(finished, columns, identities, asked, run, settings)
        done = _divide(gathered, identities)
        if not write:
            return _report(gathered, done, driven, target.folder, _unwritten(gathered, done), None)
        return _written(gathered, done, driven, target, force=options.force)


def _target(
    output: str | os.PathLike[str] | None, readers: Sequence[Reader], settings: Settings, *, check: bool, force: bool
) -> writing.Target:
    """Where to write, which may be written to where ``check`` says so. Closes the readers where it may not be."""
    try:
        paths = [reader.source.path for reader in readers]
        folder = folder_for(output, paths)
        if not check:
            return writing.Target(folder)
        beside = [
            *settings.against,
            *settings.target_sample,
            *settings.lexicons,
            *settings.known_citations,
            *files_named(settings),
        ]
        read = [*paths, *beside, *filter(None, (settings.baseline, settings.config_file))]
        return writing.checked_target(folder, read, force=force)
    except BaseException:
        for reader in readers:
            reader.close()
        raise


# ----------------------------------------------------------------------------- doing it


def _divide(gathered: _Gathered, identities: Identities) -> _Divided:
    asked, finished = gathered.asked, gathered.finished
    units = units_of(identities, gathered.keys[CONTENT], finished.rows)
    strata = strata_of(finished, gathered.run, asked.stratify, units.rows)
    return _Divided(identities, units, strata, divide(units, strata, asked.shares, gathered.settings.seed))


def _written(
    gathered: _Gathered, done: _Divided, driven: Driven, target: writing.Target, *, force: bool
) -> SplitReport:
    """Write and inspect; once more where the files show near-duplicates that the input did not, because what is taken
    for a template of the data is told from a sample of it."""
    with _made(target.folder):
        for rounds in range(1, MOST_ROUNDS + 1):
            try:
                return _deliver(gathered, done, driven, target, rounds, force=force)
            except _Again as again:
                done = _divide(gathered, with_links(done.identities, again.near))
    raise LeakError(f"near-duplicates were left in two splits after {MOST_ROUNDS} assignments; nothing was written")


class _Again(Exception):
    """The files are not to be put in place: rows must be assigned once more. ``near`` are the near-duplicates in them,
    for every row of the input the number of its own, 0 for none."""

    def __init__(self, near: NDArray[np.uint64]) -> None:
        super().__init__()
        self.near = near


def _deliver(
    gathered: _Gathered, done: _Divided, driven: Driven, target: writing.Target, rounds: int, *, force: bool
) -> SplitReport:
    """Write everything, and put it in place if the inspection finds nothing. Raises _Again, and what ``split`` does."""
    import numpy as np

    names = gathered.asked.shares.names
    assigned = _assigned(gathered, done)
    folder = target.folder
    inputs = [summary.path for summary in driven.summaries]
    with delivering(folder / MANIFEST, mode_of=inputs, overwrite=force) as delivery:
        outputs, files = writing.write_files(delivery, folder, gathered.finished, assigned)
        rows = {name: np.flatnonzero(assigned.splits == at) for at, name in enumerate(names)}
        contents = np.frombuffer(gathered.keys[CONTENT], np.uint8).reshape(-1, 16)
        held = {name: contents[ordinals].tobytes() for name, ordinals in rows.items()}
        seen = inspect(files, held, _inspection(gathered, done), rounds)
        if seen.near is not None:
            near = np.zeros(gathered.finished.rows, np.uint64)
            near[np.concatenate([rows[name] for name in names])] = seen.near
            raise _Again(near)
        made = _report(gathered, done, driven, folder, outputs, seen.certificate)
        writing.write_manifest(delivery, folder, _manifest(made))
        writing.remove_stale(delivery, target, outputs)
    return made


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder exists, and is gone again where it was made for nothing. Raises OutputError."""
    new = not folder.exists()
    writing.make_folder(folder)
    try:
        yield
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _assigned(gathered: _Gathered, done: _Divided) -> writing.Assigned:
    import numpy as np

    splits, units = (np.full(gathered.finished.rows, -1, np.int32) for _ in range(2))
    splits[done.units.rows] = done.plan.splits[done.units.of_row]
    units[done.units.rows] = done.units.of_row
    return writing.Assigned(
        names=gathered.asked.shares.names,
        splits=splits,
        unit_names=done.units.names,
        units=units,
        contents=gathered.keys[CONTENT],
        numbers=numbered(gathered.keys[CONTENT]),
    )


def _inspection(gathered: _Gathered, done: _Divided) -> Inspection:
    asked, settings = gathered.asked, gathered.settings
    group = asked.groups[0] if asked.groups else None
    run = msgspec.structs.replace(
        gathered.run, fields=msgspec.structs.replace(gathered.run.fields, group=group), attributes=()
    )
    chosen = plan(
        msgspec.structs.replace(settings, select=CERTIFYING, extend_select=(), ignore=()),
        run,
    )
    skipped = [f"{rule.code}: {rule.reason}" for rule in chosen.skipped if rule.code in CERTIFYING]
    return Inspection(
        run=run,
        means=means(settings),
        rules=chosen.rules,
        not_run=skipped,
        keys=keys_to_gather(settings, run, asked),
        reasons=reasons_for(settings, asked),
        numbers=NUMBERED in done.identities.columns,
    )


# ----------------------------------------------------------------------------- what is said


def _report(
    gathered: _Gathered,
    done: _Divided,
    driven: Driven,
    folder: Path,
    outputs: tuple[SplitOutput, ...],
    certificate: Certificate | None,
) -> SplitReport:
    asked, finished = gathered.asked, gathered.finished
    conversations = finished.column("conversation")
    unread = [row for row, key in enumerate(conversations) if not key]
    places = [finished.place(row) for row in islice(unread, MOST_SHOWN)]
    return SplitReport(
        version=tool_version(),
        seed=gathered.settings.seed,
        rows=finished.rows,
        rejected=len(unread),
        inputs=_inputs(driven),
        outputs=outputs,
        shares=dict(zip(asked.shares.names, asked.shares.values, strict=True)),
        units=units_account(done.identities, done.units, done.plan, asked.shares, finished),
        strata=strata_account(done.strata, done.plan, asked.shares),
        certificate=certificate,
        rejected_at=tuple(shown(f"{place.file}:{place.line}") for place in places),
        notes=(
            *notes_on_rows(finished, gathered.keys, (*asked.groups, *asked.templates)),
            *done.identities.notes,
            *notes_on(done.units, done.strata, done.plan, asked.shares),
        ),
        settings=_settings(gathered),
        folder=shown(str(folder)),
        wrote=certificate is not None,
    )


def _inputs(driven: Driven) -> tuple[SplitInput, ...]:
    return tuple(
        SplitInput(
            path=shown(summary.path),
            rows=driven.outcome.rows_by_source.get(summary.path, 0),
            bytes=summary.bytes,
            sha256=summary.sha256,
        )
        for summary in driven.summaries
    )


def _settings(gathered: _Gathered) -> Mapping[str, Json]:
    """What the split depends on beside the rows, the shares and the seed."""
    asked, settings = gathered.asked, gathered.settings
    options = {code: settings.rules[code] for code in ("DUP403", "SPL501") if code in settings.rules}
    attributes = [one for one in gathered.run.attributes if one.name in asked.stratify]
    return {
        "stratify": list(asked.stratify),
        "group": list(asked.groups),
        "template": list(asked.templates),
        "rules": msgspec.to_builtins(options),
        "label": msgspec.to_builtins(gathered.run.fields) if LABEL in asked.stratify else None,
        "attributes": msgspec.to_builtins(attributes),
    }


def _unwritten(gathered: _Gathered, done: _Divided) -> tuple[SplitOutput, ...]:
    """The files that would be written, with their rows."""
    counts = done.plan.by_split.sum(axis=0).tolist()
    names = gathered.asked.shares.names
    return tuple(
        SplitOutput(name=writing.file_of(name), split=name, rows=rows) for name, rows in zip(names, counts, strict=True)
    )


def _interrupted(driven: Driven, asked: Asked, settings: Settings, folder: Path) -> SplitReport:
    return SplitReport(
        version=tool_version(),
        seed=settings.seed,
        rows=driven.outcome.rows,
        rejected=0,
        inputs=_inputs(driven),
        outputs=(),
        shares=dict(zip(asked.shares.names, asked.shares.values, strict=True)),
        units=Units(units=0, several=0, rows_joined=0, joined=(), largest=None),
        strata=(),
        certificate=None,
        folder=shown(str(folder)),
        partial=True,
    )


def _manifest(done: SplitReport) -> Mapping[str, Json]:
    """The report without what is of this run alone: where it was written, and that it was."""
    found: dict[str, Json] = msgspec.to_builtins(done)
    return {key: value for key, value in found.items() if key not in ("folder", "wrote", "partial")}
