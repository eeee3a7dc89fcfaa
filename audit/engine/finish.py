"""The end of a fold: whole-dataset rules conclude over everything that was found, and everything is sorted."""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

from audit.engine.columns import NO_SPLIT, identities_of_clusters
from audit.engine.dependence import MANY, clusters_of
from audit.engine.found import Found
from audit.engine.origins import any_made, held, origins_of
from audit.engine.place import on_dataset, on_row
from audit.engine.rows import StoredRows
from audit.errors import RuleError
from audit.model import Finding, Json, Measure, Record, Related, Source, SourceSummary
from audit.read.dialogue import conversation_text
from audit.rule import (
    DatasetRule,
    Hit,
    LineRule,
    Product,
    RecordRule,
    RowRange,
    Rule,
    Run,
    SummaryRule,
    TextRule,
)
from audit.statistics.intervals import wilson

if TYPE_CHECKING:
    from audit.attributes.groups import Groups
    from audit.clusters.result import NearClusters
    from audit.outputs.table import Outputs

R = TypeVar("R", bound=Rule)
C = TypeVar("C", int, float)
LEVEL = 0.95
LARGE = 100_000
"""Rows above which whole-dataset rules conclude in two processes."""
TRAIN, DATA = "train", "data"
NO_ROW = -1


class Outcome(msgspec.Struct, frozen=True):
    """What a finished fold hands over."""

    findings: list[Finding]
    ordinals: array[int]
    """The row of every finding (0-based, in reading order), -1 where it is of no row."""
    measures: list[Measure]
    rows: int
    rows_by_source: dict[str, int]
    shapes_by_source: dict[str, dict[str, int]]


class Finished:
    """Implements ``audit.rule.Context`` and ``audit.rule.Summary`` over a fold that has read everything."""

    def __init__(self, found: Found, rows: StoredRows | None, run: Run) -> None:
        self.rows = found.rows
        self.ranges: Sequence[RowRange] = tuple(found.ranges)
        self._found = found
        self._stored = rows
        self._near: NearClusters | None = None
        self._splits: tuple[Sequence[str], Sequence[int]] | None = None
        self._attributes: dict[str, Groups] = {}
        self._clusters: array[int] | None = None
        self._marks: array[int] | None = None
        self._origins: array[int] | None = None
        self._run = run
        self._outputs: Outputs | None = None

    @property
    def sources(self) -> Sequence[Source]:
        """The sources, in reading order."""
        return [entry.source for entry in self.ranges]

    def state(self, code: str) -> Json:
        """What a DatasetRule has gathered of all rows."""
        return self._found.states[code]

    # ------------------------------------------------------------------ what other rules found

    def count(self, code: str) -> int:
        """Findings of a code."""
        return self._found.counts.get(code, 0)

    def rows_with(self, code: str) -> Sequence[int]:
        """Ordinals of the rows with a row-scope finding of a code."""
        return sorted(set(self._found.found.get(code, ())))

    def drops(self, code: str) -> Sequence[int]:
        """Ordinals of the rows that a fix of a code would drop."""
        return sorted(set(self._found.drops.get(code, ())))

    def codes(self) -> Sequence[str]:
        """Codes with at least one finding."""
        return sorted(code for code, count in self._found.counts.items() if count)

    # ------------------------------------------------------------------ rows

    @property
    def stored(self) -> StoredRows:
        """The rows that can be read again."""
        if self._stored is None:
            raise RuleError("a rule asked for rows that it does not name in `needs`")
        return self._stored

    def column(self, product: Product) -> Sequence[int]:
        """The identity of every row."""
        keys = self.stored.columns.keys
        if product not in keys:
            raise RuleError(f"a rule asked for {product!r}, which it does not name in `needs`")
        return keys[product]

    def groups(self, product: Product) -> Iterator[Sequence[int]]:
        """Rows with the same identity, two or more."""
        column = self.column(product)
        return _groups(column) if len(column) <= MANY else _groups_of_many(column)

    def near_clusters(self) -> NearClusters:
        """The clusters of near-duplicate conversations, found when they are first asked for."""
        if self._near is None:
            if self._found.near is None:
                raise RuleError("a rule asked for near_clusters, which it does not name in `needs`")
            self._near = self._found.near.finish(lambda rows: map(conversation_text, self.stored.records(rows)))
        return self._near

    def attribute(self, name: str) -> Groups:
        """The groups of a configured attribute."""
        if name not in self._attributes:
            if self._found.memberships is None:
                raise RuleError("a rule asked for attributes, which it does not name in `needs`, or there are none")
            self._attributes[name] = self._found.memberships.groups(name, self.ranges)
        return self._attributes[name]

    @property
    def marks(self) -> Sequence[int]:
        """What every row says of itself, as far as it holds."""
        if self._marks is None:
            self._marks = held(_kept(self.stored.columns.marks, "marks"), self.column("conversation"))
        return self._marks

    @property
    def weights(self) -> Sequence[float]:
        """The weight of every row."""
        return _kept(self.stored.columns.weights, "weights")

    @property
    def token_totals(self) -> Sequence[int]:
        """All tokens of every row."""
        return _kept(self.stored.columns.token_totals, "token_columns")

    @property
    def token_targets(self) -> Sequence[int]:
        """The tokens of every row that are trained on."""
        return _kept(self.stored.columns.token_targets, "token_columns")

    def clusters(self) -> Sequence[int]:
        """The cluster of every row."""
        if self._clusters is None:
            names = sorted(identities_of_clusters(self.stored.columns.fields))
            identities = [self.column(name) for name in names]
            if any_made(self.marks):
                identities.append(array("Q", (row + 1 for row in self.origins())))
            self._clusters = clusters_of(self.rows, identities)
        return self._clusters

    def origins(self) -> Sequence[int]:
        """The row that every row was made of."""
        if self._origins is None:
            self._origins = origins_of(self.marks, self.column("conversation"), self.stored.records)
        return self._origins

    def outputs(self) -> Outputs:
        """The outputs of models, with the arms that are computed from those that were asked."""
        if self._outputs is None:
            if self._found.outputs is None:
                raise RuleError("a rule asked for outputs, which it does not name in `needs`")
            from audit.outputs.threshold import with_threshold_arm

            names = [one.name for one in self._run.attributes]
            groups = {name: self.attribute(name) for name in names}
            table = self._found.outputs.table(groups, self._run.fields.favourable)
            self._outputs = with_threshold_arm(table, self._run)
        return self._outputs

    def place(self, row: int) -> Related:
        """File and line of a row."""
        return Related(file=self.source_of(row).path, line=self.stored.columns.lines[row])

    def source_of(self, row: int) -> Source:
        """The source of a row."""
        return self.ranges[bisect_right(self.ranges, row, key=lambda entry: entry.first) - 1].source

    def identity(self, row: int) -> str:
        """The ``conversation`` identity as text."""
        return f"{self.column('conversation')[row]:016x}"

    def records(self, rows: Sequence[int]) -> Iterator[Record]:
        """The rows read again."""
        return self.stored.records(rows)

    # ------------------------------------------------------------------ splits

    @property
    def splits(self) -> Sequence[str]:
        """Names of the splits, sorted."""
        return self._named_splits()[0]

    @property
    def split_codes(self) -> Sequence[int]:
        """The index in ``splits`` of every row."""
        return self._named_splits()[1]

    def _named_splits(self) -> tuple[Sequence[str], Sequence[int]]:
        if self._splits is None:
            self._splits = _splits(self.ranges, self.stored)
        return self._splits


def _kept(column: array[C] | None, product: Product) -> array[C]:
    if column is None:
        raise RuleError(f"a rule asked for {product!r}, which it does not name in `needs`")
    return column


def _splits(ranges: Sequence[RowRange], stored: StoredRows) -> tuple[Sequence[str], Sequence[int]]:
    """Names and codes; a source without a role of its own is the training data where there is anything else."""
    columns = stored.columns
    roles = {entry.source.role for entry in ranges}
    plain = TRAIN if len(roles) > 1 else DATA
    by_field = columns.splits is not None and any(name != NO_SPLIT for name in columns.split_names)
    codes, names = array("H"), dict[str, int]()

    def code(name: str) -> int:
        return names.setdefault(name, len(names))

    for source, first, end in ranges:
        role = plain if source.role == DATA else source.role
        if not by_field or columns.splits is None:
            codes.extend([code(role)] * (end - first))
            continue
        fallback = TRAIN if role == DATA else role
        codes.extend(code(columns.split_names[given] or fallback) for given in columns.splits[first:end])
    ordered = sorted(names)
    renamed = {names[name]: index for index, name in enumerate(ordered)}
    return ordered, array("H", (renamed[given] for given in codes))


def _groups(column: Sequence[int]) -> Iterator[Sequence[int]]:
    rows: dict[int, list[int]] = {}
    for row, key in enumerate(column):
        if key:
            rows.setdefault(key, []).append(row)
    return (group for group in rows.values() if len(group) > 1)


def _groups_of_many(column: Sequence[int]) -> Iterator[Sequence[int]]:
    """The same with numpy: a dictionary of a million rows takes ten times the memory and twenty times as long."""
    import numpy as np

    keys = np.frombuffer(column, dtype=np.uint64)  # type: ignore[call-overload]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = np.concatenate(([False], ordered[1:] == ordered[:-1], [False]))
    starts = np.flatnonzero(same[1:] & ~same[:-1])
    ends = np.flatnonzero(~same[1:] & same[:-1]) + 1
    groups = [order[start:end] for start, end in zip(starts, ends, strict=True) if ordered[start]]
    groups.sort(key=lambda group: int(group[0]))
    return (group.tolist() for group in groups)


# ----------------------------------------------------------------------------- concluding


def finish(found: Found, rules: Sequence[Rule], run: Run, finished: Finished, *, processes: int = 1) -> Outcome:
    """Let the whole-dataset rules conclude and give everything over, findings sorted. Call it once."""
    findings = list(zip(found.findings, found.ordinals, strict=True))
    for (_, _, _), (finding, count) in found.once.items():
        evidence = {**finding.evidence, "rows": finding.evidence.get("rows", count)}
        findings.append((msgspec.structs.replace(finding, evidence=evidence), NO_ROW))
        found.counts[finding.code] = found.counts.get(finding.code, 0) + 1
    measures: list[Measure] = []
    for rule, said in _concluded(_of(rules, DatasetRule), found, finished, run, processes):
        _conclude(rule, said, finished, found, findings, measures)
    for summary_rule in _of(rules, SummaryRule):
        _conclude(summary_rule, summary_rule.judge(finished, run), finished, found, findings, measures)
    measures.extend(_shares(found, rules))
    findings.sort(key=_by_place)
    ordinals = array("q", [row for _, row in findings])
    measures.sort(key=_measure_key)
    rows_by_source = {entry.source.path: entry.end - entry.first for entry in found.ranges}
    return Outcome(
        [finding for finding, _ in findings], ordinals, measures, found.rows, rows_by_source, found.shapes_by_source
    )


Said: TypeAlias = Iterable[Hit | Measure]


def _concluded(
    rules: Sequence[DatasetRule], found: Found, finished: Finished, run: Run, processes: int
) -> Iterator[tuple[DatasetRule, Said]]:
    """What every rule concludes, in order. Of many rows, those that need near-duplicates conclude beside the others."""
    if processes > 1 and found.rows >= LARGE:
        from audit.engine.processes import Processes, safe_start_method

        if safe_start_method() == "fork":  # what was found is inherited; it would take as long to send it
            lots = [[rule for rule in rules if ("near_clusters" in rule.needs) is near] for near in (True, False)]

            def conclude(lot: int) -> list[tuple[str, list[Hit | Measure]]]:
                return [(rule.code, list(rule.finish(found.states[rule.code], finished, run))) for rule in lots[lot]]

            answers = Processes(len(lots), start_method="fork").map(conclude, range(len(lots)))
            by_code = dict(itertools.chain.from_iterable(answers))
            yield from ((rule, by_code[rule.code]) for rule in rules)
            return
    for rule in rules:
        yield rule, rule.finish(found.states[rule.code], finished, run)


def _conclude(
    rule: Rule,
    said: Said,
    finished: Finished,
    found: Found,
    findings: list[tuple[Finding, int]],
    measures: list[Measure],
) -> None:
    for item in said:
        if isinstance(item, Measure):
            measures.append(item)
            continue
        if item.row is None:
            findings.append((on_dataset(rule, item), NO_ROW))
        else:
            columns = finished.stored.columns
            place = (columns.lines[item.row], columns.offsets[item.row])
            findings.append((on_row(rule, item, finished.source_of(item.row), *place), item.row))
            found.note(rule.code, item.row, item.fix)
        found.counts[rule.code] = found.counts.get(rule.code, 0) + 1


def _shares(found: Found, rules: Iterable[Rule]) -> Iterable[Measure]:
    """The uniform measure of every rule that judges rows: how many rows it found, of how many."""
    for rule in rules:
        if isinstance(rule, LineRule | RecordRule | TextRule):
            hits = len(set(found.found.get(rule.code, ())))
            yield Measure(
                code=rule.code,
                name="rows.share",
                value=hits / found.rows if found.rows else 0.0,
                table={"rows_found": hits, "rows_checked": found.rows},
                n=found.rows,
                interval=wilson(hits, found.rows, LEVEL),
                level=LEVEL,
            )


def _of(rules: Sequence[Rule], kind: type[R]) -> list[R]:
    return [rule for rule in rules if isinstance(rule, kind)]


def _by_place(found: tuple[Finding, int]) -> tuple[object, ...]:
    return found[0].sort_key()


def _measure_key(measure: Measure) -> tuple[str, ...]:
    return (
        measure.code,
        measure.name,
        measure.attribute or "",
        measure.group or "",
        measure.split or "",
        measure.arm or "",
    )


def summarise(summary: SourceSummary, outcome: Outcome) -> SourceSummary:
    """The summary of a source with its row and shape counts filled in."""
    return msgspec.structs.replace(
        summary,
        rows=outcome.rows_by_source.get(summary.path, 0),
        shapes=dict(sorted(outcome.shapes_by_source.get(summary.path, {}).items())),
    )
