"""The small values that every noun is made of: JSON, the absence of a key, severities."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any, Final, Literal, TypeAlias


class Absent(Enum):
    """The type of ``ABSENT``: a key that is not in the row at all, which is not the same as null."""

    ABSENT = "absent"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT

Json: TypeAlias = Any
"""Any value that JSON can hold, as Python's json gives it."""


class Severity(StrEnum):
    """How bad a finding is. ``error`` fails a gate by default."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for error, 1 for warning, 2 for info: sorts the worst first."""
        return ("error", "warning", "info").index(self.value)


class Applicability(StrEnum):
    """How far a fix may be trusted: safe changes no meaning, unsafe may, drop removes the row, shown is advice."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DROP = "drop"
    SHOWN = "shown"


Scope: TypeAlias = Literal["row", "file", "dataset", "output"]

Verdict: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT_ASSESSED"]
"""``FAIL`` and ``PASS`` are claims that the data supports; ``INCONCLUSIVE``: too little data to say;
``NOT_ASSESSED``: nothing to judge by (no attribute, no rule, no denominator)."""
