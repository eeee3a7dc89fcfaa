"""DEM109: what the smallest difference is that these numbers of rows could show. Judges no rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from audit.labels.recognise import NEEDS as LABELS
from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import NEEDS, Groups, evidence_of, judged
from audit.rules.demographics.outcomes import outcomes, why_no_rate
from audit.rules.labels.reporting import quoted
from audit.statistics.rates import GroupRate


class DetectableRatio(DatasetRule, frozen=True):
    """A group has too few rows for an audit to see that the favourable label goes to it less often.

    With few rows even a large difference looks like chance, and an audit that finds nothing has shown nothing. For each
    group the smallest ratio to the overall rate is computed that would be found with power 0.8 at a two-sided error
    rate of 0.05; a group is reported when that ratio lies below ``ratio``. Measure: ``detectable_ratio``.

    Bad:
        15 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f"}}
        15 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f"}}
        15 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m"}}
        15 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m"}}
    Good:
        300 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f"}}
        300 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f"}}
        300 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m"}}
        300 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m"}}
    Do: collect more rows of that group, or say in the report that smaller differences cannot be seen.
    """  # noqa: E501

    code: ClassVar[str] = "DEM109"
    name: ClassVar[str] = "too-few-to-detect"
    severity: ClassVar[Severity] = Severity.INFO
    needs: ClassVar[frozenset[Product]] = NEEDS | LABELS
    example: ClassVar[dict[str, Json]] = {
        "sections": {"data": {"favourable": "grant"}, "attributes": {"sex": {"field": "metadata.sex"}}},
    }

    ratio: float = 0.8

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute and a favourable label."""
        return super().applies_to(run) or why_no_rate(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The smallest detectable ratio of every group, and a hit for each that is too small."""
        labels = outcomes(context, run)
        favourable = labels.among(run.fields.favourable)
        evidence = evidence_of(context)
        for groups in judged(context, run):
            every = groups.rates(favourable, evidence, labels.labelled)
            rates = [every[index].counted_once for index in groups.compared]
            hits, n = sum(rate.hits for rate in rates), sum(rate.n for rate in rates)
            if not 0 < hits < n:
                continue
            found = [
                (rate, self._smallest(rate, hits, n, sum(one.worth for one in rates) - rate.worth)) for rate in rates
            ]
            yield from (self._measure(groups, rate, smallest, hits / n, n) for rate, smallest in found)
            short = [(rate, smallest) for rate, smallest in found if smallest is None or smallest < self.ratio]
            if short:
                yield self._hit(groups, short)

    def _smallest(self, rate: GroupRate, hits: int, n: int, others: float) -> float | None:
        from audit.statistics.power import detectable_ratio

        return detectable_ratio(hits / n, rate.worth, others)

    def _measure(self, groups: Groups, rate: GroupRate, smallest: float | None, base_rate: float, n: int) -> Measure:
        return self.measure(
            "detectable_ratio",
            None if smallest is None else round(smallest, 4),
            n=rate.n,
            table={"base_rate": round(base_rate, 6), "others": n - rate.n},
            attribute=groups.attribute.name,
            group=rate.group,
            split=groups.split,
        )

    def _hit(self, groups: Groups, short: Sequence[tuple[GroupRate, float | None]]) -> Hit:
        name = groups.attribute.name
        said = "; ".join(f"with {rate.n:,} rows of {quoted(rate.group)} {_below(ratio)}" for rate, ratio in short[:5])
        more = f"; and {len(short) - 5:,} more groups" if len(short) > 5 else ""
        return self.hit(
            f"{groups.title}: a test of no difference would see, {said}{more}; asked for {self.ratio:g}",
            scope="dataset",
            key=name,
            evidence={
                "attribute": name,
                "ratio": self.ratio,
                "groups": {rate.group: {"n": rate.n, "smallest": ratio} for rate, ratio in short},
            },
        )


def _below(ratio: float | None) -> str:
    return "no ratio at all" if ratio is None else f"only ratios below {ratio:.2f}"
