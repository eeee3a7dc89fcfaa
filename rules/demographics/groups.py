"""Rows by group: what the rules of this family count over. Judges nothing, and compares no two groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from audit.engine.origins import MADE
from audit.model import Json
from audit.rule import Attribute, AttributeColumn, Context, Product, Run, Summary
from audit.statistics.effective import clusters_by, group_rates, renumbered
from audit.statistics.rates import UNCOMPARED, GroupRate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Marks = NDArray[np.bool_]

NEEDS: Final[frozenset[Product]] = frozenset({"rows", "attributes", "clusters", "group", "conversation", "marks"})
"""What ``judged`` reads."""
TRAINED: Final = ("train", "training", "trn", "data", "sft")
"""Names of splits that a model learns from, in any case, the first of them that there is."""
HELD_OUT: Final = ("test", "testing", "validation", "valid", "val", "dev", "eval", "evaluation", "holdout")
"""Names of splits that it does not learn from: they are judged only where there is no other."""


class Groups:
    """The rows that are judged, by group of one attribute (or of two, crossed).

    ``names`` are the groups, ``codes`` the index in ``names`` of every judged row, ``n`` how many rows each group has.
    ``split`` names the split that is judged where there are several, ``reference_group`` what the other groups are
    compared with: a group, ``best`` or ``rest``.
    """

    def __init__(
        self,
        attribute: Attribute,
        names: Sequence[str],
        codes: Codes,
        *,
        split: str | None = None,
        reference_group: str = "best",
    ) -> None:
        import numpy as np

        self.attribute = attribute
        self.names = tuple(names)
        self.codes = codes
        self.split = split
        self.reference_group = reference_group
        self.n: list[int] = np.bincount(codes, minlength=len(self.names)).tolist()

    @property
    def compared(self) -> list[int]:
        """Indices of the groups that can be compared."""
        return [index for index, name in enumerate(self.names) if name not in UNCOMPARED]

    @property
    def title(self) -> str:
        """The attribute for messages: the split where one of several is judged, and that a mention is of the text."""
        mention = " (rows that mention the group)" if self.attribute.kind in ("mention", "name_cue") else ""
        return f"{self.attribute.name}{mention}" + ("" if self.split is None else f", split {self.split}")

    @property
    def known(self) -> int:
        """Rows of the groups that can be compared."""
        return sum(self.n[index] for index in self.compared)

    def facts(self) -> dict[str, Json]:
        """What every table says of its attribute: where it comes from and of how many rows it speaks."""
        one = self.attribute
        return {
            "attribute": one.name,
            "kind": one.kind,
            "source": one.comes_from,
            "rows": len(self.codes),
            "min_n": one.min_n,
        }

    def shown(self) -> list[dict[str, Json]]:
        """The groups that no table compares, so that its counts add up to ``rows``."""
        return [
            {"group": name, "n": self.n[index], "compared": False}
            for index, name in enumerate(self.names)
            if name in UNCOMPARED and self.n[index]
        ]

    def at(self, places: Codes) -> Groups:
        """The groups of some of the judged rows, named by their indices among these."""
        return Groups(
            self.attribute,
            self.names,
            self.codes[places],
            split=self.split,
            reference_group=self.reference_group,
        )

    def rates(self, hits: Marks, evidence: Evidence, counted: Marks | None = None) -> list[GroupRate]:
        """How many of the rows of each group are marked; only ``counted`` rows where that is given.

        ``hits``, ``evidence`` and ``counted`` have one entry for every judged row. Groups that no table compares are
        among the rates, last.
        """
        import msgspec
        import numpy as np

        codes, (together, same, made) = self.codes, evidence
        if counted is not None:
            codes, hits = codes[counted], hits[counted]
            together, same, made = together[counted], same[counted], made[counted]
        rates = group_rates(self.names, codes, hits, together, same)
        if not made.any():
            return rates
        rows = np.bincount(codes[made], minlength=len(self.names)).tolist()
        return [msgspec.structs.replace(rate, made=n) for rate, n in zip(rates, rows, strict=True)]


class Evidence(NamedTuple):
    """Which of the judged rows are no independent evidence, as one number per row that the rows of a cluster share.

    ``together`` are rows of one configured group, and a row and what a remedy made of it; ``same`` also those that say
    the same (docs/decisions/0016). ``made`` marks the rows that a remedy made of others.
    """

    together: Codes
    same: Codes
    made: Marks

    def at(self, places: Codes) -> Evidence:
        """The evidence of some of the judged rows."""
        return Evidence(renumbered(self.together[places]), renumbered(self.same[places]), self.made[places])


def judged(context: Context | Summary, run: Run) -> Iterator[Groups]:
    """The groups of every configured attribute that can be used."""
    split, rows = judged_rows(context)
    for attribute in run.attributes:
        column = context.attribute(attribute.name)
        if not unusable(column):
            yield groups_of(column, rows, split)


def unusable(column: AttributeColumn) -> str:
    """Why an attribute cannot be judged; "" when it can."""
    wanted = column.reference_group
    there = [name for name in column.groups if name not in UNCOMPARED]
    if not column.reason and wanted not in ("best", "rest", *there):
        return f"its reference_group {wanted!r} has no rows"
    return column.reason


def judged_rows(context: Context | Summary) -> tuple[str | None, Codes]:
    """The split that is judged (None where there is one only) and the ordinals of its rows.

    A model learns from the training split; what the others hold is for the rules that compare splits.
    """
    import numpy as np

    splits = list(context.splits)
    if len(splits) < 2:
        return None, np.arange(context.rows)
    by_name = {name.casefold(): name for name in reversed(splits)}
    known = [by_name[name] for name in TRAINED if name in by_name]
    others = [name for name in splits if name.casefold() not in HELD_OUT]
    name = (known or others or splits)[0]
    codes = np.frombuffer(context.split_codes, dtype=np.uint16)  # type: ignore[call-overload]
    return name, np.flatnonzero(codes == splits.index(name))


def groups_of(column: AttributeColumn, rows: Codes, split: str | None) -> Groups:
    """The groups of one attribute over some rows."""
    import numpy as np

    codes = np.frombuffer(column.codes, dtype=np.uint16)[rows].astype(np.int64)  # type: ignore[call-overload]
    return Groups(column.attribute, column.groups, codes, split=split, reference_group=column.reference_group)


def rows_per_cluster(clusters: Codes) -> float:
    """How many rows a row stands for on average, itself included: the design effect of what is the same in all rows of
    a cluster (Kish 1965, "Survey Sampling", 5.4)."""
    import numpy as np

    sizes = np.bincount(clusters)
    return float((sizes.astype(np.float64) ** 2).sum() / len(clusters)) if len(clusters) else 1.0


_EVIDENCE: Final[WeakKeyDictionary[Context | Summary, Evidence]] = WeakKeyDictionary()
"""The evidence of the file that is being concluded on: nearly every rule of this family asks for it."""


def evidence_of(context: Context | Summary) -> Evidence:
    """The clusters of the judged rows."""
    import numpy as np

    evidence = _EVIDENCE.get(context)
    if evidence is None:
        _, rows = judged_rows(context)
        made = np.frombuffer(context.marks, dtype=np.uint8) & MADE > 0  # type: ignore[call-overload]
        named = np.frombuffer(context.column("group"), dtype=np.int64)  # type: ignore[call-overload]
        if made.any():
            origins = np.frombuffer(context.origins(), dtype=np.uint64).astype(np.int64)  # type: ignore[call-overload]
            together = renumbered(clusters_by(named)[origins][rows])
        else:
            together = clusters_by(named[rows])
        same = np.frombuffer(context.clusters(), dtype=np.uint64)[rows].astype(np.int64)  # type: ignore[call-overload]
        evidence = _EVIDENCE[context] = Evidence(together, renumbered(same), made[rows])
    return evidence


def crossed(first: Groups, second: Groups) -> Groups:
    """The intersections of two attributes, named ``Male x White``; rows without a group of both are ``unknown``."""
    import msgspec
    import numpy as np

    names = [_crossed(first.names[a], second.names[b]) for a in first.compared for b in second.compared]
    number = np.full((len(first.names), len(second.names)), len(names), dtype=np.int64)
    for index, (a, b) in enumerate((a, b) for a in first.compared for b in second.compared):
        number[a, b] = index
    both = (first.attribute, second.attribute)
    attribute = msgspec.structs.replace(
        first.attribute,
        name=" x ".join(one.name for one in both),
        where=" x ".join(one.where for one in both),
        kind=first.attribute.kind if both[0].kind == both[1].kind else "mention",
        min_n=max(one.min_n for one in both),
        reference=None,
    )
    codes = number[first.codes, second.codes]
    return Groups(attribute, [*names, "unknown"], codes, split=first.split)


def _crossed(first: str, second: str) -> str:
    """The name of an intersection; names that hold the sign between them are put in brackets, so that none is twice."""
    return " x ".join(f"({name})" if " x " in name or name.startswith("(") else name for name in (first, second))


def as_json(value: object) -> Json:
    """A struct or any other value as JSON reads it back: lists for tuples."""
    import msgspec

    return msgspec.json.decode(msgspec.json.encode(value))


def why_not(run: Run) -> str | None:
    """Why the rules of this family cannot judge a run; None when they can."""
    if not run.attributes:
        return "no protected attribute (sensitive feature) is configured: [attributes.NAME] in audit.toml"
    return None
