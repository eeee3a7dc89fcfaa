"""What a fix does to tokens, cost, labels and groups, before and after, and whether it removes one group more often.

Counts over columns that a run has gathered; changes no row, and decides nothing: the guard against removals is none of
its business.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.labels.recognise import NEEDS as LABELS
from audit.labels.recognise import NO_LABEL, Labels, recognise
from audit.model import Json, Measure, Record
from audit.read.fields import label_of
from audit.remedy.fix.group_effect import GroupsEffect, groups_effect, share
from audit.rule import Context, Product, Rule, Run
from audit.tokens.cost import TRAINED_ROLES, Quote, quote
from audit.tokens.limits import is_exact

ROWS: Final[frozenset[Product]] = frozenset({"rows", "conversation"})
"""What names the rows."""
GROUPS: Final[frozenset[Product]] = frozenset({"attributes", "clusters", "group", "marks"})
"""What the removal rates of groups rest on."""


class Change(msgspec.Struct, frozen=True):
    """A count before and after."""

    before: int
    after: int


class TokensEffect(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of all rows, with the overhead of the chat and tools, and those of them that are trained on. ``exact``
    is False for an estimate."""

    total: Change
    trainable: Change
    exact: bool


class CostOf(msgspec.Struct, frozen=True):
    """What training costs, for how many epochs of how many billable tokens."""

    cost: float
    epochs: float
    billable: int


class CostEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What training on the rows costs before and after, at the price of ``model`` on the day ``as_of``."""

    before: CostOf
    after: CostOf
    currency: str
    model: str
    as_of: str


class LabelEffect(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one label before and after, and their share (0 to 1) of all labelled rows."""

    label: str
    rows: Change
    share_before: float
    share_after: float


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a fix does to the data as a whole. ``tokens`` and ``cost`` are None where nothing counts or prices them,
    ``labels`` is empty for data that is not labelled, ``groups`` has an entry for every configured attribute.

    ``notes`` are plain sentences on what should be known before the result is used. ``measures`` say the same in
    numbers: ``fix.rows`` (rows left; its table has before, after, removed, edited), ``fix.tokens`` (tokens left; total,
    trainable and cost before and after), ``fix.removal_rate`` for each attribute (the share of all rows that is
    removed; its table has the rate of every group with its 95 % Wilson interval, and how it was judged).
    """

    rows: Change
    removed: int
    edited: int
    tokens: TokensEffect | None = None
    cost: CostEffect | None = None
    labels: tuple[LabelEffect, ...] = ()
    groups: tuple[GroupsEffect, ...] = ()
    notes: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()


def effect_products(run: Run, rules: Sequence[Rule]) -> frozenset[Product]:
    """What ``effect_of`` reads of a run with these rules. Tokens only where a rule counts them: that is slow."""
    wanted = ROWS | LABELS
    if run.attributes:
        wanted |= GROUPS
    if run.tokens is not None or any(rule.needs & {"tokens", "token_columns"} for rule in rules):
        wanted |= {"token_columns"}
    return wanted


def effect_of(context: Context, run: Run, removed: Sequence[int], edited: Mapping[int, Record]) -> Effect:
    """What removing and editing rows does to the whole. ``context`` has the products of ``effect_products``.

    ``removed`` are ordinals, ascending; ``edited`` holds the records after, by ordinal. A row is of the group that it
    was of before. All rows that the fix sees are judged, whatever their split.
    """
    rows = Change(context.rows, context.rows - len(removed))
    known = recognise(context, run)
    after = _After(context, run, known)
    after.edit(edited)
    after.remove(removed)
    tokens, cost = _spent(context, run, after)
    labels = tuple(_labels(known, after))
    groups = tuple(groups_effect(context, run, removed))
    return Effect(
        rows=rows,
        removed=len(removed),
        edited=len(edited),
        tokens=tokens,
        cost=cost,
        labels=labels,
        groups=tuple(judged.effect for judged in groups),
        notes=(*(note for judged in groups for note in judged.notes), *_gone(labels)),
        measures=(
            *_counted(rows, len(removed), len(edited), tokens, cost),
            *(judged.measure for judged in groups if judged.measure is not None),
        ),
    )


class _After:
    """The tokens of every row and the rows of every label, as they are afterwards."""

    def __init__(self, context: Context, run: Run, known: Labels) -> None:
        self._run = run
        self._known = known
        counted = run.tokens is not None
        self.totals = array("Q", context.token_totals if counted else ())
        self.targets = array("Q", context.token_targets if counted else ())
        self.labels = _rows_by_label(known)

    def edit(self, edited: Mapping[int, Record]) -> None:
        """Take rows for what they are now. Each record is asked for once: that may mean to read it."""
        counter, known = self._run.tokens, self._known
        for row, record in edited.items():
            if counter is not None:
                tokens = record.tokens or counter.row(record)
                self.totals[row], self.targets[row] = tokens.total, tokens.trainable
            if known:
                self._unlabel(row)
                self.labels.update(filter(None, [label_of(record, self._run.fields)]))

    def remove(self, removed: Iterable[int]) -> None:
        """Take rows away."""
        for row in removed:
            if self.totals:
                self.totals[row] = self.targets[row] = 0
            self._unlabel(row)

    def _unlabel(self, row: int) -> None:
        known = self._known
        if known and (code := known.codes[row]) != NO_LABEL:
            self.labels[known.labels[code].text] -= 1


def _counted(
    rows: Change, removed: int, edited: int, tokens: TokensEffect | None, cost: CostEffect | None
) -> Iterator[Measure]:
    table: Json = {**msgspec.to_builtins(rows), "removed": removed, "edited": edited}
    yield Measure(code="", name="fix.rows", value=rows.after, table=table, n=rows.before, unit="rows")
    if tokens is not None:
        table = {**msgspec.to_builtins(tokens), "cost": msgspec.to_builtins(cost)}
        yield Measure(code="", name="fix.tokens", value=tokens.total.after, table=table, n=rows.after, unit="tokens")


# ----------------------------------------------------------------------------- tokens and cost


def _spent(context: Context, run: Run, after: _After) -> tuple[TokensEffect | None, CostEffect | None]:
    if run.tokens is None:
        return None, None
    totals, targets = context.token_totals, context.token_targets
    tokens = TokensEffect(
        total=Change(sum(totals), sum(after.totals)),
        trainable=Change(sum(targets), sum(after.targets)),
        exact=is_exact(run),
    )
    return tokens, _cost(_quote(context, run, totals), _quote(context, run, after.totals))


def _quote(context: Context, run: Run, totals: Sequence[int]) -> Quote:
    """What training on the rows with tokens costs."""
    counts: Counter[int] = Counter()
    for source, first, end in context.ranges:
        if source.role in TRAINED_ROLES:
            counts.update(totals[first:end])
    del counts[0]
    return quote(sorted(counts.items()), run)


def _cost(before: Quote, after: Quote) -> CostEffect | None:
    price = before.price
    if price is None:
        return None
    return CostEffect(
        before=_cost_of(before),
        after=_cost_of(after),
        currency=price.currency,
        model=price.model,
        as_of=price.as_of.isoformat(),
    )


def _cost_of(quoted: Quote) -> CostOf:
    return CostOf(round(quoted.cost or 0.0, 6), quoted.epochs, quoted.billable)


# ----------------------------------------------------------------------------- labels


def _labels(known: Labels, after: _After) -> Iterator[LabelEffect]:
    """The labels of a labelled file, the most frequent first; those that edits bring last."""
    before = _rows_by_label(known)
    n, left = before.total(), after.labels.total()
    for text in (*before, *sorted(after.labels.keys() - before.keys())):
        yield LabelEffect(
            label=text,
            rows=Change(before[text], after.labels[text]),
            share_before=share(before[text], n),
            share_after=share(after.labels[text], left),
        )


def _rows_by_label(known: Labels) -> Counter[str]:
    return Counter({label.text: label.rows for label in known.labels})


def _gone(labels: Iterable[LabelEffect]) -> Iterator[str]:
    for entry in labels:
        if entry.rows.before and not entry.rows.after:
            yield f"No row has the label {entry.label} any more ({entry.rows.before:,} had it)."
