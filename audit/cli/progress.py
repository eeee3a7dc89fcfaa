"""Lines on standard error that tell how far something has come, and the closing line on speed and memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from audit.api import Progress
from audit.process import peak_memory
from audit.reports.summary import plural
from audit.reports.visible import shortened

EVERY = 0.1
"""Seconds between two drawings: at most ten a second."""
_FIRST = 0.3
"""Seconds before the first: a small file shows none."""


class TerminalLine:
    """One line of a terminal that is drawn over again and again; ``clear`` takes it away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._visible = False

    def draw(self, text: str) -> None:
        """Show the text, cut to one line, in place of what was there."""
        room = self._room()
        self._visible = True
        self._stream.write("\r" + text[:room].ljust(room))
        self._stream.flush()

    def clear(self) -> None:
        """Leave an empty line."""
        if self._visible:
            self._stream.write("\r" + " " * self._room() + "\r")
            self._stream.flush()
            self._visible = False

    @staticmethod
    def _room() -> int:
        from shutil import get_terminal_size

        return max(1, get_terminal_size().columns - 1)


class Bar:
    """Draws ``Progress`` over one line of a terminal; ``clear`` takes it away again."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = TerminalLine(stream)
        self._clock = clock
        self._began = clock()
        self._drawn = self._began + _FIRST - EVERY
        self._source = ""
        self._source_began = self._began

    def __call__(self, progress: Progress) -> None:
        """Draw, unless it was done just now."""
        now = self._clock()
        if progress.source != self._source:
            self._source, self._source_began = progress.source, now
        if now - self._drawn < EVERY:
            return
        self._drawn = now
        self._line.draw(line(progress, now - self._began, now - self._source_began))

    def clear(self) -> None:
        """Leave an empty line."""
        self._line.clear()


def line(progress: Progress, seconds: float, source_seconds: float) -> str:
    """``train.jsonl  61 %  2.9/4.7 GB  614k rows  71k rows/s  ETA 0:05  errors 12  warnings 4,031``."""
    parts = [shortened(progress.source, 40)]
    if progress.total:
        share = min(1.0, progress.bytes / progress.total)
        parts += [f"{100 * share:3.0f} %", f"{amount(progress.bytes)} of {amount(progress.total)}"]
    else:
        share = 0.0
        parts.append(amount(progress.bytes))
    parts.append(f"{thousands(progress.rows)} rows")
    if seconds > 0:
        parts.append(f"{thousands(progress.rows / seconds)} rows/s")
    if 0 < share <= 1 and source_seconds > 0:
        parts.append(f"ETA {duration(source_seconds * (1 - share) / share)}")
    parts += [f"errors {progress.errors:,}", f"warnings {progress.warnings:,}"]
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """``0:05``, ``12:30``, ``3:02:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(count: float) -> str:
    """Bytes in a unit that fits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def thousands(count: float) -> str:
    """A count short enough to be read in passing."""
    if count < 10_000:
        return f"{count:,.0f}"
    return f"{count / 1000:,.0f}k" if count < 10_000_000 else f"{count / 1_000_000:,.1f}M"


def closing(rows: int, seconds: float) -> str:
    """``2,000 rows in 0.31 s (6,452 rows/s), peak memory 46.1 MB``; memory only where the system tells it."""
    text = f"{plural(rows, 'row')} in {seconds:.2f} s"
    if seconds > 0 and rows:
        text += f" ({rows / seconds:,.0f} rows/s)"
    peak, _ = peak_memory()
    return text if peak is None else f"{text}, peak memory {amount(peak)}"
