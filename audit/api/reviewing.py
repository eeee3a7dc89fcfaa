"""Handing rows to people and reading back what they decided. Orchestrates; decides nothing and mends nothing."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from audit.api.preparing import make_run, means, override, prepared, readers_of
from audit.catalog import check_selector
from audit.config.settings import Settings
from audit.engine.drive import Progress, Reader, driving
from audit.engine.finish import Outcome
from audit.errors import OutputError, UsageError
from audit.labels.recognise import NEEDS, Labels, recognise
from audit.model import Finding
from audit.policy.suppression import suppress
from audit.remedy.delivery import delivering
from audit.remedy.names import Outputs, refuse_existing
from audit.remedy.review.assignment import assigned
from audit.remedy.review.candidates import Candidate, Places, candidates, chosen, counts_by_code
from audit.remedy.review.decisions import written
from audit.remedy.review.filled import read_filled
from audit.remedy.review.merging import Merged, decision_ratings, label_ratings, merged
from audit.remedy.review.report import (
    Entries,
    ExportOptions,
    ExportReport,
    Handed,
    ImportOptions,
    ImportReport,
    Merge,
    Rows,
)
from audit.remedy.review.sheets import FORMS, SheetRow, disputed_rows, sheet_rows
from audit.remedy.review.votes import Vote, Votes, signed, votes_of
from audit.remedy.typed import typed
from audit.rule import Rule, Run
from audit.statistics.agreement import Agreement, Ratings, agreement

_NAME: Final = re.compile(r"[\w-][\w.-]{0,63}")
_PERSONAL: Final = ("PII", "SEC")
"""Families whose findings cover personal data and secrets."""


def export(
    data: Any,
    output: str | Path = "review.csv",
    *,
    options: ExportOptions = ExportOptions(),  # noqa: B008 frozen
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    **config: Any,
) -> ExportReport:
    """Write the rows that a person should look at to a sheet, or to one for each annotator (``review.NAME.csv``).

    ``data`` and ``config`` are as for ``check``. The sheet is CSV or JSON Lines, by the end of its name. Raises what
    ``check`` raises, UsageError for options that do not fit, and OutputError for a file that exists or cannot be
    written.
    """
    options = _checked(options)
    settings = override(settings or Settings(), {**config, "select": list(options.codes), "extend_select": []})
    paths = _sheets(Path(output), options.annotators)
    run, plan = prepared(settings)
    rules = plan.rules
    with (
        _readers(data, settings, paths.values(), (), force=options.force) as readers,
        driving(readers, rules, run, means(settings), progress, wanted=NEEDS) as (driven, finished),
    ):
        findings = _unsuppressed(driven.outcome, settings, run)
        places = Places(finished.ranges, finished.stored.columns.lines)
        identities = finished.column("conversation")
        found = candidates(findings, options.codes, places, identities)
        if driven.partial:
            return _exported((), found, [], 0, finished.rows, (), partial=True)
        taken = chosen(found, options.most)
        rows = sheet_rows(taken, finished, run.fields, recognise(finished, run), mask=options.mask)
        read = [source.path for source in finished.sources]
    shares, shared = _shares(taken, rows, options, settings.seed)
    files = _write_sheets(paths, rows, shares, read, force=options.force)
    return _exported(files, found, taken, shared, finished.rows, _notes(options, rules))


def import_(
    files: Sequence[str | Path],
    data: Any,
    output: str | Path = "decisions.jsonl",
    *,
    options: ImportOptions = ImportOptions(),  # noqa: B008 frozen
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    **config: Any,
) -> ImportReport:
    """Read the sheets that people filled in for ``data``, and write a file of decisions for ``audit fix``.

    Entries that do not count are in the report, each with its file, line and reason. Raises InputError for a file that
    is no sheet, and otherwise what ``export`` raises.
    """
    settings = override(settings or Settings(), config)
    options = typed(options, ImportOptions)
    if isinstance(files, str | os.PathLike):
        raise UsageError(f"sheets are named in a list: [{os.fspath(files)!r}]")
    sheets, last = [str(path) for path in files], [str(path) for path in options.adjudicated]
    _check_sheets([*sheets, *last])
    outputs = [Path(output), *([Path(options.disagreements)] if options.disagreements else [])]
    form = _form(outputs[1]) if options.disagreements else None
    filled = signed([entry for path in (*sheets, *last) for entry in read_filled(path)])
    entries = [entry for entry in filled if entry.file in sheets]
    final_entries = [entry for entry in filled if entry.file in last]
    run = make_run(settings)
    with (
        _readers(data, settings, outputs, [*sheets, *last], force=options.force) as readers,
        driving(readers, (), run, means(settings), progress, wanted=NEEDS) as (driven, finished),
    ):
        labels = recognise(finished, run)
        votes, final = (votes_of(some, finished, run.fields, labels) for some in (entries, final_entries))
        rows = {**votes.rows, **final.rows}
        order = sorted({*votes.by_row, *final.by_row}, key=rows.__getitem__)
        result = merged(votes.by_row, final.by_row, options.merge, order)
        disputed = {rows[row_id]: (row_id, _said(said)) for row_id, said in result.disputed.items()}
        disputes = disputed_rows(disputed, finished, run.fields, labels) if form else []
        read = [*sheets, *last, *(source.path for source in finished.sources)]
    if not driven.partial:
        with delivering(*outputs, mode_of=read, overwrite=options.force) as delivery:
            _write(delivery.file(outputs[0]).write, written(result.decisions))
            if form:
                _write(delivery.file(outputs[1]).write, form(disputes))
    return _imported(votes, final, result, str(output), options, labels, settings.seed, partial=driven.partial)


# ----------------------------------------------------------------------------- what was asked for


def _checked(options: ExportOptions) -> ExportOptions:
    """The options, with codes in capitals. Raises UsageError for those that do not fit."""
    options = typed(options, ExportOptions)
    codes = tuple(map(check_selector, options.codes))
    names = options.annotators
    if options.most < 1:
        raise UsageError(f"--most must be 1 or more, not {options.most}")
    if not 0 <= options.overlap <= 1:
        raise UsageError(f"--overlap is a share from 0 to 1, not {options.overlap}")
    if not 1 <= options.per_row <= max(len(names), 1):
        raise UsageError(f"--per-row must be from 1 to the number of annotators, not {options.per_row}")
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(f"annotator {name!r} cannot be part of a file's name", hint="letters, digits, - . _")
    if len({name.casefold() for name in names}) < len(names):
        raise UsageError("an annotator is named twice")
    return msgspec.structs.replace(options, codes=codes)


def _notes(options: ExportOptions, rules: Iterable[Rule]) -> tuple[str, ...]:
    """What whoever hands the sheets out has to know."""
    if not options.mask or any(rule.code.startswith(_PERSONAL) for rule in rules):
        return ()
    return ("--mask hides what findings cover, and no rule that finds personal data or secrets ran: these stay",)


def _check_sheets(paths: Sequence[str]) -> None:
    if not paths:
        raise UsageError("no sheet was named", hint="audit review import review.csv --data train.jsonl")
    (twice, times), *_ = Counter(map(os.path.realpath, paths)).most_common(1)
    if times > 1:
        raise UsageError(f"{twice} is named twice")


def _sheets(output: Path, annotators: Sequence[str]) -> Mapping[str, Path]:
    """The file of every annotator; of "" where none is named."""
    _form(output)
    if not annotators:
        return {"": output}
    return {name: output.with_name(f"{output.stem}.{name}{output.suffix}") for name in annotators}


def _form(path: Path) -> Callable[[Iterable[SheetRow]], Iterable[bytes]]:
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{path} names no form of a sheet", hint="a name that ends in .csv or .jsonl")
    return form


@contextlib.contextmanager
def _readers(
    data: Any, settings: Settings, outputs: Iterable[Path], beside: Sequence[str], *, force: bool
) -> Iterator[Sequence[Reader]]:
    """Readers of the data, which are closed when the block ends. Raises OutputError for an output that may not be
    written, also where that is the data or one of the inputs ``beside`` it."""
    with contextlib.ExitStack() as stack:
        readers = readers_of(data, settings)
        for reader in readers:
            stack.callback(reader.close)
        _check_free(outputs, [*beside, *(reader.source.path for reader in readers)], force=force)
        yield readers


def _check_free(outputs: Iterable[Path], inputs: Sequence[str], *, force: bool) -> None:
    """Raise OutputError for two outputs of one name, and for a file that may not be overwritten."""
    names = [*outputs]
    if len({os.path.realpath(path) for path in names}) < len(names):
        raise OutputError(f"{names[0]} would be written twice", hint="choose another name")
    refuse_existing([Outputs(output=path, rejected=path, ledger=path) for path in names], inputs, force=force)


# ----------------------------------------------------------------------------- export


def _unsuppressed(outcome: Outcome, settings: Settings, run: Run) -> list[tuple[Finding, int]]:
    """The findings that the configuration does not ignore, each with the ordinal of its row."""
    kept = {id(finding) for finding in suppress(outcome.findings, settings.ignores, run.as_of, recorded=False)[0]}
    pairs = zip(outcome.findings, outcome.ordinals, strict=True)
    return [(finding, row) for finding, row in pairs if id(finding) in kept]


def _shares(
    taken: Sequence[Sequence[Candidate]], rows: Sequence[SheetRow], options: ExportOptions, seed: int
) -> tuple[Mapping[str, frozenset[str]], int]:
    """The rows of every annotator, by id, and how many all of them have."""
    if not options.annotators:
        return {"": frozenset(row.row_id for row in rows)}, 0
    ids = iter(row.row_id for row in rows)
    groups = [[next(ids) for _ in group] for group in taken]
    return assigned(groups, options.annotators, overlap=options.overlap, per_row=options.per_row, seed=seed)


def _write_sheets(
    paths: Mapping[str, Path],
    rows: Sequence[SheetRow],
    shares: Mapping[str, frozenset[str]],
    read: Sequence[str],
    *,
    force: bool,
) -> tuple[Handed, ...]:
    """No sheet can be read by more people than the files that were ``read``."""
    files: list[Handed] = []
    with delivering(*paths.values(), mode_of=read, overwrite=force) as delivery:
        for name, path in paths.items():
            mine = [row.for_reviewer(name) for row in rows if row.row_id in shares[name]]
            _write(delivery.file(path).write, _form(path)(mine))
            files.append(Handed(path=str(path), annotator=name, rows=len(mine)))
    return tuple(files)


def _write(write: Callable[[bytes], int], pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        write(piece)


def _exported(
    files: tuple[Handed, ...],
    found: Sequence[Sequence[Candidate]],
    taken: Sequence[Sequence[Candidate]],
    shared: int,
    checked: int,
    notes: tuple[str, ...],
    *,
    partial: bool = False,
) -> ExportReport:
    handed = counts_by_code(taken)
    return ExportReport(
        files=files,
        rows_checked=checked,
        found=sum(map(len, found)),
        rows=sum(map(len, taken)),
        shared=shared,
        by_code={code: {"found": rows, "rows": handed.get(code, 0)} for code, rows in counts_by_code(found).items()},
        notes=notes,
        partial=partial,
    )


# ----------------------------------------------------------------------------- import


def _said(votes: Sequence[Vote]) -> list[str]:
    """What everybody said of a row, for whoever has the last word."""
    return [
        f"{vote.reviewer}: {vote.action}"
        + (f' to "{vote.label}"' if vote.label else "")
        + (f" ({vote.note})" if vote.note else "")
        for vote in votes
    ]


def _imported(
    votes: Votes,
    final: Votes,
    result: Merged,
    output: str,
    options: ImportOptions,
    labels: Labels,
    seed: int,
    *,
    partial: bool,
) -> ImportReport:
    said = [vote for some in (votes, final) for mine in some.by_row.values() for vote in mine]
    return ImportReport(
        output=output,
        disagreements=options.disagreements,
        merge=options.merge,
        entries=_added(votes.entries, final.entries),
        rows=_rows(votes, final, result),
        actions=dict(sorted(Counter(decision.action for decision in result.decisions).items())),
        confirmed=sum(vote.confirmed for vote in said),
        reviewers=dict(sorted(Counter(vote.reviewer for vote in said).items())),
        refusals=(*votes.refusals, *final.refusals),
        on_decisions=_agreement(decision_ratings(votes.by_row), seed),
        on_labels=_agreement(label_ratings(votes.by_row), seed) if labels else None,
        partial=partial,
    )


def _added(first: Entries, second: Entries) -> Entries:
    names = Entries.__struct_fields__
    return Entries(**{name: getattr(first, name) + getattr(second, name) for name in names})


def _rows(votes: Votes, final: Votes, result: Merged) -> Rows:
    voted = {*votes.by_row, *final.by_row}
    seen = votes.seen | final.seen
    refused = {refusal.row_id for refusal in (*votes.refusals, *final.refusals) if refusal.row_id} - voted
    return Rows(
        seen=len(seen),
        decided=len(result.decisions),
        undecided=len(seen) - len(result.decisions) - len(refused),
        refused=len(refused),
        disputed=len(result.disputed),
        overruled=result.overruled,
        settled=result.settled,
    )


def _agreement(ratings: Ratings, seed: int) -> Agreement | None:
    return agreement(ratings, seed=seed) if len(ratings) > 1 else None


__all__ = ["ExportOptions", "ExportReport", "ImportOptions", "ImportReport", "Merge", "export", "import_"]
