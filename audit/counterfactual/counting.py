"""Swaps of many texts, counted: how many there are, and why there is none of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from audit.counterfactual.result import SwapReport
from audit.counterfactual.swapping import swap


def swap_all(
    texts: Iterable[str],
    axis: str,
    source_group: str | None = None,
    target_group: str | None = None,
    *,
    language: str = "en",
) -> SwapReport:
    """How many texts can be swapped on an axis, and how many are skipped, by reason. Counts reconcile to ``texts``."""
    reasons: Counter[str] = Counter()
    edits = 0
    for text in texts:
        one = swap(text, axis, source_group, target_group, language=language)
        reasons[one.reason] += 1
        edits += len(one.edits)
    swapped = reasons.pop("", 0)
    return SwapReport(
        axis=axis,
        texts=swapped + reasons.total(),
        swapped=swapped,
        skipped=dict(sorted(reasons.items())),
        edits=edits,
    )
