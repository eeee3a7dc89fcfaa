"""ENC004: rows that are JSON but not objects, and files that are not JSON Lines. Which keys a row has is FMT's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from audit.model import Applicability, ByteEdit, Fix, Line, Problem, Severity, Target, Transcode
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import DROP, hit_of

_TO_JSONL = Fix(Applicability.SAFE, "rewrite the file as JSON Lines", (Transcode("jsonl"),))
_CONVERT = Fix(Applicability.SHOWN, "convert it to JSON Lines with `audit convert`")
_TABLES = {"csv-file": "csv", "parquet-file": "parquet"}


class NotAnObject(LineRule, frozen=True):
    r"""The row is not a JSON object, or the file is not JSON Lines but one JSON array, pretty-printed JSON or a table.

    A fine-tuning file is one JSON object per line. Hosted targets reject anything else at upload; local tools that
    read JSON files as well (targets that list ``json``) get a warning only. CSV and parquet are found only
    where the target does not read them.

    Bad:
        "What is the capital of France? Paris."
    Good:
        {"messages": [{"role": "user", "content": "Capital of France?"}, {"role": "assistant", "content": "Paris."}]}
    Do: write one object per line; `audit fix` rewrites a JSON array, `audit convert` a table.
    """

    code: ClassVar[str] = "ENC004"
    name: ClassVar[str] = "not-an-object"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per row that is not an object, one per file in the wrong container."""
        for problem in line.problems:
            if problem.kind == "not-object":
                yield hit_of(self, problem, _unwrap(line.raw) or DROP)
            elif problem.kind in ("json-array-file", "pretty-printed-file"):
                yield hit_of(self, problem, _TO_JSONL, _severity_of_json(run.target))
            elif problem.kind in _TABLES and _refused(problem, run.target):
                yield hit_of(self, problem, _CONVERT)


def _severity_of_json(target: Target) -> Severity:
    return Severity.WARNING if "json" in target.containers and not target.hosted else Severity.ERROR


def _refused(problem: Problem, target: Target) -> bool:
    return bool(target.containers) and _TABLES[problem.kind] not in target.containers


def _unwrap(raw: bytes) -> Fix | None:
    """The fix for an object that stands alone in a JSON array, None for anything else."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not (isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)):
        return None
    opening, closing = raw.index(b"["), raw.rindex(b"]")
    edits = (ByteEdit(opening, opening + 1), ByteEdit(closing, closing + 1))
    return Fix(Applicability.UNSAFE, "take the object out of the array", edits)
