"""TCL203: calls of tools that the row does not declare. Whether the arguments fit the declaration is TCL204's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.errors import nearest
from audit.model import Applicability, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.tools.calls import DROP, declared_tools, named_calls, no_tools, shown, strict


class UndeclaredTool(RecordRule, frozen=True):
    r"""The assistant calls a tool that the row does not declare.

    The model learns to invent tools: at inference the call fails. Where a row declares no tools at all, a hosted
    target trains on calls whose definitions the model never saw: one warning per row. Local targets may keep the
    definitions in the system message, so nothing is said there.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_wether", "arguments": "{\"city\": \"Oslo\"}"}}]}], "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\"}"}}]}], "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]}
    Do: declare the tool in the row's tools, or correct the name in the call.
    """  # noqa: E501

    code: ClassVar[str] = "TCL203"
    name: ClassVar[str] = "undeclared-tool"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per call of an undeclared tool; one per row that declares none."""
        calls = named_calls(record)
        if not calls:
            return
        declared = declared_tools(record)
        if not declared:
            # Tools that are there but not a list are TCL208's.
            if strict(record, run) and (declared == () or not record.tools):
                count = len(calls)
                message = f"{count} {'call' if count == 1 else 'calls'} of tools, but the row declares no tools"
                yield self.hit(message, calls[0].at, severity=Severity.WARNING, evidence={"calls": count})
            return
        if not all(isinstance(tool.name, str) for tool in declared):
            return  # A declaration without a name (TCL208) may be the one that is called.
        names = {tool.name for tool in declared}
        for call in calls:
            if call.name not in names:
                close = nearest(call.name, sorted(names))
                hint = f'; did you mean "{close}"?' if close else f"; declared: {_listed(sorted(names))}"
                message = f"calls {shown(call.name)}, which the row does not declare{hint}"
                yield self.hit(message, call.name_at, evidence={"tool": call.name, "nearest": close}, fix=DROP)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown(name, 40) for name in names[:3]) + more
