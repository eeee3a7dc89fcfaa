"""LBL604: labels that are another label misspelt, or outside the set. Wrong but well-spelt ones are LBL603's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple

from audit.labels.recognise import NEEDS, NO_LABEL, Label, Labels, recognise
from audit.labels.spelling import is_slip, spelling_key
from audit.model import Applicability, Fix, Json, Measure, PointerEdit, Record, Severity
from audit.read.dialogue import exchange
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import Keys, plain, quoted
from audit.statistics.intervals import wilson

SOLE_AMONG: Final = 20
"""A label that stands in one row is outside the set where nearly all rows have labels of so many rows."""
NEARLY_ALL: Final = 0.95


class _Odd(NamedTuple):
    """A label that is not one of the set: the label it should be where there is one, whether spelling is all, and
    whether it could be no other."""

    label: Label
    meant: Label | None = None
    spelling: bool = False
    certain: bool = True


class LabelVariant(DatasetRule, frozen=True):
    """A label is another label spelt differently, or stands outside the set of labels.

    The model learns each spelling as a class of its own, and whoever counts or compares answers misses some. A label is
    a variant of a more frequent one when they differ in case, white space, hyphens, underscores or punctuation alone
    (but not in marks such as "<", "+" or the minus before a number), or when it is ``times_rarer`` times as rare and
    one letter of one word is missing, wrong, too many, or swapped with its neighbour; words of fewer than four letters
    and digits must agree. Outside the set is a label that ``labels`` does not list; without that list, an answer that
    is too long for a label where 95 % of the answers are labels, and a label of one row only where 95 % of the rows
    have labels of 20 rows or more. Where the label is the answer and only one label can be meant, there is a fix: safe
    when only case, white space and punctuation change. Measures: ``labels.variant_rows`` and ``labels.outside_rows``,
    as shares of the labelled rows.

    Bad:
        {"messages": [{"role": "user", "content": "Great film"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Loved it"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Nice plot"}, {"role": "assistant", "content": "Good."}]}
        {"messages": [{"role": "user", "content": "So boring"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Fell asleep"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Total waste"}, {"role": "assistant", "content": "bad"}]}
    Good:
        {"messages": [{"role": "user", "content": "Great film"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Loved it"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Nice plot"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "So boring"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Fell asleep"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Total waste"}, {"role": "assistant", "content": "bad"}]}
    Do: spell every label in one way, and label anew the rows outside the set.
    """

    code: ClassVar[str] = "LBL604"
    name: ClassVar[str] = "label-variant"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SAFE
    needs: ClassVar[frozenset[Product]] = NEEDS
    example: ClassVar[dict[str, Json]] = {"rules": {"LBL602": {"min_rows": 1}}}

    labels: tuple[str, ...] = ()
    times_rarer: float = 10.0

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every row whose label is a variant or outside the set, and two measures."""
        labels = recognise(context, run)
        odd = self._odd(labels.labels)
        rows = [row for row, code in enumerate(labels.codes) if code in odd]
        keys = Keys(context)
        for row, record in zip(rows, context.records(rows), strict=True):
            yield self._hit(row, odd[labels.codes[row]], labels, record, keys)
        unlabelled = [] if labels.configured else _unlabelled(labels, context)
        for row in unlabelled:
            yield self._unlabelled_hit(row, keys)
        n = labels.labelled + len(unlabelled)
        variants = sum(1 for row in rows if odd[labels.codes[row]].meant is not None)
        outside = len(rows) - variants + len(unlabelled)
        for name, found in (("labels.variant_rows", variants), ("labels.outside_rows", outside)):
            share = round(found / n, 6) if n else 0.0
            yield self.measure(name, share, n=n, interval=wilson(found, n), level=0.95)

    # ------------------------------------------------------------------ judging labels

    def _odd(self, labels: Sequence[Label]) -> Mapping[int, _Odd]:
        """The odd labels by their index; ``labels`` are sorted, the most frequent first."""
        odd: dict[int, _Odd] = {}
        usual: dict[str, Label] = {spelling_key(text): Label(text, 0, 0) for text in self.labels}
        listed = set(self.labels)
        rows = sum(label.rows for label in labels)
        frequent = sum(label.rows for label in labels if label.rows >= SOLE_AMONG)
        for index, label in enumerate(labels):
            key = spelling_key(label.text)
            if label.text in listed:
                usual[key] = label
            elif (same := usual.get(key)) is not None:
                odd[index] = _Odd(label, same, spelling=True)
            elif meant := self._meant(label, usual.values()):
                odd[index] = _Odd(label, meant[0], certain=len(meant) == 1)
            elif listed or (label.rows == 1 and frequent >= NEARLY_ALL * rows):
                odd[index] = _Odd(label)
            else:
                usual[key] = label
        return odd

    def _meant(self, label: Label, usual: Iterable[Label]) -> Sequence[Label]:
        """The much more frequent, or listed, labels of which this one is a slip, the most frequent first."""
        return [
            other
            for other in usual
            if (other.text in self.labels or other.rows >= self.times_rarer * label.rows)
            and is_slip(label.text, other.text)
        ]

    # ------------------------------------------------------------------ reporting rows

    def _hit(self, row: int, odd: _Odd, labels: Labels, record: Record, keys: Keys) -> Hit:
        label, meant, spelling, certain = odd
        in_rows = "in this row only" if label.rows == 1 else f"in {label.rows:,} rows"
        if meant is None:
            wanted = f"one of the {len(self.labels):,} listed labels" if self.labels else "a label of the set"
            said = f"the label {quoted(label.text)} stands {in_rows}; asked for {wanted}"
        else:
            how = "spelt differently" if spelling else "with one letter changed"
            rows = f", which stands in {meant.rows:,}" if meant.rows else ""
            is_meant = f"is {quoted(meant.text)}{rows}, {how}"
            said = f"the label {quoted(label.text)} ({in_rows}) {is_meant}; asked for one spelling"
        at = _answer_at(record) if labels.in_answer else None
        return self.hit(
            said,
            at or "",
            row=row,
            key=keys.of(row, label.text),
            evidence={
                "label": plain(label.text),
                "rows": label.rows,
                **({} if meant is None else {"meant": plain(meant.text), "spelling": spelling}),
            },
            fix=None if at is None or meant is None or not certain else _respell(at, label, meant, spelling, record),
        )

    def _unlabelled_hit(self, row: int, keys: Keys) -> Hit:
        return self.hit(
            "the answer is too long for a label, where nearly all rows are answered with a label of a closed set; "
            "asked for one of the labels",
            row=row,
            key=keys.of(row, "outside"),
        )


def _unlabelled(labels: Labels, context: Context) -> Sequence[int]:
    """Rows with an answer that is no label, where these are few."""
    if labels.labelled < NEARLY_ALL * labels.answered:
        return []
    answers = context.column("answer")
    return [row for row, code in enumerate(labels.codes) if code == NO_LABEL and answers[row]]


def _answer_at(record: Record) -> str | None:
    """Where the only text of the answer stands; None where there is not just one."""
    places = [at for message in exchange(record).answer for at, _ in message.texts()]
    return places[0] if len(places) == 1 else None


def _respell(at: str, label: Label, meant: Label, spelling: bool, record: Record) -> Fix:
    """Put the usual label in the place of the odd one; white space around it stays."""
    (text,) = (text for message in exchange(record).answer for _, text in message.texts())
    edit = PointerEdit("replace", at, text.replace(label.text, meant.text, 1))
    safe = Applicability.SAFE if spelling else Applicability.UNSAFE
    return Fix(safe, f"write {quoted(meant.text)}", (edit,))
