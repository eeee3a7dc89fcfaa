"""Joins the results of a batch, which come in any order, with what was asked. Loses nothing and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from audit.train.endpoints import Failed
from audit.train.prediction.batch_lines import Outcome
from audit.train.prediction.remote import USUAL, Key, Limit, wants_newer_limit


class Found(NamedTuple):
    """What came of one request: a completion as ``openai`` reads it, or why there is none."""

    key: Key
    answer: object | Failed


class Joined:
    """The results of one batch, by what was asked under which name. ``limit`` is what the requests call the longest
    reply.

    Of several results of one request the first stands, but a completion stands before an error. ``strangers`` counts
    those of nothing that was asked, ``repeated`` those that were there already and ``garbled`` lines that cannot be
    read.
    """

    def __init__(self, names: Mapping[str, Key], limit: Limit) -> None:
        self._names = names
        self._limit = limit
        self._stands: dict[Key, bool] = {}
        self._again: dict[Key, None] = {}
        self.strangers = self.repeated = self.garbled = 0

    def take(self, outcome: Outcome) -> Found | None:
        """What a line of the results adds; None where it adds nothing."""
        if outcome.name is None:
            self.garbled += 1
            return None
        key = self._names.get(outcome.name)
        if key is None:
            self.strangers += 1
            return None
        good = not isinstance(outcome.found, Failed)
        if (before := self._stands.get(key)) is not None:
            self.repeated += 1
            if before or not good:
                return None
        self._stands[key] = good
        if self._limit == USUAL and wants_newer_limit(outcome.found):
            self._again[key] = None
            return None
        self._again.pop(key, None)
        return Found(key, outcome.found)

    @property
    def again(self) -> list[Key]:
        """The requests that the model wants with the newer name of the limit."""
        return sorted(self._again)

    def missing(self) -> Iterator[Key]:
        """The requests of which nothing came."""
        return (key for key in self._names.values() if key not in self._stands)
