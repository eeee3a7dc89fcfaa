"""Ctrl-C and SIGTERM while a model is trained: the first is taken down, so that the step ends and is saved."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Literal, TypeAlias

Signal: TypeAlias = Literal["", "SIGINT", "SIGTERM"]
"""The signal that ended a run, "" where none did."""


class Stopping:
    """Whether somebody asked the run to stop. Called, it says how ("SIGINT", "SIGTERM"), "" while nobody has."""

    def __init__(self) -> None:
        self.signal: Signal = ""

    def __call__(self) -> str:
        return self.signal

    def take_down(self, number: int, frame: FrameType | None) -> None:
        """The handler of both signals. A second Ctrl-C ends at once, with what was saved before."""
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or ("SIGINT" if number == signal.SIGINT else "SIGTERM")


@contextlib.contextmanager
def stopping() -> Iterator[Stopping]:
    """Both signals are taken down while it is entered, and handled as before afterwards. In other threads than the main
    one, where Python lets nobody handle signals, nothing is changed."""
    asked = Stopping()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before: dict[int, Any] = {}
    try:
        for handled in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(handled) is signal.SIG_IGN:  # as nohup and the shell's & ask for
                continue
            before[handled] = signal.signal(handled, asked.take_down)
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
