"""Runs one function over many jobs; results come in the order of the jobs. Several processes: ``processes``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Protocol, TypeVar

J = TypeVar("J")
R = TypeVar("R")


class Executor(Protocol):
    """Runs a function over jobs, up to ``processes`` at a time."""

    @property
    def processes(self) -> int: ...

    def map(self, work: Callable[[J], R], jobs: Iterable[J]) -> Generator[R, None, None]:
        """The results in the order of the jobs. ``jobs`` is read as results are taken; closing stops everything."""
        ...


class Inline:
    """Runs every job in this process, when its result is asked for."""

    processes = 1

    def map(self, work: Callable[[J], R], jobs: Iterable[J]) -> Generator[R, None, None]:
        """The results in the order of the jobs."""
        for job in jobs:
            yield work(job)
