"""PRV953: answers that a model says it wrote, in rows that do not say so. Counts; recognises no style."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from audit.model import Json, Measure, Record, Severity
from audit.phrases.refusals import self_reference_in
from audit.read.fields import text_of, value_at
from audit.rule import Batch, Context, DatasetRule, Hit, Run, Status
from audit.statistics.intervals import wilson

FLAGS: Final = ("metadata.synthetic", "metadata.audit.synthetic", "metadata.is_synthetic", "metadata.generated")
GENERATORS: Final = (
    "metadata.generator",
    "metadata.generated_by",
    "metadata.teacher_model",
    "metadata.generator_model",
)
SOURCES: Final = ("metadata.source", "metadata.origin")
SYNTHETIC: Final = re.compile(
    r"(?i)\b(?:synthetic|model[- ]generated|generated|distilled|self[- ]instruct|gpt-?\d|llm)\b"
)
"""What a source says of rows that a model wrote."""


class UndeclaredSynthetic(DatasetRule, frozen=True):
    """Answers in which a model speaks of itself stand in rows that do not say that a model wrote them.

    A model that is trained on what an earlier one wrote repeats its mistakes and its refusals, and reports of
    its quality that were measured on such rows flatter it. A row declares it by ``metadata.synthetic`` (or
    ``metadata.audit.synthetic``), by a field that names the generator, or by a source such as "synthetic". The rest is
    judged by its answers: "As an AI language model", "my knowledge cutoff". Reported once, with the number of rows that
    say neither. Measures: ``provenance.synthetic_rows`` (share of rows that declare it) and
    ``provenance.undeclared_rows``.

    Bad:
        {"messages": [{"role": "user", "content": "Do you like tea?"}, {"role": "assistant", "content": "As an AI language model, I do not drink tea."}]}
    Good:
        {"messages": [{"role": "user", "content": "Do you like tea?"}, {"role": "assistant", "content": "As an AI language model, I do not drink tea."}], "metadata": {"synthetic": true}}
    Do: mark rows that a model wrote when they are made, and keep them out of test data; look at those found here.
    """  # noqa: E501

    code: ClassVar[str] = "PRV953"
    name: ClassVar[str] = "undeclared-synthetic"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"

    def start(self) -> Json:
        """Rows that could be read, that declare it, and that only sound like it."""
        return {"rows": 0, "declared": 0, "undeclared": 0}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        for record in batch.records():
            state["rows"] += 1
            if declares(record):
                state["declared"] += 1
            elif _speaks_of_itself(record):
                state["undeclared"] += 1
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        return {key: first[key] + second[key] for key in first}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Two shares of rows; a hit where rows only sound like a model."""
        n = state["rows"]
        for name, key in (("provenance.synthetic_rows", "declared"), ("provenance.undeclared_rows", "undeclared")):
            share = round(state[key] / n, 6) if n else 0.0
            yield self.measure(name, share, n=n, interval=wilson(state[key], n), level=0.95)
        if state["undeclared"]:
            declared = f"{state['declared']:,} rows declare it" if state["declared"] else "no row declares it"
            yield self.hit(
                f"in {state['undeclared']:,} of {n:,} rows a model speaks of itself and nothing says that one wrote "
                f"them ({declared})",
                scope="dataset",
                key="undeclared",
                evidence=dict(state),
            )


def declares(record: Record) -> bool:
    """Whether a row says that a model wrote it."""
    data = record.data
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        return False
    if any(value_at(data, path) in (True, 1, "true", "yes") for path in FLAGS):
        return True
    if any((text_of(value_at(data, path)) or "").strip() for path in GENERATORS):
        return True
    return any(SYNTHETIC.search(text_of(value_at(data, path)) or "") for path in SOURCES)


def _speaks_of_itself(record: Record) -> bool:
    return any(turn.role == "assistant" and self_reference_in(turn.text) is not None for turn in record.turns)
