"""LBL606: labels that come in long runs, as in a sorted file. Judges the order of the rows and nothing else."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import PurePath
from typing import ClassVar

from audit.labels.recognise import NEEDS, NO_LABEL, recognise
from audit.model import Applicability, Fix, Json, Measure, Severity, Source
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.made_rows import Made
from audit.statistics.runs import Runs, runs_test


class SortedLabels(DatasetRule, frozen=True):
    """The rows of a file are sorted, or partly sorted, by their label.

    A trainer that does not shuffle, or only within a buffer, then sees one class after the other, forgets the first
    ones, and reports losses that follow the order of the file; a split by position has classes in one part that the
    other lacks. Each file with at least ``min_rows`` labelled rows is judged by the runs test for any number of classes
    (Barton and David 1957): found when there are fewer than ``max_share`` of the runs that a random order would give,
    at a z score below ``max_z``. Measure: ``labels.runs_ratio``, runs over expected runs, for all files together;
    the table has each file.

    Bad:
        {"messages": [{"role": "user", "content": "Great film"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Loved it"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Nice plot"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Fine acting"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "So boring"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Fell asleep"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Total waste"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Awful cast"}, {"role": "assistant", "content": "bad"}]}
    Good:
        {"messages": [{"role": "user", "content": "Great film"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "So boring"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Fell asleep"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Loved it"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Total waste"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Nice plot"}, {"role": "assistant", "content": "good"}]}
    Do: shuffle the rows once, with a fixed seed, before splitting or training.
    """

    code: ClassVar[str] = "LBL606"
    name: ClassVar[str] = "sorted-by-label"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS | {"marks"}
    example: ClassVar[dict[str, Json]] = {"rules": {"LBL606": {"min_rows": 6, "max_z": -2}, "LBL602": {"min_rows": 1}}}

    min_rows: int = 20
    max_share: float = 0.5
    max_z: float = -3.0

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every file that is sorted, and one measure."""
        labels = recognise(context, run)
        made = Made(context)
        found: list[tuple[Source, Runs]] = []
        for source, first, end in context.ranges if labels else ():
            rows = made.without_copies(range(first, end))
            codes = labels.codes[first:end] if len(rows) == end - first else array("h", (labels.codes[r] for r in rows))
            runs = runs_test(codes if NO_LABEL not in codes else array("h", (c for c in codes if c != NO_LABEL)))
            if runs.n >= self.min_rows:
                found.append((source, runs))
        yield self._measure(found)
        for source, runs in found:
            if runs.observed < self.max_share * runs.expected and runs.z < self.max_z:
                yield self._hit(source, runs, run.seed)

    def _measure(self, found: list[tuple[Source, Runs]]) -> Measure:
        expected = sum(runs.expected for _, runs in found)
        table: Json = [
            {
                "file": source.path,
                "rows": runs.n,
                "runs": runs.observed,
                "expected": round(runs.expected, 3),
                "z": round(runs.z, 3),
            }
            for source, runs in found
        ]
        ratio = round(sum(runs.observed for _, runs in found) / expected, 6) if expected else None
        return self.measure("labels.runs_ratio", ratio, table=table, n=sum(runs.n for _, runs in found))

    def _hit(self, source: Source, runs: Runs, seed: int) -> Hit:
        return self.hit(
            f"labels come in {runs.observed:,} runs over {runs.n:,} rows, where a random order would give about "
            f"{runs.expected:,.0f} (z {runs.z:.1f}); asked for at least {self.max_share:.0%} of that",
            scope="file",
            source=source,
            key=PurePath(source.path).name,
            evidence={
                "rows": runs.n,
                "runs": runs.observed,
                "expected": round(runs.expected, 3),
                "z": round(runs.z, 3),
            },
            fix=Fix(Applicability.SHOWN, f"shuffle the rows with a fixed seed, such as {seed}"),
        )
