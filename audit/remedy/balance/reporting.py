"""Puts together the report of a balance: account, weights, shares, what is left, and what is to be known of it.

Counts nothing itself; the figures are those of ``account``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from audit.policy.words import plural
from audit.remedy.balance.account import cell_lines, counted, left_over, share_lines
from audit.remedy.balance.deciding import Decided
from audit.remedy.balance.options import BalanceOptions
from audit.remedy.balance.report import BY_CONSTRUCTION, SPLIT_FIRST, BalanceReport, FileBalanced
from audit.remedy.ledger import Account
from audit.rule import COPY, SYNTHETIC, WEIGHTED, Context, Run


def report_of(
    context: Context,
    decided: Decided,
    files: Sequence[FileBalanced],
    options: BalanceOptions,
    run: Run,
    *,
    split: str | None,
    wrote: bool,
) -> BalanceReport:
    """The report of what was decided and became of the ``files``; ``split`` is the split that was balanced, if any is
    named, and ``wrote`` says whether anything was written."""
    weights, marks = decided.weights, context.marks
    sums = counted(decided, marks)
    whole = sums.over(sums.before >= 0)
    return BalanceReport(
        by=options.by,
        method=options.method,
        aim=weights.aim,
        strength=weights.strength,
        cap=weights.cap,
        max_copies=options.max_copies,
        seed=run.seed,
        lowered=decided.lowered,
        split=split,
        files=tuple(files),
        sidecar=options.weights_to if wrote else None,
        rows=_sum(files),
        unique_rows=_unique(decided, marks),
        balanced=weights.n,
        left_out=decided.left_out,
        replaced=0 if decided.made_account else _balanced_with(decided, marks, WEIGHTED),
        weights=(weights.least, weights.most),
        capped=weights.capped,
        short=0 if decided.resampled is None else decided.resampled.short,
        ess=whole[2],
        cells=tuple(cell_lines(decided, sums)),
        shares=tuple(share_lines(decided, sums)),
        measures=(*weights.measures(), *left_over(decided, context.token_targets)),
        made_up=decided.made_account,
        by_construction=(BY_CONSTRUCTION,),
        notes=tuple(_notes(context, decided, options, run, split)),
        wrote=wrote,
    )


def interrupted(options: BalanceOptions, run: Run, rows: int) -> BalanceReport:
    """The report of a balance that was interrupted after some rows, and wrote nothing."""
    return BalanceReport(
        by=options.by,
        method=options.method,
        aim=options.aim or "",
        strength=options.strength,
        cap=options.cap,
        max_copies=options.max_copies,
        seed=run.seed,
        rows=Account(rows_in=rows, untouched=rows),
        unique_rows=rows,
        balanced=0,
        partial=True,
    )


def _unique(decided: Decided, marks: Sequence[int]) -> int:
    """Rows in the output that are neither copies nor made up, by this balance or an earlier remedy."""
    kept = np.ones(len(marks), dtype=bool) if decided.resampled is None else np.asarray(decided.resampled.copies) > 0
    return int(np.count_nonzero(kept & (np.asarray(marks) & (COPY | SYNTHETIC) == 0)))


def _balanced_with(decided: Decided, marks: Sequence[int], bit: int) -> int:
    """Balanced rows that have a mark."""
    marked = np.asarray(marks) & bit != 0
    return int(np.count_nonzero(marked & (np.asarray(decided.weights.of) >= 0)))


def _sum(files: Sequence[FileBalanced]) -> Account:
    names = Account.__struct_fields__
    return Account(**{name: sum(getattr(file.rows, name) for file in files) for name in names})


def _notes(context: Context, decided: Decided, options: BalanceOptions, run: Run, split: str | None) -> Iterator[str]:
    """Sentences that whoever trains on the output has to know."""
    yield from decided.weights.notes
    if split is None:
        yield SPLIT_FIRST
    if copies := _balanced_with(decided, context.marks, COPY):
        yield f"marked copies are among the rows ({copies:,}): balance the file without them instead"
    if decided.made:
        yield "made-up rows count as rows of their own here, and are worth less: they repeat what they were made of"
    made = decided.resampled
    if made is not None and made.short:
        short = plural(made.short, "cell")
        yield f"fewer rows than the weights ask for in {short}: a row stands there at most {options.max_copies} times"
    if run.target.metadata == "rejected" and options.weights_to is None:
        to = next(iter(run.target.shapes), run.target.name)
        refuses = f"{run.target.title} refuses metadata, where copies are marked"
        yield f"{refuses}: `audit convert --to {to}` leaves it behind"
