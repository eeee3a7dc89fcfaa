"""Findings share what is alike in them, and nothing that anybody could tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import audit
from audit.engine.place import on_line
from audit.model import Applicability, Finding, Fix, Json, Line, PointerEdit, Severity, Source
from audit.rule import Hit, LineRule


class Rule(LineRule, frozen=True):
    code: ClassVar[str] = "XXX001"
    name: ClassVar[str] = "x"
    severity: ClassVar[Severity] = Severity.ERROR


def finding(evidence: dict[str, Json], value: Json = None) -> Finding:
    line = Line(source=Source(path="x"), number=1, offset=0, raw=b'{"a": 1}')
    fix = Fix(Applicability.SAFE, "mend", (PointerEdit("replace", "/a", value),))
    return on_line(Rule(), Hit(message="seen", at="/a", evidence=evidence, fix=fix), line)


def test_findings_that_are_alike_share_evidence_and_fix() -> None:
    first, second = finding({"role": "User", "rows": 2}, "user"), finding({"role": "User", "rows": 2}, "user")
    assert first == second
    assert first.evidence is second.evidence
    assert first.fix is second.fix


def test_what_json_tells_apart_is_never_shared() -> None:
    forms: list[dict[str, Json]] = [
        {"a": 1, "b": "x"},
        {"b": "x", "a": 1},
        {"a": True, "b": "x"},
        {"a": 1.0, "b": "x"},
        {"a": [1]},
        {"a": [True]},
        {},
    ]
    for evidence in [*forms, *forms]:
        assert repr(finding(evidence).evidence) == repr(evidence)
    for value in (1, True, 1.0, "1", None, [1], [True], 1):
        fix = finding({}, value).fix
        assert fix is not None
        edit = fix.edits[0]
        assert isinstance(edit, PointerEdit)
        assert repr(edit.value) == repr(value)


def test_a_row_of_a_table_is_named_by_its_line_and_pointer_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("prompt,completion\nHi,Hello\nHi again,\n")
    (finding,) = audit.check(path, ignore=["TOK"]).findings
    assert (finding.place.line, finding.place.column, finding.place.offset) == (3, None, 27)
    assert finding.place.pointer == "/completion"
