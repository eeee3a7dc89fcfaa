"""Waits for what takes a provider hours: looks often at first, then seldom, and outlasts that it cannot be asked.

Knows neither job nor batch; what is looked at is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from audit.train.protocol.failures import ProviderError

SOONEST: Final = 1.0
"""Seconds before the second look: a server on this machine has often done by then."""
LONGEST_WAIT: Final = 300.0
"""Seconds between two attempts at a provider that cannot be asked."""
LONGEST_OUTAGE: Final = 86_400.0
"""Seconds of waiting after which one that cannot be asked is given up: a day, the time that a batch may take."""

T = TypeVar("T")


class Waiting:
    """The looks at one thing, or at several in turn. ``every`` is how many seconds lie between them in the end;
    ``lost`` is told once for each outage why the provider cannot be asked."""

    def __init__(self, every: float, sleep: Callable[[float], None], lost: Callable[[ProviderError], None]) -> None:
        self._every = every
        self._sleep = sleep
        self._lost = lost
        self._next = min(SOONEST, every)
        self._outage: float | None = None

    def look(self, look: Callable[[], T]) -> T | None:
        """What a look finds; None where the provider cannot be asked now. Raises ProviderError for what does not pass,
        and for an outage of ``LONGEST_OUTAGE``."""
        try:
            found = look()
        except ProviderError as error:
            if not error.passes or (self._outage or 0.0) >= LONGEST_OUTAGE:
                raise
            if self._outage is None:
                self._outage = 0.0
                self._lost(error)
            return None
        if self._outage is not None:
            self._outage, self._next = None, min(SOONEST, self._every)
        return found

    def wait(self) -> None:
        """Let time pass before the next look, twice as long each time."""
        self._sleep(self._next)
        if self._outage is not None:
            self._outage += self._next
        longest = self._every if self._outage is None else max(self._every, LONGEST_WAIT)
        self._next = min(2 * self._next, longest)
