"""TCL: tool calls and tool definitions. Roles, content and unknown keys of the messages around them are FMT's."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.tools.arguments import BadArguments
from audit.rules.tools.call_ids import CallIds
from audit.rules.tools.deprecated_functions import DeprecatedFunctions
from audit.rules.tools.invalid_schema import InvalidSchema
from audit.rules.tools.malformed import MalformedTool
from audit.rules.tools.schema_violation import SchemaViolation
from audit.rules.tools.type_names import TypeNames
from audit.rules.tools.undeclared_tool import UndeclaredTool

RULES: Final[tuple[type[Rule], ...]] = (
    BadArguments,
    CallIds,
    UndeclaredTool,
    SchemaViolation,
    InvalidSchema,
    DeprecatedFunctions,
    TypeNames,
    MalformedTool,
)
