"""ANS808: set phrases of language models in far more answers than people would write them in. Counts; judges no row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final, NamedTuple

from audit.errors import ConfigError
from audit.model import Json, Measure, Severity
from audit.read.dialogue import answer_text
from audit.rule import Batch, Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.answers.slop_markers import MARKERS, markers_in
from audit.statistics.intervals import wilson

_LEAST_LETTERS: Final = 100
"""Characters of an answer that is counted, as in the texts that the baselines come from."""
_LONGEST: Final = 20_000
_LEAST_ANSWERS: Final = 5
"""With a marker, for it to be named."""
_NAMED: Final = 4


class _Rate(NamedTuple):
    """A marker, the answers that have it, of 1,000 answers how many (with the 95 % interval), and the baseline."""

    name: str
    answers: int
    rate: float
    low: float
    high: float
    baseline: float

    def as_json(self) -> Json:
        shown = {"marker": self.name, "answers": self.answers, "per_1000": round(self.rate, 2)}
        return {**shown, "low": round(self.low, 2), "high": round(self.high, 2), "baseline_per_1000": self.baseline}


class Slop(DatasetRule, frozen=True):
    """Phrases that language models overuse ("delve", "a testament to") stand in far more answers than people's.

    A model that is trained on such answers writes them even more often, and readers take its text for machine made. Each
    phrase of a list (English, a few German, French and Spanish ones) is counted once per answer of 100 characters and
    more, and its rate is held against that in texts by people: Dolly's answers, film reviews and support agents, the
    highest of the three. Reported once where the lower end of the 95 % interval (Wilson) is above ``factor`` times that
    rate. One such phrase says nothing about who wrote an answer. Measures: ``answers.slop_rate`` per 1,000 answers for
    every phrase that was found.

    Bad:
        {"messages": [{"role": "user", "content": "What is folk music?"}, {"role": "assistant", "content": "Let us delve into that: it is music handed down by ear in a village, and it changes a little with each singer."}]}
        {"messages": [{"role": "user", "content": "How does yeast work?"}, {"role": "assistant", "content": "To delve deeper, the cells eat sugar and give off gas, which is caught by the gluten and lifts the whole loaf."}]}
        {"messages": [{"role": "user", "content": "Why do cats purr?"}, {"role": "assistant", "content": "Delving into the research shows several causes, among them comfort, hunger, pain and the wish to calm a kitten."}]}
        {"messages": [{"role": "user", "content": "Explain tides."}, {"role": "assistant", "content": "We delve into gravity here. The moon pulls on the near ocean more than on the far one, so two bulges travel around."}]}
        {"messages": [{"role": "user", "content": "Who built Petra?"}, {"role": "assistant", "content": "Historians who delved into this name the Nabataeans, traders who cut tombs and temples out of the red sandstone."}]}
    Good:
        {"messages": [{"role": "user", "content": "Explain tides."}, {"role": "assistant", "content": "The moon pulls on the near ocean more than on the far one, so two bulges travel around the earth, and with the sun in line they grow."}]}
    Do: rewrite the openings and endings that all answers share, or take part of the answers from people.
    """  # noqa: E501

    code: ClassVar[str] = "ANS808"
    name: ClassVar[str] = "slop-markers"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    needs: ClassVar[frozenset[Product]] = frozenset({"texts"})

    factor: float = 2.0

    def start(self) -> Json:
        """Answers that were counted, and by marker those that have it."""
        return {"answers": 0, "markers": {}}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        for answer in _answers(batch):
            if len(answer) >= _LEAST_LETTERS:
                state["answers"] += 1
                for name in markers_in(answer[:_LONGEST]):
                    state["markers"][name] = state["markers"].get(name, 0) + 1
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        first["answers"] += second["answers"]
        for name, answers in second["markers"].items():
            first["markers"][name] = first["markers"].get(name, 0) + answers
        return first

    def without(self, state: Json, part: Json) -> Json:
        """The state less the answers of a part."""
        left = {name: answers - part["markers"].get(name, 0) for name, answers in state["markers"].items()}
        markers = {name: answers for name, answers in left.items() if answers}
        return {"answers": state["answers"] - part["answers"], "markers": markers}

    def applies_to(self, run: Run) -> str | None:
        """Raises ConfigError for a factor that no run can use."""
        if not self.factor > 0:
            raise ConfigError(f'"factor" of ANS808 is {self.factor:g}', hint="it is more than 0")
        return super().applies_to(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A table of rates; one hit that names the worst."""
        n = state["answers"]
        rates = _rates(state["markers"], n)
        yield self.measure(
            "answers.slop_rate", table=[rate.as_json() for rate in rates], n=n, level=0.95, unit="per 1000"
        )
        over = [one for one in rates if one.answers >= _LEAST_ANSWERS and one.low > self.factor * one.baseline]
        if not over:
            return
        over.sort(key=lambda one: (-one.low / one.baseline, one.name))
        named = "; ".join(
            f'"{one.name}" in {one.rate:,.0f} of 1,000 answers (at least {one.low:,.0f}; people {one.baseline:,.0f})'
            for one in over[:_NAMED]
        )
        more = f"; and {len(over) - _NAMED} more" if len(over) > _NAMED else ""
        yield self.hit(
            f"phrases that language models overuse are more frequent in {n:,} answers than in what people write: "
            f"{named}{more}",
            scope="dataset",
            key="slop",
            evidence={"answers": n, "factor": self.factor, "markers": [one.as_json() for one in over]},
        )


def _answers(batch: Batch) -> Iterator[str]:
    """The last answer of every row of a batch."""
    canonical = set()
    for row, _, answer in batch.exchanges:
        canonical.add(row)
        yield answer
    if len(canonical) < len(batch.parsed):
        for row, record in zip(batch.parsed, batch.records(), strict=True):
            if row not in canonical:
                yield answer_text(record)


def _rates(found: dict[str, int], n: int) -> list[_Rate]:
    """The markers that were found, in the order of the list."""
    rates = []
    for marker in MARKERS:
        answers = found.get(marker.name, 0)
        if answers:
            low, high = wilson(answers, n)
            rates.append(_Rate(marker.name, answers, 1_000 * answers / n, 1_000 * low, 1_000 * high, marker.baseline))
    return rates
