"""GitHub's annotations, read back as the runner reads them, and the job summary."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest

from audit.cli.output import append_job_summary
from audit.model import Clause, Finding, Gate, Place, Result, Severity
from audit.reports import render
from audit.reports.github import job_summary
from audit.reports.view import RuleNote, View

VIEW = View(rules={"FMT105": RuleNote("bad-last-turn")})


def finding(code: str = "FMT105", **more: object) -> Finding:
    place = Place(file="train.jsonl", line=3, column=7)
    base = Finding(code=code, severity=Severity.ERROR, scope="row", message="the row ends", place=place)
    return msgspec.structs.replace(base, **more)


def result(*findings: Finding, **more: object) -> Result:
    counts: dict[str, dict[str, int]] = {}
    for one in findings:
        of_code = counts.setdefault(one.code, {"findings": 0})
        of_code["findings"] += 1
        of_code[one.severity.value] = of_code.get(one.severity.value, 0) + 1
    return msgspec.structs.replace(Result(verdict="FAIL", rows=9, findings=findings, counts=counts), **more)


def annotations(value: Result) -> list[tuple[str, dict[str, str], str]]:
    """(level, properties, message) as the runner takes a line apart: at the second ``::``, at commas, at ``=``."""
    found = []
    for line in "".join(render(value, "github", VIEW)).splitlines():
        if line.startswith(("::error ", "::warning ", "::notice ")):
            head, message = line[2:].split("::", 1)
            level, _, properties = head.partition(" ")
            pairs = (part.split("=", 1) for part in properties.split(","))
            found.append((level, {name: unquote(text) for name, text in pairs}, unquote(message)))
    return found


def test_a_rule_is_annotated_once_at_its_worst_row_with_the_number() -> None:
    warning = finding(severity=Severity.WARNING, place=Place(file="train.jsonl", line=1, column=1))
    assert annotations(result(warning, finding(), finding())) == [
        (
            "error",
            {"file": "train.jsonl", "line": "3", "col": "7", "title": "FMT105 bad-last-turn"},
            "the row ends (3 findings of this rule)",
        )
    ]


def test_what_the_runner_reads_is_what_was_meant() -> None:
    place = Place(file="a:b,c%0A.jsonl", line=1, column=1)
    [(_, properties, message)] = annotations(result(finding(place=place, message="100 %0A, a: b, c")))
    assert properties["file"] == "a:b,c%0A.jsonl"
    assert message == "100 %0A, a: b, c"


def test_files_are_relative_and_all_data_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    absolute = finding(place=Place(file=str(tmp_path / "d" / "x.jsonl"), line=2))
    [(_, properties, _)] = annotations(result(absolute))
    assert properties["file"] == "d/x.jsonl"
    [(_, properties, _)] = annotations(result(finding(place=Place(), scope="dataset")))
    assert "file" not in properties


def test_ten_of_a_level_and_the_last_says_how_many_more() -> None:
    found = [finding(f"AAA{number:03}") for number in range(14)]
    errors = annotations(result(*found, finding("BBB001", severity=Severity.WARNING)))
    assert [level for level, _, _ in errors] == ["error"] * 10 + ["warning"]
    assert errors[9][2] == "5 more, not annotated: AAA009, AAA010, AAA011, AAA012, AAA013"


def test_a_clause_that_is_not_met_is_an_error_unless_the_policy_lets_it_pass() -> None:
    clause = Clause(name="groups", demand="d", limit="l", actual="a", verdict="NOT_ASSESSED", sentence="no attribute")
    for exit_code, level in ((3, "error"), (0, "warning")):
        gate = Gate(
            policy="p", title="", as_of="", sha256="", verdict="NOT_ASSESSED", exit_code=exit_code, clauses=(clause,)
        )
        [(found, properties, message)] = annotations(result(gate=gate))
        assert (found, properties, message) == (level, {"title": "NOT_ASSESSED groups"}, "no attribute")


def test_findings_are_folded_and_the_verdict_comes_last() -> None:
    lines = "".join(render(result(finding()), "github", VIEW)).splitlines()
    assert lines[0] == "::group::audit findings (1 rule)"
    assert lines[1] == "train.jsonl:3:7: FMT105 error: the row ends"
    assert lines[2] == "::endgroup::"
    assert lines[-1].startswith("audit: FAIL: 1 error")


def test_the_job_summary_is_appended_where_the_runner_says(tmp_path: Path) -> None:
    target = tmp_path / "summary.md"
    target.write_text("before\n")
    append_job_summary(result(finding()), VIEW, {"GITHUB_STEP_SUMMARY": str(target)})
    text = target.read_text(encoding="utf-8")
    assert text.startswith("before\n# audit: FAIL")
    assert text.endswith(job_summary(result(finding()), VIEW))
    append_job_summary(result(finding()), VIEW, {})


def test_a_job_summary_that_is_full_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "summary.md"
    target.write_text("x" * (900 << 10))
    append_job_summary(result(finding()), VIEW, {"GITHUB_STEP_SUMMARY": str(target)})
    assert target.stat().st_size == 900 << 10
