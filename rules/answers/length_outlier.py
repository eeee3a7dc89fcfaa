"""ANS805: answers far longer or shorter, for their prompt, than the others. Lengths in tokens are TOK3's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp, log
from typing import ClassVar, Final, NamedTuple

from audit.errors import ConfigError
from audit.model import Json, Measure, Severity, Source
from audit.read.dialogue import answer_text, prompt_text
from audit.rule import Batch, Context, DatasetRule, Hit, Run, Status
from audit.tokens.distribution import add, ascending, merged, quantile

_SCALE: Final = 1000
"""Logarithms of the ratio of lengths are kept in thousandths."""
_NORMAL: Final = 1.4826
"""Makes the median absolute deviation estimate the standard deviation of a normal distribution."""
_NARROWEST: Final = 0.1
"""Standard deviations of the logarithm that are taken for at least this much, so that equal rows judge no other."""


class _Odd(NamedTuple):
    """A row at one end: the thousandths, where it stands, and the lengths behind it."""

    ratio: int
    path: str
    line: int
    prompt: int
    answer: int


class LengthOutlier(DatasetRule, frozen=True):
    """The answer is far longer or shorter, for the length of its prompt, than the other answers are.

    A few answers of another kind (a whole article among labels, one word among essays) are often cut short, merged or
    pasted. Measure: ``answers.length-ratio``, the median of characters of the answer over characters of the prompt,
    with its quartiles. A row is reported when the logarithm of its ratio lies more than ``max_z`` robust standard
    deviations (1.4826 times the median absolute deviation, at least 0.1) from the median, and there are at least
    ``min_rows`` rows with both; at most 20, the farthest.

    Bad:
        {"messages": [{"role": "user", "content": "Which animal says moo?"}, {"role": "assistant", "content": "That is the cow."}]}
        {"messages": [{"role": "user", "content": "Which animal barks?"}, {"role": "assistant", "content": "That is the dog."}]}
        {"messages": [{"role": "user", "content": "Which animal says meow?"}, {"role": "assistant", "content": "That is the cat."}]}
        {"messages": [{"role": "user", "content": "Which animal neighs?"}, {"role": "assistant", "content": "Horses do. They live in herds, sleep standing, run as fast as a car in town and have been with people for five thousand years. A foal stands an hour after birth, follows its mother on the first day and grows up in two to three years."}]}
    Good:
        {"messages": [{"role": "user", "content": "Which animal says moo?"}, {"role": "assistant", "content": "That is the cow."}]}
        {"messages": [{"role": "user", "content": "Which animal barks?"}, {"role": "assistant", "content": "That is the dog."}]}
        {"messages": [{"role": "user", "content": "Which animal says meow?"}, {"role": "assistant", "content": "That is the cat."}]}
    Do: look at the rows: mend or drop those that are cut, merged or pasted.
    """  # noqa: E501

    code: ClassVar[str] = "ANS805"
    name: ClassVar[str] = "length-outlier"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    example: ClassVar[dict[str, Json]] = {"rules": {"ANS805": {"min_rows": 3}}}

    max_z: float = 6.0
    min_rows: int = 50
    most: int = 20

    def applies_to(self, run: Run) -> str | None:
        """Raises ConfigError for an option that no run can use."""
        if not self.max_z >= 0:
            raise ConfigError(f'"max_z" of ANS805 is {self.max_z:g}', hint="it is 0 or more")
        if self.min_rows < 1 or self.most < 0:
            raise ConfigError('"min_rows" of ANS805 is at least 1, "most" at least 0')
        return super().applies_to(run)

    def start(self) -> Json:
        """A histogram of ratios, and the rows at its two ends."""
        return {"ratios": {}, "low": [], "high": []}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with the ratios of a batch added."""
        rows = list(_rows(batch))
        add(state["ratios"], (row.ratio for row in rows))
        state["low"], state["high"] = self._ends([*state["low"], *map(list, rows)], [*state["high"], *map(list, rows)])
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """Histograms added up, ends chosen again."""
        low, high = self._ends(first["low"] + second["low"], first["high"] + second["high"])
        return {"ratios": merged(first["ratios"], second["ratios"]), "low": low, "high": high}

    def _ends(self, low: list[list[Json]], high: list[list[Json]]) -> tuple[list[list[Json]], list[list[Json]]]:
        """The rows with the smallest and the largest ratios; ties go to the earlier line, however the input is cut."""
        most = max(0, self.most)
        return sorted(low)[:most], sorted(high, key=lambda row: (-row[0], row[1], row[2]))[:most]

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The median ratio; one hit for each of the farthest rows beyond the bound."""
        pairs = ascending(state["ratios"])
        n = sum(count for _, count in pairs)
        if n == 0:
            return
        middle = quantile(pairs, 0.5)
        away: dict[str, int] = {}
        for value, count in pairs:
            distance = str(round(abs(value - middle)))
            away[distance] = away.get(distance, 0) + count
        spread = max(_NORMAL * quantile(ascending(away), 0.5), _NARROWEST * _SCALE)
        beyond = sum(count for value, count in pairs if abs(value - middle) > self.max_z * spread)
        usual = exp(middle / _SCALE)
        quartiles = {f"p{part}": round(exp(quantile(pairs, part / 100) / _SCALE), 3) for part in (25, 75)}
        yield self.measure(
            "answers.length-ratio", round(usual, 3), table={**quartiles, "beyond": beyond}, n=n,
            unit="characters of answer per character of prompt",
        )  # fmt: skip
        if n < self.min_rows:
            return
        rows = {_Odd(*row) for row in [*state["low"], *state["high"]]}
        far = sorted(rows, key=lambda row: (-abs(row.ratio - middle), row.path, row.line))[: max(0, self.most)]
        for row in far:
            z = (row.ratio - middle) / spread
            if abs(z) > self.max_z:
                yield self._hit(row, z, usual, beyond, context)

    def _hit(self, row: _Odd, z: float, usual: float, beyond: int, context: Context) -> Hit:
        return self.hit(
            f"an answer of {row.answer:,} characters to a prompt of {row.prompt:,}: {row.answer / row.prompt:.3g} "
            f"times as long, where the median is {usual:.3g}; {abs(z):.1f} robust standard deviations "
            f"{'below' if z < 0 else 'above'} (bound {self.max_z:g})",
            source=next((one for one in context.sources if one.path == row.path), Source(path=row.path)),
            line=row.line,
            evidence={"answer": row.answer, "prompt": row.prompt, "z": round(z, 2), "rows_beyond": beyond},
            key=f"{row.prompt}:{row.answer}",
        )


def _rows(batch: Batch) -> Iterator[_Odd]:
    for record in batch.records():
        prompt, answer = len(prompt_text(record).strip()), len(answer_text(record))
        if prompt and answer:
            yield _Odd(round(log(answer / prompt) * _SCALE), batch.source.path, record.line, prompt, answer)
