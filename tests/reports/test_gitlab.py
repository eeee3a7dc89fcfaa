"""What GitLab's Code Quality report says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from audit.model import Clause, Finding, Gate, Place, Result, Severity, SourceSummary
from audit.reports import render


def finding(**more: object) -> Finding:
    base = Finding(
        code="FMT105",
        severity=Severity.ERROR,
        scope="row",
        message="the row ends",
        place=Place(file="./data/train.jsonl", line=3, column=7),
        fingerprint="f",
    )
    return msgspec.structs.replace(base, **more)


def issues(*findings: Finding, **more: object) -> list[dict[str, Any]]:
    base = Result(sources=(SourceSummary(path="data/train.jsonl"),), findings=findings)
    found = json.loads("".join(render(msgspec.structs.replace(base, **more), "gitlab")))
    assert isinstance(found, list)
    return found


def test_an_issue_has_what_gitlab_asks_for() -> None:
    assert issues(finding()) == [
        {
            "description": "the row ends",
            "check_name": "FMT105",
            "fingerprint": "f",
            "severity": "major",
            "location": {"path": "data/train.jsonl", "lines": {"begin": 3}},
        }
    ]


@pytest.mark.parametrize(("severity", "shown"), [("error", "major"), ("warning", "minor"), ("info", "info")])
def test_severities_have_their_words(severity: str, shown: str) -> None:
    [issue] = issues(finding(severity=Severity(severity)))
    assert issue["severity"] == shown


def test_rows_that_repeat_stay_apart_and_keep_their_fingerprints() -> None:
    first = [issue["fingerprint"] for issue in issues(finding(), finding(), finding(fingerprint=""))]
    assert first[0] == "f"
    assert len(set(first)) == 3
    assert first == [issue["fingerprint"] for issue in issues(finding(), finding(), finding(fingerprint=""))]


def test_what_concerns_all_data_stands_in_the_first_file() -> None:
    [issue] = issues(finding(place=Place(), scope="dataset"))
    assert issue["location"] == {"path": "data/train.jsonl", "lines": {"begin": 1}}


def test_a_clause_that_fails_is_a_blocker() -> None:
    clauses = tuple(
        Clause(name=verdict, demand="d", limit="l", actual="a", verdict=verdict, sentence="s")
        for verdict in ("PASS", "FAIL", "NOT_ASSESSED")
    )
    gate = Gate(policy="p", title="", as_of="", sha256="", verdict="FAIL", exit_code=1, clauses=clauses)
    assert [issue["severity"] for issue in issues(gate=gate)] == ["blocker", "critical"]


def test_no_finding_is_an_empty_list() -> None:
    assert issues() == []
