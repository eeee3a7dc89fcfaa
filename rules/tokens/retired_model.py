"""TOK308: the named model cannot be fine-tuned any more, or soon. Reads a dated table and asks no provider."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from audit.model import Json, Measure, Severity
from audit.rule import Batch, Context, DatasetRule, Hit, Run
from audit.tokens.models import Lifecycle, lifecycle

_OPENAI_TARGETS: Final = ("openai", "generic")


class RetiredModel(DatasetRule, frozen=True):
    """The model that the data is for has been shut down or takes no new fine-tuning jobs, or will within ``days`` days.

    A job started now is refused, or its result stops answering soon after. Dates are those of a table with its day and
    source in the message, compared with ``--as-of``, else with the table's own day. Measure: ``model.days_left``, days
    until the earlier of both dates. Only OpenAI's own dates are held.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: choose a model with open weights, or a provider that will still run the model when you need it.
    """

    code: ClassVar[str] = "TOK308"
    name: ClassVar[str] = "model-retired"
    severity: ClassVar[Severity] = Severity.WARNING
    example: ClassVar[dict[str, Json]] = {"model": "gpt-3.5-turbo-0125"}
    example_good: ClassVar[dict[str, Json]] = {"model": "gpt-oss-20b"}

    days: int = 90

    def applies_to(self, run: Run) -> str | None:
        """Skipped without a model, and where its dates are not held."""
        if run.model is None:
            return "no model is named"
        if not run.target.name.startswith(_OPENAI_TARGETS):
            return f"no dates are held for target {run.target.name}"
        if lifecycle(run.model, run.as_of).state == "unknown":
            return f"no dates are held for {run.model}"
        return super().applies_to(run)

    def start(self) -> Json:
        """Nothing: the rows do not matter."""
        return {}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The same state."""
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """The same state."""
        return first

    def without(self, state: Json, part: Json) -> Json:
        """The same state."""
        return state

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The days left where there is a date; a hit when they are few or none."""
        if run.model is None:
            return
        life = lifecycle(run.model, run.as_of)
        left = life.days_left
        if left is None:
            return
        yield self.measure("model.days_left", left, n=1, unit="days")
        if left < self.days:
            yield self.hit(
                f"{run.model}: {' and '.join(_dates(life))} ({life.source}, table of {life.table_as_of}; "
                f"as of {life.as_of})" + (f"; suggested instead: {life.replacement}" if life.replacement else ""),
                scope="dataset",
                key=run.model,
                evidence={
                    "state": life.state,
                    "shutdown": str(life.shutdown) if life.shutdown else None,
                    "new_jobs_end": str(life.new_jobs_end) if life.new_jobs_end else None,
                    "as_of": str(life.as_of),
                    "table_as_of": str(life.table_as_of),
                },
            )


def _dates(life: Lifecycle) -> list[str]:
    """What the dates mean on the day, in words."""
    said = []
    if life.shutdown is not None:
        said.append(f"{'was' if life.shutdown <= life.as_of else 'will be'} shut down on {life.shutdown}")
    shut = life.shutdown is not None and life.shutdown <= life.as_of
    if life.new_jobs_end is not None and not shut:
        verb = "have ended" if life.new_jobs_end <= life.as_of else "end"
        said.append(f"new fine-tuning jobs {verb} on {life.new_jobs_end}")
    return said
