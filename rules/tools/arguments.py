"""TCL201: arguments of a call that are not JSON, or not in the target's form. Their fit to the schema is TCL204's."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from audit.model import ABSENT, Applicability, Fix, Json, PointerEdit, Record, Severity, ToolCall
from audit.rule import Batch, Hit, RecordRule, Run
from audit.rules.tools.calls import (
    DROP,
    form_of_arguments,
    named_calls,
    no_tools,
    parse_arguments,
    parse_json,
    shown,
)

# Longer texts are not tried as a Python literal: the attempt costs time and memory out of proportion.
_LITERAL_LIMIT = 100_000


class BadArguments(RecordRule, frozen=True):
    r"""The arguments of a tool call are not valid JSON, or not in the form that the target asks for.

    OpenAI's format holds arguments as a string of JSON; an object there is rejected at upload. Hugging Face chat
    templates want an object: a string is encoded a second time and the model learns to write quoted JSON. Arguments
    that are not JSON at all teach it calls that no program can read.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}]}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]}
        {"messages": [{"role": "user", "content": "Weather in Bergen?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{'city': 'Bergen'"}}]}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]}
    Do: write the arguments with a JSON library, as a string for OpenAI's format and as an object for TRL.
    """  # noqa: E501

    code: ClassVar[str] = "TCL201"
    name: ClassVar[str] = "bad-arguments"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE
    example: ClassVar[Mapping[str, Json]] = {"target": "openai-sft"}

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """All tool rows with calls, whose arguments are strings, where the target asks for objects."""
        if run.target.arguments != "object":
            return ()
        return [row.row for row in batch.tool_rows if row.calls]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per call."""
        for call in named_calls(record):
            hit = self._judge(call, record, run)
            if hit is not None:
                yield hit

    def _judge(self, call: ToolCall, record: Record, run: Run) -> Hit | None:
        form = form_of_arguments(call, record, run)
        arguments = parse_arguments(call.arguments)
        if arguments.value is not None and (form == "either" or isinstance(call.arguments, dict) == (form == "object")):
            return None
        about = f"arguments of {shown(call.name)}"
        evidence = {"tool": call.name, "form": form}
        if call.arguments is ABSENT:
            return self.hit(f"{about} are missing", call.arguments_at, evidence=evidence, fix=DROP)
        if form == "string" and isinstance(call.arguments, dict):
            message = f"{about} are an object; {run.target.name} asks for a string of JSON"
            return self.hit(message, call.arguments_at, evidence=evidence, fix=_as_string(call))
        if arguments.value is None:
            asked = "an object" if form == "object" else "a string of JSON" if form == "string" else "JSON of an object"
            message = f"{about} are {arguments.wrong}; asked for {asked}"
            return self.hit(message, call.arguments_at, evidence=evidence, fix=_repair(call) or DROP)
        if form == "object" and isinstance(call.arguments, str):
            message = f"{about} are a string; {run.target.name} asks for an object, else they are encoded twice"
            edit = PointerEdit("replace", call.arguments_at, arguments.value)
            fix = Fix(Applicability.SAFE, "write the arguments as an object", (edit,))
            return self.hit(message, call.arguments_at, severity=Severity.WARNING, evidence=evidence, fix=fix)
        return None


def _as_string(call: ToolCall) -> Fix:
    try:
        text = json.dumps(call.arguments, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return DROP
    edit = PointerEdit("replace", call.arguments_at, text)
    return Fix(Applicability.SAFE, "write the arguments as a string of JSON", (edit,))


def _repair(call: ToolCall) -> Fix | None:
    """The unsafe fix for arguments that are clearly an object written wrongly; None when that is not clear."""
    if not isinstance(call.arguments, str) or call.invented:
        return None
    text = call.arguments.strip()
    if not text:
        value: Json = {}
        title = "write empty arguments as {}"
    else:
        value, title = _unquoted(text), "take the object out of the quoted JSON"
        if value is None:
            value, title = _python_literal(text), "write the Python literal as JSON"
    if not isinstance(value, dict):
        return None
    try:
        edit = PointerEdit("replace", call.arguments_at, json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None
    return Fix(Applicability.UNSAFE, title, (edit,))


def _unquoted(text: str) -> Json:
    """The value of JSON inside a JSON string, None when it is not that."""
    try:
        inner = parse_json(text)
        return parse_json(inner) if isinstance(inner, str) else None
    except (ValueError, RecursionError):
        return None


def _python_literal(text: str) -> Json:
    """The value of a Python dict display with string keys, None when it is not that."""
    if len(text) > _LITERAL_LIMIT or not text.startswith("{"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in the text are not the user's code
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None
