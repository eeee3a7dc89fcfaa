"""Puts together the report of a balance: account, weights, shares, what is left, and what is to be known of it.

Counts nothing itself; the figures are those of ``account``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from audit.model import Json
from audit.policy.words import percent, plural
from audit.remedy.balance.account import (
    Counted,
    cell_lines,
    counted,
    keeping_weights,
    left_as_they_were,
    left_over,
    share_lines,
)
from audit.remedy.balance.deciding import Decided, takes_no_weights, training_rows
from audit.remedy.balance.options import BalanceOptions
from audit.remedy.balance.report import BY_CONSTRUCTION, SPLIT_FIRST, BalanceReport, FileBalanced
from audit.remedy.ledger import Account, total
from audit.rule import COPY, SYNTHETIC, WEIGHTED, Context, Run


def report_of(
    context: Context,
    decided: Decided,
    files: Sequence[FileBalanced],
    options: BalanceOptions,
    run: Run,
    *,
    unusable: Sequence[int],
    split: str | None,
    wrote: bool,
) -> BalanceReport:
    """The report of what was decided and became of the ``files``; ``unusable`` are the rows whose own weight is none,
    ``split`` is the split that was balanced, if any is named, and ``wrote`` says whether anything was written."""
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
        rows=total(file.rows for file in files),
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
        notes=(
            *_notes(context, decided, options, run, split),
            *_of_weights(context, decided, unusable),
            *_of_rows_left(context, decided, sums, options, run),
        ),
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


def _notes(context: Context, decided: Decided, options: BalanceOptions, run: Run, split: str | None) -> Iterator[str]:
    """Sentences that whoever trains on the output has to know."""
    yield from decided.weights.notes
    if split is None:
        yield SPLIT_FIRST
    if copies := _balanced_with(decided, context.marks, COPY):
        yield f"marked copies are among the rows ({copies:,}): balance the file without them instead"
    if decided.made_account and not decided.made:
        yield _why_none_made(decided.made_account, options)
    if isinstance(failures := decided.made_account.get("failures"), dict):
        why = ", ".join(f"{reason} {count:,}" for reason, count in failures.items())
        yield f"some texts have no paraphrase, since the endpoint gave none: {why}"
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


def _why_none_made(account: Mapping[str, Json], options: BalanceOptions) -> str:
    wanted = account["wanted"]
    if not wanted:
        return "no row was made up, since no cell lacks any: what is written says what the input says"
    if options.augment == "paraphrase" and not account["cells"]:
        return f"would ask for {plural(wanted, 'paraphrase')}, more where some are refused: a dry run asks for none"
    return f"no row was made up, and {wanted:,} were wanted: what is written says what the input says"


def _of_weights(context: Context, decided: Decided, unusable: Sequence[int]) -> Iterator[str]:
    """What there is to know of weights that rows had before."""
    ours = training_rows(context)
    found = [row for row in unusable if ours[row]]
    if found:
        place = context.place(found[0])
        have, where = "has" if len(found) == 1 else "have", f"{place.file}:{place.line}"
        said = f"{plural(len(found), 'row')} {have} a weight that is no number of 0 or more (the first: {where})"
        yield f"{said}: each was taken for 1, and is replaced where a weight is written"
    if decided.weights.base is not None and decided.weights.cap is not None:
        yield "the cap is on factors: they multiply weights that rows had, and what comes of it may lie above the cap"


def _of_rows_left(
    context: Context, decided: Decided, sums: Counted, options: BalanceOptions, run: Run
) -> Iterator[str]:
    """What becomes of training rows beside those that were balanced."""
    left = left_as_they_were(decided, sums, context)
    shares = percent(left.before), percent(left.after)
    if left.rows and shares[0] != shares[1]:
        said = f"{plural(left.rows, 'row')} left as they were: {shares[0]} of the weight before and {shares[1]} after"
        why = "rows were made up" if decided.made else "the weights of the others became numbers of rows"
        yield f"{said}, since {why}"
    why = takes_no_weights(run.target)
    if why and options.weights_to is None and (kept := keeping_weights(decided, context)):
        keep = "keeps a weight of its own" if kept == 1 else "keep a weight of their own"
        yield f"{plural(kept, 'row')} {keep}, and {why}"
