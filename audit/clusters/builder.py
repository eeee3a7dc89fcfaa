"""Near duplicates of a dataset that is read in pieces: texts go in, in order, and clusters come out.

numpy is imported only once there is enough text for it. Reading rows, and choosing what of a row is compared, is the
engine's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from audit.clusters.exact import compare_all
from audit.clusters.result import NearClusters
from audit.clusters.settings import NearSettings
from audit.clusters.texts import BLOCK, BLOCK_ROWS, Reread

if TYPE_CHECKING:
    from audit.clusters.columns import Part
    from audit.clusters.sketch import Sketch, Sketcher

FEW_ROWS: Final = 100
FEW_CHARACTERS: Final = 256 * 1024
"""Of up to so many rows with so much text in all, every pair is compared."""
_PART_ROWS: Final = 1 << 16
"""Sketches that are joined and go to disk together, 7 MB."""


class NearBuilder:
    """Collects texts, one per row, and finds the near duplicates among them.

    The result is the same however rows are divided into ``add`` calls and merged builders. ``template`` is what
    ``find_template`` gave. ``folder`` is where sketches may be spilled; None keeps them in memory, 108 bytes a row.
    Builders can be pickled; after ``flush`` they hold no texts.
    """

    def __init__(self, settings: NearSettings, template: Sequence[int] = (), folder: str | None = None) -> None:
        self.settings = settings
        self.template = tuple(template)
        self.folder = folder
        self._texts: list[str] = []  # of the last rows, not sketched yet
        self._waiting = 0  # characters in them
        self._sketched = 0  # rows
        self._characters = 0  # in the sketched rows
        self._fresh: list[tuple[Sketch, int]] = []  # not yet joined and spilled, with the number of the first row
        self._parts: list[Part] = []
        self._sketcher: Sketcher | None = None

    @property
    def rows(self) -> int:
        """Rows added so far; the next one gets this number."""
        return self._sketched + len(self._texts)

    def add(self, texts: Sequence[str]) -> None:
        """The next rows, in order. A row that is to take no part is an empty text: it has a number, too."""
        for text in texts:
            self._texts.append(text)
            self._waiting += len(text)
            if self._waiting >= BLOCK or len(self._texts) >= BLOCK_ROWS:
                self._sketch()

    def merge(self, later: NearBuilder) -> NearBuilder:
        """This builder with the rows of ``later`` behind its own; ``later`` is used up."""
        if not later._sketched:
            self.add(later._texts)
            return self
        self.flush()
        later.flush()
        self._parts += [part._replace(first=part.first + self._sketched) for part in later._parts]
        self._sketched += later._sketched
        self._characters += later._characters
        return self

    def flush(self) -> None:
        """Sketch what is waiting and spill it, if there is a folder: call it before a builder is sent or stored."""
        if self._texts:
            self._sketch()
        self._settle()

    def finish(self, reread: Reread) -> NearClusters:
        """The near duplicates among all rows. ``reread`` is asked for candidates only."""
        if self.rows <= FEW_ROWS and self._characters + self._waiting <= FEW_CHARACTERS:
            texts = reread(range(self._sketched)) if self._sketched else iter(())
            return compare_all([*texts, *self._texts], self.settings, self.template)
        self.flush()
        from audit.clusters.search import search

        return search(self._parts, self.settings, self.template, self.folder, reread)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_sketcher": None}

    def _sketch(self) -> None:
        from audit.clusters.sketch import Sketcher

        if self._sketcher is None:
            self._sketcher = Sketcher(self.settings, self.template)
        sketch = self._sketcher.sketch(self._texts)
        if sketch.rows.size:
            self._fresh.append((sketch, self._sketched))
        self._sketched += len(self._texts)
        self._characters += self._waiting
        self._texts, self._waiting = [], 0
        if sum(sketch.rows.size for sketch, _ in self._fresh) >= _PART_ROWS:
            self._settle()

    def _settle(self) -> None:
        if self._fresh:
            from audit.clusters.columns import settled

            self._parts.append(settled(self._fresh, self.folder))
            self._fresh = []
