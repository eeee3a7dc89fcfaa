"""What is seen of training while it goes: a line on a terminal, a line for each evaluation elsewhere.

Everything here reads a clock and is for looking at; nothing of it is part of the record.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from audit.cli.progress import EVERY, TerminalLine, duration, thousands
from audit.cli.terminal import is_terminal
from audit.reports.visible import shortened

if TYPE_CHECKING:
    from audit.train.core.state import Evaluation, Progress, StepLog, Worst

_LONGEST_NAME: Final = 24


class LiveLine:
    """One line of a terminal with the latest step and the latest evaluation (loss, accuracy and the worst group of the
    validation rows); ``clear`` takes it away again.

    ``total`` is the number of steps of the whole run, None where it is not known. The rate and the time left are those
    since the first step that was seen, so that a resumed run tells its own.
    """

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic, *, total: int | None = None, name: str = ""
    ) -> None:
        self.total = total
        self.name = name
        self._line = TerminalLine(stream)
        self._clock = clock
        self._began = self._drawn = clock()
        self._first = self._last = 0
        self._tokens = 0
        self._evaluated = ""

    def stepped(self, log: StepLog) -> None:
        """Draw, unless it was done just now. The last step is always drawn."""
        now = self._clock()
        if log.step <= self._last or not self._first:  # the first step of a run
            self._first, self._tokens, self._began = log.step, 0, now
        self._last = log.step
        self._tokens += log.tokens
        if now - self._drawn < EVERY and log.step != self.total:
            return
        self._drawn = now
        self._line.draw(self._text(log, now - self._began))

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        """Keep the figures for the next drawings."""
        parts = [f"val {evaluation.loss:.4f}", f"{100 * evaluation.accuracy:.1f} %"]
        parts += [_worst(evaluation.worst)] if evaluation.worst else []
        self._evaluated = "  ".join(parts)

    def clear(self) -> None:
        """Leave an empty line."""
        self._line.clear()

    def _text(self, log: StepLog, seconds: float) -> str:
        of = f"/{self.total:,}" if self.total else ""
        parts = [self.name] if self.name else []
        parts += [f"step {log.step:,}{of}", f"epoch {log.epoch + 1}"]
        parts += [f"loss {'-' if log.loss is None else f'{log.loss:.4f}'}", f"lr {log.lr:.1e}"]
        steps = log.step - self._first
        if seconds > 0:
            parts.append(f"{thousands(self._tokens / seconds)} tokens/s")
        if self.total and steps > 0:
            parts.append(f"ETA {duration(seconds / steps * max(0, self.total - log.step))}")
        return "  ".join([*parts, self._evaluated] if self._evaluated else parts)


class EvaluationLines:
    """A plain line for every evaluation, for a stream that nobody looks at while it is written."""

    def __init__(self, stream: TextIO, *, total: int | None = None, name: str = "") -> None:
        self.total = total
        self.name = name
        self._stream = stream

    def stepped(self, log: StepLog) -> None:
        """Steps are not shown."""

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        """Write the line."""
        of = f"/{self.total:,}" if self.total else ""
        best = "  best so far" if progress.best_step == evaluation.step else ""
        name = f"{self.name}  " if self.name else ""
        self._stream.write(f"{name}step {evaluation.step:,}{of}  {measures(evaluation)}{best}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Lines stay."""


def live_for(stream: TextIO, *, quiet: bool = False, progress: bool = True) -> LiveLine | EvaluationLines | None:
    """What shows training on ``stream``: a live line on a terminal (unless ``progress`` is not wanted), lines for the
    evaluations elsewhere, None for ``quiet``."""
    if quiet:
        return None
    return LiveLine(stream) if progress and is_terminal(stream) else EvaluationLines(stream)


def measures(evaluation: Evaluation) -> str:
    """``val loss 1.2345  accuracy 61.2 %  f1 0.581  worst sex=F 1.4012``: what was measured on the validation rows."""
    parts = [f"val loss {evaluation.loss:.4f}", f"accuracy {100 * evaluation.accuracy:.1f} %"]
    if evaluation.f1 is not None:
        parts.append(f"f1 {evaluation.f1:.3f}")
    if evaluation.worst:
        parts.append(f"worst {_worst(evaluation.worst)}")
    return "  ".join(parts)


def _worst(worst: Worst) -> str:
    """``sex=F 1.4012``; names from the data cannot steer a terminal."""
    attribute, group = (shortened(name, _LONGEST_NAME) for name in (worst.attribute, worst.group))
    return f"{attribute}={group} {worst.loss:.4f}"
