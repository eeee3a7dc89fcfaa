"""SPL504: rows that hold what an evaluation set asks. How the two are compared is ``evaluation_match``'s business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import DROP_ROW, Applicability, Json, Measure, Record, Related, Severity
from audit.read.fields import split_of
from audit.rule import Batch, Context, DatasetRule, Hit, Product, RecordRule, Reference, Run
from audit.rules.splits.held_out import LEVEL, TEST, rank
from audit.statistics.intervals import wilson

if TYPE_CHECKING:
    from audit.clusters.ngrams import Bounds, NgramIndex
    from audit.rules.splits.evaluation_match import Match

LEAST_EDITED: Final = 20
"""Units of its own that a reference text must have for an edited copy of it to be told from a chance likeness."""
_NOTHING: Final = Reference(())
_RELATED: Final = 3


class Contamination(RecordRule, DatasetRule, frozen=True):
    """A row holds a question of an evaluation set.

    The evaluation then measures memory instead of skill, and results can no longer be compared. Needs `--against FILE`.
    The prompt of each evaluation row, and its prompt with its answer, is looked for in each conversation, without
    case, punctuation and white space, wherever it stands. A row is contaminated when it holds at least `ratio` of
    the text's runs of 13 words (of 8 in texts of fewer than 26 words; characters count as words in Chinese, Japanese
    and the like), or when it shares one such run and at least `edited` of the text's words lie in runs of
    three that stand near it in the row: an edited copy, told only for texts of 20 words or more. A prompt of fewer than
    8 words counts when it is the row's whole prompt; with another answer it is a warning, and under `min_units` words
    nothing. Runs that stand in more than 1 % (and 20) of the evaluation rows are its template and do not count. Rows of
    a test split are not judged. Measure: `contamination.reference_rows`, the share of the evaluation rows
    that were found (each row is compared with the eight nearest), with its Wilson interval.

    Bad:
        {"messages": [{"role": "user", "content": "How many legs do three spiders and two ants have together?"}, {"role": "assistant", "content": "36"}]}
    Good:
        {"messages": [{"role": "user", "content": "How many wings do three bees and two flies have together?"}, {"role": "assistant", "content": "16"}]}
    Do: drop the row, or report no results on that evaluation set.
    """  # noqa: E501

    code: ClassVar[str] = "SPL504"
    name: ClassVar[str] = "contamination"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"texts"})
    example: ClassVar[dict[str, Json]] = {"against": ["evaluation.jsonl"]}
    example_files: ClassVar[dict[str, tuple[str, ...]]] = {
        "evaluation.jsonl": (
            '{"question": "How many legs do three spiders and two ants have together?", "answer": "36"}',
        )
    }

    ratio: float = 0.5
    edited: float = 0.75
    min_units: int = 5

    def applies_to(self, run: Run) -> str | None:
        """Skipped where there is nothing to compare with."""
        if run.against is None:
            return "no evaluation file is given: --against FILE"
        return super().applies_to(run)

    def prepare(self, run: Run) -> None:
        """Build the index of the evaluation texts."""
        _index(run).prepare()

    # ------------------------------------------------------------------ rows

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows that share a run with an evaluation text, or begin like a short prompt."""
        return [batch.parsed[position] for position in _index(run).positions(batch.texts)]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit, on the whole row."""
        matches = self._matches(record, run)
        if not matches:
            return
        best = matches[0]
        others = len({match.row for match in matches}) - 1
        more = f" (and {others} more)" if others else ""
        yield self.hit(
            best.message + more,
            severity=Severity.ERROR if any(match.certain for match in matches) else Severity.WARNING,
            related=tuple(
                dict.fromkeys(Related(file=match.reference.file, line=match.reference.line) for match in matches)
            )[:_RELATED],
            evidence={**best.evidence, "references": others + 1},
            fix=DROP_ROW,
        )

    @property
    def _bounds(self) -> Bounds:
        from audit.clusters.ngrams import Bounds

        return Bounds(self.ratio, self.edited, LEAST_EDITED)

    def _matches(self, record: Record, run: Run) -> Sequence[Match]:
        if not _is_judged(record, run):
            return ()
        from audit.rules.splits.evaluation_match import matches

        return list(matches(record, _index(run), self._bounds, self.min_units))

    # ------------------------------------------------------------------ the evaluation set

    def start(self) -> Json:
        """The numbers of the evaluation rows that were found."""
        return []

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with those found in a batch."""
        index, bounds = _index(run), self._bounds
        texts = batch.texts
        likely = {batch.parsed[at] for at in index.positions(texts) if index.may_match(texts[at], bounds)}
        if not likely:
            return state
        found = set(state)
        for row, record in zip(batch.parsed, batch.records(), strict=True):
            if row in likely:
                found.update(match.row for match in self._matches(record, run))
        return sorted(found)

    def merge(self, first: Json, second: Json) -> Json:
        """Those of both."""
        return sorted({*first, *second})

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Measure]:
        """How much of the evaluation set was found; n are its rows that could be looked for."""
        index = _index(run)
        n, found = index.rows, len(state)
        yield self.measure(
            "contamination.reference_rows",
            found / n if n else 0.0,
            table={"rows_found": found, "rows_judged": n, "rows_given": len(index.reference.rows)},
            n=n,
            interval=wilson(found, n, LEVEL),
            level=LEVEL,
        )


def _index(run: Run) -> NgramIndex:
    from audit.clusters.ngrams import index_of

    return index_of(run.against or _NOTHING)


def _is_judged(record: Record, run: Run) -> bool:
    """Whether a row is to be trained on or to choose a model by: a test set may well be the evaluation set itself."""
    return record.source.role != "predictions" and rank(split_of(record, run.fields) or record.source.role) != TEST
