"""Which reference texts have which runs of units, in a dictionary: for little text. Judges nothing.

``GramTable`` is the same for much text, with numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from audit.clusters.units import units

COMMON_SHARE: Final = 0.01
"""A run that stands in more than this share of the reference rows is the template of a benchmark ..."""
COMMON_ROWS: Final = 20
"""... if it stands in at least this many of them."""


class GramDictionary:
    """Implements ``audit.clusters.ngrams.Grams``.

    ``texts`` are (reference row, units of a run, text); ``prompts`` are the units, joined by spaces, of short ones.
    """

    def __init__(self, texts: Sequence[tuple[int, int, str]], prompts: Collection[bytes]) -> None:
        self._prompts = frozenset(prompts)
        self._lengths = sorted({prompt.count(b" ") + 1 for prompt in prompts})
        self._sizes = sorted({size for _, size, _ in texts})
        self._texts: dict[bytes, list[int]] = {}
        for number, (_, size, text) in enumerate(texts):
            for run in _distinct(units(text), [size]):
                self._texts.setdefault(run, []).append(number)
        rows = [row for row, _, _ in texts]
        least = least_common(len(set(rows)))
        self.common = frozenset(
            run for run, having in self._texts.items() if len({rows[number] for number in having}) >= least
        )
        for run in self.common:
            del self._texts[run]
        self._totals = Counter(number for having in self._texts.values() for number in having)

    def positions(self, texts: Sequence[str]) -> list[int]:
        """Texts that share a run with a reference text or begin with the units of a short prompt."""
        return [at for at, text in enumerate(texts) if self._is_like(units(text))]

    def _is_like(self, row: list[bytes]) -> bool:
        if any(b" ".join(row[:length]) in self._prompts for length in self._lengths):
            return True
        return not self._texts.keys().isdisjoint(_distinct(row, self._sizes))

    def shared(self, text: str) -> Mapping[int, float]:
        """Reference text -> the share of its runs that a text has."""
        found = Counter(number for run in _distinct(units(text), self._sizes) for number in self._texts.get(run, ()))
        return {number: count / self._totals[number] for number, count in found.items()}


def least_common(rows: int) -> int:
    """Of so many reference rows, how many must have a run for it to be common."""
    return max(COMMON_ROWS, int(rows * COMMON_SHARE) + 1)


def _distinct(row: list[bytes], sizes: Iterable[int]) -> set[bytes]:
    return {b" ".join(row[at : at + size]) for size in sizes for at in range(len(row) - size + 1)}
