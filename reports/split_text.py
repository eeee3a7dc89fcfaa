"""A split as text for a terminal: files, what was kept together, strata and certificate. Computes no figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from audit.remedy.split.report import Certificate, SplitReport, StratumRows, Units
from audit.reports.summary import percent, plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible

MOST_STRATA: Final = 20
"""Strata of which the rows are shown; the manifest has all of them."""
LONGEST: Final = 60
"""Characters of a name in a table."""


def render(report: SplitReport) -> Iterator[str]:
    """The lines, in pieces that end with a newline."""
    if report.partial:
        yield f"interrupted after {plural(report.rows, 'row')}: nothing was written\n"
        return
    names = ", ".join(entry.path for entry in report.inputs)
    yield f"{visible(names)}: {plural(report.rows, 'row')}, seed {report.seed}\n\n"
    yield from _files(report)
    yield from _units(report.units)
    yield from _strata(report)
    if report.rejected:
        more = ", ..." if report.rejected > len(report.rejected_at) else ""
        yield f"\nnot readable, in no split: {plural(report.rejected, 'row')} "
        yield f"({visible(', '.join(report.rejected_at))}{more})\n"
    for note in report.notes:
        yield f"\nnote: {visible(note)}\n"
    yield from _certificate(report.certificate)
    yield f"\n{_closing(report)}\n"


def _files(report: SplitReport) -> Iterator[str]:
    total = sum(report.by_split().values())
    body = [
        [output.name, f"{output.rows:,}", percent(output.rows / total), percent(report.shares[output.split])]
        for output in report.outputs
        if output.split
    ]
    yield from columns(("file", "rows", "share", "asked"), body, right=(1, 2, 3))


def _units(units: Units) -> Iterator[str]:
    joined = f"{plural(units.rows_joined, 'row')} in {plural(units.several, 'unit')} of more than one"
    yield f"\nkept together: {joined}; {plural(units.units, 'unit')} in all\n"
    if units.joined:
        body = [[shortened(entry.reason, LONGEST), f"{entry.rows:,}", f"{entry.groups:,}"] for entry in units.joined]
        yield from columns(("reason", "rows", "groups"), body, right=(1, 2))
    if units.largest is not None:
        largest = units.largest
        yield f"largest: {plural(largest.rows, 'row')}, in {largest.split}: {visible(', '.join(largest.reasons))}\n"
        yield f"  {visible(largest.file)}:{largest.line}: {shortened(largest.text, LONGEST)}\n"


def _strata(report: SplitReport) -> Iterator[str]:
    if not report.settings.get("stratify"):
        return
    fits = sum(stratum.within for stratum in report.strata)
    yield f"\nstrata: {fits:,} of {len(report.strata):,} within one row, or their largest unit, of the shares\n"
    shown = sorted(report.strata, key=lambda stratum: (stratum.within, -stratum.rows, stratum.stratum))[:MOST_STRATA]
    names = list(report.shares)
    body = [_stratum(stratum, names) for stratum in shown]
    yield from columns(("stratum", "rows", *names, "largest unit"), body, right=tuple(range(1, len(names) + 3)))
    if more := len(report.strata) - len(shown):
        yield f"... and {more:,} more\n"


def _stratum(stratum: StratumRows, names: list[str]) -> list[str]:
    counts = [f"{stratum.by_split[name]:,}" for name in names]
    return [shortened(stratum.stratum, LONGEST), f"{stratum.rows:,}", *counts, f"{stratum.largest_unit:,}"]


def _certificate(certificate: Certificate | None) -> Iterator[str]:
    if certificate is None:
        return
    rules = [entry.what for entry in certificate.checked if _is_code(entry.what)]
    keys = len(certificate.checked) - len(rules)
    found = sum(entry.findings for entry in certificate.checked)
    yield (
        f"\ncertificate: {', '.join(rules)} and {keys} reasons to keep rows together, looked for in the "
        f"{plural(certificate.rows, 'row')} of the written files: {found} findings\n"
    )
    for reason in certificate.not_run:
        yield f"  not run: {visible(reason)}\n"


def _is_code(what: str) -> bool:
    return len(what) == 6 and what[:3].isupper() and what[3:].isdigit()


def _closing(report: SplitReport) -> str:
    return f"written to {visible(report.folder)}" if report.wrote else "nothing was written (--dry-run)"
