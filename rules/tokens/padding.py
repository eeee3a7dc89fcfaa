"""TOK304: rows of such different lengths that much of a padded batch is padding. Judges no row by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Batch, Context, DatasetRule, Hit, Product, Run, Status
from audit.tokens.distribution import add, ascending, expected_maximum, merged, quantile, total
from audit.tokens.limits import example_limit


class Padding(DatasetRule, frozen=True):
    """The lengths of the rows are so skewed that most of each padded batch is padding.

    Time and memory go into padding, and the few long rows decide how large a batch fits. Measures:
    ``tokens.padding_share``, the expected share of padding when ``batch_size`` rows drawn at random are padded to the
    longest of them, and ``tokens.length_skew``, the 99th percentile of row lengths over the median. Rows longer than
    the limit count as cut. With ``min_rows`` rows or fewer nothing is said.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": [{"role": "user", "content": "Thanks a lot"}, {"role": "assistant", "content": "Welcome."}]}
        {"messages": [{"role": "user", "content": "Recite the months."}, {"role": "assistant", "content": "January, February, March, April, May, June, July, August, September, October, November, December; and then again January, February, March, April, May, June, July, August, September, October, November, December, without an end."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": [{"role": "user", "content": "Thanks a lot"}, {"role": "assistant", "content": "Welcome."}]}
    Do: pack short rows together or group rows of similar length in the trainer, and look at the longest rows.
    """  # noqa: E501

    code: ClassVar[str] = "TOK304"
    name: ClassVar[str] = "skewed-lengths"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    needs: ClassVar[frozenset[Product]] = frozenset({"tokens"})
    example: ClassVar[dict[str, Json]] = {"rules": {"TOK304": {"min_rows": 1, "max_padding": 0.4}}}

    batch_size: int = 8
    max_padding: float = 0.6
    max_skew: float = 20.0
    min_rows: int = 50

    def start(self) -> Json:
        """A histogram of row lengths."""
        return {}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with the lengths of a batch added."""
        limit = example_limit(run)
        most = limit.tokens if limit is not None else None
        add(state, (row.total if most is None else min(row.total, most) for row in batch.tokens or ()))
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """Histograms added up."""
        return merged(first, second)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Both measures; at most one hit."""
        pairs = ascending(state)
        n = sum(count for _, count in pairs)
        if n == 0 or total(pairs) == 0:
            return
        padding = 1 - total(pairs) / n / expected_maximum(pairs, self.batch_size)
        middle, high = quantile(pairs, 0.5), quantile(pairs, 0.99)
        skew = high / max(middle, 1)
        yield self.measure("tokens.padding_share", round(padding, 4), n=n)
        yield self.measure("tokens.length_skew", round(skew, 2), n=n)
        if n > self.min_rows and (padding > self.max_padding or skew > self.max_skew):
            yield self.hit(
                f"{padding:.0%} of a padded batch of {self.batch_size} random rows is padding (bound "
                f"{self.max_padding:.0%}): half of the rows have up to {middle:,.0f} tokens, one in a hundred more "
                f"than {high:,.0f}, {skew:.1f} times as many (bound {self.max_skew:g})",
                scope="dataset",
                evidence={"padding_share": round(padding, 4), "length_skew": round(skew, 2), "rows": n},
            )
