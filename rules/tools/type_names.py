"""TCL207: type names of programming languages in a tool's JSON Schema. Other mistakes in the schema are TCL205's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import ClassVar

from audit.model import Applicability, Edit, Fix, Json, PointerEdit, Record, Severity
from audit.rule import Batch, Hit, RecordRule, Run
from audit.rules.tools.calls import declared_in, declared_tools, no_tools, shown
from audit.rules.tools.schemas import json_type, meant_types, subschemas

_FIX = "write the types as JSON Schema names them"
_SHOWN = 4


class TypeNames(RecordRule, frozen=True):
    r"""The schema of a tool names its types as Python does: "dict", "float", "tuple", "any" ...

    JSON Schema knows object, array, number, integer, string, boolean and null. With other names the schema is
    invalid: providers refuse the tool at inference, and constrained decoding and validation do not work. Names that
    differ in case only ("STRING") and common Java names count as well.

    Bad:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "dict", "properties": {"days": {"type": "float"}}}}}]}
    Good:
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "content": "It rains."}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"days": {"type": "number"}}}}}]}
    Do: use JSON Schema's names; the fix does, and removes "any", which JSON Schema says by naming no type.
    """  # noqa: E501

    code: ClassVar[str] = "TCL207"
    name: ClassVar[str] = "foreign-type-name"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def applies_to(self, run: Run) -> str | None:
        return super().applies_to(run) or no_tools(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """The tool rows with such a name in a schema."""
        return [row.row for row in batch.tool_rows if _holds_foreign(row.tools)]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per tool, at its first foreign type name, with the edits for all of them."""
        for index, tool in enumerate(declared_tools(record) or ()):
            found = list(_foreign(tool.parameters))
            if not found:
                continue
            counts = Counter(name for _, name, _ in found)
            listed = [
                shown(name) + (f" ({count} times)" if count > 1 else "") for name, count in sorted(counts.items())
            ]
            more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
            name = shown(tool.name) if isinstance(tool.name, str) else f"tool {index + 1}"
            fix = None
            if tool.editable:
                fix = Fix(Applicability.SAFE, _FIX, tuple(_edits(tool.parameters_at, tool.parameters)))
            yield self.hit(
                f"the schema of {name} has types that JSON Schema does not know: {', '.join(listed[:_SHOWN])}{more}",
                tool.parameters_at + found[0][0] if tool.editable else tool.at,
                evidence={"types": dict(sorted(counts.items()))},
                fix=fix,
                key=f"tool{index}",
            )


@lru_cache(maxsize=4096)
def _holds_foreign(tools: bytes) -> bool:
    return any(True for tool in declared_in(tools) for _ in _foreign(tool.parameters))


def _foreign(schema: Json) -> Iterator[tuple[str, str, str | None]]:
    """(pointer of the type, the foreign name, JSON Schema's name) within a schema."""
    for at, part in subschemas(schema):
        found = part.get("type")
        for name in found if isinstance(found, list) else [found]:
            foreign, meant = json_type(name)
            if foreign and isinstance(name, str):
                yield f"{at}/type", name, meant


def _edits(base: str, schema: Json) -> Iterator[Edit]:
    """One edit per ``type`` that names a foreign type."""
    for at, part in subschemas(schema):
        found = part.get("type")
        names = found if isinstance(found, list) else [found]
        read = [json_type(name) for name in names]
        if not any(foreign for foreign, _ in read):
            continue
        pointer = f"{base}{at}/type"
        if (True, None) in read:
            yield PointerEdit("remove", pointer)
        elif isinstance(found, list):
            yield PointerEdit("replace", pointer, meant_types(found))
        else:
            yield PointerEdit("replace", pointer, read[0][1])
