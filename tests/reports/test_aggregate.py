"""Which findings are listed when not all can be, and that the caps of the platforms hold at 100,000 findings."""

from __future__ import annotations

import gzip
import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.model import Finding, Place, Result, Severity, SourceSummary
from audit.reports import github, gitlab, render, sarif
from audit.reports.aggregate import fair_shares, listed
from audit.reports.view import View

MANY = 100_000


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(0, 120))
def test_shares_are_fair(wanted: list[int], limit: int) -> None:
    given = fair_shares(wanted, limit)
    assert all(0 <= got <= asked for got, asked in zip(given, wanted, strict=True))
    assert sum(given) == min(limit, sum(wanted))
    short = [got for got, asked in zip(given, wanted, strict=True) if got < asked]
    if short:
        assert max(given) <= min(short) + 1


def findings(code: str, number: int, severity: Severity = Severity.ERROR) -> list[Finding]:
    return [
        Finding(
            code=code,
            severity=severity,
            scope="row",
            message=f"finding {line} of {code}, in words as long as those of most rules are",
            place=Place(file="data/train.jsonl", line=line, column=5, end_column=9, pointer="/messages/3/content"),
            fingerprint=f"{line:032x}",
            evidence={"found": line},
        )
        for line in range(1, number + 1)
    ]


def result(found: list[Finding], **more: int) -> Result:
    counts: dict[str, dict[str, int]] = {}
    for finding in found:
        of_code = counts.setdefault(finding.code, {"findings": 0, "rows": 0})
        of_code["findings"] += 1
        of_code["rows"] += 1
        of_code[finding.severity.value] = of_code.get(finding.severity.value, 0) + 1
    for code, number in more.items():
        counts.setdefault(code, {"rows": 0, "error": number})["findings"] = number
    return Result(
        verdict="FAIL",
        rows=MANY,
        sources=(SourceSummary(path="data/train.jsonl", rows=MANY, lines=MANY),),
        findings=tuple(found),
        rules_run=tuple(sorted(counts)),
        counts=counts,
    )


def test_errors_come_before_warnings_and_rules_share_alike() -> None:
    found = [
        *findings("AAA001", 500),
        *findings("BBB001", 3),
        *findings("CCC001", 500),
        *findings("DDD001", 50, Severity.WARNING),
    ]
    shares = {entry.code: (len(entry.findings), entry.rest) for entry in listed(result(found), 103)}
    assert shares == {"AAA001": (50, 450), "BBB001": (3, 0), "CCC001": (50, 450), "DDD001": (0, 50)}


def test_what_max_findings_cut_is_counted_as_left_out() -> None:
    [entry] = listed(result(findings("AAA001", 2), AAA001=40), 100)
    assert (len(entry.findings), entry.rest, entry.total) == (2, 38, 40)
    [gone] = listed(result([], AAA001=40), 100)
    assert (gone.rest, gone.rest_severity, gone.rest_first) == (40, Severity.ERROR, None)


@pytest.fixture(scope="module")
def many() -> Result:
    half = findings("FMT105", MANY // 2)
    rest = [one for number in range(50) for one in findings(f"ZZZ{number:03}", MANY // 100, Severity.WARNING)]
    return result(half + rest)


def text_of(value: Result, form: str) -> str:
    return "".join(render(value, form, View(rules={})))


def test_sarif_keeps_within_the_limits_of_code_scanning(many: Result) -> None:
    assert len(many.findings) == MANY
    text = text_of(many, "sarif")
    assert len(gzip.compress(text.encode(), 1)) <= 10_000_000
    [run] = json.loads(text)["runs"]
    one_by_one = [entry for entry in run["results"] if "occurrenceCount" not in entry]
    assert len(one_by_one) == sarif.MOST
    assert len(run["results"]) <= 25_000
    assert {entry["ruleId"] for entry in run["results"]} == set(many.counts)
    assert sum(entry.get("occurrenceCount", 1) for entry in run["results"]) == MANY
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == len(many.counts)


def test_sarif_lists_fewer_results_where_they_are_long() -> None:
    long = "日本語" * 400
    found = [
        Finding(
            code="FMT105",
            severity=Severity.ERROR,
            scope="row",
            message=f"{line} {long}",
            place=Place(file="a", line=line),
        )
        for line in range(1, 2_001)
    ]
    text = text_of(result(found), "sarif")
    assert len(text) < sarif.MOST_BYTES + 1_000_000
    assert sum(entry.get("occurrenceCount", 1) for entry in json.loads(text)["runs"][0]["results"]) == 2_000


def test_gitlab_lists_so_many_and_counts_the_rest(many: Result) -> None:
    issues = json.loads(text_of(many, "gitlab"))
    assert len(issues) == gitlab.MOST + len(many.counts)
    assert sum("not listed here" in issue["description"] for issue in issues) == len(many.counts)


def test_junit_names_twenty_places_of_a_rule(many: Result) -> None:
    root = ElementTree.fromstring(text_of(many, "junit"))
    [failure] = root.iter("failure")
    assert (failure.text or "").count("\n- ") == 21
    assert "and 49,980 more" in (failure.text or "")
    assert len(root.findall("testsuite/testcase")) == len(many.counts)


def test_github_annotates_ten_times_a_level_and_says_what_is_left(many: Result) -> None:
    lines = text_of(many, "github").splitlines()
    assert sum(line.startswith("::error ") for line in lines) == 1
    warnings = [line for line in lines if line.startswith("::warning ")]
    assert len(warnings) == github.MOST
    assert "41 more, not annotated: ZZZ009, ZZZ010" in warnings[-1]


def test_a_job_summary_keeps_within_its_room(many: Result) -> None:
    view = View(rules={}, max_per_rule=0)
    for room in (github.SUMMARY_BYTES, 40_000):
        text = github.job_summary(many, view, room)
        assert 0 < len(text.encode()) <= room
        assert "sections left out: the summary is at its limit" in text
        assert "## Evidence" in text
    assert github.job_summary(many, view, 100) == ""


def test_csv_has_every_finding(many: Result) -> None:
    assert text_of(many, "csv").count("\n") == MANY + 1
