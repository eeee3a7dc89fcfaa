"""From a run that has judged everything to the rows as they are after all fixes. Writes no output and stops nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from audit.engine.drive import Driven, Means
from audit.engine.finish import Finished
from audit.model import Finding, Source
from audit.remedy.fix.changed_rows import Again
from audit.remedy.fix.columns import Now
from audit.remedy.fix.decided import carry_out
from audit.remedy.fix.layout import Laid, laid_out
from audit.remedy.fix.passes import MOST_PASSES, Passes
from audit.remedy.fix.plan import across_rows, is_of_rows
from audit.remedy.fix.remaining import remaining
from audit.remedy.fix.report import FixOptions
from audit.remedy.fix.second_reading import judge_again
from audit.remedy.fix.sieve import Sieve
from audit.remedy.fix.stored import Rows
from audit.remedy.fix.whole import Whole, judge_findings, judge_whole, row_of
from audit.remedy.review.decisions import Decision
from audit.rule import DatasetRule, Rule, Run, SummaryRule


class Mended(msgspec.Struct, frozen=True, kw_only=True):
    """What came of all fixes: the rows of the run, the inputs as they lie, the rows that were changed, the findings
    that remain; how often rows were judged, which rules were not asked again, how many decisions had no row."""

    rows: Rows
    inputs: Sequence[Laid]
    done: Passes
    left: Sequence[Finding]
    passes: int
    not_judged_again: tuple[str, ...]
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
            (item, row_of(item, row, rows)) for item, row in self.sieve.with_rows(outcome.findings, outcome.ordinals)
        ]
        inputs = laid_out(rows, zip(sources, driven.summaries, strict=True), first)
        done = Passes(rows, Again(self.rules, self.run, self.means, rows), self.sieve, self.options)
        unused = carry_out(self.decisions, done, finished, self.run.fields) if self.decisions else 0
        compared = self._settle(done, first)
        again, rules, times = self._compare(done, compared, inputs, finished, rows)
        left, stale = self._left(done, first, again, rules, inputs, finished, rows)
        return Mended(
            rows=rows,
            inputs=inputs,
            done=done,
            left=left,
            passes=done.passes + times,
            not_judged_again=stale,
            decisions_unused=unused,
        )

    def _left(
        self,
        done: Passes,
        first: Sequence[tuple[Finding, int]],
        again: Sequence[tuple[Finding, int]],
        compared: Sequence[Rule],
        inputs: Sequence[Laid],
        finished: Finished,
        rows: Rows,
    ) -> tuple[list[Finding], tuple[str, ...]]:
        """The findings that remain, and the rules on the whole that were not asked again though rows have changed.

        ``again`` is what the rules ``compared`` find now; of the others all are asked that need no other reading.
        """
        of_rows = frozenset(rule.code for rule in self.rules if is_of_rows(rule))
        edited, removed = done.edited(), done.removed()
        if not edited and not removed:
            return [finding for finding, _ in remaining(done, first, (), frozenset(), of_rows, inputs)], ()
        known = frozenset(rule.code for rule in compared)
        others = [rule for rule in self.rules if isinstance(rule, DatasetRule) and rule.code not in known]
        now = Now(finished, rows, edited, removed, self.run)
        whole = judge_whole(now, others)
        codes = known | whole.codes
        left = list(remaining(done, first, [*again, *self._counting(whole)], codes, of_rows, inputs))
        stale = {rule.code for rule in others} - codes
        summary = judge_findings(now, self.rules, left)
        left = [item for item in left if item[0].code not in summary.codes] + self._counting(summary)
        is_sure = stale.isdisjoint(finding.code for finding, _ in left)
        stale |= {rule.code for rule in self.rules if isinstance(rule, SummaryRule)} - (
            summary.codes if is_sure else frozenset()
        )
        return [finding for finding, _ in left], tuple(sorted(stale))

    def _counting(self, whole: Whole) -> list[tuple[Finding, int]]:
        """Those findings that are not set aside."""
        ordered = sorted(whole.found, key=lambda item: item[0].sort_key())
        return list(self.sieve.with_rows([finding for finding, _ in ordered], [row for _, row in ordered]))

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
        for times in range(1, MOST_PASSES + 2):
            found = self._judged_again(done, rules, inputs, finished, rows)
            if found is None:
                return [], (), times
            again = list(self.sieve.with_rows([finding for finding, _ in found], [row for _, row in found]))
            wanted = [item for item in again if item[1] >= 0 and done.is_allowed(item[0])]
            if times > MOST_PASSES or not done.compare(wanted, set()):
                break
        return again, rules, times

    def _judged_again(
        self, done: Passes, rules: Sequence[Rule], inputs: Sequence[Laid], finished: Finished, rows: Rows
    ) -> list[tuple[Finding, int]] | None:
        """What the rules find in the rows as they are now, read again only for those that need it."""
        mine = judge_whole(Now(finished, rows, done.edited(), done.removed(), self.run), rules)
        others = [rule for rule in rules if rule.code not in mine.codes]
        found = judge_again(inputs, rows, done.touched, others, self.run, self.means) if others else []
        return None if found is None else sorted([*mine.found, *found], key=lambda item: item[0].sort_key())
