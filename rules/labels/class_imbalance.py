"""LBL602: classes of very different sizes, or too small to learn or to judge. Groups of people are other rules'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, NamedTuple

import msgspec

from audit.engine.origins import MADE, any_made
from audit.labels.recognise import NEEDS, Labels, recognise
from audit.model import Applicability, Fix, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import plain, quoted
from audit.statistics.balance import class_weights, effective_classes, imbalance_ratio, normalised_entropy
from audit.statistics.intervals import wilson

_IN_TABLE: Final = 50
"""Classes that a table lists; the rest is summed up."""
_NAMED: Final = 3
"""Classes that a message names."""
_ADVICE: Final = Fix(
    Applicability.SHOWN, "collect more rows of the small classes, or weigh or resample them: audit balance --by label"
)


class _Class(NamedTuple):
    """A label and its rows in a part of the data."""

    text: str
    rows: int
    made: int = 0

    @property
    def unique(self) -> int:
        """Rows that no remedy made of others."""
        return self.rows - self.made


class ClassImbalance(DatasetRule, frozen=True):
    """The largest class has more than ten times as many rows as the smallest, or a class has fewer than twenty rows.

    A model that is trained on such data learns to answer with the frequent labels, and a class of a few rows can be
    neither learnt nor judged. Classes are the values of the configured label (`[data] label`), or the answers where
    these are short and come from a closed set. Each split is judged by itself. ``max_ratio`` bounds the largest class
    over the smallest, ``min_rows`` is the least number of rows of a class, copies and made-up rows not counted
    (``metadata.audit``; with them the ratio is so by construction). Measures: ``labels.classes``,
    ``labels.rows`` (rows, share and its interval for each class), ``labels.imbalance_ratio``, ``labels.entropy``
    (1 for equal classes), ``labels.effective_number`` (how many equal classes would be as diverse) and
    ``labels.class_weights`` (Cui et al. 2019, beta 0.999).

    Bad:
        {"messages": [{"role": "user", "content": "Great film"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Loved it"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Nice plot"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Fine acting"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Superb ending"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "So boring"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Fell asleep"}, {"role": "assistant", "content": "bad"}]}
    Good:
        {"messages": [{"role": "user", "content": "Great film"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Loved it"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Nice plot"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "So boring"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Fell asleep"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Total waste"}, {"role": "assistant", "content": "bad"}]}
    Do: collect more rows of the small classes; or `audit balance --by label`, which weighs or resamples the rows.
    """

    code: ClassVar[str] = "LBL602"
    name: ClassVar[str] = "class-imbalance"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS | {"marks"}
    example: ClassVar[dict[str, Json]] = {"rules": {"LBL602": {"max_ratio": 2, "min_rows": 2}}}

    max_ratio: float = 10.0
    min_rows: int = 20

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The measures for each split, and a hit for each in which a bound is crossed."""
        labels = recognise(context, run)
        if not labels:
            yield self.measure("labels.classes", 0, table={"reason": labels.reason}, n=labels.answered)
            return
        several = len(context.splits) > 1
        for split, classes in _classes_of_splits(labels, context):
            named = split if several else None
            by_construction = any(one.made for one in classes)
            for measure in self._measures(classes, named):
                yield msgspec.structs.replace(measure, by_construction=by_construction)
            yield from self._hits(classes, named)

    def _measures(self, classes: Sequence[_Class], split: str | None) -> Iterator[Measure]:
        counts = [one.rows for one in classes]
        n = sum(counts)
        entropy = normalised_entropy(counts)
        by_entropy, by_simpson = effective_classes(counts)
        diversity = {"exp_entropy": round(by_entropy, 3), "inverse_simpson": round(by_simpson, 3)}
        weights = zip(classes[:_IN_TABLE], class_weights(counts), strict=False)
        listed: Json = [{"label": plain(one.text), "weight": round(weight, 6)} for one, weight in weights]
        yield self.measure("labels.classes", len(classes), n=n, split=split)
        yield self.measure("labels.rows", table=_rows_table(classes), n=n, level=0.95, split=split)
        yield self.measure("labels.imbalance_ratio", round(imbalance_ratio(counts), 3), n=n, split=split)
        yield self.measure(
            "labels.entropy",
            round(entropy.value, 6),
            n=n,
            interval=(round(entropy.low, 6), round(entropy.high, 6)),
            level=0.95,
            split=split,
        )
        yield self.measure("labels.effective_number", round(by_entropy, 3), table=diversity, n=n, split=split)
        yield self.measure("labels.class_weights", table=listed, n=n, split=split)

    def _hits(self, classes: Sequence[_Class], split: str | None) -> Iterator[Hit]:
        small = [one for one in reversed(classes) if one.unique < self.min_rows]
        largest, least = classes[0], classes[-1]
        ratio = largest.rows / least.rows
        said: list[str] = []
        if ratio > self.max_ratio:
            said.append(
                f"{quoted(largest.text)} has {largest.rows:,} rows, {ratio:,.1f} times as many as {quoted(least.text)} "
                f"with {least.rows:,} (bound {self.max_ratio:g})"
            )
        if small:
            named = ", ".join(f"{quoted(one.text)} ({one.unique:,})" for one in small[:_NAMED])
            more = f" and {len(small) - _NAMED:,} more" if len(small) > _NAMED else ""
            said.append(
                f"{len(small):,} of {len(classes):,} classes have fewer than {self.min_rows:,} rows: {named}{more}"
            )
        if not said:
            return
        where = f"in split {split}, " if split is not None else ""
        yield self.hit(
            where + "; ".join(said),
            scope="dataset",
            key=split or "",
            evidence={
                "split": split,
                "ratio": round(ratio, 3),
                "max_ratio": self.max_ratio,
                "min_rows": self.min_rows,
                "largest": _listed([largest]),
                "smallest": _listed(classes[: -_NAMED - 1 : -1]),
                "small_classes": len(small),
            },
            fix=_ADVICE,
        )


def _classes_of_splits(labels: Labels, context: Context) -> Iterator[tuple[str, list[_Class]]]:
    """The classes with rows in each split, largest first; splits without labels are left out."""
    pairs = Counter(zip(context.split_codes, labels.codes, strict=True))
    made: Counter[tuple[int, int]] = Counter()
    if any_made(context.marks):
        marked = zip(context.split_codes, labels.codes, context.marks, strict=True)
        made.update((split, code) for split, code, mark in marked if mark & MADE)
    for split, name in enumerate(context.splits):
        found = (_Class(one.text, pairs[split, code], made[split, code]) for code, one in enumerate(labels.labels))
        classes = sorted((one for one in found if one.rows), key=lambda one: (-one.rows, one.text))
        if classes:
            yield name, classes


def _listed(classes: Iterable[_Class]) -> Json:
    return [{"label": plain(one.text), "rows": one.rows} for one in classes]


def _rows_table(classes: Sequence[_Class]) -> Json:
    n = sum(one.rows for one in classes)
    rows: list[Json] = []
    for one in classes[:_IN_TABLE]:
        low, high = wilson(one.rows, n)
        share = {"share": round(one.rows / n, 6), "low": round(low, 6), "high": round(high, 6)}
        rows.append({"label": plain(one.text), "rows": one.rows, **share})
    rest = classes[_IN_TABLE:]
    if rest:
        rows.append({"label": None, "classes": len(rest), "rows": sum(one.rows for one in rest)})
    return rows
