"""From a run that has judged everything to the rows as they are after all fixes. Writes no output and stops nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from audit.engine.drive import Driven, Means
from audit.engine.finish import Finished
from audit.model import Finding, Related, Source
from audit.remedy.fix.across import judge_again
from audit.remedy.fix.again import Again
from audit.remedy.fix.columns import judge_columns, may_need_columns_only
from audit.remedy.fix.decided import carry_out
from audit.remedy.fix.layout import Laid, laid_out
from audit.remedy.fix.passes import MOST_PASSES, Passes
from audit.remedy.fix.plan import across_rows, is_of_rows
from audit.remedy.fix.remaining import remaining
from audit.remedy.fix.report import FixOptions
from audit.remedy.fix.sieve import Sieve
from audit.remedy.fix.stored import Rows
from audit.remedy.review.decisions import Decision
from audit.rule import DatasetRule, Rule, Run, SummaryRule


class Mended(msgspec.Struct, frozen=True, kw_only=True):
    """What came of all fixes: the rows of the run, the inputs as they lie, the rows that were changed, the findings
    that remain; how often rows were judged, how many rules were not asked again, how many decisions had no row."""

    rows: Rows
    inputs: Sequence[Laid]
    done: Passes
    left: Sequence[Finding]
    passes: int
    not_judged_again: int
    decisions_unused: int


class Fixer(msgspec.Struct, frozen=True, kw_only=True):
    """What a fix goes by."""

    rules: Sequence[Rule]
    run: Run
    means: Means
    options: FixOptions
    sieve: Sieve
    decisions: Mapping[str, Decision] = {}

    def mend(self, driven: Driven, finished: Finished, sources: Sequence[Source], rows: Rows) -> Mended:
        """Apply all that may be applied. ``sources`` are those of the run, in order.

        Raises InputError where the inputs cannot be read again, KeyboardInterrupt when it is interrupted.
        """
        outcome = driven.outcome
        first = [
            (item, _row_of(item, row, rows)) for item, row in self.sieve.with_rows(outcome.findings, outcome.ordinals)
        ]
        inputs = laid_out(rows, zip(sources, driven.summaries, strict=True), first)
        done = Passes(rows, Again(self.rules, self.run, self.means, rows), self.sieve, self.options)
        unused = carry_out(self.decisions, done, finished, self.run.fields) if self.decisions else 0
        compared = self._settle(done, first)
        again, rules, times = self._compare(done, compared, inputs, finished, rows)
        of_rows = frozenset(rule.code for rule in self.rules if is_of_rows(rule))
        judged_again = frozenset(rule.code for rule in rules)
        whole = [rule for rule in self.rules if isinstance(rule, DatasetRule | SummaryRule)]
        return Mended(
            rows=rows,
            inputs=inputs,
            done=done,
            left=list(remaining(done, first, again, judged_again, of_rows, inputs)),
            passes=done.passes + times,
            not_judged_again=sum(rule.code not in judged_again for rule in whole) if done.touched else 0,
            decisions_unused=unused,
        )

    def _settle(self, done: Passes, first: Sequence[tuple[Finding, int]]) -> list[tuple[Finding, int]]:
        """Fix rows by what the rules of rows found; returns what rules that compare rows would have fixed."""
        of_rows = {rule.code for rule in self.rules if is_of_rows(rule)}
        found: dict[int, list[Finding]] = {}
        compared: list[tuple[Finding, int]] = []
        decided = sorted(done.touched)
        for finding, row in first:
            if row < 0 or not done.is_allowed(finding):
                continue
            if finding.code not in of_rows:
                compared.append((finding, row))
            elif row not in done.touched:
                found.setdefault(row, []).append(finding)
        done.settle(decided, found)
        return compared

    def _compare(
        self,
        done: Passes,
        compared: Sequence[tuple[Finding, int]],
        inputs: Sequence[Laid],
        finished: Finished,
        rows: Rows,
    ) -> tuple[list[tuple[Finding, int]], Sequence[Rule], int]:
        """Fix rows by what rules that compare them found, and judge the whole again by these while rows have changed:
        what they find at last, which they are (none where nothing had to be judged again), and how often it was."""
        rules = across_rows(self.rules, (finding for finding, _ in compared), self.options)
        done.compare(compared, set(done.touched))
        again: list[tuple[Finding, int]] = []
        if not done.touched or not rules:
            return again, (), 0
        for times in range(1, MOST_PASSES + 1):
            found = self._judged_again(done, rules, inputs, finished, rows)
            if found is None:
                return again, (), times
            again = list(self.sieve.with_rows([finding for finding, _ in found], [row for _, row in found]))
            if not done.compare([item for item in again if item[1] >= 0 and done.is_allowed(item[0])], set()):
                break
        return again, rules, times

    def _judged_again(
        self, done: Passes, rules: Sequence[Rule], inputs: Sequence[Laid], finished: Finished, rows: Rows
    ) -> list[tuple[Finding, int]] | None:
        """What the rules find in the rows as they are now: those that go by columns alone without another reading."""
        by_columns = [rule for rule in rules if may_need_columns_only(rule)]
        others = [rule for rule in rules if not may_need_columns_only(rule)]
        mine, unanswered = judge_columns(finished, rows, done.edited(), done.removed(), by_columns, self.run)
        others += unanswered
        found = judge_again(inputs, rows, done.touched, others, self.run, self.means) if others else []
        return None if found is None else sorted([*mine, *found], key=lambda item: item[0].sort_key())


def _row_of(finding: Finding, row: int, rows: Rows) -> int:
    """The row of a finding, also where it is told by its line alone; -1 where it has none, as a blank line has."""
    place = finding.place
    if row >= 0 or finding.scope != "row" or place.offset is not None:
        return row
    found = rows.find(Related(file=place.file, line=place.line))
    return row if found is None else found
