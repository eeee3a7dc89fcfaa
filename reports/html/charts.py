"""Where the shapes of the charts lie: hbar, stacked hbar, histogram, dot and interval, line. Draws nothing.

All lengths are pixels of a drawing ``WIDTH`` wide. The heat table, the sixth chart, is an HTML table. A value that is
not finite has no shape: the data table beside the chart names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final, TypeAlias

import msgspec

WIDTH: Final = 520
LABELS: Final = 150
"""Where the plot begins: labels stand to the left of it."""
PLOT: Final = 230
"""Width of the plot of a chart with labels; values stand to the right of it."""
ROW: Final = 28
AXIS: Final = 26
"""Height of the ticks below a plot."""
HEIGHT: Final = 180
"""Height of the plot of a histogram or a line."""
NAME: Final = 14
"""Between the names of two lines."""
MARGIN: Final = 52
"""Left and right of a histogram or a line."""

Span: TypeAlias = tuple[float | None, float | None]


class Tick(msgspec.Struct, frozen=True):
    """A mark on an axis."""

    at: float
    text: str


class Mark(msgspec.Struct, frozen=True):
    """A line across the plot: a limit, a reference. ``flip``: its text stands to the left of it."""

    at: float
    text: str
    flip: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of hbar or dot and interval; positions are None where there is nothing to draw."""

    y: float
    label: str
    text: str
    at: float | None = None
    start: float | None = None
    end: float | None = None
    inner_start: float | None = None
    inner_end: float | None = None
    tone: str = ""


class Segment(msgspec.Struct, frozen=True):
    """A part of a stacked bar; ``shade`` 0 to 5 is its colour, ``text`` stands in it where there is room."""

    x: float
    width: float
    shade: int
    text: str


class Stack(msgspec.Struct, frozen=True):
    """One stacked bar."""

    y: float
    label: str
    segments: tuple[Segment, ...]


class Bin(msgspec.Struct, frozen=True):
    """One bar of a histogram."""

    x: float
    y: float
    width: float
    height: float
    beyond: bool


class HBar(msgspec.Struct, frozen=True):
    """Horizontal bars from zero."""

    kind: ClassVar[str] = "hbar"
    height: float
    rows: tuple[Row, ...]
    marks: tuple[Mark, ...] = ()


class Stacked(msgspec.Struct, frozen=True):
    """Bars that are divided into parts of a whole, with the names of the parts."""

    kind: ClassVar[str] = "stacked"
    height: float
    stacks: tuple[Stack, ...]
    legend: tuple[str, ...]


class Histogram(msgspec.Struct, frozen=True):
    """Upright bars over a number line, with a limit line where there is a limit."""

    kind: ClassVar[str] = "histogram"
    height: float
    bins: tuple[Bin, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    top: str


class Intervals(msgspec.Struct, frozen=True):
    """Dots with their intervals over a number line, and the values that they are compared with."""

    kind: ClassVar[str] = "intervals"
    height: float
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]


class Line(msgspec.Struct, frozen=True):
    """One line or several over a number line; ``points`` are SVG's, ``ends`` where each line's name stands."""

    kind: ClassVar[str] = "line"
    height: float
    lines: tuple[str, ...]
    names: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    marks: tuple[Mark, ...]


Chart: TypeAlias = HBar | Stacked | Histogram | Intervals | Line


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What a row of a chart says: its label, its value with the words for it, its interval and a second, inner one."""

    label: str
    value: float | None
    text: str
    interval: Span | None = None
    inner: Span | None = None
    tone: str = ""


class Scale(msgspec.Struct, frozen=True):
    """Maps values from ``low`` to ``high`` to pixels from ``start``; what lies outside comes to rest at the edge."""

    low: float
    high: float
    start: float
    length: float

    def __call__(self, value: float | None) -> float | None:
        """The place of a value; None for one that is not finite."""
        if not finite(value):
            return None
        assert value is not None
        share = (min(max(float(value), self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * self.length, 1)

    def edge(self, value: float | None, *, low: bool) -> float | None:
        """The place of the end of an interval; an end that is not finite lies at the edge of the plot."""
        return self(value) if finite(value) else round(self.start + (0 if low else self.length), 1)


def finite(value: float | None) -> bool:
    """Whether a value can be drawn: a number of a size that a float can hold."""
    if value is None:
        return False
    try:
        return math.isfinite(value)
    except (OverflowError, TypeError):
        return False


def hbar(items: Sequence[Item], *, limit: tuple[float, str] | None = None) -> HBar:
    """Bars from zero to each value, the longest as wide as the plot; a whisker shows the interval."""
    ends = [end for item in items for end in (item.value, *(item.interval or ()))]
    highest = _largest([*ends, limit[0] if limit else None]) or 1.0
    scale = Scale(0.0, highest, LABELS, PLOT)
    marks = _marks([limit] if limit else [], scale)
    return HBar(_height(items, marks), tuple(_rows(items, scale, marks)), marks)


def intervals(
    items: Sequence[Item],
    *,
    low: float,
    high: float,
    words: Callable[[float], str],
    marks: Sequence[tuple[float, str]] = (),
) -> Intervals:
    """Dots with intervals between ``low`` and ``high``, with ticks in ``words``."""
    scale = Scale(low, high, LABELS, PLOT)
    placed = _marks(marks, scale)
    ticks = tuple(Tick(scale(value) or 0.0, words(value)) for value in steps(low, high, 3))
    return Intervals(_height(items, placed) + AXIS, tuple(_rows(items, scale, placed)), ticks, placed)


def stacked(bars: Sequence[tuple[str, Sequence[tuple[float, str]]]], legend: Sequence[str]) -> Stacked:
    """Bars as wide as the drawing, each divided by its parts (value, words); parts are named by the legend."""
    start, length = LABELS, WIDTH - LABELS
    stacks = []
    for index, (label, parts) in enumerate(bars):
        total = sum(value for value, _ in parts if finite(value)) or 1.0
        x, segments = float(start), []
        for shade, (value, text) in enumerate(parts):
            width = round(length * value / total, 1) if finite(value) else 0.0
            segments.append(Segment(round(x, 1), width, shade % 6, text if width > 9 * len(text) else ""))
            x += width
        stacks.append(Stack(ROW * index, label, tuple(segments)))
    return Stacked(ROW * len(bars), tuple(stacks), tuple(legend))


def histogram(
    bins: Sequence[tuple[float, float, int]], *, words: Callable[[float], str], limit: tuple[float, str] | None = None
) -> Histogram:
    """Bars of (low, high, count); those that begin at or beyond the limit are marked."""
    drawn = [(low, high, count) for low, high, count in bins if finite(low) and finite(high) and finite(count)]
    most = max((count for _, _, count in drawn), default=0) or 1
    ends = [edge for low, high, _ in drawn for edge in (low, high)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    if limit is not None and finite(limit[0]):
        high = max(high, limit[0])
    scale = Scale(low, high, MARGIN, WIDTH - 2 * MARGIN)
    bars = tuple(_bin(scale, one, most, limit) for one in drawn)
    ticks = tuple(Tick(scale(value) or 0.0, words(value)) for value in steps(low, high, 5))
    marks = _marks([limit] if limit else [], scale)
    return Histogram(HEIGHT + AXIS + 20 * bool(marks), bars, ticks, marks, words(most))


def line(
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    words: Callable[[float], str],
    levels: Callable[[float], str],
    limit: tuple[float, str] | None = None,
) -> Line:
    """Lines of (x, y) from zero upwards; ``words`` writes x, ``levels`` y."""
    points = [(x, y) for _, some in lines for x, y in some if finite(x) and finite(y)]
    low, high = min((x for x, _ in points), default=0.0), _largest(x for x, _ in points)
    if limit is not None and finite(limit[0]):
        high = max(high, limit[0])
    across = Scale(low, max(high, low), MARGIN, WIDTH - 2 * MARGIN)
    top = _largest(y for _, y in points) or 1.0
    up = Scale(0.0, top, 0.0, HEIGHT)
    drawn = [(name, [(x, y) for x, y in some if finite(x) and finite(y)]) for name, some in lines]
    marks = _marks([limit] if limit else [], across)
    return Line(
        HEIGHT + AXIS + 20 * bool(marks),
        tuple(" ".join(f"{across(x)},{HEIGHT - (up(y) or 0.0):g}" for x, y in some) for _, some in drawn),
        _apart([Tick(HEIGHT - (up(some[-1][1]) or 0.0), name) for name, some in drawn if some]),
        tuple(Tick(across(value) or 0.0, words(value)) for value in steps(low, high, 5)),
        tuple(Tick(HEIGHT - (up(value) or 0.0), levels(value)) for value in steps(0.0, top, 4)),
        marks,
    )


def _apart(names: Sequence[Tick]) -> tuple[Tick, ...]:
    """The names of lines from the lowest to the highest, each far enough above the one before to be read."""
    placed: list[Tick] = []
    for name in sorted(names, key=lambda one: -one.at):
        room = placed[-1].at - NAME if placed else math.inf
        placed.append(Tick(round(min(name.at, room), 1), name.text))
    return tuple(placed)


def steps(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round values between two ends: multiples of 1, 2 or 5 times a power of ten."""
    if not (finite(low) and finite(high)) or high <= low:
        return [low] if finite(low) else []
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * factor for factor in (1, 2, 5, 10) if power * factor >= rough), 10 * power)
    first = math.ceil(low / step)
    return [round(index * step, 12) for index in range(first, first + 2 * count + 2) if index * step <= high * 1.0001]


def _rows(items: Sequence[Item], scale: Scale, marks: Sequence[Mark]) -> Iterable[Row]:
    top = 20 if marks else 0
    for index, item in enumerate(items):
        start, end = _ends(item.interval, scale)
        inner_start, inner_end = _ends(item.inner, scale)
        yield Row(
            y=top + ROW * index + ROW // 2,
            label=item.label,
            text=item.text,
            at=scale(item.value),
            start=start,
            end=end,
            inner_start=inner_start,
            inner_end=inner_end,
            tone=item.tone,
        )


def _ends(interval: Span | None, scale: Scale) -> tuple[float | None, float | None]:
    if interval is None:
        return None, None
    return scale.edge(interval[0], low=True), scale.edge(interval[1], low=False)


def _marks(marks: Sequence[tuple[float, str]], scale: Scale) -> tuple[Mark, ...]:
    middle = scale.start + scale.length / 2
    placed = [(scale(value), text) for value, text in marks]
    return tuple(Mark(at, text, at > middle) for at, text in placed if at is not None)


def _height(items: Sequence[Item], marks: Sequence[Mark]) -> float:
    return ROW * len(items) + (20 if marks else 0)


def _bin(scale: Scale, one: tuple[float, float, int], most: int, limit: tuple[float, str] | None) -> Bin:
    low, high, count = one
    left, right = scale(low) or 0.0, scale(high) or 0.0
    height = round(HEIGHT * count / most, 1)
    beyond = limit is not None and finite(limit[0]) and low >= limit[0]
    return Bin(left, round(HEIGHT - height, 1), max(1.0, round(right - left - 1, 1)), height, beyond)


def _largest(values: Iterable[float | None]) -> float:
    return max((float(value) for value in values if value is not None and finite(value)), default=0.0)
