"""Figures in words: counts, shares, ratios and intervals as they stand in the report. Computes none of them."""

from __future__ import annotations

from collections.abc import Callable

from audit.model import Json
from audit.reports.html.charts import Span, finite
from audit.reports.summary import number, percent

NONE = "–"
"""Stands where there is no figure."""

LARGEST = 10**15
"""Beyond it a number is written with a power of ten."""


def count(value: float | int | None) -> str:
    """A number with commas; a fraction with three significant digits."""
    if value is None:
        return NONE
    if not finite(value):
        return "beyond numbers" if isinstance(value, int) else str(value)
    if abs(value) >= LARGEST:
        return f"{float(value):.3g}"
    return number(value) if float(value).is_integer() else f"{value:,.3g}" if abs(value) < 1000 else number(value)


def share(value: float | None) -> str:
    """A share of 1 as a percentage."""
    if value is None or not finite(value):
        return NONE
    return percent(value) if abs(value) < 1e6 else f"{100 * float(value):.3g} %"


def ratio(value: float | None) -> str:
    """A ratio or another coefficient with three decimals."""
    return NONE if value is None or not finite(value) else f"{value:.3f}" if abs(value) < 1000 else count(value)


def tick(value: float) -> str:
    """A share as a percentage without needless digits."""
    return f"{100 * value:g} %" if abs(100 * value) < 1e6 else count(value)


def between(interval: Span | None, form: Callable[[float | None], str] = share) -> str:
    """``[28.75 %, 31.20 %]``; an end that is not known is said to be open."""
    if interval is None:
        return ""
    low, high = (form(end) if finite(end) else "open" for end in interval)
    return f"[{low}, {high}]"


def with_interval(value: float | None, interval: Span | None, form: Callable[[float | None], str] = share) -> str:
    """A figure and its interval."""
    return f"{form(value)} {between(interval, form)}".rstrip()


def p_value(value: float) -> str:
    """A p-value; very small ones are only said to be small."""
    return f"p {value:.3f}" if value >= 0.001 else "p < 0.001"


def whole(text: str, most: int) -> str:
    """The whole sentences that fit into so many characters; a first one that does not is left for the page to cut."""
    if len(text) <= most:
        return text
    end = max(text.rfind(f"{mark} ", 0, most) for mark in ".;")
    return text[: end + 1] if end > 0 else text


def scalar(value: Json) -> str:
    """Any JSON value that is not a table, in words."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return count(value)
    return value if isinstance(value, str) else "…"
