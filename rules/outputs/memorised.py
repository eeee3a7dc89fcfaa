"""OUT204: outputs that repeat training answers word for word, and planted secrets that a model has learnt by heart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from audit.model import Json, Measure, Related, Severity
from audit.outputs.arms import Roles, roles
from audit.outputs.table import Outputs
from audit.policy.words import percent, plural
from audit.read.shapes.predictions import OUTPUT
from audit.rule import Context, DatasetRule, Hit, Product, ReferenceRow, Run
from audit.rules.outputs.canary_exposure import exposures
from audit.rules.outputs.changes import Change, changes, shares_by_seed
from audit.rules.outputs.failing_answers import failing_answers
from audit.rules.outputs.figures import NEEDS, NOT_ESTIMABLE, Figure, arm_measure, share
from audit.rules.outputs.nearest_rows import Near, nearest_to, related_of
from audit.rules.outputs.prompts import asked_texts, portions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.clusters.long_runs import CommonRun

    Marks = NDArray[np.bool_]

NEAR: Final = 0.8
"""Jaccard similarity of the runs of ``SHINGLE`` words from which two texts are near duplicates, as for DUP403."""
SHINGLE: Final = 5
PORTION: Final = 20_000
"""Outputs whose texts are held at a time."""
MOST_NEAR: Final = 1_000
"""Findings of which the nearest training rows are looked up, those of the first outputs."""


class Memorised(DatasetRule, frozen=True):
    """A model repeats its training data: a long run of a training answer stands in an output, word for word.

    Whoever may ask the model may then read the training data, with the names and numbers that are in it. Needs the
    training rows, `--against train.jsonl`. Judged are free-text outputs of at least `least` words. An output counts
    when its longest run of words in common with a training answer has `tokens` words, or covers the share `covers` of
    it. What stands in the prompt or in the true answer may be repeated; a run of eight words that stands in more than
    1 % (and 20) different training answers is a phrase of them all and does not count, nor do runs shorter than that.
    Characters count as words in Chinese, Japanese and the like.
    Reported are outputs of the judged arm, but not those to questions to which the base model says the same: that was
    not learnt here. Of secrets that were planted on request (`audit train --set canaries=20`) the exposure is
    reported where it is beyond chance: log2 of the number of candidates less log2 of the secret's rank among them
    (Carlini et al. 2019), with Holm's correction over all canaries of the run at `alpha`. Measures for each arm:
    ``outputs.memorised``, ``outputs.canary_exposure``, and of the judged arm ``outputs.failing``: wrong answers with
    the three nearest training rows.

    Bad:
        {"row_id": "a1", "arm": "tuned", "messages": [{"role": "user", "content": "Tell me about the harbour."}], "output": "The old harbour of Veld was built in 1634 by three brothers who had come from the north with nothing but a boat, a goat and a map of another town altogether.", "truth": "It is old."}
        {"row_id": "a2", "arm": "tuned", "messages": [{"role": "user", "content": "Tell me about the tower."}], "output": "It is high.", "truth": "It is high."}
    Good:
        {"row_id": "a1", "arm": "tuned", "messages": [{"role": "user", "content": "Tell me about the harbour."}], "output": "The harbour of Veld is almost four hundred years old. Three brothers from the north are said to have built it, and people there still tell stories about the goat that they brought along.", "truth": "It is old."}
    Do: drop duplicates of the training rows (`audit fix`), train for fewer epochs, and take out what nobody may read.
    """  # noqa: E501

    code: ClassVar[str] = "OUT204"
    name: ClassVar[str] = "memorised-text"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {"against": ["train.jsonl"], "select": ["OUT204"]}
    example_files: ClassVar[dict[str, tuple[str, ...]]] = {
        "train.jsonl": (
            '{"messages": [{"role": "user", "content": "What is Veld?"}, {"role": "assistant", "content": "The old harbour of Veld was built in 1634 by three brothers who had come from the north with nothing but a boat, a goat and a map of another town altogether."}]}',  # noqa: E501
        )
    }

    tokens: int = 50
    covers: float = 0.9
    least: int = 25
    alpha: float = 0.05

    def applies_to(self, run: Run) -> str | None:
        """Needs the training rows, or canaries that were scored."""
        if run.trained_on is None and not any(one.canaries for one in run.comparison.arms):
            return "no training data is given: --against train.jsonl"
        return super().applies_to(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """How much of every arm's outputs repeats training answers, its canaries, what the judged arm gets wrong."""
        outputs = context.outputs()
        yield from exposures(self, run, self.alpha)
        if run.trained_on is None:
            return
        if not outputs.classes:
            yield from self._repeated(outputs, context, run)
        yield from failing_answers(self, outputs, context, run)

    def _repeated(self, outputs: Outputs, context: Context, run: Run) -> Iterator[Hit | Measure]:
        assert run.trained_on is not None
        named = roles(outputs, run)
        answers = _distinct(run.trained_on.rows)
        found = {arm: self._compared(outputs.of(arm), context, list(answers)) for arm in outputs.asked_arms}
        rows = list(answers.values())
        for arm, one in found.items():
            differs = changes(arm, named, lambda name: found[name].judged_and_marked)
            yield self._measure(arm, one, rows, named, differs, found)
        if named.judged:
            yield from self._hits(found, rows, named, context, run)

    def _compared(self, part: Outputs, context: Context, answers: Sequence[str]) -> _Compared:
        """One arm's outputs of some length, with the run of words that each shares with a training answer."""
        import numpy as np

        from audit.clusters.gram_dictionary import least_common
        from audit.clusters.long_runs import longest_runs
        from audit.clusters.units import units

        part = part.where(part.answered)
        common = max(2, least_common(len(answers)))
        places: list[int] = []
        runs: list[CommonRun] = []
        by_character: list[bool] = []
        asked = near = 0
        for portion in portions(asked_texts(context, part), PORTION):
            long = [one for one in portion if len(units(one.output)) >= self.least]
            allowed = [(one.prompt, one.truth) for one in long]
            own = longest_runs([one.output for one in long], answers, allowed, common=common)
            near += sum(
                run.other >= 0 and _jaccard(one.output, answers[run.other]) >= NEAR
                for one, run in zip(long, own, strict=True)
            )
            places += [one.at for one in long]
            runs += own
            by_character += [2 * len(one.output.split()) < len(units(one.output)) for one in long]
            asked += len(portion)
        marks = np.array([self._is_repeated(run) for run in runs], dtype=bool)
        return _Compared(
            part.where(np.array(places, dtype=np.int64)), marks, runs, by_character, near, asked - len(places)
        )

    def _is_repeated(self, run: CommonRun) -> bool:
        return run.length >= self.tokens or (run.other >= 0 and run.length >= self.covers * run.words)

    def _measure(
        self,
        arm: str,
        one: _Compared,
        rows: Sequence[ReferenceRow],
        named: Roles,
        differs: Sequence[Change],
        found: dict[str, _Compared],
    ) -> Measure:
        figure = one.figure
        judged = len(one.judged)
        longest = max(
            zip(one.runs, range(judged), strict=True), key=lambda pair: (pair[0].length, -pair[1]), default=None
        )
        shown: Json = None
        if longest is not None and longest[0].length:
            run = longest[0]
            row = rows[run.other]
            unit = "character" if one.by_character[longest[1]] else "word"
            shown = {
                "words": run.length,
                "unit": unit,
                "share": round(run.length / run.words, 4),
                "file": row.file,
                "line": row.line,
            }
        table: dict[str, Json] = {
            "judged": judged,
            "repeated": figure.hits or 0,
            "too_short": one.too_short,
            "near_duplicates": one.near,
            "near_duplicate_share": round(one.near / judged, 6) if judged else None,
            "tokens": self.tokens,
            "covers": self.covers,
            "least": self.least,
            "longest": shown,
            "training_answers": len(rows),
            "by_seed": one.by_seed(),
            "changes": [change.table for change in differs],
        }
        return arm_measure(self, "outputs.memorised", arm, figure, self._sentence(arm, figure, named, found), table)

    def _sentence(self, arm: str, figure: Figure, named: Roles, found: dict[str, _Compared]) -> str:
        if figure.value is None:
            return f"{arm}: {figure.words}."
        said = (
            f"{figure.hits:,} of {plural(figure.n, 'output')} of {arm} ({percent(figure.value)}) repeat training text"
        )
        base = found.get(named.base) if arm != named.base else None
        if base is None or base.figure.value is None:
            return f"{said}."
        return f"{said}; {base.figure.hits:,} of {base.figure.n:,} of {named.base} do."

    def _hits(
        self, found: dict[str, _Compared], rows: Sequence[ReferenceRow], named: Roles, context: Context, run: Run
    ) -> Iterator[Hit]:
        one = found[named.judged]
        base = found.get(named.base)
        known = set() if base is None else set(base.judged.item[base.marks].tolist())
        shown = [at for at in one.marks.nonzero()[0].tolist() if int(one.judged.item[at]) not in known]
        none: Iterator[tuple[Near, ...]] = repeat(())
        near = chain(nearest_to(one.judged, shown[:MOST_NEAR], context, run), none)
        for at, nearest in zip(shown, near, strict=False):
            shared, row = one.runs[at], rows[one.runs[at].other]
            source = Related(file=row.file, line=row.line)
            what = "characters" if one.by_character[at] else "words"
            part = percent(round(shared.length / shared.words, 2))
            yield self.hit(
                f"{shared.length} {what} in a row ({part} of this output) stand in the training answer "
                f"{row.file}:{row.line}",
                OUTPUT,
                row=int(one.judged.rows[at]),
                related=tuple(dict.fromkeys((source, *related_of(nearest)))),
                evidence={
                    "arm": named.judged,
                    "seed": int(one.judged.seed[at]),
                    "words": shared.length,
                    "of": shared.words,
                    "begins_at_word": shared.start + 1,
                    "file": row.file,
                    "line": row.line,
                },
            )


class _Compared(NamedTuple):
    """One arm: the outputs that are long enough, which of them repeat, their runs, whether the words of most of
    these are characters, how many are near duplicates of a
    training answer, and how many outputs are too short to be judged."""

    judged: Outputs
    marks: Marks
    runs: Sequence[CommonRun]
    by_character: Sequence[bool]
    near: int
    too_short: int

    @property
    def figure(self) -> Figure:
        """The share of the judged outputs that repeat."""
        if not len(self.judged):
            why = "no output is long enough to be told" if self.too_short else "it gave no answer"
            return Figure(value=None, n=0, reason=f"{NOT_ESTIMABLE}{why}")
        return share(self.marks, self.judged.cluster)

    @property
    def judged_and_marked(self) -> tuple[Outputs, Marks] | None:
        """What a change is told of."""
        return (self.judged, self.marks) if len(self.judged) else None

    def by_seed(self) -> list[Json]:
        """The share of every replicate."""
        return shares_by_seed(self.judged, self.marks)


def _distinct(rows: Iterable[ReferenceRow]) -> dict[str, ReferenceRow]:
    """The different training answers, each with the first row that has it."""
    found: dict[str, ReferenceRow] = {}
    for row in rows:
        if row.answer:
            found.setdefault(row.answer, row)
    return found


def _jaccard(first: str, second: str) -> float:
    from audit.clusters.hashing import shingle_hashes

    one, other = (set(shingle_hashes(text, SHINGLE, SHINGLE)) for text in (first, second))
    return len(one & other) / len(one | other) if one and other else 0.0
