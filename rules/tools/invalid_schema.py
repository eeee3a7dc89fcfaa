"""TCL205: tool declarations that contradict themselves: invalid JSON Schema, or one name for two tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import ClassVar

from audit.model import Applicability, Json, Record, Related, Severity
from audit.rule import Batch, Hit, RecordRule, Run, Status
from audit.rules.tools.calls import DROP, DeclaredTool, declared_in, declared_tools, no_tools, shown
from audit.rules.tools.schemas import compile_schema, json_type, schema_text

_MESSAGE_LENGTH = 160


class InvalidSchema(RecordRule, frozen=True):
    r"""The parameters of a tool are not a valid JSON Schema of an object, or two tools share a name.

    Providers refuse such tools at inference even where training accepts them, and arguments cannot be checked
    against them. References to other documents are never fetched and therefore found here. Type names of Python
    and other languages are TCL207's.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": "city"}}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}
    Do: correct the schema; give each tool a name of its own.
    """  # noqa: E501

    code: ClassVar[str] = "TCL205"
    name: ClassVar[str] = "invalid-tool-schema"
    severity: ClassVar[Severity] = Severity.ERROR
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """The tool rows with a broken schema or a repeated name."""
        return [row.row for row in batch.tool_rows if not _sound(row.tools)]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per tool with a broken schema, and one per tool whose name was declared before."""
        tools = declared_tools(record) or ()
        yield from self._repeated(tools)
        for index, tool in enumerate(tools):
            if isinstance(tool.parameters, dict):
                wrong = _wrong(tool.parameters)
                if wrong:
                    name = shown(tool.name) if isinstance(tool.name, str) else f"tool {index + 1}"
                    message = f"parameters of {name} are not a JSON Schema of an object: {wrong}"
                    yield self.hit(message, tool.parameters_at, fix=DROP, key=f"schema{index}")

    def _repeated(self, tools: tuple[DeclaredTool, ...]) -> Iterator[Hit]:
        first: dict[str, DeclaredTool] = {}
        for index, tool in enumerate(tools):
            if not isinstance(tool.name, str):
                continue
            if tool.name in first:
                related = (Related(pointer=first[tool.name].name_at),)
                message = f"the tool {shown(tool.name)} is declared more than once"
                yield self.hit(message, tool.name_at, related=related, fix=DROP, key=f"name{index}")
            first.setdefault(tool.name, tool)


@lru_cache(maxsize=4096)
def _sound(tools: bytes) -> bool:
    declared = declared_in(tools)
    names = {tool.name for tool in declared}
    return len(names) == len(declared) and not any(
        _wrong(tool.parameters) for tool in declared if isinstance(tool.parameters, dict)
    )


def _wrong(parameters: dict[str, Json]) -> str:
    """What is wrong with a schema, "" when nothing is. No ``type`` and an empty schema declare no parameters."""
    text = schema_text(parameters)
    if text is None:
        return "it cannot be written as JSON"
    compiled = compile_schema(text)
    if compiled.wrong:
        cut = compiled.wrong
        return cut if len(cut) <= _MESSAGE_LENGTH else cut[: _MESSAGE_LENGTH - 1] + "…"
    found = parameters.get("type", "object")
    foreign, meant = json_type(found)
    if found != "object" and not (foreign and meant == "object"):
        return f"its type is {shown(found)}"
    return ""
