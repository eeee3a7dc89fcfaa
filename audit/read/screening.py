"""Tells in one pass which of many patterns are somewhere in a text. Says not where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final

import re2

_CANARY: Final = "\x02screen\x03"
_MAX_MEMORY: Final = 128 << 20


class Screen:
    """RE2 patterns by name, several for one where needed; all are looked for at once."""

    def __init__(self, patterns: Mapping[str, Iterable[str]]) -> None:
        self.names: Final = frozenset(patterns)
        self._owners: list[str] = []
        options = re2.Options()
        options.max_mem = _MAX_MEMORY
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._set.Add(re2.escape(_CANARY))
        for name, ones in patterns.items():
            for pattern in ones:
                self._set.Add(pattern)
                self._owners.append(name)
        self._set.Compile()

    def names_in(self, text: str) -> Set[str]:
        """The names of which a pattern matches. All of them where the automaton ran out of memory, since it then
        reports nothing, not even the canary."""
        hits = self._set.Match(text.encode("utf-8", "replace") + _CANARY.encode())
        if not hits or 0 not in hits:
            return self.names
        return {self._owners[hit - 1] for hit in hits if hit}
