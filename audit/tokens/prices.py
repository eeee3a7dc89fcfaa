"""Training prices from a dated file, and the number of epochs a provider would choose. Quotes only what it holds."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import lru_cache
from importlib.resources import files

import msgspec

from audit.model import Json
from audit.tokens.models import resolve_model


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars per million training tokens of a base model, the day of the table, and where the number comes from."""

    model: str
    per_million: float
    currency: str
    as_of: date
    sources: tuple[str, ...]


@lru_cache(maxsize=1)
def _table() -> dict[str, Json]:
    return tomllib.loads(files("audit.tokens").joinpath("data/prices.toml").read_text("utf-8"))


def training_price(model: str, provider: str = "openai") -> Price | None:
    """The price of training on ``model`` at ``provider``, or None where the table does not hold it.

    A dated name (``gpt-4o-2024-08-06``) has its family's price; a family not listed (``gpt-4o-audio``) has none.
    """
    info, table = resolve_model(model), _table()
    prices: dict[str, float] = table.get(provider, {})
    family = next((name for name in sorted(prices, key=len, reverse=True) if _is_dated(info.base, name)), None)
    if family is None or info.provider != provider:
        return None
    return Price(
        model=family,
        per_million=prices[family],
        currency=table["currency"],
        as_of=table["as_of"],
        sources=tuple(table["sources"]),
    )


def prices_as_of() -> date:
    """The day of the price table."""
    day: date = _table()["as_of"]
    return day


def _is_dated(base: str, family: str) -> bool:
    rest = base.removeprefix(family)
    return base.startswith(family) and all(part.isdigit() for part in rest.split("-") if part) and rest[:1] in ("", "-")


def auto_epochs(examples: int) -> int:
    """Epochs that OpenAI chooses for a number of examples: three, more for small files, fewer for large ones.

    Source: OpenAI cookbook, "Data preparation and analysis for chat model fine-tuning" (3 epochs, 100 to 25,000
    examples seen in total, at most 25 epochs). Observed on the service: 10 examples gave 10 epochs.
    """
    if examples <= 0:
        return 0
    target, least, most, most_epochs = 3, 100, 25_000, 25
    if target * examples < least:
        return min(most_epochs, least // examples)
    if target * examples > most:
        return max(1, most // examples)
    return target
