"""JSON Schemas of tool parameters: walking, mending foreign type names, compiling. Fetches nothing, raises nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from audit.model import Json

if TYPE_CHECKING:
    from jsonschema_rs import Validator

TYPE_NAMES: Final = MappingProxyType(
    {
        "dict": "object",
        "map": "object",
        "hashmap": "object",
        "list": "array",
        "tuple": "array",
        "set": "array",
        "arraylist": "array",
        "float": "number",
        "double": "number",
        "decimal": "number",
        "int": "integer",
        "long": "integer",
        "str": "string",
        "bool": "boolean",
        "none": "null",
        "nonetype": "null",
        "any": None,
    }
)
"""Type names of programming languages -> JSON Schema's; None where JSON Schema says it by leaving ``type`` out."""

JSON_TYPES: Final = frozenset({"object", "array", "number", "integer", "string", "boolean", "null"})

_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_SINGLE = (
    "items",
    "additionalProperties",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
)
# Keywords by which a schema may accept names that its own "properties" does not list.
_OPEN = frozenset(
    {
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "propertyNames",
        "dependentSchemas",
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "not",
    }
)


class Compiled(msgspec.Struct, frozen=True):
    """A schema ready to judge arguments. ``validator`` is None where it does not compile, and ``wrong`` says why.

    ``names`` are the parameters it lists where it lists them all, else None; ``required`` those that it requires.
    """

    validator: Validator | None
    names: frozenset[str] | None
    required: tuple[str, ...]
    wrong: str = ""


def subschemas(schema: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    """(JSON Pointer relative to the schema, object) of the schema and of every schema in it, outermost first."""
    stack: list[tuple[str, Json]] = [("", schema)]
    while stack:
        at, value = stack.pop()
        if not isinstance(value, dict):
            continue
        yield at, value
        stack += reversed(list(_children(at, value)))


def _children(at: str, schema: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    for key, value in schema.items():
        if isinstance(value, dict):
            if key in _MAPS:
                for name, inner in value.items():
                    yield f"{at}/{key}/{name.replace('~', '~0').replace('/', '~1')}", inner
            elif key in _SINGLE:
                yield f"{at}/{key}", value
        elif isinstance(value, list) and key in _LISTS:
            for index, inner in enumerate(value):
                yield f"{at}/{key}/{index}", inner


def json_type(name: Json) -> tuple[bool, str | None]:
    """(whether the name is foreign, what JSON Schema calls it; None for "leave it out" and for what is not foreign)."""
    if not isinstance(name, str) or name in JSON_TYPES:
        return False, None
    lower = name.lower()
    if lower in JSON_TYPES:
        return True, lower
    return lower in TYPE_NAMES, TYPE_NAMES.get(lower)


def schema_text(schema: Json) -> str | None:
    """The schema as JSON, the key under which its compiled form is kept; None where it cannot be written."""
    try:
        return msgspec.json.encode(schema).decode()
    except (ValueError, OverflowError, RecursionError):
        return None


@lru_cache(maxsize=4096)
def compile_schema(text: str) -> Compiled:
    """The compiled schema of a JSON text. Foreign type names are read as what they mean; nothing is fetched."""
    import jsonschema_rs

    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Compiled(None, None, (), f"it cannot be read: {str(error) or 'nested too deeply'}")
    _mend(schema)
    names, required = _names(schema)
    try:
        validator = jsonschema_rs.validator_for(schema, offline=True)
    except (ValueError, RecursionError) as error:
        return Compiled(None, names, required, (str(error).splitlines() or ["it does not compile"])[0])
    return Compiled(validator, names, required)


def _mend(schema: Json) -> None:
    """Foreign type names replaced in place, and a dialect that is not JSON Schema's own left out."""
    if isinstance(schema, dict) and "json-schema.org" not in str(schema.get("$schema", "json-schema.org")):
        del schema["$schema"]
    for _, part in subschemas(schema):
        if "type" not in part:
            continue
        found = part["type"]
        read = [json_type(name) for name in (found if isinstance(found, list) else [found])]
        if (True, None) in read:
            del part["type"]
        elif isinstance(found, list):
            part["type"] = meant_types(found)
        elif read[0][0]:
            part["type"] = read[0][1]


def meant_types(names: list[Json]) -> list[Json]:
    """The names of a list of types as JSON Schema writes them, each once; what is not a foreign name stays."""
    meant: list[Json] = []
    for name in names:
        foreign, replacement = json_type(name)
        chosen = replacement if foreign else name
        if chosen not in meant:
            meant.append(chosen)
    return meant


def _names(schema: Json) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    if not isinstance(schema, dict):
        return None, ()
    properties, required = schema.get("properties"), schema.get("required")
    closed = isinstance(properties, dict) and not _OPEN & schema.keys()
    listed = required if isinstance(required, list) else []
    return (
        frozenset(properties) if closed and isinstance(properties, dict) else None,
        tuple(name for name in listed if isinstance(name, str)),
    )
