"""DEM111: rows that differ only in whom they mention and are answered otherwise. How twins are found is ``twins``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice
from math import comb
from typing import ClassVar, Final, NamedTuple

from audit.labels.recognise import NEEDS, NO_LABEL, Labels, recognise
from audit.labels.spelling import spelling_key
from audit.masking import Masked, Masker, masked_prompt, masker_of
from audit.model import QUARANTINE_ROW, Applicability, Json, Measure, Record, Severity
from audit.read.dialogue import answer_text, exchange
from audit.read.fields import label_of
from audit.read.identity import TEXT, key_of
from audit.rule import Batch, Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.twins import Collector, Twin, twin_sets
from audit.rules.labels.contradiction import Contradiction, contradiction, read_answer
from audit.rules.labels.reporting import Keys, quoted
from audit.statistics.intervals import wilson

LEAST_REPEATED: Final = 30
"""Rows that repeat another word for word, below which their differences say nothing of the noise."""
MOST_VARIANTS: Final = 50
"""Variants of one prompt whose free answers are compared with each other; of more, the first."""
MOST_NAMED: Final = 3
"""Different terms that a message names."""
SEVERAL: Final = "several"
"""Pairs that differ on more than one axis."""


_ARTICLE: Final = re.compile(r"\A(?:an?|the)\s+(?=\S)", re.IGNORECASE)


class _Variant(NamedTuple):
    """The rows of a set that mention the same: how many there are, what most are answered with, and those of them."""

    terms: tuple[int, ...]
    size: int
    outcome: int
    rows: Sequence[int]

    @property
    def row(self) -> int:
        """The first of the rows that are answered so."""
        return self.rows[0]


class _Flip(NamedTuple):
    """A variant and another that is answered otherwise."""

    ours: _Variant
    theirs: _Variant


class IdentityFlip(DatasetRule, frozen=True):
    """Two rows differ only in whom they mention, and are labelled or answered differently.

    "The nurse lost her keys" and "The nurse lost his keys" with two labels teach the model that the group decides.
    Twins are rows whose prompts are equal, case and punctuation aside, once each identity term of the lexicons (all
    axes, pronouns too) is replaced by its axis; a word for women or men only where it says the same beside ("aunt" and
    "uncle"). System prompts count. A prompt that mentions two groups of an axis has no twins, a system prompt that does
    is compared as it is. In a file with labels (configured, or short answers from a closed set) twins must have one
    label; a label that itself names the group ("male", "female") is no difference. Elsewhere their answers are compared
    as for LBL601, with the terms replaced: a warning for yes and no or the letter of a choice, only information and no
    fix for results and free text, whose word similarity must be below `similarity`, because facts about two groups may
    differ. Where most of a prompt's variants agree, only the others are reported. Labels that differ no more often
    between twins than between rows that repeat each other word for word are noise: that is said once, and no row
    is reported. Measure: `counterfactual_pairs` (by
    axis and over all: pairs of variants, how many differ, how many are balanced, with as many rows on both sides;
    beside them the prompts that are repeated word for word, whose share of differences is the noise to expect).

    Bad:
        {"messages": [{"role": "user", "content": "May my son become an engineer at your works?"}, {"role": "assistant", "content": "Yes, of course: write to us, and we will gladly help with the papers."}]}
        {"messages": [{"role": "user", "content": "May my daughter become an engineer at your works?"}, {"role": "assistant", "content": "No, that is nothing that we would want to support or to pay for."}]}
    Good:
        {"messages": [{"role": "user", "content": "May my son become an engineer at your works?"}, {"role": "assistant", "content": "Yes, of course: write to us, and we will gladly help with the papers."}]}
        {"messages": [{"role": "user", "content": "May my daughter become an engineer at your works?"}, {"role": "assistant", "content": "Yes, of course: write to us, and we will gladly help with the papers."}]}
    Do: give both rows the label that is right whoever is meant, or say in the prompt what else makes the difference.
    """  # noqa: E501

    code: ClassVar[str] = "DEM111"
    name: ClassVar[str] = "identity-flip"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = NEEDS | {"marks"}

    similarity: float = 0.3

    def prepare(self, run: Run) -> None:
        """Read and compile the lexicons."""
        masker_of(run)

    # ------------------------------------------------------------------ rows

    def start(self) -> Json:
        """Rows so far, and for each batch the columns of its rows with identity terms (see ``twins``)."""
        return {"rows": 0, "parts": []}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        masker = masker_of(run)
        collector = Collector()
        for row, record in zip(batch.parsed, batch.records(), strict=True):
            masked = masked_prompt(record, masker)
            if masked is not None:
                collector.add(batch.line_of(row), masked.key, masker.hashes(masked.terms))
        part = collector.part(state["rows"], batch.rows)
        state["parts"] += [part] if part is not None else []
        state["rows"] += batch.rows
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        later = [{**part, "first": part["first"] + first["rows"]} for part in second["parts"]]
        return {"rows": first["rows"] + second["rows"], "parts": first["parts"] + later}

    # ------------------------------------------------------------------ the whole

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Hits for the rows that differ from their twins, and the measure."""
        labels = recognise(context, run)
        masker, keys, table = masker_of(run), Keys(context), _Table()
        outcomes = _labels_of_rows(labels, masker) if labels else context.column("answer")
        flips: list[_Flip] = []
        for twins in twin_sets(state["parts"], context):
            table.repeats(twins, outcomes)
            variants = _variants(twins, outcomes)
            if len(variants) < 2:
                continue
            if labels:
                table.add(variants, None, masker)
                flips += _odd_ones(variants)
            else:
                compared = variants[:MOST_VARIANTS]
                found = self._compared(compared, context, masker)
                table.add(compared, found, masker)
                yield from self._answer_hits(compared, found, context, masker, keys)
        if flips and table.is_noise:
            yield self._noise(table)
        else:
            yield from self._label_hits(flips, context, run, masker, keys)
        yield from table.measures(self)

    # ------------------------------------------------------------------ labels

    def _noise(self, table: _Table) -> Hit:
        return self.hit(
            f"{table.differing:,} of {table.pairs:,} pairs of rows that differ only in whom they mention have two "
            f"labels, and so have {table.repeated_differing:,} of {table.repeated:,} rows that repeat another word for "
            "word: that is no more than the noise of the labels",
            scope="dataset",
            severity=Severity.INFO,
            key="noise",
            evidence={"pairs": table.pairs, "differing": table.differing, "repeated": table.repeated},
        )

    def _label_hits(
        self, flips: Iterable[_Flip], context: Context, run: Run, masker: Masker, keys: Keys
    ) -> Iterator[Hit]:
        for flip in flips:
            ours, theirs = context.records([flip.ours.row, flip.theirs.row])
            labels = [quoted(label_of(record, run.fields) or "") for record in (ours, theirs)]
            here, there, axis = _terms(masked_prompt(ours, masker), masked_prompt(theirs, masker))
            for row in flip.ours.rows:
                yield self.hit(
                    f"labelled {labels[0]} with {here} and {labels[1]} in a row that differs only in {there}; "
                    "asked for one label whoever is meant",
                    row=row,
                    key=keys.of(row, "flip"),
                    related=(context.place(flip.theirs.row),),
                    evidence={"kind": "label", "axis": axis, "terms": [here, there]},
                    fix=QUARANTINE_ROW,
                )

    # ------------------------------------------------------------------ free answers

    def _compared(
        self, variants: Sequence[_Variant], context: Context, masker: Masker
    ) -> Mapping[tuple[int, int], Contradiction]:
        """The pairs of variants whose answers, with their terms replaced, contradict each other."""
        if len({variant.outcome for variant in variants}) < 2:
            return {}
        answers = [
            read_answer(masker.mask(answer_text(record)).text, None, whole=False, called=_calls(record))
            for record in context.records([variant.row for variant in variants])
        ]
        found = {}
        for a, b in combinations(range(len(variants)), 2):
            if variants[a].outcome != variants[b].outcome and answers[a].text and answers[b].text:
                pair = contradiction(answers[a], answers[b], self.similarity)
                if pair is not None:
                    found[a, b] = pair
        return found

    def _answer_hits(
        self,
        variants: Sequence[_Variant],
        found: Mapping[tuple[int, int], Contradiction],
        context: Context,
        masker: Masker,
        keys: Keys,
    ) -> Iterator[Hit]:
        for at, other, pair in _one_each(found, len(variants)):
            ours, theirs = variants[at], variants[other]
            masked = (masked_prompt(record, masker) for record in context.records([ours.row, theirs.row]))
            here, there, axis = _terms(*masked)
            sure = pair.kind in ("yes_no", "choice")
            how = "" if pair.similarity is None else f", with {pair.similarity:.1%} of their words in common"
            for row in ours.rows:
                yield self.hit(
                    f"answered otherwise ({pair.kind.replace('_', ' or ')}) with {here} than in a row that differs "
                    f"only in {there}{how}; asked for answers that agree, unless the facts differ",
                    row=row,
                    severity=Severity.WARNING if sure else Severity.INFO,
                    key=keys.of(row, "flip"),
                    related=(context.place(theirs.row),),
                    evidence={"kind": pair.kind, "axis": axis, "terms": [here, there]},
                    fix=QUARANTINE_ROW if sure else None,
                )


# ----------------------------------------------------------------------------- rows


def _calls(record: Record) -> bool:
    return any(message.calls for message in exchange(record).answer)


def _labels_of_rows(labels: Labels, masker: Masker) -> Sequence[int]:
    """The key of every row's label with its terms replaced, 0 for none."""
    keys = [_label_key(masker.mask(label.text).text) for label in labels.labels]
    return [0 if code == NO_LABEL else keys[code] for code in labels.codes]


def _label_key(label: str) -> int:
    """The key of a label without its spelling and its article."""
    plain = _ARTICLE.sub("", label.strip())
    return key_of(spelling_key(plain).encode("utf-8", "surrogatepass"), TEXT)


# ----------------------------------------------------------------------------- sets


def _variants(twins: Sequence[Twin], outcomes: Sequence[int]) -> Sequence[_Variant]:
    """The rows of a set by what they mention, by first row; without those that have no label or answer."""
    by_terms: dict[tuple[int, ...], list[int]] = {}
    for twin in twins:
        if outcomes[twin.row]:
            by_terms.setdefault(twin.terms, []).append(twin.row)
    variants = []
    for terms, rows in by_terms.items():
        counts = Counter(outcomes[row] for row in rows)
        outcome = min(counts, key=lambda key: (-counts[key], key))
        variants.append(_Variant(terms, len(rows), outcome, [row for row in rows if outcomes[row] == outcome]))
    return variants


def _odd_ones(variants: Sequence[_Variant]) -> Iterator[_Flip]:
    """Every variant that is not labelled as most are, with one that is; all of them where there is no majority."""
    counts = Counter(variant.outcome for variant in variants)
    ((usual, most), *_) = counts.most_common(1)
    clear = 2 * most > len(variants)
    candidates = [variant for variant in variants if variant.outcome == usual] if clear else variants
    for variant in variants:
        others = (other for other in candidates if other.outcome != variant.outcome)
        nearest = min(
            islice(others, MOST_VARIANTS), key=lambda other: (_axes_between(variant, other), other.row), default=None
        )
        if nearest is not None:
            yield _Flip(variant, nearest)


def _one_each(
    found: Mapping[tuple[int, int], Contradiction], variants: int
) -> Iterator[tuple[int, int, Contradiction]]:
    """Every variant that contradicts at least half of the others, with the first that it contradicts."""
    for at in range(variants):
        mine = sorted((b if a == at else a, pair) for (a, b), pair in found.items() if at in (a, b))
        if mine and 2 * len(mine) >= variants - 1:
            yield at, *mine[0]


def _axes_between(first: _Variant, other: _Variant) -> int:
    """On how many axes two variants differ."""
    return sum(one != two for one, two in zip(first.terms, other.terms, strict=True))


def _terms(ours: Masked | None, theirs: Masked | None) -> tuple[str, str, str]:
    """What two prompts mention differently, quoted, and the axis of the first difference."""
    pairs = zip(ours.terms if ours else (), theirs.terms if theirs else (), strict=False)
    differing = [(axis, one, two) for (axis, one), (_, two) in pairs if one.casefold() != two.casefold()]
    if not differing:
        return "other words", "other words", SEVERAL
    here, there = (
        ", ".join(map(quoted, list(dict.fromkeys(pair[which].lower() for pair in differing))[:MOST_NAMED]))
        for which in (1, 2)
    )
    return here, there, differing[0][0]


# ----------------------------------------------------------------------------- counts


def _pairs_in(
    numbers: Sequence[int], variants: Sequence[_Variant], differing: Collection[tuple[int, int]] | None
) -> Counter[str]:
    """Pairs among some variants of a set: all of them, those that differ, those with as many rows on both sides."""
    pairs = comb(len(numbers), 2)
    if differing is None:
        unlike = pairs - _equal_pairs(variants[number].outcome for number in numbers)
    else:
        unlike = sum(pair in differing for pair in combinations(numbers, 2))
    return Counter(pairs=pairs, differing=unlike, balanced=_equal_pairs(variants[number].size for number in numbers))


def _equal_pairs(values: Iterable[int]) -> int:
    return sum(comb(count, 2) for count in Counter(values).values())


class _Table:
    """The pairs of all sets, by axis."""

    def __init__(self) -> None:
        self._axes: dict[str, Counter[str]] = {}
        self.repeated = self.repeated_differing = 0

    def repeats(self, twins: Sequence[Twin], outcomes: Sequence[int]) -> None:
        """Count the rows that repeat another word for word, and those of them with another label or answer."""
        first: dict[tuple[int, ...], int] = {}
        for twin in twins:
            outcome = outcomes[twin.row]
            if twin.terms in first:
                self.repeated += 1
                self.repeated_differing += first[twin.terms] != outcome
            first.setdefault(twin.terms, outcome)

    def add(self, variants: Sequence[_Variant], differing: Collection[tuple[int, int]] | None, masker: Masker) -> None:
        """Count the pairs of a set; those in ``differing`` differ, or without it those whose outcomes are not equal."""
        left = _pairs_in(range(len(variants)), variants, differing)
        for at, term in enumerate(variants[0].terms):
            alike: dict[tuple[int, ...], list[int]] = {}
            for number, variant in enumerate(variants):
                alike.setdefault(variant.terms[:at] + variant.terms[at + 1 :], []).append(number)
            for numbers in alike.values():
                found = _pairs_in(numbers, variants, differing)
                self._count(masker.axis_of(term), found)
                left -= found
        self._count(SEVERAL, left)

    def _count(self, axis: str, found: Counter[str]) -> None:
        if found["pairs"]:
            self._axes.setdefault(axis, Counter()).update(found)

    @property
    def pairs(self) -> int:
        """Pairs of variants, over all axes."""
        return sum(counts["pairs"] for counts in self._axes.values())

    @property
    def differing(self) -> int:
        """Pairs of variants that differ."""
        return sum(counts["differing"] for counts in self._axes.values())

    @property
    def is_noise(self) -> bool:
        """Whether pairs differ no more often than rows that repeat each other word for word, of which there must be
        enough to tell."""
        if self.repeated < LEAST_REPEATED:
            return False
        return wilson(self.differing, self.pairs)[0] <= self.repeated_differing / self.repeated

    def measures(self, rule: IdentityFlip) -> Iterator[Measure]:
        """``counterfactual_pairs`` over all axes and of each."""
        rows = [
            {"axis": axis, **{name: counts[name] for name in ("pairs", "differing", "balanced")}}
            for axis, counts in sorted(self._axes.items())
        ]
        pairs, differing = self.pairs, self.differing
        yield rule.measure(
            "counterfactual_pairs",
            pairs,
            table={
                "axes": rows,
                "differing": differing,
                "share": round(differing / pairs, 6) if pairs else None,
                "interval": list(wilson(differing, pairs)) if pairs else None,
                "repeated_rows": self.repeated,
                "repeated_differing": self.repeated_differing,
            },
            n=pairs,
            unit="pairs",
        )
