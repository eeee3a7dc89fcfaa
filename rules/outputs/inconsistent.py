"""OUT213: rows of predictions that contradict each other, or themselves. Judges no answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from audit.model import Json, Measure, Severity
from audit.outputs.table import Outputs
from audit.policy.words import plural
from audit.rule import Context, DatasetRule, Hit, Product, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]


class Inconsistent(DatasetRule, frozen=True):
    """Rows of predictions contradict each other: one output stands there twice, or one question has two true answers.

    Figures of two arms are compared question by question. Where the same question has another true answer or another
    group in another arm, the arms were not asked the same; where an arm answered a question twice with one seed and
    sample, it counts twice. Label scores below 0, above 1, or of more than 1 together are no probabilities: they are
    left out of everything that needs these. Measure: ``outputs.inconsistent``.

    Bad:
        {"row_id": "a1", "arm": "raw", "messages": [{"role": "user", "content": "Case 1"}], "output": "grant", "truth": "grant"}
        {"row_id": "a1", "arm": "raw", "messages": [{"role": "user", "content": "Case 1"}], "output": "grant", "truth": "grant"}
        {"row_id": "a2", "arm": "raw", "messages": [{"role": "user", "content": "Case 2"}], "output": "deny", "truth": "deny"}
        {"row_id": "a3", "arm": "raw", "messages": [{"role": "user", "content": "Case 3"}], "output": "deny", "truth": "deny"}
    Good:
        {"row_id": "a1", "arm": "raw", "messages": [{"role": "user", "content": "Case 1"}], "output": "grant", "truth": "grant"}
        {"row_id": "a2", "arm": "raw", "messages": [{"role": "user", "content": "Case 2"}], "output": "deny", "truth": "deny"}
        {"row_id": "a3", "arm": "raw", "messages": [{"role": "user", "content": "Case 3"}], "output": "deny", "truth": "deny"}
    Do: ask all arms about one file (`audit evaluate`), and name every file of predictions once.
    """  # noqa: E501

    code: ClassVar[str] = "OUT213"
    name: ClassVar[str] = "inconsistent-outputs"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = frozenset({"outputs"})
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """How many outputs or questions contradict others, by kind, and a hit for every kind."""
        outputs = context.outputs()
        outputs = outputs.where(outputs.rows >= 0)
        if not len(outputs):
            return
        found = dict(_contradictions(outputs))
        total = sum(len(rows) for rows, _ in found.values())
        table: dict[str, Json] = {kind: len(rows) for kind, (rows, _) in found.items()}
        yield self.measure("outputs.inconsistent", total, table=table, n=len(outputs))
        for kind, (rows, message) in found.items():
            if len(rows):
                places = tuple(context.place(int(row)) for row in rows[:3])
                evidence: dict[str, Json] = {"kind": kind, "n": len(rows)}
                yield self.hit(message, scope="dataset", key=kind, evidence=evidence, related=places)


def _contradictions(outputs: Outputs) -> Iterator[tuple[str, tuple[Codes, str]]]:
    """Kind -> the rows of the run that show it, and what to say."""
    twice = _repeated(outputs)
    again = f"{plural(len(twice), 'output')} to a question that the same arm, seed and sample has answered already"
    yield "repeated", (twice, f"{again}: each counts")
    own = outputs.where(outputs.variant == 0)
    answers = _differing(own.item, own.truth)
    said = f"{plural(len(answers), 'question')} with another true answer in another output"
    yield "truth", (own.rows[answers], f"{said}: what is compared was not asked of the same rows")
    for name, groups in own.groups.items():
        places = _differing(own.item, groups.codes)
        moved = f"{plural(len(places), 'question')} of another group of {name} in another output"
        yield f"group of {name}", (own.rows[places], f"{moved}: what is compared was not asked of the same rows")
    odd = outputs.rows[outputs.impossible]
    scores = f"{plural(len(odd), 'output')} with label scores that are no probabilities"
    yield "scores", (odd, f"{scores} (outside 0 to 1, or above 1 together): they are not used")


def _repeated(outputs: Outputs) -> Codes:
    """Rows of outputs of which an earlier one answers the same: arm, seed, sample, variant, pair and question."""
    import numpy as np

    names = ("item", "arm", "seed", "sample", "variant", "pair", "given")
    columns = np.column_stack([getattr(outputs, name).astype(np.int64) for name in names])
    first = np.unique(columns, axis=0, return_index=True)[1]
    return np.delete(outputs.rows, first)


def _differing(items: Codes, values: Codes) -> Codes:
    """Places, one for each item, of a value that differs from the first that the item has."""
    import numpy as np

    order = np.lexsort((np.arange(len(items)), items))
    ordered, held = items[order], values[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]]
    firsts = held[np.flatnonzero(starts)[np.cumsum(starts) - 1]] if len(items) else held
    places = np.flatnonzero(held != firsts)
    return order[places[np.unique(ordered[places], return_index=True)[1]]]
