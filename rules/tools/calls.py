"""What tool-calling rows hold, the same for every shape: calls, declared tools, parsed arguments. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, Generic, Literal, NoReturn, TypeVar

import msgspec

from audit.model import ABSENT, Applicability, DropRow, Fix, Json, Message, Record, ToolCall
from audit.rule import Run

DROP: Final = Fix(Applicability.DROP, "drop the row", (DropRow(),))


T = TypeVar("T")


class OfTheLastRecord(Generic[T]):
    """Keeps what was made of the last record, because the rules of the family ask for it one after the other."""

    def __init__(self, make: Callable[[Record], T]) -> None:
        self._make = make
        self._kept: tuple[Record, T] | None = None

    def __call__(self, record: Record) -> T:
        kept = self._kept
        if kept is None or kept[0] is not record:
            self._kept = kept = record, self._make(record)
        return kept[1]


class DeclaredTool(msgspec.Struct, frozen=True):
    """One entry of the row's tools. ``name`` and ``parameters`` are as found, or ABSENT.

    ``at``, ``name_at`` and ``parameters_at`` are JSON Pointers; where the row holds its tools in another form
    (a string of JSON) all three name the nearest place in the row, and ``editable`` is False.
    """

    raw: Json
    name: Json
    parameters: Json
    at: str
    name_at: str
    parameters_at: str
    editable: bool


class Arguments(msgspec.Struct, frozen=True):
    """The arguments of a call: the object, or what is wrong with them in a few words (then ``value`` is None)."""

    value: dict[str, Json] | None
    wrong: str = ""


def no_tools(run: Run) -> str | None:
    """Why no TCL rule can judge this run: the target takes no tools at all, which FMT110 reports."""
    return f"target {run.target.name} takes no tool calls" if run.target.tools == "rejected" else None


def read_by_target(record: Record, run: Run) -> bool:
    """Whether the target reads rows of this shape; FMT101 reports the others, and its details do not bind them."""
    return not run.target.shapes or record.shape in run.target.shapes


def strict(record: Record, run: Run) -> bool:
    """Whether the row must follow OpenAI's row schema to the letter, because a provider checks it."""
    return run.target.hosted and read_by_target(record, run)


def calls_of(message: Message) -> Iterator[ToolCall]:
    """Every call of a message: ``tool_calls``, then the deprecated ``function_call``, which has no id."""
    yield from message.calls
    call = message.raw.get("function_call") if isinstance(message.raw, dict) else None
    if isinstance(call, dict):
        at = f"{message.at}/function_call"
        yield ToolCall(
            id=ABSENT,
            name=call.get("name", ABSENT),
            arguments=call.get("arguments", ABSENT),
            at=at,
            id_at=at,
            name_at=f"{at}/name" if "name" in call else at,
            arguments_at=f"{at}/arguments" if "arguments" in call else at,
            invented=True,
        )


@OfTheLastRecord
def named_calls(record: Record) -> tuple[ToolCall, ...]:
    """Every call of the row that says what it calls. One that does not is malformed, which is TCL208's."""
    return tuple(
        call
        for message in record.turns
        if message.calls or (isinstance(message.raw, dict) and "function_call" in message.raw)
        for call in calls_of(message)
        if isinstance(call.name, str) and call.name
    )


@OfTheLastRecord
def declared_tools(record: Record) -> tuple[DeclaredTool, ...] | None:
    """The tools (and deprecated functions) that the row declares; None when it declares none or not as a list."""
    tools = tuple(_tools(record)) if isinstance(record.tools, list) else None
    functions = record.data.get("functions") if isinstance(record.data, dict) else None
    if not isinstance(functions, list):
        return tools
    legacy = (_declared(function, f"/functions/{index}", True) for index, function in enumerate(functions))
    return (tools or ()) + tuple(legacy)


@lru_cache(maxsize=1024)
def declared_in(tools: bytes) -> tuple[DeclaredTool, ...]:
    """The tools of a canonical tool row (``audit.rule.ToolRow``), given as its JSON, with pointers into that JSON."""
    return tuple(_declared(tool, f"/{index}", True) for index, tool in enumerate(msgspec.json.decode(tools)))


def _tools(record: Record) -> Iterator[DeclaredTool]:
    at = record.chat.tools_at
    found = _value_at(record.data, at)
    for index, tool in enumerate(record.tools):
        real = isinstance(found, list) and index < len(found)
        # A shape that unpacks a string or wraps bare functions hands over objects that are not in the row.
        editable = real and found[index] is tool
        yield _declared(tool, f"{at}/{index}" if real else at, editable)


def _declared(tool: Json, at: str, editable: bool) -> DeclaredTool:
    function, inner_at = tool, at
    if isinstance(tool, dict) and "function" in tool:
        function, inner_at = tool["function"], f"{at}/function"
    if not isinstance(function, dict):
        return DeclaredTool(tool, ABSENT, ABSENT, at, at, at, editable)
    key = "input_schema" if "input_schema" in function and "parameters" not in function else "parameters"
    return DeclaredTool(
        raw=tool,
        name=function.get("name", ABSENT),
        parameters=function.get(key, ABSENT),
        at=at,
        name_at=f"{inner_at}/name" if editable and "name" in function else at,
        parameters_at=f"{inner_at}/{key}" if editable and key in function else at,
        editable=editable,
    )


def _value_at(data: Json, pointer: str) -> Json:
    value = data
    for step in pointer.split("/")[1:]:
        value = value.get(step, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def form_of_arguments(call: ToolCall, record: Record, run: Run) -> Literal["string", "object", "either"]:
    """The form that the target asks of a call's arguments; ``either`` where the shape has a form of its own."""
    own_form = call.at.endswith("/function_call")
    if (call.invented and not own_form) or not read_by_target(record, run):
        return "either"
    return run.target.arguments


def parse_arguments(arguments: Json) -> Arguments:
    """The object that a call's arguments are or, as a string of JSON, stand for."""
    if isinstance(arguments, dict):
        return Arguments(arguments)
    if not isinstance(arguments, str):
        return Arguments(None, f"{kind(arguments)}, neither a JSON string nor an object")
    if not arguments.strip():
        return Arguments(None, "an empty string, which is not JSON")
    try:
        value = parse_json(arguments)
    except json.JSONDecodeError as error:
        return Arguments(None, f"not valid JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return Arguments(None, f"not valid JSON: {str(error) or 'nested too deeply'}")
    if not isinstance(value, dict):
        return Arguments(None, f"JSON of {kind(value)}, not of an object")
    return Arguments(value)


def parse_json(text: str) -> Json:
    """The value of a JSON text. Raises ValueError (JSONDecodeError with a position) or RecursionError.

    msgspec refuses lone surrogates, which are grammatical JSON and ENC007's business, hence the second reader.
    """
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def kind(value: Json) -> str:
    """A value's JSON type with its article: ``a list``, ``null``, ``an object`` ..."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "missing"


def shown(value: Json, limit: int = 60) -> str:
    """A value as JSON for a message, cut to ``limit`` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return f'"{text}"' if isinstance(value, str) else text
