"""The nouns: what travels between the reader, the rules, the engine and the reports.

Everything here is frozen. Nothing here imports anything of ours, opens a file or knows a rule.
All are msgspec structs: slotted, quick to make, and JSON both ways through ``msgspec``.
"""

from __future__ import annotations

from audit.model.findings import (
    DROP_ROW,
    QUARANTINE_ROW,
    ByteEdit,
    DropRow,
    Edit,
    Finding,
    Fix,
    Measure,
    Place,
    PointerEdit,
    Related,
    Transcode,
)
from audit.model.gate import Clause, Gate, Waiver
from audit.model.result import Evidence, Result, Skipped, SourceSummary, Suppressed
from audit.model.rows import Chat, Line, Message, Problem, Record, RowTokens, Source, ToolCall
from audit.model.target import Target
from audit.model.values import ABSENT, Absent, Applicability, Json, Scope, Severity, Verdict

__all__ = [
    "ABSENT",
    "DROP_ROW",
    "QUARANTINE_ROW",
    "Absent",
    "Applicability",
    "ByteEdit",
    "Chat",
    "Clause",
    "DropRow",
    "Edit",
    "Evidence",
    "Finding",
    "Fix",
    "Gate",
    "Json",
    "Line",
    "Measure",
    "Message",
    "Place",
    "PointerEdit",
    "Problem",
    "Record",
    "Related",
    "Result",
    "RowTokens",
    "Scope",
    "Severity",
    "Skipped",
    "Source",
    "SourceSummary",
    "Suppressed",
    "Target",
    "ToolCall",
    "Transcode",
    "Verdict",
    "Waiver",
]
