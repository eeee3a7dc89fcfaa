"""TOK305: rows whose text the tokenizer cuts into far more, or far fewer, tokens than that of the other rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp, log
from typing import ClassVar, Final, NamedTuple

from audit.model import Json, Measure, Severity, Source
from audit.rule import Batch, Context, DatasetRule, Hit, Product, Run, Status
from audit.tokens.counter import string_contents
from audit.tokens.distribution import add, ascending, merged, quantile

_SCALE: Final = 1000
"""Logarithms of characters per token are kept in thousandths."""
_KEPT: Final = 100
"""Rows kept at either end; how many there are beyond the bound is counted exactly all the same."""
_NORMAL: Final = 1.4826
"""Makes the median absolute deviation estimate the standard deviation of a normal distribution."""


class _Odd(NamedTuple):
    """A row at one end: the thousandths, where it stands, and the numbers behind it."""

    ratio: int
    path: str
    line: int
    characters: int
    tokens: int


class Fertility(DatasetRule, frozen=True):
    """The text of a row has far more, or far fewer, characters per token than the other rows have.

    Few characters per token point to mojibake, encoded data or a script that the tokenizer hardly knows, and cost
    several times the price of ordinary text; many point to runs of one character. Measure: ``tokens.fertility``, the
    median of characters per token over rows of at least ``min_tokens`` tokens of content. A row is reported when the
    logarithm of its ratio lies more than ``max_z`` robust standard deviations (1.4826 times the median absolute
    deviation, at least 0.05) from the median, and there are at least ``min_rows`` rows.

    Bad:
        {"messages": [{"role": "user", "content": "Where does the sun rise in the morning?"}, {"role": "assistant", "content": "The sun rises in the east and sets in the west."}]}
        {"messages": [{"role": "user", "content": "Which animal lays eggs and can also fly?"}, {"role": "assistant", "content": "Most birds lay eggs and most of them can fly."}]}
        {"messages": [{"role": "user", "content": "How many legs do a spider and a beetle have?"}, {"role": "assistant", "content": "A spider has eight legs and a beetle has six."}]}
        {"messages": [{"role": "user", "content": "q7Zx/9kQ+vT2nB8=wY4jR6pL1mC3"}, {"role": "assistant", "content": "Xz9+Qk7/vB2nT8=jY4wL6pR1cM3sD5gH0"}]}
    Good:
        {"messages": [{"role": "user", "content": "Where does the sun rise in the morning?"}, {"role": "assistant", "content": "The sun rises in the east and sets in the west."}]}
        {"messages": [{"role": "user", "content": "Which animal lays eggs and can also fly?"}, {"role": "assistant", "content": "Most birds lay eggs and most of them can fly."}]}
        {"messages": [{"role": "user", "content": "How many legs do a spider and a beetle have?"}, {"role": "assistant", "content": "A spider has eight legs and a beetle has six."}]}
    Do: look at the rows: mend the encoding, or remove encoded data and filler from the text.
    """  # noqa: E501

    code: ClassVar[str] = "TOK305"
    name: ClassVar[str] = "tokenizer-outlier"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    needs: ClassVar[frozenset[Product]] = frozenset({"tokens"})
    example: ClassVar[dict[str, Json]] = {"rules": {"TOK305": {"min_rows": 3, "min_tokens": 10}}}

    max_z: float = 4.0
    min_tokens: int = 20
    min_rows: int = 50

    def start(self) -> Json:
        """A histogram of ratios, and the rows at its two ends."""
        return {"ratios": {}, "low": [], "high": []}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with the ratios of a batch added."""
        rows = list(self._rows(batch))
        add(state["ratios"], (row.ratio for row in rows))
        state["low"], state["high"] = _ends([*state["low"], *map(list, rows)], [*state["high"], *map(list, rows)])
        return state

    def _rows(self, batch: Batch) -> Iterator[_Odd]:
        for record, tokens in zip(batch.records(), batch.tokens or (), strict=False):
            if tokens.content >= max(1, self.min_tokens):
                characters = sum(map(len, string_contents(record.turns)))
                ratio = round(log(characters / tokens.content) * _SCALE)
                yield _Odd(ratio, batch.source.path, record.line, characters, tokens.content)

    def merge(self, first: Json, second: Json) -> Json:
        """Histograms added up, ends chosen again."""
        low, high = _ends(first["low"] + second["low"], first["high"] + second["high"])
        return {"ratios": merged(first["ratios"], second["ratios"]), "low": low, "high": high}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The median; one hit per kept row beyond the bound. Nothing where tokens are only estimated from bytes."""
        pairs = ascending(state["ratios"])
        n = sum(count for _, count in pairs)
        if n == 0 or run.tokens is None or not run.tokens.exact:
            return
        middle = quantile(pairs, 0.5)
        away: dict[str, int] = {}
        for value, count in pairs:
            distance = str(round(abs(value - middle)))
            away[distance] = away.get(distance, 0) + count
        spread = max(_NORMAL * quantile(ascending(away), 0.5), 0.05 * _SCALE)
        beyond = sum(count for value, count in pairs if abs(value - middle) > self.max_z * spread)
        usual = exp(middle / _SCALE)
        yield self.measure("tokens.fertility", round(usual, 3), n=n, unit="characters per token")
        if n < self.min_rows:
            return
        for row in sorted({_Odd(*row) for row in [*state["low"], *state["high"]]}):
            z = (row.ratio - middle) / spread
            if abs(z) > self.max_z:
                yield self._hit(row, z, usual, beyond, context)

    def _hit(self, row: _Odd, z: float, usual: float, beyond: int, context: Context) -> Hit:
        return self.hit(
            f"{row.characters / row.tokens:.2f} characters per token ({row.characters:,} characters, {row.tokens:,} "
            f"tokens), where the other rows have {usual:.2f}: {abs(z):.1f} robust standard deviations "
            f"{'below' if z < 0 else 'above'} (bound {self.max_z:g})",
            source=_source(row.path, context),
            line=row.line,
            evidence={"characters": row.characters, "tokens": row.tokens, "z": round(z, 2), "rows_beyond": beyond},
            key=f"{row.characters}:{row.tokens}",
        )


def _source(path: str, context: Context) -> Source:
    return next((source for source in context.sources if source.path == path), Source(path=path))


def _ends(low: list[list[Json]], high: list[list[Json]]) -> tuple[list[list[Json]], list[list[Json]]]:
    """The rows with the smallest and with the largest ratios; ties go to the earlier line, however the input is cut."""
    return sorted(low)[:_KEPT], sorted(high, key=lambda row: (-row[0], row[1], row[2]))[:_KEPT]
