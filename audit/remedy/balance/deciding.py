"""What becomes of every row: its weight, its number of copies, or the rows that are made up of it. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.engine.finish import TRAIN
from audit.errors import UsageError
from audit.model import Json, Target
from audit.remedy.balance.cells import OTHER_ROWS, Cells, cells_of
from audit.remedy.balance.changes import copied, made_up, weighted
from audit.remedy.balance.options import BalanceOptions
from audit.remedy.balance.resample import Resampled, resampled, scaled
from audit.remedy.balance.scan import Scanned
from audit.remedy.balance.weights import Weights, weigh
from audit.remedy.balance.writing import Change
from audit.rule import Context, Run
from audit.statistics.weighting import cell_sums

if TYPE_CHECKING:
    from audit.remedy.balance.augment import Augmentation, CellCount, MadeUp

CARRIES_NONE: Final = "unreadable, or no mark can be written into its metadata"
OTHER_SPLIT: Final = "not of the training split"
_DIGITS: Final = 9
"""Decimals to which lacking rows are rounded before they are made whole, as in ``resample``."""


Augmenting: TypeAlias = Callable[[Mapping[int, int], Cells], "Augmentation"]
"""Makes rows up, given how many are wanted of each cell."""


class Decided(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What is to be done. ``weights`` are those of the aim. ``resampled`` says how often each row stands in the output
    (None: weights are written). ``made`` are the rows made up of a row, ``made_account`` what could not be made.
    ``left_out`` counts rows by the reason why they are in no cell."""

    cells: Cells
    weights: Weights
    resampled: Resampled | None = None
    made: Mapping[int, Sequence[MadeUp]] = {}
    made_account: Mapping[str, Json] = {}
    lowered: str = ""
    left_out: Mapping[str, int] = {}

    def changes(self, context: Context, rows: Sequence[int], scanned: Scanned, run: Run) -> Iterator[Change]:
        """What becomes of some rows, ascending; those that stay as they are do not come."""
        path = run.fields.weight
        rows = [row for row in rows if self.weights.of[row] >= 0]
        if self.resampled is not None:
            return copied(context, rows, self.resampled.copies, scanned, path)
        if self.made:
            return made_up(context, self.made, rows)
        return iter(()) if self.made_account else weighted(context, rows, self.weights.values, path)


def decide(
    context: Context,
    run: Run,
    options: BalanceOptions,
    scanned: Scanned,
    augmenting: Augmenting | None = None,
    *,
    asking: bool = True,
) -> Decided:
    """Weigh the rows of the training split and make of it what the method asks for. Weights become copies also where
    the target takes none. Unless ``asking``, nobody is asked for paraphrases, and how many are wanted is all there is.

    Raises UsageError for what cannot be balanced, with the cell that is to blame.
    """
    rows, left_out = _balanced_rows(context, scanned, marked=options.weights_to is None)
    cells = cells_of(context, run, options.by, rows=rows)
    weights = weigh(cells, aim=options.aim, strength=options.strength, cap=options.cap, base=_base(context))
    left_out = {**left_out, **{why: n for why, n in weights.left_out.items() if why != OTHER_ROWS}}
    decided = Decided(cells=cells, weights=weights, left_out={why: n for why, n in left_out.items() if n})
    if options.method == "augment":
        return _augmented(decided, options, augmenting, asking=asking)
    values, of = weights.values, weights.of
    lowered = ""
    if options.method != "reweight":
        values = scaled(values, of, options.method)
    elif options.weights_to is not None or not (lowered := takes_no_weights(run.target)):
        return decided
    rows_made = resampled(values, of, scanned.keys, cells=len(cells.cells), most=options.max_copies)
    return msgspec.structs.replace(decided, resampled=rows_made, lowered=lowered)


def _balanced_rows(context: Context, scanned: Scanned, *, marked: bool) -> tuple[Sequence[int], dict[str, int]]:
    """The rows that are balanced: those of the training split that can say so. And how many others there are."""
    if not context.rows:
        raise UsageError("there are no rows to balance", hint="the data is empty")
    if len(context.splits) > 1 and TRAIN not in context.splits:
        raise UsageError(
            f"no split is called {TRAIN}, and only that is ever balanced: {', '.join(context.splits)}",
            hint=f"--split {TRAIN}=FILE",
        )
    ours = training_rows(context)
    able = np.frombuffer(scanned.carries, np.uint8) if marked else np.asarray(context.column("conversation")) != 0
    counts = {OTHER_SPLIT: int((~ours).sum()), CARRIES_NONE: int((ours & (able == 0)).sum())}
    return np.flatnonzero(ours & (able != 0)).tolist(), counts


def training_rows(context: Context) -> NDArray[np.bool_]:
    """Which rows are of the training split: all of them where no split is called so."""
    if TRAIN not in context.splits:
        return np.ones(context.rows, dtype=bool)
    ours: NDArray[np.bool_] = np.asarray(context.split_codes) == list(context.splits).index(TRAIN)
    return ours


def _base(context: Context) -> Sequence[float] | None:
    """The weights that rows have; None where all are 1."""
    return context.weights if any(weight != 1.0 for weight in context.weights) else None


def takes_no_weights(target: Target) -> str:
    """Why a target takes no weights of rows, "" where it does: a hosted service has no place for them, and some refuse
    the metadata that they are in."""
    if target.metadata == "rejected":
        return f"{target.title} refuses metadata, and with it the weights of rows"
    return f"{target.title} takes no weights of rows" if target.hosted else ""


def _augmented(decided: Decided, options: BalanceOptions, augmenting: Augmenting | None, *, asking: bool) -> Decided:
    """Rows made up for the cells that have too few: none is taken away."""
    if augmenting is None:
        raise UsageError("nobody is there to make rows up", hint="--method oversample repeats rows instead")
    wanted = _lacking(decided.weights, options.max_copies)
    if options.augment == "paraphrase" and not asking:
        nothing = {"kind": options.augment, "wanted": sum(wanted.values()), "made": 0, "refused": {}, "cells": []}
        return msgspec.structs.replace(decided, made_account=nothing)
    given = augmenting(wanted, decided.cells)
    made: dict[int, list[MadeUp]] = {}
    for one in given:
        made.setdefault(one.source_row, []).append(one)
    account = {"kind": options.augment, **_account(given.counts, decided.cells)}
    return msgspec.structs.replace(decided, made=made, made_account=account)


def with_failures(decided: Decided, failures: Mapping[str, int]) -> Decided:
    """The same with the texts that were asked for and not paraphrased, by the reason, in the account."""
    if not failures or not decided.made_account:
        return decided
    account = {**decided.made_account, "failures": dict(sorted(failures.items()))}
    return msgspec.structs.replace(decided, made_account=account)


def _lacking(weights: Weights, most: int) -> dict[int, int]:
    """How many rows of weight 1 each cell lacks. What cells count for is scaled so that the one with the smallest
    factor stays as it is, and no cell is to count for more than ``most`` times what it does."""
    factors = np.asarray(weights.by_cell)
    own = np.ones(len(weights.of)) if weights.base is None else weights.base
    (masses,) = cell_sums(weights.of, len(factors), (own,))
    weighted = (masses > 0) & (factors > 0)
    if not weighted.any():
        return {}
    goals = np.minimum(factors / factors[weighted].min(), most) * masses
    missing = np.round(goals - masses, _DIGITS).round().astype(int)
    return {cell: int(missing[cell]) for cell in np.flatnonzero(weighted & (missing > 0)).tolist()}


def _account(counts: Sequence[CellCount], cells: Cells) -> dict[str, Json]:
    """Rows wanted and made, and drafts refused by the reason; in all and of each cell."""
    refused: Counter[str] = Counter()
    for count in counts:
        refused.update(count.refused)
    return {
        "wanted": sum(count.wanted for count in counts),
        "made": sum(count.made for count in counts),
        "refused": dict(sorted(refused.items())),
        "cells": [{**msgspec.to_builtins(count), "cell": cells.name(count.cell)} for count in counts],
    }
