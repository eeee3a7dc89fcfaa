"""DUP405: phrases that many answers share. Answers that are the same as a whole are DUP401's and DUP403's business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import ClassVar, Final

from audit.model import Applicability, Fix, Json, Measure, Severity
from audit.read.dialogue import answer_text
from audit.read.folding import fold
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.duplicates.phrases import as_written, phrases_in
from audit.rules.duplicates.reporting import Keys, excerpt
from audit.rules.duplicates.sampling import distinct_rows
from audit.rules.duplicates.spans import SharedSpan, Texts, shared_spans
from audit.statistics.intervals import wilson

LEVEL: Final = 0.95
MOST_SPANS: Final = 20
LEAST_ANSWERS: Final = 3
"""Answers that a phrase must stand in, however few there are."""
IN_MESSAGE: Final = 80
IN_EVIDENCE: Final = 400
"""Characters of a phrase that are shown."""
_ADVICE: Final = Fix(Applicability.SHOWN, "take the phrase out of answers that are as good without it")


class BoilerplateSpan(DatasetRule, frozen=True):
    """The same phrase stands in a large part of the answers.

    "As an AI language model I cannot", "Thank you for reaching out to us today": the model learns such phrases before
    anything else and says them where they do not belong. Looked at are answers that differ after case, punctuation and
    white space are taken away (so whole answers that repeat, and labels, are no boilerplate), at most ``max_rows`` of
    them, those with the smallest identities; of each at most the first and last 1,000 words. Reported is every run of
    ``length`` words or more (characters in scripts without spaces) that stands in more than ``share`` of them and in at
    least 3, extended for as long as nine in ten of those answers share it; at most 20, no two of which overlap. Fewer
    than ``min_answers`` different answers are not judged. Every row with such a phrase is then named; the fix takes it
    out where something is left of the answer. Measures: ``duplicates.boilerplate.answers``, the share of
    answers with such a phrase, and ``duplicates.boilerplate.spans``.

    Bad:
        {"messages": [{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "Thank you so much for reaching out to us. It is ten."}]}
        {"messages": [{"role": "user", "content": "Is it far?"}, {"role": "assistant", "content": "Thank you so much for reaching out to us. Two miles."}]}
        {"messages": [{"role": "user", "content": "Is it hot?"}, {"role": "assistant", "content": "Thank you so much for reaching out to us. Rather mild."}]}
    Good:
        {"messages": [{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "It is ten."}]}
        {"messages": [{"role": "user", "content": "Is it far?"}, {"role": "assistant", "content": "Two miles."}]}
        {"messages": [{"role": "user", "content": "Is it hot?"}, {"role": "assistant", "content": "Rather mild."}]}
    Do: take the phrase out of the answers that are as good without it, or let it stand in those it is meant for.
    """  # noqa: E501

    code: ClassVar[str] = "DUP405"
    name: ClassVar[str] = "boilerplate-span"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = frozenset({"answer", "conversation"})
    example: ClassVar[dict[str, Json]] = {"rules": {"DUP405": {"min_answers": 3}}}

    share: float = 0.05
    length: int = 8
    min_answers: int = 50
    max_rows: int = 20_000

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every phrase, and for every row that has one; two measures."""
        sample = distinct_rows(context.column("answer"), self.max_rows)
        texts, rows = Texts(), list[int]()
        if len(sample) >= self.min_answers:
            texts, rows = _different(sample, context)
        n = len(rows)
        spans: list[SharedSpan] = []
        if n >= max(1, self.min_answers):
            least = max(int(self.share * n) + 1, LEAST_ANSWERS)
            spans = shared_spans(texts, self.length, least, MOST_SPANS)
        hits = [self._hit(span, rows, context) for span in spans]
        yield from hits
        yield from self._rows(spans, context)
        having = len({text for span in spans for text, _, _ in span.places})
        yield self.measure(
            "duplicates.boilerplate.answers",
            round(having / n, 4) if n else 0.0,
            table={"answers": having, "sampled": len(sample) >= self.max_rows},
            n=n,
            interval=wilson(having, n, LEVEL),
            level=LEVEL,
        )
        table = [dict(hit.evidence) for hit in hits]
        yield self.measure("duplicates.boilerplate.spans", len(spans), table=table, n=n)

    def _hit(self, span: SharedSpan, rows: Sequence[int], context: Context) -> Hit:
        n, count = len(rows), len(span.places)
        first = min(rows[text] for text, _, _ in span.places)
        (record,) = context.records([first])
        written = as_written(answer_text(record), span.units)
        where = _where(span)
        low, high = wilson(count, n, LEVEL)
        return self.hit(
            f"{count:,} of {n:,} different answers ({count / n:.1%}) have the same {len(span.units)} words, "
            f'{_mostly(where)}: "{excerpt(written, IN_MESSAGE)}"; asked for at most {self.share:.0%}',
            scope="dataset",
            key=b" ".join(span.units).decode("utf-8", "replace"),
            related=(context.place(first),),
            evidence={
                "span": excerpt(written, IN_EVIDENCE),
                "words": len(span.units),
                "answers": count,
                "of": n,
                "share": round(count / n, 4),
                "interval": [round(low, 4), round(high, 4)],
                "where": where,
            },
            fix=_ADVICE,
        )

    def _rows(self, spans: Sequence[SharedSpan], context: Context) -> Iterator[Hit]:
        """The rows of the whole data that have a phrase, read again."""
        if not spans:
            return
        keys = Keys(context)
        phrases = [span.units for span in spans]
        every = range(context.rows)
        for row, record in zip(every, context.records(every), strict=True):
            found = phrases_in(record, phrases)
            if found is None:
                continue
            named = " and ".join(f'"{excerpt(text, IN_MESSAGE)}"' for text in found.phrases)
            what = "a phrase" if len(found.phrases) == 1 else f"{len(found.phrases)} phrases"
            yield self.hit(
                f"the answer has {what} that more than {self.share:.0%} of the different answers have: {named}",
                found.at,
                row=row,
                key=keys.of(row),
                evidence={"phrases": [excerpt(text, IN_EVIDENCE) for text in found.phrases]},
                fix=found.fix,
            )


def _different(sample: Sequence[int], context: Context) -> tuple[Texts, list[int]]:
    """The answers of some rows that differ once they are folded, in the order of the sample, and their rows."""
    texts, rows = Texts(), list[int]()
    seen: set[bytes] = set()
    ascending = sorted(sample)
    for row, record in zip(ascending, context.records(ascending), strict=True):
        folded = fold(answer_text(record))
        key = blake2b(folded, digest_size=16).digest()
        if key not in seen:
            seen.add(key)
            texts.add(folded.split())
            rows.append(row)
    rank = {row: at for at, row in enumerate(sample)}
    order = sorted(range(len(rows)), key=lambda at: rank[rows[at]])
    return texts.in_order(order), [rows[at] for at in order]


def _where(span: SharedSpan) -> dict[str, int]:
    """How often a span stands at the start, in the middle and at the end of an answer; all of it is its start."""
    size = len(span.units)
    places = Counter(
        "start" if at == 0 else "end" if at + size == length else "middle" for _, at, length in span.places
    )
    return {place: places[place] for place in ("start", "middle", "end")}


def _mostly(where: dict[str, int]) -> str:
    place = max(where, key=lambda name: where[name])
    there = {"start": "at the start", "middle": "in the middle", "end": "at the end"}[place]
    return there if where[place] == sum(where.values()) else f"mostly {there}"
