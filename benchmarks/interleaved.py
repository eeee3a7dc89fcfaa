"""Times two or more callables in turn, A B A B ..., and gives the ratio of their medians with its range."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Timing(NamedTuple):
    """CPU seconds of each repeat of one contender."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def interleave(contenders: Sequence[tuple[str, Callable[[], object]]], repeats: int = 5) -> list[Timing]:
    """CPU seconds (user and system, this process) of every contender, taken in turn ``repeats`` times."""
    taken: dict[str, list[float]] = {name: [] for name, _ in contenders}
    for _ in range(repeats):
        for name, run in contenders:
            gc.collect()
            start = time.process_time()
            run()
            taken[name].append(time.process_time() - start)
    return [Timing(name, tuple(taken[name])) for name, _ in contenders]


def ratio(ours: Timing, floor: Timing) -> str:
    """``median ratio (lowest-highest)`` over the pairs of one repeat each."""
    pairs = [a / b for a, b in zip(ours.seconds, floor.seconds, strict=True)]
    return f"{ours.median / floor.median:.2f} ({min(pairs):.2f}-{max(pairs):.2f})"
