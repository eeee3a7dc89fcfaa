"""The account of an export for review, and of an import of what people filled in, as text. Computes nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from audit.remedy.review.report import ExportReport, ImportReport
from audit.reports.summary import number, plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible
from audit.statistics.agreement import Agreement, Estimate

REFUSALS_SHOWN = 10
"""Entries that do not count and are named; the rest are counted, and all of them are in the JSON form."""
WIDEST = 300


def export_text(report: ExportReport, data: Sequence[str]) -> Iterator[str]:
    """What was found, what was handed out, and what to do with it. ``data`` are the words that name the data when the
    sheets are imported."""
    if report.partial:
        yield f"interrupted after {plural(report.rows_checked, 'row')}: nothing was written\n"
        return
    yield f"{plural(report.rows_checked, 'row')} checked, {report.found:,} for a person to look at\n"
    if report.by_code:
        body = [(code, f"{counts['found']:,}", f"{counts['rows']:,}") for code, counts in report.by_code.items()]
        yield from columns(("code", "rows", "in the sheets"), body, right=(1, 2))
    if report.found > report.rows:
        left = report.found - report.rows
        yield f"{plural(left, 'row')} {'is' if left == 1 else 'are'} left out: --most takes more\n"
    for file in report.files:
        for_whom = f" for {visible(file.annotator)}" if file.annotator else ""
        yield f"wrote {visible(file.path)}{for_whom}: {plural(file.rows, 'row')}\n"
    if report.shared and len(report.files) > 1:
        yield f"{plural(report.shared, 'row')} in every sheet, for the agreement\n"
    yield from (f"note: {visible(note)}\n" for note in report.notes)
    yield "fill in decision (keep, drop, quarantine or relabel) and, to relabel, new_label\n"
    sheets = (file.path for file in report.files)
    yield f"next: {_command('audit', 'review', 'import', *sheets, *data, '-o', 'decisions.jsonl')}\n"


def import_text(report: ImportReport, data: Sequence[str]) -> Iterator[str]:
    """What became of every entry and every row, and how far people agree. ``data`` are the words that name the data
    when it is mended."""
    entries, rows = report.entries, report.rows
    yield (
        f"{plural(entries.read, 'line')}: {entries.filled:,} filled in, {entries.empty:,} empty, "
        f"{entries.repeated:,} repeated, {entries.refused:,} refused\n"
    )
    yield from _refusals(report)
    yield f"{plural(rows.seen, 'row')}: {rows.decided:,} decided{_actions(report)}, {rows.undecided:,} undecided"
    yield f" ({rows.disputed:,} because people disagree), {rows.refused:,} refused\n"
    by_rule = (rows.overruled - rows.settled, f"--merge {report.merge}")
    for count, how in (by_rule, (rows.settled, "--adjudicated")):
        if count:
            yield f"{plural(count, 'row')} decided against somebody's word ({how})\n"
    for what, found in (("decisions", report.on_decisions), ("labels", report.on_labels)):
        if found is not None:
            yield from _agreement(what, found)
    if report.on_decisions is not None:
        yield "rows chosen for their doubts: people agree more on the others\n"
    if report.partial:
        yield "interrupted: nothing was written\n"
        return
    yield f"wrote {visible(report.output)}\n"
    if report.disagreements:
        yield f"wrote {visible(report.disagreements)}: fill it in, and name it with --adjudicated\n"
    yield f"next: {_command('audit', 'fix', *data, '--decisions', report.output)}\n"


def _command(*words: str) -> str:
    """A command line that can be pasted into a shell."""
    return visible(shlex.join(words))


def _refusals(report: ImportReport) -> Iterator[str]:
    for refused in report.refusals[:REFUSALS_SHOWN]:
        row = f" ({visible(refused.row_id)})" if refused.row_id else ""
        yield f"  {visible(refused.file)}:{refused.line}: {shortened(refused.why, WIDEST)}{row}\n"
    if more := len(report.refusals) - REFUSALS_SHOWN:
        yield f"  ... {more:,} more\n" if more > 0 else ""


def _actions(report: ImportReport) -> str:
    if not report.actions:
        return ""
    counts = ", ".join(f"{action} {count:,}" for action, count in report.actions.items())
    confirmed = f"; {number(report.confirmed)} by giving the same label" if report.confirmed else ""
    return f" ({counts}{confirmed})"


def _agreement(what: str, found: Agreement) -> Iterator[str]:
    yield f"agreement on {what}, {plural(found.rows, 'row')} judged by two or more:\n"
    yield f"  all: raw {_estimate(found.raw)}; Krippendorff's alpha {_estimate(found.alpha)}\n"
    for pair in found.pairs:
        one, other = map(visible, pair.reviewers)
        yield f"  {one} and {other}, {plural(pair.raw.n, 'row')}: raw {_estimate(pair.raw)}"
        yield f"; Cohen's kappa {_estimate(pair.kappa)}\n"


def _estimate(found: Estimate) -> str:
    if found.value is None:
        return found.reason
    text = f"{found.value:.3f}"
    if found.interval is None:
        return f"{text} ({found.reason})"
    return f"{text} ({found.level:.0%}: {found.interval[0]:.3f} to {found.interval[1]:.3f})"
