"""Labels as outcomes: which label each judged row has, and whether that is a favourable one. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from audit.labels.recognise import NO_LABEL, recognise
from audit.labels.spelling import spelling_key
from audit.rule import Context, Run
from audit.rules.demographics.groups import judged_rows, why_not
from audit.rules.labels.reporting import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Outcomes(msgspec.Struct, frozen=True, eq=False):
    """``names`` are the labels, the most frequent first; ``codes`` the index of every judged row's label, -1 for none.

    ``reason`` says why there are none.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]
    reason: str = ""

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which judged rows have a label."""
        marks: NDArray[np.bool_] = self.codes != NO_LABEL
        return marks

    def among(self, labels: Sequence[str]) -> NDArray[np.bool_]:
        """Which judged rows have one of some labels, spelling aside."""
        import numpy as np

        wanted = {spelling_key(label) for label in labels}
        chosen = [index for index, name in enumerate(self.names) if spelling_key(name) in wanted]
        marks: NDArray[np.bool_] = np.isin(self.codes, chosen)
        return marks


def outcomes(context: Context, run: Run) -> Outcomes:
    """The labels of the judged rows."""
    import numpy as np

    labels = recognise(context, run)
    _, rows = judged_rows(context)
    if not labels:
        return Outcomes((), np.full(len(rows), NO_LABEL, dtype=np.int64), labels.reason)
    codes = np.asarray(labels.codes, dtype=np.int64)[rows]
    return Outcomes(tuple(plain(one.text) for one in labels.labels), codes)


def why_no_rate(run: Run) -> str | None:
    """Why no rate of a favourable label can be looked at; None when it can."""
    if reason := why_not(run):
        return reason
    return None if run.fields.favourable else "no favourable label is configured: favourable = ... under [data]"
