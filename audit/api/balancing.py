"""Balancing the training rows of files: reads them, has weights and copies decided, writes the files. Weighs nothing.

The figures are those of ``audit.remedy.balance``; what is written is its bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from audit.api.preparing import make_run, means, override, readers_of, with_counter
from audit.config.settings import Settings
from audit.engine.drive import Driven, Progress, Reader, driving
from audit.engine.finish import DATA, TRAIN, Finished
from audit.errors import UsageError
from audit.remedy.balance.cells import Cells, products
from audit.remedy.balance.deciding import Augmenting, Decided, decide, with_failures
from audit.remedy.balance.options import BalanceOptions, checked, options_from
from audit.remedy.balance.report import BalanceReport, FileBalanced
from audit.remedy.balance.reporting import interrupted, report_of
from audit.remedy.balance.scan import NEEDS, Scanned, scan
from audit.remedy.balance.sidecar import check_sidecar, write_sidecar
from audit.remedy.balance.writing import Change, account_of, write_file
from audit.remedy.delivery import delivering
from audit.remedy.names import Outputs, outputs_of, refuse_existing
from audit.rule import Product, RowRange, Run

if TYPE_CHECKING:
    from audit.remedy.balance.augment import Augmentation, Paraphraser

WORD: Final = "balanced"
"""What the output is called after its input: ``train.balanced.jsonl``."""
KEPT: Final[frozenset[Product]] = frozenset({"marks", "weights", "token_columns"})


def balance(
    data: Any,
    output: str | os.PathLike[str] | None = None,
    *,
    options: BalanceOptions | None = None,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    write: bool = True,
    paraphraser: Paraphraser | None = None,
    **config: Any,
) -> BalanceReport:
    """Weigh or resample the rows of the training split by label and group, and return the account of all rows.

    ``data`` and ``config`` are as for ``audit.check``. ``options`` say what is balanced and how; without them they are
    those of ``[balance]``. ``output`` is the file to write; without it each input is written beside itself as
    ``NAME.balanced.jsonl``, with ``NAME.balanced.ledger.jsonl`` and, where rows are left out,
    ``NAME.balanced.rejected.jsonl``. Files of other splits are not written. With ``write=False`` nothing is.
    ``paraphraser`` is who paraphrases, who is not asked then; what it counts as its ``failures``, by the reason, is in
    the report.

    An interruption (Ctrl-C) while the data is read gives a report that is ``partial``, and nothing is written. Raises
    UsageError for what cannot be balanced, naming the cell, OutputError for files that exist already, ConfigError and
    InputError.
    """
    settings = override(settings or Settings(), config)
    options = options or options_from(settings.sections.get("balance", {}), {}, paraphrased=paraphraser is not None)
    options = checked(options, paraphrased=paraphraser is not None)
    run = make_run(settings)
    with contextlib.ExitStack() as stack:
        named = readers_of(data, settings)
        for reader in named:
            stack.callback(reader.close)
        readers = _training(named)
        outputs = _outputs(readers, output, options, write=write)
        wanted = products(run, options.by) | NEEDS | KEPT | _of_augmenting(options)
        run = with_counter(run, settings)
        driven, finished = stack.enter_context(driving(readers, (), run, means(settings), progress, wanted=wanted))
        if driven.partial:
            return interrupted(options, run, finished.rows)
        scanned = scan(finished, seed=run.seed, weight=run.fields.weight)
        decided = decide(
            finished, run, options, scanned, _augmenting(finished, run, options, paraphraser), asking=write
        )
        decided = with_failures(decided, getattr(paraphraser, "failures", {}))
        files = _written(_Read(driven, finished, scanned), decided, outputs, options, run, write=write)
        split = TRAIN if len(named) > len(readers) or TRAIN in finished.splits else None
        return report_of(finished, decided, files, options, run, unusable=scanned.unusable, split=split, wrote=write)


class _Read(NamedTuple):
    """The rows of a run, gone through."""

    driven: Driven
    finished: Finished
    scanned: Scanned


def _training(readers: Sequence[Reader]) -> list[Reader]:
    """The readers of training rows: other splits in files of their own are left alone."""
    roles = {reader.source.role for reader in readers}
    kept = [reader for reader in readers if reader.source.role in (TRAIN, DATA)]
    if not kept and roles:
        raise UsageError(
            f"no split is called {TRAIN}, and only that is ever balanced: {', '.join(sorted(roles))}",
            hint=f"--split {TRAIN}=FILE",
        )
    return kept


def _outputs(
    readers: Sequence[Reader], output: str | os.PathLike[str] | None, options: BalanceOptions, *, write: bool
) -> Sequence[Outputs]:
    """Where each source is written, which is refused before the work is done."""
    sources = [reader.source for reader in readers]
    outputs: Sequence[Outputs]
    if options.weights_to is None:
        outputs = outputs_of(sources, output, word=WORD, in_place=False, plain=[True] * len(sources))
    elif output is not None:
        raise UsageError("--weights-to leaves the rows as they are: there is nothing for -o", hint="leave out -o")
    else:
        path = Path(options.weights_to)
        check_sidecar(path)
        outputs = [Outputs(output=path, rejected=path, ledger=path)]
    refuse_existing(outputs, [source.path for source in sources], force=options.force or not write)
    return outputs


def _of_augmenting(options: BalanceOptions) -> frozenset[Product]:
    """What is read of a run to make rows up."""
    if options.method != "augment":
        return frozenset()
    from audit.remedy.balance.augment import NEEDS as OF_AUGMENTING

    return OF_AUGMENTING


def _augmenting(finished: Finished, run: Run, options: BalanceOptions, paraphraser: Paraphraser | None) -> Augmenting:
    def make(wanted: Mapping[int, int], cells: Cells) -> Augmentation:
        from audit.remedy.balance.augment import augment

        return augment(finished, run, wanted, cells, kind=options.augment, seed=run.seed, paraphraser=paraphraser)

    return make


# ----------------------------------------------------------------------------- files


def _written(
    read: _Read,
    decided: Decided,
    outputs: Sequence[Outputs],
    options: BalanceOptions,
    run: Run,
    *,
    write: bool,
) -> list[FileBalanced]:
    """All files, together or none; without ``write`` only what they would be."""
    driven, finished, scanned = read
    summaries = {summary.path: summary for summary in driven.summaries}

    def changes(entry: RowRange) -> Iterator[Change]:
        return decided.changes(finished, range(entry.first, entry.end), scanned, run)

    if options.weights_to is not None:
        if write:
            path = Path(options.weights_to)
            with delivering(path, mode_of=summaries, overwrite=options.force) as delivery:
                write_sidecar(delivery, path, scanned, decided.weights.values)
        return [account_of(entry, summaries[entry.source.path], ()) for entry in finished.ranges]
    if not write:
        return [account_of(entry, summaries[entry.source.path], changes(entry)) for entry in finished.ranges]
    settings = {
        **msgspec.to_builtins(options),
        "aim": decided.weights.aim,
        "seed": run.seed,
        "lowered": decided.lowered,
    }
    for name in ("force", "weights_to", "endpoint"):
        del settings[name]
    by_path = dict(zip(summaries, outputs, strict=True))
    mains = [files.output for files in outputs]
    with delivering(*mains, mode_of=summaries, overwrite=options.force) as delivery:
        return [
            write_file(
                finished,
                entry,
                summaries[entry.source.path],
                changes(entry),
                scanned,
                by_path[entry.source.path],
                delivery,
                settings,
            )
            for entry in finished.ranges
        ]
