"""TCL208: tool calls and tool definitions of the wrong build. Ids, arguments and schemas have rules of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import ClassVar

from audit.model import ABSENT, Applicability, Edit, Fix, Json, Message, PointerEdit, Record, Severity
from audit.rule import Batch, Hit, RecordRule, Run
from audit.rules.tools.calls import DROP, declared_in, kind, no_tools, shown, strict

# OpenAI's row schema of 2025-05-20 (FunctionObject.name): a-z, A-Z, 0-9, underscores and dashes, at most 64.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
# The same schema: functions has minItems 1 and maxItems 128.
_MAX_FUNCTIONS = 128


class MalformedTool(RecordRule, frozen=True):
    r"""A tool call or a tool definition is not built as the format asks.

    Checked against OpenAI's row schema: lists that are not lists, entries without type, function or name, parameters
    that are not an object, names outside ``[a-zA-Z0-9_-]{1,64}``. A provider rejects the file; a chat template skips
    the entry or fails. Local targets also read bare functions (without ``type`` and ``function``) and any name.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"description": "The weather in a city."}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "The weather in a city."}}]}
    Do: write tools as {"type": "function", "function": {"name", "description", "parameters"}} and calls as {"id", "type": "function", "function": {"name", "arguments"}}.
    """  # noqa: E501

    code: ClassVar[str] = "TCL208"
    name: ClassVar[str] = "malformed-tool"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """The tool rows with a name that only local targets take."""
        return [row.row for row in batch.tool_rows if not _well_named(row.tools)] if run.target.hosted else ()

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per definition or call, naming all that is wrong with it."""
        is_strict = strict(record, run)
        yield from self._definitions(record, is_strict)
        yield from self._functions(record, is_strict)
        for message in record.turns:
            raw = message.raw
            if message.calls or (isinstance(raw, dict) and ("tool_calls" in raw or "function_call" in raw)):
                yield from self._calls(message, is_strict)
                yield from self._function_call(message, is_strict)

    def _definitions(self, record: Record, is_strict: bool) -> Iterator[Hit]:
        tools, at = record.tools, record.chat.tools_at
        if tools is ABSENT or (tools is None and not is_strict):
            return
        if not isinstance(tools, list):
            fix = _remove(at) if tools is None else DROP
            yield self.hit(f"tools is {kind(tools)}, not a list", at, fix=fix)
            return
        in_row = record.data.get("tools") is tools
        for index, tool in enumerate(tools):
            place = f"{at}/{index}" if in_row or not isinstance(record.data.get("tools"), str) else at
            build = _Build(place)
            build.definition(tool, is_strict)
            yield from self._hits(build, f"tool {index + 1}", f"tool{index}")

    def _functions(self, record: Record, is_strict: bool) -> Iterator[Hit]:
        if "functions" not in record.data or record.shape == "unknown":
            return
        functions = record.data["functions"]
        if not isinstance(functions, list):
            yield self.hit(f"functions is {kind(functions)}, not a list", "/functions", fix=DROP)
            return
        if is_strict and not 1 <= len(functions) <= _MAX_FUNCTIONS:
            wrong = f"functions has {len(functions)} entries; asked for 1 to {_MAX_FUNCTIONS}"
            yield self.hit(wrong, "/functions", fix=DROP if functions else _remove("/functions"))
        for index, function in enumerate(functions):
            build = _Build(f"/functions/{index}")
            build.function(function, build.at, is_strict)
            yield from self._hits(build, f"function {index + 1}", f"function{index}")

    def _calls(self, message: Message, is_strict: bool) -> Iterator[Hit]:
        if any(call.invented and not isinstance(call.name, str) for call in message.calls):
            yield self.hit("the function call is not JSON of a name and arguments", message.content_at, fix=DROP)
            return
        if not isinstance(message.raw, dict) or "tool_calls" not in message.raw:
            return
        calls, at = message.raw["tool_calls"], f"{message.at}/tool_calls"
        if calls is None and not is_strict:
            return
        if not isinstance(calls, list):
            yield self.hit(f"tool_calls is {kind(calls)}, not a list", at, fix=_remove(at) if calls is None else DROP)
            return
        if not calls and is_strict:
            # The row schema sets no minimum, but OpenAI's chat endpoint asks for at least one.
            wrong = "tool_calls is an empty list; asked for at least one call, or no tool_calls"
            yield self.hit(wrong, at, severity=Severity.WARNING, fix=_remove(at))
        for index, call in enumerate(calls):
            build = _Build(f"{at}/{index}")
            build.call(call, is_strict)
            yield from self._hits(build, f"call {index + 1}", "")

    def _function_call(self, message: Message, is_strict: bool) -> Iterator[Hit]:
        if not isinstance(message.raw, dict) or message.raw.get("function_call") is None:
            return
        build = _Build(f"{message.at}/function_call")
        build.named(message.raw["function_call"], build.at)
        yield from self._hits(build, "function_call", "")

    def _hits(self, build: _Build, what: str, key: str) -> Iterator[Hit]:
        if build.wrong:
            fix = DROP
            if build.mendable:
                fix = Fix(Applicability.SAFE, "write it as the format asks", tuple(build.edits))
            yield self.hit(f"{what} {'; '.join(build.wrong)}", build.place, fix=fix, key=key)


def _remove(at: str) -> Fix:
    return Fix(Applicability.SAFE, "remove the key", (PointerEdit("remove", at),))


@lru_cache(maxsize=4096)
def _well_named(tools: bytes) -> bool:
    return all(_NAME.match(tool.name) for tool in declared_in(tools))


class _Build:
    """Collects what is wrong with one definition or call, where the first of it is, and the edits that mend it."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.place = at
        self.wrong: list[str] = []
        self.edits: list[Edit] = []
        self.mendable = True

    def say(self, wrong: str, place: str, *edits: Edit) -> None:
        """Notes something wrong; without edits that mend it, the whole cannot be mended."""
        if not self.wrong:
            self.place = place
        self.wrong.append(wrong)
        self.edits += edits
        self.mendable = self.mendable and bool(edits)

    def definition(self, tool: Json, is_strict: bool) -> None:
        """One entry of tools."""
        if not isinstance(tool, dict):
            self.say(f"is {kind(tool)}, not an object", self.at)
        elif "function" in tool:
            self._type(tool, is_strict)
            self.function(tool["function"], f"{self.at}/function", is_strict)
        elif not is_strict and tool.get("type", "function") != "function":
            return  # A provider's own tool (web search, computer use): local templates print it as it is.
        elif is_strict and isinstance(tool.get("name"), str):
            bare = {key: value for key, value in tool.items() if key != "type"}
            wrapped = {"type": "function", "function": bare}
            self.say("is a bare function, not {type, function}", self.at, PointerEdit("replace", self.at, wrapped))
            self.function(bare, self.at, is_strict)
            # Edits inside what is wrapped would collide with the wrapping.
            self.mendable = self.mendable and len(self.wrong) == 1
        elif is_strict or "name" not in tool:
            self.say("has no function", self.at)
        else:
            self.function(tool, self.at, is_strict)

    def function(self, function: Json, at: str, is_strict: bool) -> None:
        """The description of a function: name, description, parameters, strict."""
        if not isinstance(function, dict):
            self.say(f"has a function that is {kind(function)}, not an object", at)
            return
        name = function.get("name", ABSENT)
        if not isinstance(name, str) or not name:
            self.say("has no name" if name in (ABSENT, "") else f"has a name that is {kind(name)}", at)
        elif is_strict and not _NAME.match(name):
            self.say(f"is named {shown(name, 80)}; asked for 1 to 64 of a-z, A-Z, 0-9, _ and -", f"{at}/name")
        if is_strict and not isinstance(function.get("description", ""), str):
            self._key("description", function["description"], "a string", at)
        parameters = function.get("parameters", {})
        if not isinstance(parameters, dict) and (is_strict or parameters is not None):
            self._key("parameters", parameters, "an object", at)
        if is_strict and not isinstance(function.get("strict"), bool | None):
            self._key("strict", function["strict"], "a boolean", at)

    def call(self, call: Json, is_strict: bool) -> None:
        """One entry of tool_calls."""
        if not isinstance(call, dict):
            self.say(f"is {kind(call)}, not an object", self.at)
        elif "function" in call:
            self._type(call, is_strict)
            self.named(call["function"], f"{self.at}/function")
        elif is_strict or "name" not in call:
            self.say("has no function", self.at)
        else:
            self.named(call, self.at)

    def named(self, function: Json, at: str) -> None:
        """What is called: a name, and arguments (which TCL201 judges where there is a name)."""
        if not isinstance(function, dict):
            self.say(f"has a function that is {kind(function)}, not an object", at)
            return
        name = function.get("name", ABSENT)
        if not isinstance(name, str) or not name:
            self.say("has no name" if name in (ABSENT, "") else f"has a name that is {kind(name)}", at)

    def _type(self, value: dict[str, Json], is_strict: bool) -> None:
        found = value.get("type", ABSENT)
        if found == "function" or (not is_strict and found in (ABSENT, None)):
            return
        if found is ABSENT or found is None:
            edit = PointerEdit("add" if found is ABSENT else "replace", f"{self.at}/type", "function")
            self.say("has no type", self.at if found is ABSENT else f"{self.at}/type", edit)
        else:
            self.say(f'has the type {shown(found)}; asked for "function"', f"{self.at}/type")

    def _key(self, key: str, value: Json, asked: str, at: str) -> None:
        edits = (PointerEdit("remove", f"{at}/{key}"),) if value is None else ()
        self.say(f"has {key} that is {kind(value)}, not {asked}", f"{at}/{key}", *edits)
