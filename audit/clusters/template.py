"""The template of a dataset: shingles that so many rows share that they say nothing about any two of them.

Finds them in a sample of rows. Taking them out of a row is the business of whoever makes its shingles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Final

from audit.clusters.hashing import shingle_hashes
from audit.clusters.settings import TEMPLATE_ROWS, TEMPLATE_SHARE, NearSettings

SAMPLE_ROWS: Final = 10_000
SAMPLE_CHARACTERS: Final = 1 << 25
"""Of more rows or more text than this, rows at even distances are looked at."""
FEW_CHARACTERS: Final = 256 * 1024
"""A sample of this much text is hashed in plain Python: sooner done than numpy is imported."""


def find_template(texts: Sequence[str], settings: NearSettings) -> tuple[int, ...]:
    """The sorted 64-bit hashes of the shingles that stand in more than a tenth of a sample of rows, and in at least 20.

    Rows that are too short to take part count as no rows. Empty where no shingle is that common.
    """
    sample = [text for text in _thinned(texts, len(texts) / SAMPLE_ROWS) if text]
    sample = _thinned(sample, sum(map(len, sample)) / SAMPLE_CHARACTERS)
    if len(sample) < TEMPLATE_ROWS:
        return ()
    if sum(map(len, sample)) <= FEW_CHARACTERS:
        rows = [hashes for text in sample if (hashes := shingle_hashes(text, settings.shingle, settings.min_units))]
        counts = Counter(shingle for hashes in rows for shingle in set(hashes))
        return _common(counts.items(), len(rows))
    from audit.clusters.shingles import count_rows

    total, common = count_rows(sample, settings, TEMPLATE_ROWS)
    return _common(common, total)


def _thinned(texts: Sequence[str], times_too_many: float) -> list[str]:
    return list(texts[:: max(1, ceil(times_too_many))])


def _common(counts: Iterable[tuple[int, int]], rows: int) -> tuple[int, ...]:
    least = max(TEMPLATE_ROWS, int(rows * TEMPLATE_SHARE) + 1)
    return tuple(sorted(shingle for shingle, having in counts if having >= least))
