"""TCL204: arguments that do not fit the declared parameters. Arguments that are not JSON are TCL201's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

from audit.errors import nearest
from audit.model import Json, Record, Severity
from audit.rule import Batch, Hit, RecordRule, Run
from audit.rules.tools.calls import (
    DeclaredTool,
    declared_in,
    declared_tools,
    form_of_arguments,
    named_calls,
    no_tools,
    parse_arguments,
    shown,
)
from audit.rules.tools.schemas import Compiled, compile_schema, schema_text

_SHOWN = 3
_MESSAGE_LENGTH = 120


class SchemaViolation(RecordRule, frozen=True):
    r"""The arguments of a call do not fit the parameters that its tool declares.

    The model learns to leave out what is required, to send the wrong type, or to invent parameters. A parameter that
    the schema does not list counts as invented although JSON Schema lets it pass where ``additionalProperties`` is
    not given: a tool that lists its parameters means those (``unknown_parameters = false`` turns this off). Python
    type names in the schema are read as what they mean; references to other documents are never fetched.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"town\": \"Oslo\"}"}}]}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}
    Do: correct the call, or the schema where the call is right.
    """  # noqa: E501

    code: ClassVar[str] = "TCL204"
    name: ClassVar[str] = "schema-violation"
    severity: ClassVar[Severity] = Severity.WARNING

    unknown_parameters: bool = True

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """The tool rows with a call whose arguments do not clearly fit."""
        return [
            row.row
            for row in batch.tool_rows
            if row.calls and not all(self._fits(row.tools, name, arguments) for name, arguments in row.calls)
        ]

    def _fits(self, tools: bytes, name: str, arguments: Mapping[str, Json]) -> bool:
        schema = _parameters(tools, name)
        if schema is None:
            return True
        if schema.validator is None:
            return False
        if self.unknown_parameters and schema.names is not None and not arguments.keys() <= schema.names:
            return False
        try:
            return schema.validator.is_valid(arguments)
        except (ValueError, RecursionError):
            return False

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per call, with up to three violations in its message and their number in the evidence."""
        calls = named_calls(record)
        declared = _by_name(declared_tools(record) or ()) if calls else {}
        for call in calls:
            tools = declared.get(call.name, [])
            if len(tools) != 1 or not isinstance(tools[0].parameters, dict):
                continue
            arguments = parse_arguments(call.arguments)
            form = form_of_arguments(call, record, run)
            if arguments.value is None or (form == "string" and not isinstance(call.arguments, str)):
                continue
            text = schema_text(tools[0].parameters)
            if text is None:
                continue
            wrong = list(self._violations(arguments.value, compile_schema(text)))
            if wrong:
                more = f" (and {len(wrong) - _SHOWN} more)" if len(wrong) > _SHOWN else ""
                message = (
                    f"arguments of {shown(call.name)} do not fit its parameters: {'; '.join(wrong[:_SHOWN])}{more}"
                )
                evidence = {"tool": call.name, "violations": len(wrong)}
                yield self.hit(message, call.arguments_at, evidence=evidence)

    def _violations(self, arguments: dict[str, Json], schema: Compiled) -> Iterator[str]:
        if self.unknown_parameters and schema.names is not None:
            for name in arguments:
                if name not in schema.names:
                    close = nearest(name, sorted(schema.names))
                    yield f"{shown(name)} is not a parameter" + (f', did you mean "{close}"' if close else "")
        if schema.validator is None:
            # A schema that does not compile (TCL205) still says which names it requires.
            yield from (f"{shown(name)} is required" for name in schema.required if name not in arguments)
            return
        try:
            for error in schema.validator.iter_errors(arguments):
                where = "/".join(str(step) for step in error.instance_path)
                message = error.message.replace(" is a required property", " is required")
                message = message if len(message) <= _MESSAGE_LENGTH else message[: _MESSAGE_LENGTH - 1] + "…"
                yield f"{shown(where)}: {message}" if where else message
        except (ValueError, RecursionError):
            # The values themselves (half a surrogate pair, nesting) are out of the validator's reach: ENC's findings.
            return


@lru_cache(maxsize=4096)
def _parameters(tools: bytes, name: str) -> Compiled | None:
    """The schema of a tool's arguments; None where there is none, or more than one tool of that name."""
    found = [tool.parameters for tool in declared_in(tools) if tool.name == name]
    text = schema_text(found[0]) if len(found) == 1 and isinstance(found[0], dict) else None
    return None if text is None else compile_schema(text)


def _by_name(tools: tuple[DeclaredTool, ...]) -> dict[str, list[DeclaredTool]]:
    named: dict[str, list[DeclaredTool]] = {}
    for tool in tools:
        if isinstance(tool.name, str):
            named.setdefault(tool.name, []).append(tool)
    return named
