"""Regular expressions that are compiled when they are first used: a file in which no trigger matches needs none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any


class Pattern:
    """What ``re.compile`` gives, later; the methods are those of ``re.Pattern``. Compiling the large character classes
    of these rules takes 30 ms, which the check of a small file would otherwise wait for."""

    def __init__(self, source: str) -> None:
        self.source = source

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled pattern."""
        return re.compile(self.source)

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """The first match from ``start`` on."""
        return self.compiled.search(text, start)

    def match(self, text: str, start: int = 0) -> re.Match[str] | None:
        """The match that begins at ``start``."""
        return self.compiled.match(text, start)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match that is the whole text."""
        return self.compiled.fullmatch(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """All matches, in order."""
        return self.compiled.finditer(text)

    def findall(self, text: str) -> list[Any]:
        """The texts of all matches, or of their groups."""
        return self.compiled.findall(text)

    def sub(self, by: str | Callable[[re.Match[str]], str], text: str) -> str:
        """The text with every match replaced."""
        return self.compiled.sub(by, text)
