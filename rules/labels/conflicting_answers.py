"""LBL601: the same prompt answered in contradictory ways. Rows that merely repeat each other are other rules'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import ClassVar, NamedTuple

from audit.labels.recognise import NEEDS, Labels, recognise
from audit.model import QUARANTINE_ROW, Applicability, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.contradiction import Answer, Contradiction, Kind, contradiction
from audit.rules.labels.near_prompt import NEAR, Near, NearPairs, near_pairs, near_prompts
from audit.rules.labels.reporting import Keys, quoted
from audit.rules.labels.same_prompt import Variant, same_prompts
from audit.rules.made_rows import Made
from audit.statistics.intervals import wilson

CLEAR_ROWS, CLEAR_TIMES = 5, 4
"""An answer given in at least so many rows, and so many times as often as all others together, is not in doubt."""


class _Doubt(NamedTuple):
    """A row that contradicts another."""

    row: int
    other: int
    contradiction: Contradiction
    answers: int
    rows: int
    ours: str
    theirs: str


class _Found(NamedTuple):
    """What one prompt came to: rows in doubt, or how many different answers it is sampled with."""

    doubts: Sequence[_Doubt] = ()
    sampled: int = 0


class ConflictingAnswers(DatasetRule, frozen=True):
    """The same prompt has answers that contradict each other.

    The model cannot satisfy both: it learns a mixture, and no accuracy on such rows means anything. A prompt is all
    that comes before the answer, system prompt and names of the tools included, without case, white space and
    punctuation, but with the marks that change what is asked ("+", "<", "#", an emoji). An error when labels differ,
    or the results that both answers end in (a number after "####", after "the answer is", behind the last "=", or
    the only one of a short answer), or yes and no, or the letter of a choice; a warning when the multisets of the words
    of two free texts have a Jaccard similarity below ``similarity`` and neither has all the words of the other. Every
    row that contradicts another is reported, unless its answer stands in 5 rows or more and 4 times as often as all
    others together. A prompt with more than ``max_answers`` different answers is taken to ask for variety: such
    prompts are counted once, as information. Marked copies count once. Rows with labels are also compared with their
    near-duplicates: a warning
    when labels differ and the prompts share 90 % of their words and all numbers; but only information, once, where the
    pairs with two labels are more than 2 % of the rows and more than 20 % of all pairs (small differences then decide).
    Measures: ``labels.conflicting_rows`` (share of the rows with an answer, marked copies aside),
    ``labels.repeated_prompts`` (with different answers), ``labels.sampled_prompts``, ``labels.near_agreement`` (pairs
    of near-duplicates with one label).

    Bad:
        {"messages": [{"role": "user", "content": "What is 7 times 8?"}, {"role": "assistant", "content": "It is 56."}]}
        {"messages": [{"role": "user", "content": "what is 7 times 8"}, {"role": "assistant", "content": "It is 54."}]}
    Good:
        {"messages": [{"role": "user", "content": "What is 7 times 8?"}, {"role": "assistant", "content": "It is 56."}]}
        {"messages": [{"role": "user", "content": "What is 7 times 9?"}, {"role": "assistant", "content": "It is 63."}]}
    Do: keep the right answer and drop the others, or say in the prompt what makes the difference. The fix moves every
        row that is reported to the rejected file, until a person has said which is right (`audit review`).
    """

    code: ClassVar[str] = "LBL601"
    name: ClassVar[str] = "conflicting-answers"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = NEEDS | {"prompt", "near_clusters", "marks"}

    similarity: float = 0.3
    max_answers: int = 5

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Hits for the rows of contradictory prompts, one for all prompts that ask for variety, three measures."""
        labels = recognise(context, run)
        keys = Keys(context)
        repeated = 0
        sampled: list[int] = []
        doubtful: set[int] = set()
        for found in self._prompts(labels, context, run):
            repeated += 1
            sampled += [found.sampled] * (found.sampled > 0)
            for doubt in found.doubts:
                doubtful.add(doubt.row)
                yield self._hit(doubt, context, keys)
        near_labels = near_pairs(labels, context)
        if near_labels.are_odd(labels.labelled):
            for near in near_prompts(near_labels.differing, labels, context):
                if near.row not in doubtful:
                    doubtful.add(near.row)
                    yield self._near_hit(near, context, keys)
        else:
            yield self._all_near_hit(near_labels)
        if sampled:
            yield self._sampled_hit(sampled)
        copies = Made(context).copies_with(context.column("answer"), context.column("label"))
        n, rows = labels.answered - copies, len(doubtful)
        share = rows / n if n else 0.0
        yield self.measure("labels.conflicting_rows", round(share, 6), n=n, interval=wilson(rows, n), level=0.95)
        yield self.measure("labels.repeated_prompts", repeated, n=n)
        yield self.measure("labels.sampled_prompts", len(sampled), n=n)
        if near_labels.pairs:
            yield self.measure("labels.near_agreement", round(near_labels.agreement, 6), n=near_labels.pairs)

    # ------------------------------------------------------------------ the same prompt

    def _prompts(self, labels: Labels, context: Context, run: Run) -> Iterator[_Found]:
        """What each prompt with more than one answer comes to."""
        for group in same_prompts(labels, context, run):
            by_marks: dict[str, list[Variant]] = {}
            for variant in group:
                by_marks.setdefault(variant.marks, []).append(variant)
            for variants in by_marks.values():
                answers = len({variant.answer.meaning for variant in variants})
                if answers > self.max_answers:
                    yield _Found(sampled=answers)
                elif answers > 1:
                    yield _Found(doubts=list(self._doubts(variants, answers)))

    def _doubts(self, variants: Sequence[Variant], answers: int) -> Iterator[_Doubt]:
        rows = sum(len(variant.rows) for variant in variants)
        clear = _clear_answer(variants, rows)
        found = self._contradictions(variants)
        for at, variant in enumerate(variants):
            mine = [(pair.kind == "text", variants[other].rows[0], other) for (one, other), pair in found if one == at]
            if not mine or variant.answer.meaning == clear:
                continue
            _, there, other = min(mine)
            pair = next(pair for names, pair in found if names == (at, other))
            ours, theirs = (_shown(variants[which].answer, pair.kind) for which in (at, other))
            for row in variant.rows:
                yield _Doubt(row, there, pair, answers, rows, ours, theirs)

    def _contradictions(self, variants: Sequence[Variant]) -> list[tuple[tuple[int, int], Contradiction]]:
        """Both ways round for each two variants that contradict each other."""
        found: list[tuple[tuple[int, int], Contradiction]] = []
        for one, other in combinations(range(len(variants)), 2):
            pair = contradiction(variants[one].answer, variants[other].answer, self.similarity)
            if pair is not None:
                found += [((one, other), pair), ((other, one), pair)]
        return found

    def _hit(self, doubt: _Doubt, context: Context, keys: Keys) -> Hit:
        kind, similarity = doubt.contradiction
        if similarity is None:
            what = {
                "label": "labelled",
                "number": "answered with",
                "yes_no": "answered with",
                "choice": "answered with",
            }
            said_here = f"the same prompt is {what[kind]} {doubt.ours} here and {doubt.theirs} there"
        else:
            said_here = (
                f"the same prompt has another answer there, with {similarity:.1%} of their words in common "
                f"(bound {self.similarity:.0%})"
            )
        return self.hit(
            f"{said_here}: {doubt.answers} different answers in {doubt.rows:,} rows; asked for answers that agree",
            row=doubt.row,
            severity=Severity.WARNING if kind == "text" else Severity.ERROR,
            key=keys.of(doubt.row, "same"),
            related=(context.place(doubt.other),),
            evidence={
                "kind": kind,
                "prompts": "same",
                "answers": doubt.answers,
                "rows": doubt.rows,
                **({} if similarity is None else {"similarity": round(similarity, 4)}),
            },
            fix=QUARANTINE_ROW,
        )

    def _near_hit(self, near: Near, context: Context, keys: Keys) -> Hit:
        return self.hit(
            f"labelled {quoted(near.ours)} here and {quoted(near.theirs)} in a row whose prompt has "
            f"{near.similarity:.0%} of its words in common with this one (bound {NEAR:.0%}); asked for one label",
            row=near.row,
            severity=Severity.WARNING,
            key=keys.of(near.row, "near"),
            related=(context.place(near.other),),
            evidence={"kind": "label", "prompts": "near", "similarity": round(near.similarity, 4)},
            fix=QUARANTINE_ROW,
        )

    def _all_near_hit(self, near: NearPairs) -> Hit:
        return self.hit(
            f"{len(near.differing):,} of {near.pairs:,} pairs of near-duplicates with different prompts have different "
            "labels: small differences decide here, and these rows are not reported one by one",
            scope="dataset",
            severity=Severity.INFO,
            key="near",
            evidence={"pairs": near.pairs, "differing": len(near.differing), "agreement": round(near.agreement, 4)},
        )

    def _sampled_hit(self, sampled: Sequence[int]) -> Hit:
        return self.hit(
            f"{len(sampled):,} {'prompt has' if len(sampled) == 1 else 'prompts have'} more than {self.max_answers} "
            f"different answers (at least {max(sampled):,} for one): taken to ask for variety, and not compared",
            scope="dataset",
            severity=Severity.INFO,
            key="sampled",
            evidence={"prompts": len(sampled), "max_answers": self.max_answers},
        )


def _clear_answer(variants: Sequence[Variant], rows: int) -> object:
    """The answer that is given so much more often than all others that only those are in doubt."""
    counts: Counter[object] = Counter()
    for variant in variants:
        counts[variant.answer.meaning] += len(variant.rows)
    ((name, most),) = counts.most_common(1)
    return name if most >= CLEAR_ROWS and most >= CLEAR_TIMES * (rows - most) else None


def _shown(answer: Answer, kind: Kind) -> str:
    """What the answer comes to, for a message."""
    if kind == "label":
        return quoted(answer.label or "")
    if kind == "yes_no":
        return "yes" if answer.yes else "no"
    if kind == "number" and answer.result is not None:
        value = answer.result.value
        return f"{float(value):.12g}" if value.denominator != 1 else f"{value.numerator:,}"
    return str(answer.choice)
