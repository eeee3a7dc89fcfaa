"""SPL506: what people really ask and nothing in the training data is like. Judges the training data as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Json, Measure, Related, Severity
from audit.read.dialogue import prompt_text
from audit.read.folding import fold
from audit.rule import Context, DatasetRule, Hit, Product, ReferenceRow, Run
from audit.rules.splits.facts import distinct_sample, units_in
from audit.rules.splits.held_out import LEVEL, Splits
from audit.statistics.intervals import wilson
from audit.statistics.shift import kolmogorov_smirnov

if TYPE_CHECKING:
    from audit.statistics.nearest import Nearest

MOST_TRAINING: Final = 20_000
MOST_REAL: Final = 2_000
"""Prompts that are compared at most."""
MOST_PROBED: Final = 1_000
"""Training prompts whose own nearest neighbours say what is near."""
MOST_FOR_TOPIC: Final = 5_000
LEAST_FOR_TOPIC: Final = 50
HALF: Final = 500
"""Characters of a prompt that are compared, at its beginning and at its end."""
EXAMPLES: Final = 10
_SHOWN: Final = 120


class UnrepresentedPrompt(DatasetRule, frozen=True):
    """Prompts of the deployment are like nothing in the training data.

    The model is then tuned for other questions than it will get, and what it does with these was neither trained
    nor measured. Needs `--target-sample FILE`: prompts as users really write them. Each is compared with the training
    prompts (at most 20,000 different ones; of at most 2,000 of the sample) by the cosine similarity of TF-IDF vectors of
    runs of four characters. It is unrepresented where its nearest training prompt is less similar than
    `similarity`, and less than the nearest neighbours that training prompts have among themselves, but for the lowest
    `expected` of these: of prompts like those in training about that share is unrepresented. A finding where the lower
    end of the Wilson interval of the share is above `max_share`. Samples are chosen by content; with fewer than
    `min_rows` prompts on either side nothing is said. Measures: `target.unrepresented`, and as `target.shift.length` and
    `target.shift.topic` how far lengths (Kolmogorov-Smirnov distance) and words (area under the curve of a classifier)
    tell the sample from the training prompts.

    Bad:
        {"messages": [{"role": "user", "content": "How do I block my card?"}, {"role": "assistant", "content": "In the app."}]}
        {"messages": [{"role": "user", "content": "How do I order a card?"}, {"role": "assistant", "content": "By phone."}]}
        {"messages": [{"role": "user", "content": "How do I lock my card?"}, {"role": "assistant", "content": "Call us."}]}
    Good:
        {"messages": [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "In the app you can see."}]}
        {"messages": [{"role": "user", "content": "Why is my parcel late?"}, {"role": "assistant", "content": "It snowed."}]}
        {"messages": [{"role": "user", "content": "Has my parcel left?"}, {"role": "assistant", "content": "Call us."}]}
    Do: collect or write training rows for what the examples ask.
    """  # noqa: E501

    code: ClassVar[str] = "SPL506"
    name: ClassVar[str] = "unrepresented-prompt"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = frozenset({"prompt"})
    example: ClassVar[dict[str, Json]] = {"target_sample": ["prompts.txt"], "rules": {"SPL506": {"min_rows": 3}}}
    example_files: ClassVar[dict[str, tuple[str, ...]]] = {
        "prompts.txt": ("where is my parcel", "is the parcel late", "my parcel has not left yet")
    }

    similarity: float = 0.3
    expected: float = 0.05
    max_share: float = 0.1
    min_rows: int = 20

    def applies_to(self, run: Run) -> str | None:
        """Skipped where there is nothing to compare with."""
        if run.target_sample is None:
            return "no sample of the deployment is given: --target-sample FILE"
        return super().applies_to(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The measures; at most one hit, on the whole."""
        given = [] if run.target_sample is None else [row for row in run.target_sample.rows if row.prompt]
        real = chosen(given, MOST_REAL)
        training = _training_prompts(context)
        if min(len(real), len(training)) < self.min_rows:
            yield self.measure(
                "target.unrepresented",
                table={"real_prompts": len(real), "training_prompts": len(training)},
                n=len(real),
            )
            return
        from audit.statistics.nearest import nearest

        near = nearest([words(row.prompt) for row in real], [words(text) for text in training], MOST_PROBED)
        yield from self._judged(real, training, near, len(given))
        yield from self._shift([row.prompt for row in real], training, run.seed)

    def _judged(
        self, real: Sequence[ReferenceRow], training: Sequence[str], near: Nearest, given: int
    ) -> Iterator[Hit | Measure]:
        own = sorted(near.others.tolist())
        bound = min(self.similarity, own[int(self.expected * len(own))])
        lowest = sorted(
            zip(near.texts.tolist(), real, strict=True), key=lambda pair: (pair[0], pair[1].prompt, pair[1])
        )
        far = [(similarity, row) for similarity, row in lowest if similarity < bound]
        n, share = len(real), len(far) / len(real)
        low, high = interval = wilson(len(far), n, LEVEL)
        yield self.measure(
            "target.unrepresented",
            share,
            table={
                "unrepresented": len(far),
                "real_prompts": n,
                "real_prompts_given": given,
                "training_prompts": len(training),
                "similarity": round(bound, 4),
            },
            n=n,
            interval=interval,
            level=LEVEL,
        )
        if low <= self.max_share:
            return
        yield self.hit(
            f"{share:.0%} of {n:,} prompts of the deployment (95 % interval {low:.0%} to {high:.0%}) have no training "
            f"prompt with a similarity of {bound:.2f}; asked for at most {self.max_share:.0%}",
            scope="dataset",
            related=tuple(Related(file=row.file, line=row.line) for _, row in far[:EXAMPLES]),
            evidence={
                "share": round(share, 4),
                "similarity": round(bound, 4),
                "examples": [
                    {"file": row.file, "line": row.line, "text": row.prompt[:_SHOWN], "nearest": round(similarity, 4)}
                    for similarity, row in far[:EXAMPLES]
                ],
            },
        )

    def _shift(self, real: Sequence[str], training: Sequence[str], seed: int) -> Iterator[Measure]:
        compared = [len(real), len(training)]
        lengths = kolmogorov_smirnov(list(map(units_in, real)), list(map(units_in, training)))
        yield self.measure(
            "target.shift.length",
            round(lengths.statistic, 6),
            table={"effect": "Kolmogorov-Smirnov distance", "p": lengths.p, "prompts_compared": compared},
            n=sum(compared),
        )
        some = training[:MOST_FOR_TOPIC]
        if min(len(real), len(some)) < LEAST_FOR_TOPIC:
            return
        from audit.statistics.domain_classifier import tell_apart

        area = tell_apart(list(map(words, real)), list(map(words, some)), seed=seed)
        yield self.measure(
            "target.shift.topic",
            round(area.value, 6),
            table={"effect": "area under the curve", "p": area.p, "prompts_compared": [len(real), len(some)]},
            n=len(real) + len(some),
            interval=(area.low, area.high),
            level=LEVEL,
        )


def _training_prompts(context: Context) -> list[str]:
    """Different prompts of the earliest split, chosen by content and in the order of their contents."""
    splits, keys = Splits(context), context.column("prompt")
    rows = distinct_sample([row for row in range(context.rows) if splits.of(row) == 0], keys, MOST_TRAINING)
    texts = {keys[row]: prompt_text(record) for row, record in zip(rows, context.records(rows), strict=True)}
    return [texts[key] for key in sorted(texts) if texts[key].strip()]


def chosen(rows: Sequence[ReferenceRow], most: int) -> list[ReferenceRow]:
    """At most so many rows, chosen by their prompts; of one that comes n times each time counts for itself."""
    seen: Counter[str] = Counter()
    keyed: list[tuple[bytes, ReferenceRow]] = []
    for row in rows:
        seen[row.prompt] += 1
        text = f"{seen[row.prompt]}\n{row.prompt}"
        keyed.append((blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(), row))
    return [row for _, row in sorted(keyed)[:most]]


def words(text: str) -> str:
    """What is compared of a prompt: the words of its beginning and its end, one space between."""
    short = text if len(text) <= 2 * HALF else f"{text[:HALF]} {text[-HALF:]}"
    return fold(short).decode()
