"""FMT114: files with fewer rows than the target takes. Files with too many are ENC009's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from audit.model import Json, Measure, Severity
from audit.rule import Batch, Context, DatasetRule, Hit, Run

_TRAINED_ON: Final = ("data", "train", "validation")
"""Roles of sources that a provider counts the rows of."""


class TooFewRows(DatasetRule, frozen=True):
    r"""The data has fewer rows than the target takes.

    OpenAI and Azure refuse a file with fewer than 10 rows before training starts, and so few examples hardly ever
    change a model for the better: 50 to 100 is what OpenAI's guide asks for as a start.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Good:
        {"messages": [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]}
        {"messages": [{"role": "user", "content": "Name a prime number."}, {"role": "assistant", "content": "Seven is one."}]}
        {"messages": [{"role": "user", "content": "Who wrote Faust?"}, {"role": "assistant", "content": "Johann Wolfgang von Goethe."}]}
        {"messages": [{"role": "user", "content": "How many legs has a spider?"}, {"role": "assistant", "content": "Eight."}]}
        {"messages": [{"role": "user", "content": "What do bees make?"}, {"role": "assistant", "content": "Honey and wax."}]}
        {"messages": [{"role": "user", "content": "Which metal is liquid at room temperature?"}, {"role": "assistant", "content": "Mercury."}]}
        {"messages": [{"role": "user", "content": "Translate 'water' into Spanish."}, {"role": "assistant", "content": "It is 'agua'."}]}
        {"messages": [{"role": "user", "content": "What is twelve times twelve?"}, {"role": "assistant", "content": "144."}]}
        {"messages": [{"role": "user", "content": "Where do penguins live?"}, {"role": "assistant", "content": "Mostly in the southern hemisphere."}]}
        {"messages": [{"role": "user", "content": "What colour is an emerald?"}, {"role": "assistant", "content": "Green."}]}
    Do: collect more examples; repeating rows reaches the number and teaches nothing new.
    """  # noqa: E501

    code: ClassVar[str] = "FMT114"
    name: ClassVar[str] = "too-few-rows"
    severity: ClassVar[Severity] = Severity.ERROR
    example: ClassVar[Mapping[str, Json]] = {"target": "openai-sft"}

    def start(self) -> Json:
        """Per role of source: the number of rows."""
        return {}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        role = batch.source.role
        state[role] = state.get(role, 0) + batch.rows
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        for role, rows in second.items():
            first[role] = first.get(role, 0) + rows
        return first

    def without(self, state: Json, part: Json) -> Json:
        """The state less the rows of a part."""
        left = {role: rows - part.get(role, 0) for role, rows in state.items()}
        return {role: rows for role, rows in left.items() if rows}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Measure ``rows`` (n is rows); a hit for each role of source that has too few."""
        total = sum(state.values())
        yield self.measure("rows", total, n=total)
        least = run.target.min_rows
        if least is None:
            return
        for role, rows in sorted((state or {"data": 0}).items()):
            if role in _TRAINED_ON and rows < least:
                what = "the data has" if role == "data" else f"the {role} data has"
                word = "row" if rows == 1 else "rows"
                yield self.hit(
                    f"{what} {rows} {word}; {run.target.name} takes at least {least}",
                    scope="dataset",
                    evidence={"rows": rows, "least": least},
                    key=role,
                )
