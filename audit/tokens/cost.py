"""What training on some rows costs: the tokens that are billed, the epochs, the price. Counts no tokens itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from audit.rule import Run
from audit.tokens.limits import Limit, example_limit
from audit.tokens.prices import Price, auto_epochs, prices_as_of, training_price

TRAINED_ROLES: Final = ("data", "train")
"""Roles of sources that are trained on, and so billed."""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` with ``billable`` tokens an epoch (of a row no more than the ``limit``), for ``epochs`` epochs.

    ``price`` is None where nobody can tell it; ``reason`` then says why.
    """

    rows: int
    billable: int
    epochs: float
    limit: Limit | None
    price: Price | None
    reason: str = ""

    @property
    def per_epoch(self) -> float | None:
        """In the currency of the price."""
        return None if self.price is None else self.billable * self.price.per_million / 1e6

    @property
    def cost(self) -> float | None:
        """Of all epochs, in the currency of the price."""
        return None if self.per_epoch is None else self.per_epoch * self.epochs


def quote(billed: Sequence[tuple[int, int]], run: Run) -> Quote:
    """What training on rows costs, given (tokens of a row, how many such rows), as the run's target bills it.

    Without ``--epochs`` the number is the one that the provider would choose (``audit.tokens.prices.auto_epochs``).
    """
    rows = sum(count for _, count in billed)
    limit = example_limit(run)
    most = limit.tokens if limit is not None else None
    price, reason = price_of(run)
    return Quote(
        rows=rows,
        billable=sum((value if most is None else min(value, most)) * count for value, count in billed),
        epochs=run.epochs if run.epochs is not None else float(auto_epochs(rows)),
        limit=limit,
        price=price,
        reason=reason,
    )


def price_of(run: Run) -> tuple[Price | None, str]:
    """The price for the run's model at its target's provider, or None and the reason."""
    if run.model is None:
        return None, "no model is named"
    target = run.target.name
    if target == "openai-rft":
        return None, "reinforcement fine-tuning is billed by the hour"
    provider = "openai" if target.startswith("openai") or target == "generic" else target
    price = training_price(run.model, provider)
    if price is None:
        return None, f"no price of {run.model} for {target} is in the table of {prices_as_of()}"
    return price, ""
