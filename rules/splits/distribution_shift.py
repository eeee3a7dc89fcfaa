"""SPL505: held-out rows that are of another kind than the training rows. Shared rows are SPL501's and SPL502's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.splits.held_out import LEVEL, Splits

if TYPE_CHECKING:
    from audit.rules.splits.differences import Difference
    from audit.rules.splits.facts import Facts

MOST_ROWS: Final = 5_000
"""Rows of a split that are compared."""
LEAST_SHOWN: Final = 1e-12


class DistributionShift(DatasetRule, frozen=True):
    """Rows of a held-out split are of another kind than the training rows.

    A result on them then says little about the kind of rows that was trained on, or the other way round. The earliest
    split is compared with each of the others by the shares of labels and of scripts (a stand-in for languages), by
    the length in words of the row and of the answer, and by the words themselves. Labels and scripts: chi-square test,
    Jensen-Shannon distance (to base 2, less what chance alone gives) of at least `min_distance`. Lengths:
    Kolmogorov-Smirnov test, distance of at least `min_ks`. Words: a logistic regression tells the splits apart, with
    an area under the curve of at least `min_auc` on rows that it was not trained on (0.5: not at all), where both have
    50 rows. A finding needs that and a p value below `alpha`, after the Benjamini-Hochberg correction over all tests.
    At most 5,000 rows of a split are compared, those with the smallest identities; splits of fewer than `min_rows` are
    not. Labels take part where 90 % of the rows have one and there are at most 100. Measures: `splits.shift.label`,
    `.script`, `.length`, `.answer_length` and `.topic`, for each split that is compared.

    Bad:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Very."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Is steam hot?"}, {"role": "assistant", "content": "Quite."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Which rivers flow north from the Alps to the sea?"}, {"role": "assistant", "content": "The Rhine does."}], "split": "test"}
        {"messages": [{"role": "user", "content": "Who first climbed the highest mountain of Africa, and when?"}, {"role": "assistant", "content": "Meyer, in 1889."}], "split": "test"}
        {"messages": [{"role": "user", "content": "What do people in Iceland eat at their winter feast?"}, {"role": "assistant", "content": "Sheep and shark."}], "split": "test"}
    Good:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Very."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Is steam hot?"}, {"role": "assistant", "content": "Quite."}], "split": "train"}
        {"messages": [{"role": "user", "content": "Is tar black?"}, {"role": "assistant", "content": "Mostly."}], "split": "test"}
        {"messages": [{"role": "user", "content": "Is snow white?"}, {"role": "assistant", "content": "Indeed."}], "split": "test"}
        {"messages": [{"role": "user", "content": "Is gold soft?"}, {"role": "assistant", "content": "Rather."}], "split": "test"}
    Do: split at random, stratified by label, or say that the test is of another kind on purpose.
    """  # noqa: E501

    code: ClassVar[str] = "SPL505"
    name: ClassVar[str] = "distribution-shift"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    needs: ClassVar[frozenset[Product]] = frozenset({"conversation"})
    example: ClassVar[dict[str, Json]] = {
        "sections": {"data": {"splits": "split"}},
        "rules": {"SPL505": {"min_rows": 3, "alpha": 0.2}},
    }

    min_rows: int = 50
    alpha: float = 0.01
    min_distance: float = 0.1
    min_ks: float = 0.1
    min_auc: float = 0.6

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """``splits.rows`` and a measure for every respect in which two splits were compared; hits for large effects."""
        splits = Splits(context)
        yield splits.measure(self)
        large = [split for split, rows in enumerate(splits.rows) if rows >= self.min_rows]
        if len(large) < 2:
            return
        from audit.rules.splits.differences import differences
        from audit.statistics.multiple_tests import benjamini_hochberg

        facts = {split: _facts(split, splits, context, run) for split in large}
        first, *others = large
        tests = [(split, test) for split in others for test in differences(facts[first], facts[split], run.seed)]
        adjusted = benjamini_hochberg([test.p for _, test in tests])
        for (split, test), p in zip(tests, adjusted, strict=True):
            names = splits.names[first], splits.names[split]
            compared = [len(facts[first]), len(facts[split])]
            yield self._measure(test, p, names, compared)
            if p < self.alpha and test.value >= self._bound(test):
                yield self._hit(test, p, names, len(tests))

    def _bound(self, test: Difference) -> float:
        return {"distance": self.min_distance, "ks": self.min_ks, "auc": self.min_auc}[test.kind]

    def _measure(self, test: Difference, p: float, names: tuple[str, str], compared: list[int]) -> Measure:
        return self.measure(
            f"splits.shift.{test.aspect}",
            round(test.value, 6),
            table={"effect": test.effect, "p": test.p, "p_adjusted": p, "rows_compared": compared},
            n=sum(compared),
            interval=test.interval,
            level=LEVEL if test.interval is not None else None,
            group=names[0],
            split=names[1],
        )

    def _hit(self, test: Difference, p: float, names: tuple[str, str], tests: int) -> Hit:
        between = (
            f" (95 % interval {test.interval[0]:.2f} to {test.interval[1]:.2f})" if test.interval is not None else ""
        )
        most = f"; {test.most}" if test.most else ""
        return self.hit(
            f"{names[1]} differs from {names[0]} in {test.aspect.replace('_', ' ')}: {test.effect} {test.value:.2f}"
            f"{between}, asked for less than {self._bound(test):g}; "
            f"p {_shown(p)} after correction for {tests} tests{most}",
            scope="dataset",
            key=f"{names[0]}\x1f{names[1]}\x1f{test.aspect}",
            evidence={"aspect": test.aspect, "effect": test.effect, "value": round(test.value, 4), "p_adjusted": p},
        )


def _shown(p: float) -> str:
    return f"{p:.1g}" if p >= LEAST_SHOWN else f"below {LEAST_SHOWN:g}"


def _facts(split: int, splits: Splits, context: Context, run: Run) -> list[Facts]:
    from audit.rules.splits.facts import facts_of, sample

    rows = (row for row in range(context.rows) if splits.of(row) == split)
    chosen = sample(rows, context.column("conversation"), MOST_ROWS)
    return [facts_of(record, run.fields) for record in context.records(chosen)]
