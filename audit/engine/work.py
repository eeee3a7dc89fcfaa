"""What one process does with a part of the input: folds it and hands over what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from audit.engine.fold import NONE, Fold, Storage, needs_of
from audit.engine.found import Found
from audit.engine.scan import TriggerScan
from audit.model import Source
from audit.read.lines import Chunk
from audit.read.shards import Shard, ShardReader
from audit.rule import Product, Rule, Run, TextRule

if TYPE_CHECKING:
    from audit.attributes.lookups import Lookups

LEAST_FLUSHED: Final = 256 << 10
"""Bytes of a job below which its texts are sketched by whoever merges it, together with others: a small file is
compared without sketches."""


class Job(msgspec.Struct, frozen=True):
    """A part of the input: a byte range of a file, or chunks that were read already."""

    source: Source
    shard: Shard | None = None
    chunks: tuple[Chunk, ...] = ()

    @property
    def bytes(self) -> int:
        """How much of the input it is."""
        if self.shard is not None:
            return self.shard.end - self.shard.start
        return sum(len(line) + 1 for chunk in self.chunks for line in chunk.lines)


class Work:
    """Folds jobs with the same rules. Can be sent to another process: the token counter is then made anew there."""

    def __init__(
        self,
        rules: Sequence[Rule],
        run: Run,
        storage: Storage,
        with_counter: Callable[[Run], Run] | None = None,
        wanted: frozenset[Product] = NONE,
    ) -> None:
        """``with_counter`` adds the token counter to a run that has lost it on its way; ``wanted`` is as in
        ``Fold``."""
        self.rules = tuple(rules)
        self.run = run
        self.storage = storage
        self.wanted = wanted
        self._with_counter = with_counter
        self._scan: TriggerScan | None = None
        self._lookups: Lookups | None = None
        self._prepared = False

    def prepare(self) -> None:
        """Let the rules compute, and read, what is the same for all jobs. Called before processes are forked, they
        inherit it."""
        if not self._prepared:
            if self.run.attributes and "attributes" in needs_of(self.rules, self.wanted):
                from audit.attributes.lookups import read_lookups

                self._lookups = read_lookups(self.run.attributes, self.run.lexicons)
            for rule in self.rules:
                rule.prepare(self.run)
            self._prepared = True

    def fold(self) -> Fold:
        """An empty fold."""
        if self._scan is None:
            self._scan = TriggerScan([rule for rule in self.rules if isinstance(rule, TextRule)], self.run)
        return Fold(
            self.rules,
            self.run,
            storage=self.storage,
            scan=self._scan,
            lookups=self._lookups,
            wanted=self.wanted,
        )

    def __call__(self, job: Job) -> Found:
        """What is found in a part of the input."""
        self.prepare()
        fold = self.fold()
        for chunk in job.chunks if job.shard is None else ShardReader(job.shard):
            fold.take(chunk)
        if fold.found.near is not None and job.bytes > LEAST_FLUSHED:
            fold.found.near.flush()
        return fold.found

    def __getstate__(self) -> dict[str, Any]:
        # Neither an encoding nor a compiled scan can be pickled.
        return {
            **self.__dict__,
            "run": msgspec.structs.replace(self.run, tokens=None),
            "_scan": None,
            "_lookups": None,
            "_prepared": False,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._with_counter is not None:
            self.run = self._with_counter(self.run)
