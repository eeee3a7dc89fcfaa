"""FAI208: whether predictions go with a group more than labels do, and test labels more than training labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run

if TYPE_CHECKING:
    from audit.rules.fairness.associations import Amplified


class BiasAmplification(DatasetRule, frozen=True):
    """The model's answers go with a group more strongly than the true labels of the same rows do.

    Association is the difference of the rates of favourable labels between a group and the rest (of two groups, between
    both), signed, and the log odds ratio beside it. On the same test rows that of the predictions is held against that
    of the labels, paired by question, for decisions and for the mean probability; apart from that, the association of
    the test labels against that of the training labels (``--against train.jsonl``), by rows and by their weights.
    Reported is an association of the judged arm's decisions that is stronger than that of the labels by more than
    ``tolerance`` with the whole interval, simultaneous over the groups: in the same direction, turned round and larger,
    or one that the labels do not surely have. Measures: ``amplification.predictions`` and ``amplification.data``.

    Bad:
        40 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        40 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "grant", "truth": "deny", "attributes": {"sex": "m"}}
        20 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "deny", "truth": "grant", "attributes": {"sex": "f"}}
        60 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
    Good:
        40 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        40 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
        20 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        60 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
    Do: look at what the model leans on instead of the case (FAI206); train on balanced rows, or longer.
    """  # noqa: E501

    code: ClassVar[str] = "FAI208"
    name: ClassVar[str] = "bias-amplification"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = frozenset({"outputs"})
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {
        "select": ["FAI208"],
        "sections": {"data": {"favourable": "grant"}, "attributes": {"sex": {"field": "metadata.sex"}}},
    }

    tolerance: float = 0.02

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute and a favourable label."""
        from audit.rules.demographics.groups import why_not

        if not run.fields.favourable:
            return super().applies_to(run) or 'no favourable label is configured: [data] favourable = "LABEL"'
        return super().applies_to(run) or why_not(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The amplification of every arm, attribute and group, and that of the data."""
        from audit.outputs.arms import roles
        from audit.outputs.threshold import favourable_codes
        from audit.rules.fairness.associations import amplified

        outputs = context.outputs()
        favourable = favourable_codes(outputs, run.fields.favourable)
        judged = roles(outputs, run).judged
        for name in outputs.groups if len(favourable) else ():
            for arm in outputs.arms:
                for one in amplified(outputs, arm, name, favourable, run.trained_on):
                    yield self._measure(one)
                    if arm == judged:
                        yield from self._hits(one)
            yield from self._of_data(context, run, name)

    def _measure(self, one: Amplified) -> Measure:
        from audit.rules.fairness.associations import amplification_table

        table = amplification_table(one)
        decision = table["amplification"]["decision"]
        interval = decision["interval"]
        return self.measure(
            "amplification.predictions",
            decision["difference"],
            table=table,
            n=one.n,
            interval=interval and (interval[0], interval[1]),
            level=0.95 if interval else None,
            attribute=one.attribute.name,
            group=one.group,
            arm=one.arm,
        )

    def _of_data(self, context: Context, run: Run, name: str) -> Iterator[Measure]:
        from audit.rules.fairness.data_associations import data_tables

        for table in data_tables(context.outputs(), name, run):
            rows = table["rows"]
            yield self.measure(
                "amplification.data",
                rows["difference"],
                table=table,
                n=table["test"]["n"],
                interval=rows["interval"] and (rows["interval"][0], rows["interval"][1]),
                level=0.95 if rows["interval"] else None,
                attribute=name,
                group=table["group"],
            )

    def _hits(self, one: Amplified) -> Iterator[Hit]:
        from audit.rules.fairness.change_tables import rounded, rounded_interval

        interval = one.stronger_by
        if interval is None or interval[0] <= self.tolerance or one.direction not in ("amplified", "reversed"):
            return
        yield self.hit(
            one.sentence,
            scope="dataset",
            key=f"{one.attribute.name}\x1f{one.group}",
            evidence={
                "arm": one.arm,
                "attribute": one.attribute.name,
                "group": one.group,
                "against": one.against,
                "label": rounded(one.label.difference.value),
                "prediction": rounded(one.decision.difference.value),
                "stronger_by": rounded_interval(interval),
                "tolerance": self.tolerance,
            },
        )
