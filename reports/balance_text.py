"""The account of a balance as text: what was written, counts by cell, shares, their price. Computes no new figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from audit.remedy.balance.report import BalanceReport, CellLine, ShareLine
from audit.reports.summary import number, percent, plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible

CELLS_SHOWN: Final = 24
"""Cells in the table; the JSON form has all of them."""
SHARES_SHOWN: Final = 40
"""Labels and groups in the table of shares."""
_LONGEST: Final = 40


def render(report: BalanceReport) -> Iterator[str]:
    """The text form, in pieces that end with a newline."""
    if report.partial:
        yield f"interrupted after {plural(report.rows.rows_in, 'row')}: nothing was written\n"
        return
    yield from _heading(report)
    yield from _rows(report)
    yield from _cells(report)
    yield from _shares(report)
    yield from _price(report)
    yield from _left(report)
    yield from (f"note: {visible(note)}\n" for note in (*report.notes, *report.by_construction))
    yield from _files(report)


def _heading(report: BalanceReport) -> Iterator[str]:
    by = visible(", ".join(report.by))
    of = f" of the split {visible(report.split)}" if report.split else ""
    cap = "no cap" if report.cap is None else f"cap {report.cap:g}"
    yield f"balanced by {by}: {report.method} for {report.aim}, strength {report.strength:g}, {cap}\n"
    yield f"{plural(report.balanced, 'row')}{of} in {plural(len(report.cells), 'cell')}\n"
    if report.lowered:
        yield f"{visible(report.lowered)}: weights were made into copies, at most {report.max_copies} of a row\n"
    for why, rows in report.left_out.items():
        yield f"  left as it was: {plural(rows, 'row')}: {visible(why)}\n"


def _rows(report: BalanceReport) -> Iterator[str]:
    rows = report.rows
    parts = [(rows.untouched, "untouched"), (rows.edited, "edited"), (rows.dropped, "left out")]
    more = [(rows.copied, "copied"), (rows.added, "made up")]
    yield f"\n{plural(rows.rows_in, 'row')} in = {' + '.join(f'{count:,} {what}' for count, what in parts)}\n"
    added = "".join(f" + {count:,} {what}" for count, what in more if count)
    yield f"{plural(rows.rows_out, 'row')} out{added and f' ({report.unique_rows:,} unique{added})'}\n"
    if report.replaced:
        yield f"{plural(report.replaced, 'row')} had a weight before: it was the base, and is replaced\n"


def _cells(report: BalanceReport) -> Iterator[str]:
    """One line for each cell; of many, those whose weight is farthest from 1."""
    resampled = report.method != "reweight" or bool(report.lowered)
    names = [*report.cells[0].levels] if report.cells else []
    head = [
        *map(visible, names),
        "before",
        "weight",
        "counts as" if report.method in ("reweight", "augment") and not report.lowered else "rows after",
    ]
    head += ["unique"] if resampled else []
    shown = _farthest(report.cells)
    yield "\n"
    yield from columns(head, [_cell(line, resampled) for line in shown], right=range(len(names), len(head)))
    if more := len(report.cells) - len(shown):
        yield f"... {plural(more, 'cell')} more with weights nearer 1 (--format json has all)\n"


def _farthest(cells: Sequence[CellLine]) -> list[CellLine]:
    ordered = sorted(range(len(cells)), key=lambda at: (-_distance(cells[at].weight), at))[:CELLS_SHOWN]
    return [cells[at] for at in sorted(ordered)]


def _distance(weight: float) -> float:
    return max(weight, 1 / weight) if weight > 0 else 0.0


def _cell(line: CellLine, resampled: bool) -> list[str]:
    counts = [number(round(line.before, 2)), f"{line.weight:.4g}", number(round(line.after, 2))]
    unique = [f"{line.unique:,}"] if resampled else []
    return [*(shortened(level, _LONGEST) for level in line.levels.values()), *counts, *unique]


def _shares(report: BalanceReport) -> Iterator[str]:
    """One line for each label and group; of many, those whose share moves most."""
    left = any(line.left for line in report.shares)
    head = ["", "", "share before", "share after", "worth (ESS)", "unique rows", *(["left as it was"] if left else [])]
    body = [
        [
            shortened(line.factor, _LONGEST),
            shortened(line.level, _LONGEST),
            *_moved(line),
            f"{line.unique:,}",
            *([f"{line.left:,}"] if left else []),
        ]
        for line in _most_moved(report.shares)
    ]
    yield "\n"
    yield from columns(head, body, right=range(2, len(head)))
    if more := len(report.shares) - len(body):
        yield f"... {more:,} more labels or groups whose shares move less (--format json has all)\n"


def _moved(line: ShareLine) -> tuple[str, str, str]:
    """Shares and worth; none of a level without balanced rows."""
    if line.left and not line.before:
        return "-", "-", "-"
    return percent(line.share_before), percent(line.share_after), f"{line.ess:,.0f}"


def _most_moved(shares: Sequence[ShareLine]) -> list[ShareLine]:
    def moved(at: int) -> tuple[float, int]:
        return -abs(shares[at].share_after - shares[at].share_before), at

    return [shares[at] for at in sorted(sorted(range(len(shares)), key=moved)[:SHARES_SHOWN])]


def _price(report: BalanceReport) -> Iterator[str]:
    """Kish's effective sample size; where rows repeat others, made up or copied before, it would promise too much."""
    total = sum(line.unique for line in report.cells)
    yield "\n"
    if 0 < report.ess <= total + 0.5:
        worth = f"{report.ess:,.0f} of equal weight ({percent(report.ess / total)})"
        yield f"the price in variance: {plural(total, 'row')} are worth {worth}\n"
    least, most = report.weights
    held = f"; {plural(report.capped, 'cell')} held at the cap" if report.capped else ""
    short = f"; {plural(report.short, 'cell')} short of rows (--max-copies)" if report.short else ""
    yield f"weights from {least:.4g} to {most:.4g}{held}{short}\n"


def _left(report: BalanceReport) -> Iterator[str]:
    """What label and groups still have to do with each other."""
    for measure in report.measures:
        if measure.name == "balance.residual_v" and isinstance(measure.table, dict):
            yield f"{visible(str(measure.table.get('sentence', '')))}\n"
    if report.made_up:
        facts = ", ".join(f"{key} {value:,}" for key, value in report.made_up.items() if isinstance(value, int))
        yield f"made up: {facts}\n"
        refused = report.made_up.get("refused")
        if isinstance(refused, dict) and refused:
            yield f"  refused: {', '.join(f'{visible(why)} {count:,}' for why, count in refused.items())}\n"


def _files(report: BalanceReport) -> Iterator[str]:
    if not report.wrote:
        yield "nothing was written (--dry-run)\n"
        return
    if report.sidecar is not None:
        yield f"wrote the weights to {visible(report.sidecar)}; the rows are as they were\n"
    for file in report.files:
        beside = [path for path in (file.ledger, file.rejected) if path is not None]
        if file.output is not None:
            yield f"wrote {visible(file.output)} ({', '.join(map(visible, beside))})\n"
