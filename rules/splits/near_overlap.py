"""SPL502: rows of one split that say nearly the same as rows of a later one. Finding them is ``audit.clusters``'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import ClassVar, NamedTuple

from audit.model import Applicability, DropRow, Fix, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, NearCluster, Product, Run
from audit.rules.splits.held_out import Splits


class _Leak(NamedTuple):
    """A row of a later split that is nearly the same as one of an earlier split, or like a row that both are like."""

    similarity: float
    partner: int
    through: int | None = None


class NearOverlap(DatasetRule, frozen=True):
    """A row of the training data is nearly the same as a row of a held-out split.

    An edited copy leaks the answer as a copy does, and exact comparison does not see it. Near-duplicates are those of
    DUP403 (exact Jaccard similarity of runs of five words, by default at least 0.8, rows of at least 20 words); rows
    with the very same conversation are SPL501's. Splits are compared in the order train, validation, any other, test;
    the finding is on the row of the earlier one. Of large clusters each row was compared with the longest row alone:
    rows of two splits that are both like that one are reported, too, with the lower of both similarities.
    Measure: `splits.overlap.near` for each pair of splits, the share of the later split's rows with such a neighbour in
    the earlier one, with its Wilson interval.

    Bad:
        {"messages": [{"role": "user", "content": "one two three four five six seven eight nine ten eleven twelve"}, {"role": "assistant", "content": "a b c d e f g h i j k l m n o p"}], "split": "train"}
        {"messages": [{"role": "user", "content": "one two three four five six seven eight nine ten eleven twelve"}, {"role": "assistant", "content": "a b c d e f g h i j k l m n o q"}], "split": "test"}
    Good:
        {"messages": [{"role": "user", "content": "one two three four five six seven eight nine ten eleven twelve"}, {"role": "assistant", "content": "a b c d e f g h i j k l m n o p"}], "split": "train"}
        {"messages": [{"role": "user", "content": "two four six eight ten one three five seven nine eleven twelve"}, {"role": "assistant", "content": "p o n m l k j i h g f e d c b a"}], "split": "test"}
    Do: keep near-duplicates in one split: remove the row from the earlier split, or split again by cluster.
    """  # noqa: E501

    code: ClassVar[str] = "SPL502"
    name: ClassVar[str] = "near-overlap"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = frozenset({"conversation", "near_clusters"})
    example: ClassVar[dict[str, Json]] = {"select": ["SPL502"], "sections": {"data": {"splits": "split"}}}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """``splits.rows``, and with several splits the overlaps; at most one hit per row."""
        splits = Splits(context)
        yield splits.measure(self)
        if not splits.several:
            return
        leaks: dict[int, _Leak] = {}
        shared: dict[tuple[int, int], set[int]] = {pair: set() for pair in splits.pairs()}
        for first, second, leak in _neighbours(context, splits):
            shared[splits.of(first), splits.of(second)].add(second)
            known = leaks.get(first)
            if known is None or _order(leak) < _order(known):
                leaks[first] = leak
        for row, leak in sorted(leaks.items()):
            yield self._hit(row, leak, context, splits)
        counts = {pair: len(rows) for pair, rows in shared.items()}
        yield from splits.shared(self, "splits.overlap.near", rows_shared=counts)

    def _hit(self, row: int, leak: _Leak, context: Context, splits: Splits) -> Hit:
        early, late = splits.names[splits.of(row)], splits.names[splits.of(leak.partner)]
        place = context.place(leak.partner)
        third = () if leak.through is None else (context.place(leak.through),)
        how = f", both being like {third[0].file}:{third[0].line}" if third else ""
        return self.hit(
            f"this row of {early} says nearly the same as a row of {late} ({place.file}:{place.line}), "
            f"with a similarity of {leak.similarity:.2f}{how}; asked for none",
            row=row,
            key=context.identity(row),
            related=(place, *third),
            evidence={"jaccard": round(leak.similarity, 4), "split": early, "held_out": late, "through": bool(third)},
            fix=Fix(Applicability.UNSAFE, f"remove the row from {early}", (DropRow(),))
            if splits.may_lose(splits.of(row))
            else None,
        )


def _order(leak: _Leak) -> tuple[bool, float, int]:
    """Direct neighbours first, then the most similar, then the first in the data."""
    return leak.through is not None, -leak.similarity, leak.partner


def _neighbours(context: Context, splits: Splits) -> Iterator[tuple[int, int, _Leak]]:
    """A row, a row of a later split that is like it, and how: every verified pair, and those through a survivor."""
    near = context.near_clusters()
    conversations = context.column("conversation")
    for one, other, similarity in near.pairs():
        first, second = sorted((one, other), key=lambda row: (splits.of(row), row))
        if splits.of(first) != splits.of(second) and conversations[first] != conversations[second]:
            yield first, second, _Leak(similarity, second)
    for cluster in near.clusters:
        yield from _through_survivor(cluster, conversations, splits)


def _through_survivor(
    cluster: NearCluster, conversations: Sequence[int], splits: Splits
) -> Iterator[tuple[int, int, _Leak]]:
    """Of every row and every other split in its cluster the row that is most like the survivor, both ways."""
    likeness = {cluster.survivor: 1.0, **dict(zip(cluster.members, cluster.similarity, strict=True))}
    parts = splits.parts(list(likeness))
    for early, late in combinations(parts, 2):
        for rows, others in ((parts[early], parts[late]), (parts[late], parts[early])):
            nearest = _two_nearest(others, likeness, conversations)
            for row in rows:
                other = next((other for other in nearest if conversations[other] != conversations[row]), None)
                if other is not None:
                    first, second = (row, other) if rows is parts[early] else (other, row)
                    through = cluster.survivor if cluster.survivor not in (first, second) else None
                    yield first, second, _Leak(min(likeness[first], likeness[second]), second, through)


def _two_nearest(rows: Sequence[int], likeness: Mapping[int, float], conversations: Sequence[int]) -> list[int]:
    """The row most like the survivor, and the most alike with another conversation: one of them suits any row."""
    best = min(rows, key=lambda row: (-likeness[row], row))
    others = [row for row in rows if conversations[row] != conversations[best]]
    return [best, min(others, key=lambda row: (-likeness[row], row))] if others else [best]
