"""LBL603: labels that a model trained on the other rows does not believe. Labels that contradict are LBL601's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from audit.labels.recognise import NEEDS, NO_LABEL, Labels, recognise, sample
from audit.model import Json, Measure, Severity
from audit.read.dialogue import prompt_text
from audit.read.folding import fold
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.labels.reporting import Keys, plain, quoted
from audit.rules.made_rows import Made
from audit.statistics.intervals import wilson
from audit.statistics.out_of_fold import class_probabilities, share_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_OF_CLASS: Final = 5
"""Rows of the smallest class that is judged: one for each fold."""
LONGEST: Final = 5000
"""Characters of a prompt that the model reads."""


class _Sample(NamedTuple):
    """The rows that are judged, the class of each (an index into ``classes``), and how much was left out."""

    rows: Sequence[int]
    codes: Sequence[int]
    classes: Sequence[str]
    left_out: Mapping[str, Json]


class _Doubt(NamedTuple):
    """A label that is probably wrong: its rank among all such, and the probabilities that the model gives."""

    row: int
    rank: int
    given: str
    suggested: str
    of_given: float
    of_suggested: float


class LikelyLabelError(DatasetRule, frozen=True):
    """A model trained on the other rows is confident that a row has another label than it is given.

    Wrong labels are learnt like right ones, and in test data they turn the ranking of models round. The model is a
    logistic regression over the words of the prompt and parts of them, trained five times on four fifths of the rows
    (seeded, stratified) and asked about the last fifth; a label is doubted when another class is the most probable and
    reaches its own mean self-confidence (confident learning, Northcutt et al. 2021). Doubts are ranked by the margin
    between both probabilities; the first ``max_findings`` are reported. They are for a person to look at: of real
    labels of which one in twenty was made wrong, three in five or more were doubted, and of the first 500 doubts about
    three in four were right. At most ``max_rows`` rows are judged, chosen by content; classes with fewer than 5 of
    these rows are left out, and nothing is said of fewer than ``min_rows`` rows, or where the model is right in less
    than ``min_gain`` of the cases in which naming the largest class is wrong. Measures:
    ``labels.errors.estimated_share`` (its interval is that of sampling; the model's own errors come on top),
    ``labels.errors.found``, ``labels.out_of_fold_accuracy``.

    Bad:
        {"messages": [{"role": "user", "content": "Great film, bravo"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Great music"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "What great acting"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "A great story"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Great, simply great"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "One great evening"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Awful film, shame"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Awful noise"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "What awful lines"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "An awful plot"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Awful, simply awful"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Awful service"}, {"role": "assistant", "content": "bad"}]}
    Good:
        {"messages": [{"role": "user", "content": "Great film, bravo"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Great music"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "What great acting"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "A great story"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Great, simply great"}, {"role": "assistant", "content": "good"}]}
        {"messages": [{"role": "user", "content": "Awful film, shame"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Awful noise"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "What awful lines"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "An awful plot"}, {"role": "assistant", "content": "bad"}]}
        {"messages": [{"role": "user", "content": "Awful, simply awful"}, {"role": "assistant", "content": "bad"}]}
    Do: look at the rows in the order of their rank, and correct the labels that are wrong.
    """

    code: ClassVar[str] = "LBL603"
    name: ClassVar[str] = "likely-label-error"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    needs: ClassVar[frozenset[Product]] = NEEDS | {"marks"}
    example: ClassVar[dict[str, Json]] = {"rules": {"LBL603": {"min_rows": 10}, "LBL602": {"min_rows": 1}}}

    max_findings: int = 500
    max_rows: int = 20_000
    min_rows: int = 50
    min_gain: float = 0.2

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Hits for the labels that are doubted most, and the measures."""
        judged = _sample(recognise(context, run), context, self.max_rows)
        texts = _texts(judged, context) if len(judged.rows) >= self.min_rows and len(judged.classes) > 1 else []
        if not share_words(texts):
            yield self.measure("labels.errors.found", 0, table={"reason": "too few rows", **judged.left_out}, n=0)
            return
        probabilities = class_probabilities(texts, judged.codes, run.seed)
        n, largest = len(texts), max(Counter(judged.codes).values())
        right = sum(int(row.argmax()) == code for row, code in zip(probabilities, judged.codes, strict=True))
        yield self.measure(
            "labels.out_of_fold_accuracy",
            round(right / n, 4),
            table={"largest_class": round(largest / n, 4)},
            n=n,
            interval=wilson(right, n),
            level=0.95,
        )
        if right - largest < self.min_gain * (n - largest):
            reason = "the model has learnt too little to doubt a label"
            yield self.measure("labels.errors.found", 0, table={"reason": reason, **judged.left_out}, n=n)
            return
        yield from self._judge(judged, probabilities, context)

    def _judge(self, judged: _Sample, probabilities: NDArray[np.float64], context: Context) -> Iterator[Hit | Measure]:
        """What the model doubts."""
        import numpy as np

        from audit.statistics.confident_learning import find_label_errors

        n = len(judged.rows)
        errors = find_label_errors(np.asarray(judged.codes, dtype=np.int64), probabilities)
        found = len(errors.rows)
        reported = {"reported": min(found, self.max_findings)}
        share = round(errors.share, 4)
        yield self.measure("labels.errors.found", found, table={**reported, **judged.left_out}, n=n)
        yield self.measure(
            "labels.errors.estimated_share", share, n=n, interval=wilson(round(share * n), n), level=0.95
        )
        keys = Keys(context)
        at_most = slice(self.max_findings)
        for rank, (at, to) in enumerate(zip(errors.rows[at_most], errors.suggested[at_most], strict=True), start=1):
            given = judged.codes[at]
            doubt = _Doubt(
                row=judged.rows[at],
                rank=rank,
                given=judged.classes[given],
                suggested=judged.classes[to],
                of_given=float(probabilities[at, given]),
                of_suggested=float(probabilities[at, to]),
            )
            yield self._hit(doubt, found, keys)

    def _hit(self, doubt: _Doubt, found: int, keys: Keys) -> Hit:
        return self.hit(
            f"labelled {quoted(doubt.given)}, to which a model that has not seen this row gives "
            f"{doubt.of_given:.1%}, and {doubt.of_suggested:.1%} to {quoted(doubt.suggested)} (doubt {doubt.rank:,} of "
            f"{found:,}); asked for a label that the other rows support",
            row=doubt.row,
            key=keys.of(doubt.row),
            evidence={
                "given": plain(doubt.given),
                "suggested": plain(doubt.suggested),
                "probability_given": round(doubt.of_given, 4),
                "probability_suggested": round(doubt.of_suggested, 4),
                "rank": doubt.rank,
            },
        )


def _sample(labels: Labels, context: Context, most: int) -> _Sample:
    """The rows that are judged, in an order that content decides."""
    labelled = [row for row, code in enumerate(labels.codes) if code != NO_LABEL]
    rows = sample(context, Made(context).without_copies(labelled), most)
    counts = Counter(labels.codes[row] for row in rows)
    kept = sorted(code for code, count in counts.items() if count >= LEAST_OF_CLASS)
    index = {code: at for at, code in enumerate(kept)}
    rows = [row for row in rows if labels.codes[row] in index]
    left_out: Mapping[str, Json] = {
        "classes_left_out": len(labels.labels) - len(kept),
        "rows_left_out": labels.labelled - len(rows),
    }
    codes = [index[labels.codes[row]] for row in rows]
    return _Sample(rows, codes, [labels.labels[code].text for code in kept], left_out)


def _texts(judged: _Sample, context: Context) -> list[str]:
    """The prompts as the model reads them, read in the order of the file and given in that of the sample."""
    ordered = sorted(judged.rows)
    folded = (fold(prompt_text(record)[:LONGEST]).decode() for record in context.records(ordered))
    by_row = dict(zip(ordered, folded, strict=True))
    return [by_row[row] for row in judged.rows]
