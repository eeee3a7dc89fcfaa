"""Judges the written files of a split: whether any of them can learn from another. Changes none.

Their bytes are read anew. Beside the rules that anyone can run again over them (SPL501, SPL502, SPL503), every reason
for which rows were kept together is looked for, and the rows are compared with those that were to be there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.engine.drive import Means, driving
from audit.errors import AuditError
from audit.evidence import tool_version
from audit.model import Source
from audit.read.lines import SourceReader
from audit.remedy.split.gathering import CONTENT, Keys
from audit.remedy.split.report import Certificate, Checked
from audit.remedy.split.units import CONTENT_BYTES, NEAR, NUMBERED, Reasons, identities_of, straddling
from audit.rule import Rule, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class LeakError(AuditError):
    """A split that was about to be written would have let one of its files learn from another."""


class Inspection(NamedTuple):
    """What is run: rules, names of those that have nothing to judge, the keys of rows, what is kept together."""

    run: Run
    means: Means
    rules: Sequence[Rule]
    not_run: Sequence[str]
    keys: Keys
    reasons: Reasons
    numbers: bool


class Seen(NamedTuple):
    """A certificate; or, where rows of two files are near-duplicates, for every row of the files (those of the first
    split, then those of the next) the number of its near-duplicates, 0 for none."""

    certificate: Certificate | None
    near: NDArray[np.uint64] | None = None


def inspect(files: Mapping[str, Path], contents: Mapping[str, bytes], inspection: Inspection, rounds: int) -> Seen:
    """What the files of a split show. ``files`` are by split, ``contents`` the content ids that each is to hold, 16
    bytes a row. Raises LeakError where rows straddle for any other reason than a near-duplicate, or a file does not
    hold its rows."""
    import numpy as np

    sources = [Source(path=str(path), role=name, size=path.stat().st_size) for name, path in files.items()]
    readers = [SourceReader(source) for source in sources if source.size]
    rules = [inspection.keys, *inspection.rules]
    with driving(readers, rules, inspection.run, inspection.means) as (driven, finished):
        if driven.partial:
            raise KeyboardInterrupt
        keys = inspection.keys.columns_of(driven.outcome.measures)
        if keys[CONTENT].tobytes() != b"".join(contents.values()):
            raise LeakError("the written files do not hold the rows that they were to hold", hint=_BUG)
        identities = identities_of(finished, keys, inspection.reasons)
        splits = np.repeat(np.arange(len(contents)), [len(held) // CONTENT_BYTES for held in contents.values()])
        found = {name: straddling(column, splits) for name, column in identities.columns.items()}
        if not inspection.numbers:
            found.pop(NUMBERED, None)
        counts = Counter(finding.code for finding in driven.outcome.findings)
        leaks = {**{rule.code: counts[rule.code] for rule in inspection.rules}, **found}
        if leaks[NEAR]:
            return Seen(None, identities.columns[NEAR])
    if any(leaks.values()):
        said = ", ".join(f"{name} ({count:,})" for name, count in leaks.items() if count)
        raise LeakError(f"no split was written: rows that belong together lie in two files: {said}", hint=_BUG)
    checked = tuple(Checked(what=name, findings=count) for name, count in leaks.items())
    return Seen(
        Certificate(
            tool="finetune-audit",
            version=tool_version(),
            rows=finished.rows,
            rounds=rounds,
            checked=checked,
            not_run=tuple(inspection.not_run),
        )
    )


_BUG: Final = "this should never happen: please report it with the command line and, if you can, the data"
