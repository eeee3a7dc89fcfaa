"""What rows say, by group: a bounded sample of rows that are all different, read again. Compares nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.read.dialogue import answer_text, prompt_text
from audit.read.fields import is_short
from audit.rule import Context
from audit.rules.demographics.groups import judged_rows
from audit.rules.duplicates.sampling import distinct_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_ROWS: Final = 20_000
"""Rows that are read again; the smallest of their identities, which are hashes, are a random sample."""

LEAST_SHORT: Final = 0.8
"""Of the answers, how many must be short to be taken for labels."""


class Said(NamedTuple):
    """What one row of the sample says. ``place`` is its index among the judged rows."""

    place: int
    row: int
    prompt: str
    answer: str


def are_labels(sample: Sequence[Said]) -> bool:
    """Whether the answers are labels rather than free text: nearly all of them are a few words on one line."""
    answers = [said.answer for said in sample if said.answer]
    return sum(map(is_short, answers)) >= LEAST_SHORT * len(answers)


def sampled(context: Context) -> list[Said]:
    """The judged rows of the sample, each conversation once, in the order of the file."""
    import numpy as np

    _, rows = judged_rows(context)
    chosen = np.asarray(distinct_rows(context.column("conversation"), MOST_ROWS), dtype=np.int64)
    places: NDArray[np.int64] = np.flatnonzero(np.isin(rows, chosen))
    ordinals = rows[places].tolist()
    rows_read = zip(places.tolist(), ordinals, context.records(ordinals), strict=True)
    return [Said(place, row, prompt_text(record), answer_text(record)) for place, row, record in rows_read]
