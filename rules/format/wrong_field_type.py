"""FMT119: fields of a row that have the wrong type, but for its messages (FMT101) and tools (TCL208)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from audit.model import Applicability, Fix, Json, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import DROP, json_kind, read_as, remove, replace, safely


class WrongFieldType(RecordRule, frozen=True):
    r"""A field of the row, such as `parallel_tool_calls` or `input`, has the wrong type.

    Providers check the fields of a row against a schema and refuse the file for one that does not fit.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "parallel_tool_calls": "false"}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "parallel_tool_calls": false}
    Do: write the field as the schema has it: `parallel_tool_calls` true or false, `input` an object.
    """  # noqa: E501

    code: ClassVar[str] = "FMT119"
    name: ClassVar[str] = "wrong-field-type"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per field."""
        data = record.data
        reads = run.target.shapes
        if record.shape == "openai-dpo":
            if "input" not in data or (reads and "openai-dpo" not in reads):
                return
            prompt = data["input"]
            if not isinstance(prompt, dict):
                yield self.hit(f'"input" is {json_kind(prompt)}; asked for an object with messages', "/input", fix=DROP)
            elif "parallel_tool_calls" in prompt:
                yield from self._parallel(prompt, "/input/parallel_tool_calls", run)
        elif "parallel_tool_calls" in data and read_as(record, run.target) == "openai-sft":
            # In a row for reinforcement the name is free.
            yield from self._parallel(data, "/parallel_tool_calls", run)

    def _parallel(self, holder: Mapping[str, Json], at: str, run: Run) -> Iterator[Hit]:
        value = holder["parallel_tool_calls"]
        if isinstance(value, bool) or (value is None and not run.target.hosted):
            return
        yield self.hit(
            f'"parallel_tool_calls" is {json_kind(value)}; asked for true or false', at, fix=_as_boolean(at, value)
        )


def _as_boolean(at: str, value: Json) -> Fix:
    if value is None:
        return safely("remove the null", remove(at))
    word = str(value).strip().lower()
    if word in ("true", "1"):
        return safely("replace by true", replace(at, True))
    if word in ("false", "0"):
        return safely("replace by false", replace(at, False))
    return DROP
