"""FAI210: what changed between arms, how sure that is, and to what it can be laid. The figures are made elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run

if TYPE_CHECKING:
    from audit.outputs.arms import Roles
    from audit.outputs.table import Groups, Outputs
    from audit.rules.fairness.arm_changes import ArmComparison, FigureChange
    from audit.rules.fairness.arm_figures import Figures, Key, Replicate
    from audit.rules.fairness.change_sentences import Subject

SAME: Final = 0.01
"""A change of at most a point is called none."""


class ChangeBetweenArms(DatasetRule, frozen=True):
    """The arm that is to be signed is less fair, or less accurate, than the same without remediation.

    Every figure of the judged arm is held against that of the compared arm (the same without remediation) and of the
    base arm, and the threshold-only arm against the compared one. Replicates are paired by seed, answers by question.
    Over five seeds or more the interval is Student's over seeds and speaks of the method; with one pair it is over
    questions and speaks of these two models only. Signed gaps are told with their sign, so that one that is reversed is
    not called unchanged. Reported is a demographic parity or equalised odds difference that got worse, and an accuracy
    or area under the curve that fell by more than ``accuracy_loss``, each with its whole interval. Measures:
    ``arms.change`` (one for each figure), ``arms.moves`` (who is moved which way) and ``arms.attribution`` (what the
    arms differ in by the records of their runs, or why a change cannot be laid to anything).

    Bad:
        20 x {"row_id": "a{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        20 x {"row_id": "b{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
        20 x {"row_id": "c{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        20 x {"row_id": "d{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        20 x {"row_id": "a{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        20 x {"row_id": "b{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
        20 x {"row_id": "c{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "deny", "truth": "grant", "attributes": {"sex": "f"}}
        20 x {"row_id": "d{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
    Good:
        20 x {"row_id": "a{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        20 x {"row_id": "b{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
        20 x {"row_id": "c{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        20 x {"row_id": "d{n}", "arm": "raw", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        20 x {"row_id": "a{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        20 x {"row_id": "b{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
        20 x {"row_id": "c{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        20 x {"row_id": "d{n}", "arm": "remediated", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
    Do: look at who is moved which way, and at the threshold-only arm; then remedy otherwise, or not at all.
    """  # noqa: E501

    code: ClassVar[str] = "FAI210"
    name: ClassVar[str] = "worse-than-without-remediation"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = frozenset({"outputs"})
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {
        "select": ["FAI210"],
        "sections": {"data": {"favourable": "grant"}, "attributes": {"sex": {"field": "metadata.sex"}}},
    }

    accuracy_loss: float = 0.02
    same: float = SAME

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """What the arms differ in, and how each figure changed; a hit for what surely got worse."""
        from audit.outputs.arms import roles
        from audit.outputs.threshold import favourable_codes
        from audit.rules.fairness.arm_changes import comparisons

        outputs = context.outputs()
        parts = roles(outputs, run)
        yield self._attribution(outputs, parts, run)
        favourable = favourable_codes(outputs, run.fields.favourable)
        compared = comparisons(outputs, parts, favourable)
        if compared and outputs.classes:
            yield from self._of_all(compared, parts, selects=len(favourable) > 0)
            for groups in outputs.groups.values() if len(favourable) else ():
                if not groups.reason:
                    yield from self._of_attribute(groups, compared, parts)

    def _attribution(self, outputs: Outputs, parts: Roles, run: Run) -> Measure:
        from audit.rules.fairness.attribution import attribution

        value, table = attribution(outputs, parts, run.comparison.arms)
        return self.measure("arms.attribution", value, table=table, n=len(table["pairs"]), arm=parts.judged or None)

    def _of_all(self, compared: list[ArmComparison], parts: Roles, *, selects: bool) -> Iterator[Hit | Measure]:
        from audit.rules.fairness.arm_changes import changes
        from audit.rules.fairness.arm_figures import (
            ACCURACY,
            AREA,
            OF_ALL,
            SELECTION,
            figures_of_all,
            questions_behind_all,
        )
        from audit.rules.fairness.change_sentences import Subject
        from audit.rules.fairness.withheld import LEAST

        about, behind = Subject("", "", LEAST, self.same), questions_behind_all(compared[0].pairs[0].before)
        keys: list[Key] = [(metric, None) for metric in OF_ALL if selects or metric is not SELECTION]
        rows = [
            (one, list(changes(one, figures_of_all, behind, keys, min_n=LEAST, same=self.same))) for one in compared
        ]
        for at, (metric, _) in enumerate(keys):
            told = [(one, found[at]) for one, found in rows]
            yield from self._measured(told, None, about, parts)
            yield from self._hits(told, self.accuracy_loss if metric in (ACCURACY, AREA) else None, "", about)

    def _of_attribute(self, groups: Groups, compared: list[ArmComparison], parts: Roles) -> Iterator[Hit | Measure]:
        from audit.rules.fairness.arm_changes import changes, with_reversals
        from audit.rules.fairness.arm_figures import (
            ODDS,
            PARITY,
            compared_groups,
            figures_of_attribute,
            keys_of,
            questions_behind,
            reference_in,
        )
        from audit.rules.fairness.change_sentences import Subject
        from audit.rules.fairness.moves import moves

        names, name = compared_groups(groups), groups.attribute.name
        first = compared[0].pairs[0].before
        reference = reference_in(groups, first.item, first.group[name], first.positive == 1)
        if len(names) < 2 or reference not in ("rest", *names):
            return
        about = Subject(name, reference, groups.attribute.min_n, self.same)
        keys = keys_of(groups, reference)

        def figures(side: Replicate) -> Figures:
            return figures_of_attribute(side, groups, reference)

        behind = questions_behind(first, groups, reference)
        rows = [
            (one, with_reversals(list(changes(one, figures, behind, keys, min_n=about.min_n, same=self.same))))
            for one in compared
        ]
        for at, (metric, _) in enumerate(keys):
            told = [(one, found[at]) for one, found in rows]
            yield from self._measured(told, groups, about, parts)
            yield from self._hits(told, 0.0 if metric in (PARITY, ODDS) else None, name, about)
        if compared[0].kind == "remediation":
            for group, table in moves(compared[0], groups):
                yield self.measure(
                    "arms.moves", table=table, n=table["n"], attribute=name, group=group, arm=parts.judged
                )

    def _measured(
        self, told: list[tuple[ArmComparison, FigureChange]], groups: Groups | None, about: Subject, parts: Roles
    ) -> Iterator[Measure]:
        """The measure of one figure, over all comparisons that have it."""
        from audit.rules.fairness.change_tables import change_table

        estimable = [change for _, change in told if change.change is not None]
        if not estimable:
            return
        first = told[0][1]
        yield self.measure(
            "arms.change",
            None if first.change is None else round(first.change, 6),
            table=change_table(told, groups, about),
            n=told[0][0].questions,
            interval=first.interval and (round(first.interval[0], 6), round(first.interval[1], 6)),
            level=0.95 if first.interval else None,
            attribute=about.attribute or None,
            group=first.group,
            arm=parts.judged,
        )

    def _hits(
        self, told: list[tuple[ArmComparison, FigureChange]], limit: float | None, attribute: str, about: Subject
    ) -> Iterator[Hit]:
        """A hit where the judged arm is surely worse than the compared one by more than ``limit``."""
        from audit.rules.fairness.change_sentences import change_sentence
        from audit.rules.fairness.change_tables import rounded, rounded_interval
        from audit.rules.fairness.withheld import MOST_MISSING

        of, change = told[0]
        if limit is None or of.kind != "remediation" or of.missing > MOST_MISSING:
            return
        if not change.surely_worse_by(limit, self.same):
            return
        yield self.hit(
            change_sentence(change, of, about),
            scope="dataset",
            key=f"{attribute}\x1f{change.metric.key}",
            evidence={
                "metric": change.metric.key,
                "attribute": attribute or None,
                "arm": of.arm,
                "against": of.against,
                "before": rounded(change.before),
                "after": rounded(change.after),
                "worse_by": rounded_interval(change.worse_by),
                "scope": change.scope or "these models",
                "limit": limit,
            },
        )
