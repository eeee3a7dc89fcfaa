"""Mending data: from settings to files that were written, or to an account of what would be. Renders nothing."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from audit.api.outputs import refuse_outputs
from audit.api.preparing import baseline_of, means, override, prepared, readers_of
from audit.config.settings import Settings
from audit.engine.drive import Progress, Reader, driving
from audit.engine.finish import Finished
from audit.engine.row_ids import row_ids
from audit.engine.rows import lies_in_file
from audit.errors import OutputError, RemovalError, UsageError
from audit.model import Json
from audit.remedy.delivery import delivering
from audit.remedy.fix.changed_rows import Afterwards
from audit.remedy.fix.effect import Effect, effect_of, effect_products
from audit.remedy.fix.fixer import Fixer, Mended
from audit.remedy.fix.guard import guard
from audit.remedy.fix.passes import Passes
from audit.remedy.fix.remaining import left_of
from audit.remedy.fix.report import FileFixed, FixOptions, FixReport, RowChange
from audit.remedy.fix.sieve import Sieve
from audit.remedy.fix.stored import Rows
from audit.remedy.fix.undo import UndoReport, undo_fix
from audit.remedy.fix.writing import Writer, account_of, action_of
from audit.remedy.journal import recover
from audit.remedy.ledger import Account, total
from audit.remedy.names import Outputs, outputs_of, refuse_earlier, refuse_existing
from audit.remedy.typed import typed
from audit.rule import Run

WORD: Final = "fixed"
Show = Callable[[RowChange], None]


def fix(
    data: Any,
    output: str | os.PathLike[str] | None = None,
    *,
    options: FixOptions | None = None,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    write: bool = True,
    show: Show | None = None,
    **config: Any,
) -> FixReport:
    """Mend data and return the account of every row.

    ``data`` and ``config`` are as in ``check``. ``output`` is a file, or a folder; without it each file has its result
    beside it, as ``NAME.fixed.jsonl`` with ``NAME.fixed.ledger.jsonl`` and, where rows were removed,
    ``NAME.fixed.rejected.jsonl``. With ``write=False`` nothing is written, and rows that come from no file need no
    ``output``; ``show`` gets every change in file order.

    Raises RemovalError, and writes nothing, where more would be removed than ``options`` allow (without ``write`` the
    report says so in ``refused``); OutputError for what cannot be written or would be overwritten; and what ``check``
    raises. After an interruption the report is ``partial`` and nothing is written.
    """
    settings = override(settings or Settings(), config)
    options = typed(options or FixOptions(), FixOptions)
    if not 0 <= options.max_removal <= 1:
        raise UsageError(f"the largest share of rows to remove must be from 0 to 1, not {options.max_removal}")
    try:
        with contextlib.ExitStack() as stack:
            readers = _readers(data, settings, stack)
            refuse_outputs(readers)
            outputs = _outputs(readers, output, options) if write else []
            recovered = _recovered(outputs, options)
            if recovered:
                readers = _readers(data, settings, stack)  # what a killed run had written is in their place now
                outputs = _outputs(readers, output, options)  # and may have taken the name of a backup
            _refuse_existing(outputs, readers, options, settings)
            report = _fixed(readers, outputs, options, settings, progress, write=write, show=show)
            return msgspec.structs.replace(report, recovered=recovered)
    except KeyboardInterrupt:
        return FixReport(rows=Account(rows_in=0, untouched=0), partial=True)


def undo(
    output: str | os.PathLike[str], restored: str | os.PathLike[str] | None = None, *, force: bool = False
) -> UndoReport:
    """Take a fix back: write the input again, byte for byte, as ``restored`` or where it lay.

    Raises InputError where the output, its ledger and its rejected rows are not those of one fix, OutputError where
    another file is in the way, unless ``force``.
    """
    return undo_fix(Path(output), None if restored is None else Path(restored), force=force)


def _readers(data: Any, settings: Settings, stack: contextlib.ExitStack) -> Sequence[Reader]:
    readers = readers_of(data, settings)
    for reader in readers:
        stack.callback(reader.close)
    return readers


def _recovered(outputs: Sequence[Outputs], options: FixOptions) -> tuple[str, ...]:
    """The outputs that a killed run had written and that have now been put in place.

    Raises OutputError where that leaves nothing to be done unless it is to be done again.
    """
    files = [str(files.output) for files in outputs if recover(files.output)]
    if files and not (options.in_place or options.force):
        raise OutputError(
            f"an earlier run was killed before it had put everything in place; now it is, as {', '.join(files)}",
            hint="nothing else was done; `--force` mends the input anew",
        )
    return tuple(files)


def _fixed(
    readers: Sequence[Reader],
    outputs: Sequence[Outputs],
    options: FixOptions,
    settings: Settings,
    progress: Callable[[Progress], None] | None,
    *,
    write: bool,
    show: Show | None,
) -> FixReport:
    sources = [reader.source for reader in readers]
    run, chosen = prepared(settings)
    rules = chosen.rules
    sieve = Sieve(settings.ignores, run.as_of, baseline_of(settings), [rule.code for rule in rules])
    decisions = _decisions(options)
    wanted = effect_products(run, rules)
    with driving(readers, rules, run, means(settings), progress, wanted=wanted) as (driven, finished):
        if driven.partial:
            raise KeyboardInterrupt
        fixer = Fixer(rules=rules, run=run, means=means(settings), options=options, sieve=sieve, decisions=decisions)
        with contextlib.closing(Rows(finished)) as rows:
            mended = fixer.mend(driven, finished, sources, rows)
            job = _Job(mended, finished, run, options, settings)
            return job.carried_out(outputs, write=write, show=show)


def _outputs(
    readers: Sequence[Reader], output: str | os.PathLike[str] | None, options: FixOptions
) -> Sequence[Outputs]:
    """The files to be written."""
    sources = [reader.source for reader in readers]
    plain = [lies_in_file(source) for source in sources]
    return outputs_of(sources, output, word=WORD, in_place=options.in_place, plain=plain)


def _refuse_existing(
    outputs: Sequence[Outputs], readers: Sequence[Reader], options: FixOptions, settings: Settings
) -> None:
    """Nothing that is read is written over, and nothing that is there unless that is asked for. Raises OutputError."""
    read = [*settings.against, *settings.target_sample, settings.baseline, options.decisions]
    given = [path for path in read if path is not None]
    refuse_existing(outputs, [*given, *(reader.source.path for reader in readers)], force=options.force)


def _decisions(options: FixOptions) -> Mapping[str, Any]:
    if options.decisions is None:
        return {}
    from audit.remedy.review.decisions import read_decisions

    return read_decisions(options.decisions)


class _Job:
    """A fix that is planned: guards, shows, writes and accounts for it."""

    def __init__(self, mended: Mended, finished: Finished, run: Run, options: FixOptions, settings: Settings) -> None:
        self._mended = mended
        self._finished = finished
        self._run = run
        self._options = options
        self._settings = settings
        self._edited = mended.done.edited()
        self._removed = mended.done.removed()

    def carried_out(self, outputs: Sequence[Outputs], *, write: bool, show: Show | None) -> FixReport:
        """The report, after everything was written that was to be. Raises RemovalError where that may not be."""
        refused = self._guarded(write)
        if refused is not None and write:
            raise refused
        effect = effect_of(self._finished, self._run, self._removed, Afterwards(self._edited, self._run, self._rows))
        names = row_ids(self._finished, self._named())
        if show is not None:
            for change in self._changes(names):
                show(change)
        idle = self._options.in_place and not self._is_changed()
        if write and not idle:
            if self._options.in_place:
                refuse_earlier(outputs, force=self._options.force)
            files = self._written(outputs, names, msgspec.to_builtins(effect))
        else:
            files = tuple(self._unwritten())
        return self._report(files, effect, refused, wrote=write and not idle)

    @property
    def _rows(self) -> Rows:
        return self._mended.rows

    @property
    def _done(self) -> Passes:
        return self._mended.done

    def _is_changed(self) -> bool:
        inputs = self._mended.inputs
        return bool(self._edited or self._removed or any(laid.blank_removed or laid.whole for laid in inputs))

    def _guarded(self, write: bool) -> RemovalError | None:
        columns = [self._finished.attribute(item.name) for item in self._run.attributes] if self._removed else []
        sizes = self._finished.stored.columns.sizes
        most = self._options.max_removal
        return guard(sizes, self._finished.ranges, columns, self._done.touched, most, write=write)

    def _named(self) -> Iterable[int]:
        """The rows that have to be named: those that were changed, and those that were kept in their place."""
        kept = (self._done.touched[row].kept for row in self._removed)
        return {*self._edited, *self._removed, *(row for row in kept if row is not None)}

    def _changes(self, names: Mapping[int, str]) -> Iterator[RowChange]:
        for row in sorted({*self._edited, *self._removed}):
            now = self._done.touched[row]
            yield RowChange(
                source=self._rows.range_of(row).source,
                line=self._rows.lines[row],
                row_id=names[row],
                action=action_of(now),
                before=self._rows.raw(row),
                after=now.raw,
                codes=tuple(said.code for said in now.said),
                reasons=tuple(said.reason for said in now.said),
                titles=tuple(said.title for said in now.said),
            )

    def _written(self, outputs: Sequence[Outputs], names: Mapping[int, str], effect: Json) -> tuple[FileFixed, ...]:
        mains = [files.output for files in outputs]
        read = [laid.source.path for laid in self._mended.inputs]
        with delivering(*mains, mode_of=read, overwrite=self._options.force) as delivery:
            writer = Writer(delivery, self._rows, self._done.touched, names, self._told(), effect)
            return tuple(writer.write(laid, files) for laid, files in zip(self._mended.inputs, outputs, strict=True))

    def _told(self) -> Mapping[str, Json]:
        """The settings that decide what a fix does, for the ledger."""
        settings = self._settings
        return {
            "unsafe": self._options.unsafe,
            "drop": self._options.drop,
            "max_removal": self._options.max_removal,
            "decisions": None if self._options.decisions is None else os.path.basename(self._options.decisions),
            "target": settings.target,
            "select": settings.select,
            "extend_select": settings.extend_select,
            "ignore": settings.ignore,
            "as_of": None if self._run.as_of is None else self._run.as_of.isoformat(),
            "seed": settings.seed,
        }

    def _unwritten(self) -> Iterator[FileFixed]:
        for laid in self._mended.inputs:
            yield FileFixed(
                path=laid.source.path,
                output=None,
                rejected=None,
                ledger=None,
                rows=account_of(laid, self._done.touched),
                input_sha256=laid.summary.sha256,
                output_sha256=None,
            )

    def _report(
        self, files: tuple[FileFixed, ...], effect: Effect, refused: RemovalError | None, *, wrote: bool
    ) -> FixReport:
        mended = self._mended
        fail_on = self._settings.fail_on
        return FixReport(
            files=files,
            rows=total(file.rows for file in files),
            by_code=self._by_code(),
            whole_file={laid.source.path: laid.whole for laid in mended.inputs if laid.whole},
            left=left_of(mended.left, mended.not_judged_again),
            fails=any(finding.severity.rank <= fail_on.rank for finding in mended.left),
            refused="" if refused is None else f"{refused.what}; {refused.hint}",
            passes=mended.passes,
            not_judged_again=mended.not_judged_again,
            decisions_unused=mended.decisions_unused,
            lost=self._lost(),
            wrote=wrote,
            effect=msgspec.to_builtins(effect),
            measures=effect.measures,
        )

    def _lost(self) -> Mapping[str, int]:
        """What was left behind when rows were written in another shape, with how many rows it was of."""
        return dict(sorted(Counter(what for row in self._edited for what in set(self._done.touched[row].lost)).items()))

    def _by_code(self) -> Mapping[str, Mapping[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for row in (*self._edited, *self._removed):
            now = self._done.touched[row]
            action = action_of(now)
            for code in {said.code for said in now.said}:
                of_code = counts.setdefault(code, {})
                of_code[action] = of_code.get(action, 0) + 1
        return {code: dict(sorted(actions.items())) for code, actions in sorted(counts.items())}
