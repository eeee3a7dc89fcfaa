"""Which rows of an evaluation set a row of data holds, and what to say of it. Judges no dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from audit.clusters.ngrams import SHORT, Bounds, NgramIndex, Overlap
from audit.clusters.shared_runs import FINE, runs
from audit.clusters.units import units
from audit.model import Json, Record
from audit.read.dialogue import answer_text, conversation_text, prompt_text
from audit.rule import ReferenceRow

LEAKED: Final = 0.75
"""Share of the units of a longer answer that must be found for it to count as leaked."""
_SHOWN: Final = 200


class Match(msgspec.Struct, frozen=True):
    """A row of the evaluation set that a row of data holds; not ``certain`` where only a short prompt is the same."""

    row: int
    reference: ReferenceRow
    message: str
    evidence: dict[str, Json]
    certain: bool


def matches(record: Record, index: NgramIndex, bounds: Bounds, min_units: int) -> Iterator[Match]:
    """The rows of the evaluation set that a row holds, the nearest first.

    ``min_units`` is the least length of a short prompt that counts without its answer.
    """
    row = index.same_short_prompt(prompt_text(record))
    if row is not None:
        yield from _same_prompt(row, index.reference.rows[row], record, min_units)
    for overlap in index.overlaps(conversation_text(record), bounds):
        yield Match(overlap.row, overlap.reference, _said(overlap, bounds), _evidence(overlap, record), certain=True)


def _said(overlap: Overlap, bounds: Bounds) -> str:
    what = "the prompt and the answer" if overlap.whole else "the prompt"
    place = f"{what} of {overlap.reference.file}:{overlap.reference.line}"
    if overlap.ratio >= bounds.ratio:
        return (
            f"this row has {overlap.ratio:.0%} of the runs of {overlap.size} words of {place}; "
            f"asked for less than {bounds.ratio:.0%}"
        )
    return (
        f"this row is like an edited copy of {place}: it has {overlap.covered:.0%} of the words in runs of three; "
        f"asked for less than {bounds.covered:.0%}"
    )


def _evidence(overlap: Overlap, record: Record) -> dict[str, Json]:
    return {
        "file": overlap.reference.file,
        "line": overlap.reference.line,
        "ratio": round(overlap.ratio, 4),
        "covered": round(overlap.covered, 4),
        "longest_run": overlap.run,
        "shared": overlap.shared[:_SHOWN],
        "answer_leaked": answer_leaked(overlap.reference.answer, answer_text(record)),
    }


def _same_prompt(row: int, reference: ReferenceRow, record: Record, min_units: int) -> Iterator[Match]:
    count = len(units(reference.prompt))
    leaked = answer_leaked(reference.answer, answer_text(record))
    if not leaked and count < min_units:
        return
    same = " with the same answer" if leaked else ""
    evidence: dict[str, Json] = {
        "file": reference.file,
        "line": reference.line,
        "ratio": 1.0,
        "covered": 1.0,
        "longest_run": count,
        "shared": reference.prompt[:_SHOWN],
        "answer_leaked": leaked,
    }
    said = f"the prompt of this row is that of {reference.file}:{reference.line}{same}; asked for none"
    yield Match(row, reference, said, evidence, certain=bool(leaked))


def answer_leaked(answer: str, said: str) -> bool | None:
    """Whether an answer stands in what was said; None where there is no answer.

    An answer of fewer than 8 units must stand there as a whole, one of a single character alone; of a longer one
    ``LEAKED`` of the units must lie in runs of three that stand there.
    """
    wanted, given = units(answer), units(said)
    if not wanted:
        return None
    if len(wanted) < SHORT:
        whole = b" ".join(wanted)
        return wanted == given or (len(whole) > 1 and b" %b " % whole in b" %b " % b" ".join(given))
    known = set(runs(given, FINE))
    inside = {at + step for at, run in enumerate(runs(wanted, FINE)) if run in known for step in range(FINE)}
    return len(inside) >= LEAKED * len(wanted)
