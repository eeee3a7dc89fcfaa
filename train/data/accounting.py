"""Counts what a run is trained on: rows, tokens and loss, by role, class and group. Judges nothing, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.attributes.levels import UNKNOWN
from audit.engine.finish import TRAIN
from audit.statistics.weighting import cell_sums, cramers_v, kish
from audit.train.data.building import TRUNCATED, USED, WEIGHTLESS, Built, RowOutcome
from audit.train.data.rows import Rows
from audit.train.options import TrainOptions

Codes = NDArray[np.int64]
_DIGITS = 12
"""Decimals of V: beyond them is rounding."""


class Tally(msgspec.Struct, frozen=True):
    """Rows that are used, their tokens, those of them that are trained, and their loss mass (the sum of weights).
    Tokens are None where they were not counted."""

    rows: int
    tokens: int | None
    trained: int | None
    mass: float


class Association(msgspec.Struct, frozen=True):
    """How far the class goes with an attribute (Cramér's V, 0 to 1, not corrected), None where either has one level:
    in ``rows`` as they are, and in ``loss_mass``, which is what a model learns from."""

    rows: float | None
    loss_mass: float | None


class SplitAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One split. ``rows`` were read, ``used`` give at least one sequence; ``truncated`` of these were cut.

    ``weightless`` rows count for nothing and were left out, ``dropped`` counts the others by reason. ``longest`` is the
    longest sequence in tokens, None where it was not counted. ``by_role`` counts trained tokens. ``mass`` is the sum of
    the weights of trained tokens (of rows, for a classification), ``effective_rows`` how many rows of equal weight the
    used ones are worth (Kish).
    ``preference_rows`` have two answers, of which the chosen one is trained on.
    """

    rows: int
    used: int = 0
    truncated: int = 0
    weightless: int = 0
    dropped: Mapping[str, int] = {}
    examples: int = 0
    tokens: int = 0
    trained: int = 0
    longest: int | None = 0
    by_role: Mapping[str, int] = {}
    by_class: Mapping[str, Tally] = {}
    by_group: Mapping[str, Mapping[str, Tally]] = {}
    mass: float = 0.0
    effective_rows: float = 0.0
    association: Mapping[str, Association] = {}
    preference_rows: int = 0


class Accounting(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is trained and evaluated on. ``trained_on`` is ``tokens`` of answers or ``classes``. A split without
    sequences is neither trained nor evaluated on. ``notes`` are sentences on what a user may not expect; they quote no
    row."""

    schema: str = "audit.accounting/1"
    trained_on: str
    unit: str
    splits: Mapping[str, SplitAccount]
    notes: tuple[str, ...] = ()


def account(rows: Rows, built: Mapping[str, Built], options: TrainOptions) -> Accounting:
    """The accounting of all splits; of those that were not built the rows alone. The same rows give the same digits."""
    return Accounting(
        trained_on="classes" if options.task == "classify" else "tokens",
        unit=options.unit,
        splits={
            split: _account(rows, built[split], weighted=split == TRAIN)
            if split in built
            else SplitAccount(rows=len(ordinals))
            for split, ordinals in rows.splits.items()
        },
        notes=tuple(_notes(built.values())),
    )


def _notes(built: Collection[Built]) -> Iterator[str]:
    if weights := sum(one.unused_weights for one in built):
        yield unused_weights_note(weights)
    if replies := sum(one.off_prompt for one in built):
        yield (
            "answers that do not go on from what the chat template asks for a reply with, so that a model that is "
            f"asked with it is not asked as it was trained: {replies:,}"
        )
    if thoughts := sum(one.unwritten_reasoning for one in built):
        yield f"rows with reasoning that the chat template does not write: {thoughts:,}"


def unused_weights_note(rows: int) -> str:
    """What is said of ``rows`` with a number other than 1 as ``weight`` that nothing configured asks for."""
    return f'training rows with a "weight" that is not used ([data] weight = "weight" uses it): {rows:,}'


class _Used(msgspec.Struct, frozen=True):
    """One entry for every row that is used: its ordinal, tokens, trained tokens and loss mass. Without ``counted`` the
    tokens are nobody's count."""

    rows: Codes
    columns: Sequence[NDArray[np.float64]]
    counted: bool = True

    def tallies(self, codes: Codes, names: Sequence[str]) -> dict[str, Tally]:
        """By a code for each, which is the index of its name; those without rows are left out."""
        rows, tokens, trained, mass = cell_sums(codes, len(names), [np.ones(len(self.rows)), *self.columns])
        return {
            name: Tally(int(rows[at]), self._count(tokens[at]), self._count(trained[at]), float(mass[at]))
            for at, name in enumerate(names)
            if rows[at]
        }

    def _count(self, tokens: float) -> int | None:
        return int(tokens) if self.counted else None


def _account(rows: Rows, built: Built, *, weighted: bool) -> SplitAccount:
    examples = built.examples
    outcomes = Counter(one.outcome for one in built.outcomes)
    used, of_sequence = np.unique(examples.rows, return_inverse=True)
    columns = (examples.lengths, examples.trained, examples.loss_weights())
    table = _Used(used, cell_sums(of_sequence, len(used), columns))
    weights = [one.weight if weighted else 1.0 for one in built.outcomes if one.examples]
    return SplitAccount(
        rows=len(built.outcomes),
        used=len(used),
        truncated=outcomes[TRUNCATED],
        weightless=outcomes[WEIGHTLESS],
        dropped=_dropped(outcomes),
        examples=len(examples),
        tokens=len(examples.ids),
        trained=int(examples.trained.sum()),
        longest=int(examples.lengths.max()),
        by_role=built.roles,
        mass=float(cell_sums(np.zeros(len(used)), 1, table.columns[2:])[0][0]),
        effective_rows=kish(sum(weights), sum(weight * weight for weight in weights)),
        preference_rows=built.preference_rows,
        **_cells(rows, table),
    )


def account_of_lines(rows: Rows, outcomes: Sequence[RowOutcome]) -> SplitAccount:
    """A split whose rows are written as lines (``examples`` of the outcomes) for a trainer that counts each line once:
    the mass is the number of lines. Tokens are not counted."""
    counts = Counter(one.outcome for one in outcomes)
    used = [one for one in outcomes if one.examples]
    lines = np.array([one.examples for one in used], np.float64)
    nothing = np.zeros(len(used))
    table = _Used(np.array([one.ordinal for one in used], np.int64), (nothing, nothing, lines), counted=False)
    return SplitAccount(
        rows=len(outcomes),
        used=len(used),
        weightless=counts[WEIGHTLESS],
        dropped=_dropped(counts),
        examples=int(lines.sum()),
        longest=None,
        mass=float(lines.sum()),
        effective_rows=kish(float(lines.sum()), float((lines * lines).sum())),
        **_cells(rows, table),
    )


def _dropped(outcomes: Mapping[str, int]) -> dict[str, int]:
    known = {WEIGHTLESS, USED, TRUNCATED}
    return {reason: count for reason, count in sorted(outcomes.items()) if reason not in known}


def _cells(rows: Rows, table: _Used) -> dict[str, Any]:
    """The parts of an account that go by class and group."""
    labels = _label_codes(rows, table.rows)
    groups = {name: _group_codes(rows, name, table.rows) for name in rows.groups}
    of_group = {name: table.tallies(codes, (*rows.members[name], UNKNOWN)) for name, codes in groups.items()}
    association = (
        {name: _association(rows, name, labels, codes, table) for name, codes in groups.items()} if rows.classes else {}
    )
    return {"by_class": table.tallies(labels, rows.classes), "by_group": of_group, "association": association}


def _label_codes(rows: Rows, used: Codes) -> Codes:
    table = {label: code for code, label in enumerate(rows.classes)}
    return np.array([table.get(rows.labels[row] or "", -1) for row in used.tolist()], np.int64)


def _group_codes(rows: Rows, name: str, used: Codes) -> Codes:
    """Unknown groups have the last code."""
    codes = np.asarray(rows.groups[name], np.int64)[used]
    return np.where(codes < 0, len(rows.members[name]), codes)


def _association(rows: Rows, name: str, labels: Codes, groups: Codes, used: _Used) -> Association:
    """Over the rows whose class and group are known."""
    classes, members = len(rows.classes), len(rows.members[name])
    cells = np.where((labels < 0) | (groups >= members), -1, groups * classes + labels)
    columns = (np.ones(len(used.rows)), used.columns[2])
    found = [cell.reshape(members, classes) for cell in cell_sums(cells, members * classes, columns)]
    plain, mass = (cramers_v(table) for table in found)
    return Association(*(None if value is None else round(value, _DIGITS) for value in (plain, mass)))
