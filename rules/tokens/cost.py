"""TOK303: how many tokens the data has, how many are paid for, and what that costs. Asks no provider for a price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import ClassVar, Final

from audit.model import Json, Measure, RowTokens, Severity
from audit.rule import Batch, Context, DatasetRule, Hit, Product, Run
from audit.tokens.cost import TRAINED_ROLES, Quote, quote
from audit.tokens.distribution import ascending, bins, less, merged, summary, total
from audit.tokens.limits import is_exact
from audit.tokens.prices import Price

_FIELDS: Final = ("content", "total", "trainable")


class Cost(DatasetRule, frozen=True):
    """Training on the data costs more than was allowed, or more than anybody can tell.

    Tokens times epochs is what a provider bills. Measures: ``tokens.content`` (string contents), ``tokens.total`` (with
    the overhead of the chat, and tools), ``tokens.trainable``, each the sum, with minimum, mean, p5, p50, p95, p99 and
    maximum per row as its table; ``tokens.billable`` (sum over training rows of the smaller of row and limit, per
    epoch), ``tokens.limit`` and ``tokens.over_limit`` (rows), ``tokens.epochs``, ``cost.per_epoch`` and ``cost.total``
    in US dollars, or ``cost.unquoted`` with the reason why there is no price. Prices come from a dated file; unknown
    models are not quoted. Rows of validation and test splits are counted and not billed.

    Bad:
        {"messages": [{"role": "user", "content": "Recite the months."}, {"role": "assistant", "content": "January, February, March, April, May, June, July, August, September, October, November, December."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: lower the number of epochs, drop duplicates and rows that teach nothing, or choose a smaller model.
    """  # noqa: E501

    code: ClassVar[str] = "TOK303"
    name: ClassVar[str] = "over-budget"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = frozenset({"tokens"})
    example: ClassVar[dict[str, Json]] = {
        "target": "openai-sft",
        "model": "gpt-4o-2024-08-06",
        "as_of": "2026-01-01",
        "epochs": 1.0,
        "max_cost": 0.0005,
    }

    def start(self) -> Json:
        """A histogram per count, and of the totals that are billed."""
        return {name: {} for name in (*_FIELDS, "billed")}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with the counts of a batch added."""
        rows = batch.tokens or ()
        for name in _FIELDS:
            _add(state[name], rows, name)
        if batch.source.role in TRAINED_ROLES:
            _add(state["billed"], rows, "total")
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """Histograms added up."""
        return {name: merged(first[name], second[name]) for name in first}

    def without(self, state: Json, part: Json) -> Json:
        """Histograms taken away."""
        return {name: less(state[name], part[name]) for name in state}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """All measures; a hit when the cost is over ``--max-cost``, or cannot be told although a maximum was given."""
        n = sum(state["total"].values())
        for name in _FIELDS:
            pairs = ascending(state[name])
            table: dict[str, Json] = {**summary(state[name]), "histogram": [list(bin) for bin in bins(state[name])]}
            yield self.measure(f"tokens.{name}", total(pairs), table=table, n=n, unit="tokens")
        quoted = quote(ascending(state["billed"]), run)
        rows = quoted.rows
        yield self.measure("tokens.billable", quoted.billable, n=rows, unit="tokens")
        if quoted.limit is not None:
            most = quoted.limit.tokens
            yield self.measure("tokens.limit", most, n=n, unit="tokens")
            over = sum(count for value, count in ascending(state["total"]) if value > most)
            yield self.measure("tokens.over_limit", over, n=n, unit="rows")
        yield self.measure("tokens.epochs", quoted.epochs, n=rows, unit="epochs", by_construction=run.epochs is None)
        yield from self._costs(quoted, run)

    def _costs(self, quoted: Quote, run: Run) -> Iterator[Hit | Measure]:
        price, rows = quoted.price, quoted.rows
        if price is None or quoted.per_epoch is None or quoted.cost is None:
            yield self.measure("cost.unquoted", quoted.reason, n=rows)
            if run.max_cost is not None:
                yield self.hit(
                    f"whether training stays under ${run.max_cost:,.2f} cannot be told: {quoted.reason}",
                    scope="dataset",
                    key="unquoted",
                )
            return
        yield self.measure("cost.per_epoch", round(quoted.per_epoch, 6), n=rows, unit=price.currency)
        yield self.measure("cost.total", round(quoted.cost, 6), n=rows, unit=price.currency)
        if run.max_cost is not None and quoted.cost > run.max_cost:
            yield self._over(quoted.cost, quoted.billable, quoted.epochs, price, run)

    def _over(self, cost: float, billable: int, epochs: float, price: Price, run: Run) -> Hit:
        about = "" if is_exact(run) else "about "
        return self.hit(
            f"training costs {about}{_dollars(cost)} ({billable:,} tokens, {epochs:g} epochs, "
            f"${price.per_million:g} per million for {price.model} as of {price.as_of}), "
            f"more than the {_dollars(run.max_cost or 0)} allowed",
            scope="dataset",
            key="cost",
            evidence={
                "cost": round(cost, 6),
                "max_cost": run.max_cost,
                "tokens": billable,
                "epochs": epochs,
                "price_as_of": str(price.as_of),
            },
        )


def _add(histogram: dict[str, int], rows: Iterable[RowTokens], name: str) -> None:
    for value, count in Counter(map(attrgetter(name), rows)).items():
        key = str(value)
        histogram[key] = histogram.get(key, 0) + count


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.4g}"
