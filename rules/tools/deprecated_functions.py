"""TCL206: the deprecated ``functions`` and ``function_call``. Whether they are well formed is TCL208's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from audit.model import Applicability, Edit, Fix, Message, PointerEdit, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.tools.calls import no_tools

_TITLE = "write them as tools, tool_calls and tool messages"


class DeprecatedFunctions(RecordRule, frozen=True):
    r"""The row uses ``functions``, ``function_call`` or messages of role ``function``, which tools have replaced.

    OpenAI's row format still reads them but marks them deprecated; newer models, most chat templates and most other
    providers know only tools and tool calls, so that the calls are dropped from the training text or the row fails.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "function_call": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}], "functions": [{"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]}
    Do: rewrite the row with tools and tool_calls; the fix does where each call has its result directly after it.
    """  # noqa: E501

    code: ClassVar[str] = "TCL206"
    name: ClassVar[str] = "deprecated-functions"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per row, at the first place, with the edits that migrate all of it where that is unambiguous."""
        functions = "functions" in record.data if isinstance(record.data, dict) else False
        calls = [message for message in record.turns if _has_call(message)]
        # A function message without a name answers nothing and is an error of its own.
        results = [message for message in record.turns if message.role == "function" and isinstance(message.name, str)]
        if not (functions or calls or results):
            return
        parts = ["functions"] if functions else []
        parts += [f"{len(calls)} function_call"] if calls else []
        parts += [f"{len(results)} messages of role function"] if results else []
        at = f"{calls[0].at}/function_call" if calls else results[0].role_at if results else ""
        edits = _migration(record, functions)
        yield self.hit(
            f"the row uses {' and '.join(parts)}, deprecated in favour of tools",
            "/functions" if functions else at,
            evidence={"functions": functions, "calls": len(calls), "results": len(results)},
            fix=Fix(Applicability.SAFE, _TITLE, tuple(edits)) if edits else None,
        )


def _has_call(message: Message) -> bool:
    return isinstance(message.raw, dict) and isinstance(message.raw.get("function_call"), dict)


def _migration(record: Record, functions: bool) -> list[Edit] | None:
    """The edits for the whole row; None where a part could be read in more than one way."""
    if any(message.calls or message.role == "tool" for message in record.turns):
        return None
    edits: list[Edit] = []
    if functions:
        found = record.data["functions"]
        if "tools" in record.data or not isinstance(found, list) or not all(_is_function(item) for item in found):
            return None
        tools = [{"type": "function", "function": function} for function in found]
        edits += [PointerEdit("replace", "/functions", tools), PointerEdit("rename", "/functions", "tools")]
    for part in (record.messages, record.chat.chosen, record.chat.rejected):
        moved = _migrate_turns(part)
        if moved is None:
            return None
        edits += moved
    return edits or None


def _is_function(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


def _migrate_turns(turns: Sequence[Message]) -> list[Edit] | None:
    edits: list[Edit] = []
    waiting: tuple[str, str] | None = None
    count = 0
    for message in turns:
        if message.role == "function":
            if waiting is None or message.name != waiting[1] or not isinstance(message.content, str):
                return None
            edits += [
                PointerEdit("replace", message.role_at, "tool"),
                PointerEdit("replace", f"{message.at}/name", waiting[0]),
                PointerEdit("rename", f"{message.at}/name", "tool_call_id"),
            ]
            waiting = None
        elif waiting is not None:
            return None
        elif _has_call(message):
            count += 1
            call = message.raw["function_call"]
            if message.role != "assistant" or not isinstance(call.get("name"), str):
                return None
            call_id = f"call_{count}"
            waiting = (call_id, call["name"])
            at = f"{message.at}/function_call"
            edits.append(PointerEdit("replace", at, [{"id": call_id, "type": "function", "function": call}]))
            edits.append(PointerEdit("rename", at, "tool_calls"))
    return edits
