"""Calls of tools in the text of an answer, in the forms that models write them. Calls nothing, and checks no schema."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from audit.model import ABSENT, Json
from audit.quality.structured import json_answer
from audit.read.patterns import pattern

_TAGGED: Final = pattern(r"<tool_call>(?P<call>.*?)(?:</tool_call>|\Z)", re.DOTALL)
_NAMED: Final = pattern(r"^[ \t]*(?P<name>[A-Za-z_][\w.-]{0,63})\s+(?=\{)", re.MULTILINE)


class Call(NamedTuple):
    """A call: what it calls, and the object of its arguments; ``ABSENT`` where that is none."""

    name: str
    arguments: Json


def calls_in(text: str) -> tuple[Call, ...] | None:
    """The calls that an answer makes; None where it makes none, () where it means to and is malformed.

    Read are ``<tool_call>{...}</tool_call>``, the object ``{"tool_calls": [...]}`` of an answer without text, a bare
    ``{"name": ..., "arguments": {...}}`` or a list of these, and ``name {...}``, which is how the true answers of a row
    are written.
    """
    tagged = [one["call"] for one in _TAGGED.finditer(text)] if "<tool_call>" in text else []
    if tagged:
        return _all_or_nothing(call for part in tagged for call in _read(json_answer(part)))
    value = json_answer(text, fenced=True)
    if value is not ABSENT:
        return _all_or_nothing(_read(value)) if _looks_like_calls(value) else None
    named = list(_named(text))
    return _all_or_nothing(iter(named)) if named else None


def _named(text: str) -> Iterator[Call | None]:
    """Every ``name {...}`` at the start of a line; the object may take several lines."""
    end = 0
    for found in _NAMED.finditer(text):
        if found.start() < end:
            continue
        try:
            _, end = json.JSONDecoder().raw_decode(text, found.end())
        except (ValueError, RecursionError):
            yield None
            return
        yield _call(found["name"], json_answer(text[found.end() : end]))


def due_calls(truth: str, tools: Collection[str]) -> tuple[Call, ...]:
    """The calls that a true answer makes, as far as they are of ``tools``; () where it makes none."""
    found = calls_in(truth) or ()
    return tuple(call for call in found if call.name in tools)


def tool_names(tools: Json) -> tuple[str, ...]:
    """The names of declared tools, sorted; () for what declares none."""
    found = set()
    for tool in tools if isinstance(tools, list) else ():
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str) and name:
            found.add(name)
    return tuple(sorted(found))


def _looks_like_calls(value: Json) -> bool:
    one = value[0] if isinstance(value, list) and value else value
    if not isinstance(one, dict):
        return False
    return "tool_calls" in one or "function" in one or ("name" in one and bool({"arguments", "parameters"} & set(one)))


def _read(value: Json) -> Iterator[Call | None]:
    """Every call of a value, None for one that is malformed."""
    if isinstance(value, dict) and "tool_calls" in value:
        value = value["tool_calls"]
    if isinstance(value, list):
        for one in value:
            yield from _read(one) if isinstance(one, dict) else (None,)
        if not value:
            yield None
        return
    inner = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        yield None
        return
    yield _call(inner.get("name"), inner.get("arguments", inner.get("parameters", {})))


def _call(name: Json, arguments: Json) -> Call | None:
    if isinstance(arguments, str):
        arguments = json_answer(arguments) if arguments.strip() else {}
    return Call(name, arguments) if isinstance(name, str) and name and isinstance(arguments, dict) else None


def _all_or_nothing(calls: Iterator[Call | None]) -> tuple[Call, ...]:
    found = list(calls)
    return () if None in found else tuple(call for call in found if call is not None)
