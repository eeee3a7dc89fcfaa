"""What the SARIF log says, against the schema and against what GitHub asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import audit
from audit.model import (
    Applicability,
    ByteEdit,
    Clause,
    DropRow,
    Evidence,
    Finding,
    Fix,
    Gate,
    Place,
    Related,
    Result,
    Severity,
    Skipped,
    SourceSummary,
    Suppressed,
)
from audit.reports import render
from audit.reports.view import View

SCHEMA = Path(__file__).resolve().parent.parent / "data" / "sarif" / "sarif-2.1.0-rtm.5.json"


def finding(**more: object) -> Finding:
    place = Place(file="train.jsonl", line=3, column=7, end_column=12, offset=100, pointer="/messages/3/content")
    base = Finding(code="FMT105", severity=Severity.ERROR, scope="row", message="the row ends", place=place)
    return msgspec.structs.replace(base, **more)


def result(*findings: Finding, **more: object) -> Result:
    base = Result(
        verdict="FAIL",
        rows=10,
        sources=(SourceSummary(path="train.jsonl", rows=10, bytes=500, sha256="ab" * 32),),
        findings=findings,
        rules_run=("ENC001", "FMT105"),
        counts={"FMT105": {"findings": len(findings), "rows": len(findings), "error": len(findings)}},
        evidence=Evidence(tool="finetune-audit", version="1.2.3", target="openai-sft"),
    )
    return msgspec.structs.replace(base, **more)


def run_of(value: Result, **more: object) -> dict[str, Any]:
    log = json.loads("".join(render(value, "sarif", msgspec.structs.replace(View(), **more))))
    jsonschema.Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(log)
    [run] = log["runs"]
    for place in (place for entry in run["results"] for place in entry["locations"]):
        # GitHub takes no result without a file and a first line; nor does the standard an empty region.
        assert place["physicalLocation"]["artifactLocation"]["uri"]
        assert place["physicalLocation"]["region"]["startLine"] >= 1
    for entry in run["results"]:
        assert run["tool"]["driver"]["rules"][entry["ruleIndex"]]["id"] == entry["ruleId"]
    return dict(run)


def only(value: Result) -> dict[str, Any]:
    [entry] = run_of(value)["results"]
    return dict(entry)


def test_a_finding_has_its_place_in_code_points_and_as_a_pointer() -> None:
    run = run_of(result(finding()))
    assert run["columnKind"] == "unicodeCodePoints"
    [entry] = run["results"]
    [location] = entry["locations"]
    assert location == {
        "physicalLocation": {
            "artifactLocation": {"uri": "train.jsonl", "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 3, "startColumn": 7, "endColumn": 12},
        },
        "logicalLocations": [{"fullyQualifiedName": "/messages/3/content", "kind": "value"}],
    }


@pytest.mark.parametrize(("severity", "level"), [("error", "error"), ("warning", "warning"), ("info", "note")])
def test_severities_become_levels(severity: str, level: str) -> None:
    assert only(result(finding(severity=Severity(severity))))["level"] == level


def test_a_rule_that_ran_has_its_help_although_it_found_nothing() -> None:
    rules = run_of(result())["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["ENC001", "FMT105"]
    assert rules[1]["name"] == "bad-last-turn"
    assert rules[1]["defaultConfiguration"] == {"level": "error"}
    assert "**Bad**" in rules[1]["help"]["markdown"]
    assert rules[1]["help"]["text"]


def test_a_rule_that_is_not_installed_has_its_code() -> None:
    run = run_of(result(finding(code="QQQ001"), counts={"QQQ001": {"findings": 1, "warning": 1}}))
    assert run["tool"]["driver"]["rules"][-1]["id"] == "QQQ001"


def test_rows_that_repeat_keep_alerts_of_their_own() -> None:
    entries = run_of(result(finding(fingerprint="f"), finding(fingerprint="f", place=Place(file="x", line=9))))
    hashes = [entry["partialFingerprints"] for entry in entries["results"]]
    assert [entry["auditFingerprint/v1"] for entry in hashes] == ["f", "f"]
    assert [entry["primaryLocationLineHash"] for entry in hashes] == ["f:1", "f:2"]


def test_what_concerns_all_data_stands_at_the_first_line_of_the_first_file() -> None:
    [location] = only(result(finding(scope="dataset", place=Place())))["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "train.jsonl"
    assert location["physicalLocation"]["region"] == {"startLine": 1}


def uri_of(path: str) -> dict[str, Any]:
    [location] = only(result(finding(place=Place(file=path, line=1))))["locations"]
    return dict(location["physicalLocation"]["artifactLocation"])


def test_paths_are_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("data/a b#c?.jsonl", "./data/a b#c?.jsonl", str(tmp_path / "data" / "a b#c?.jsonl")):
        assert uri_of(path) == {"uri": "data/a%20b%23c%3F.jsonl", "uriBaseId": "%SRCROOT%"}
    assert uri_of("größe.jsonl")["uri"] == "gr%C3%B6%C3%9Fe.jsonl"
    assert uri_of("javascript:x")["uri"] == "javascript%3Ax"


def test_a_path_outside_is_absolute_and_has_no_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    for path in ("../x.jsonl", str(tmp_path / "x.jsonl")):
        assert uri_of(path) == {"uri": (tmp_path / "x.jsonl").as_uri()}


def test_standard_input_and_rows_have_a_name() -> None:
    assert uri_of("-")["uri"] == "stdin"
    assert uri_of("<rows>")["uri"] == "rows"


def test_related_places_carry_numbers() -> None:
    related = only(result(finding(related=(Related(line=1), Related(file="b.jsonl", pointer="/x")))))[
        "relatedLocations"
    ]
    assert [place["id"] for place in related] == [1, 2]
    uris = [place["physicalLocation"]["artifactLocation"]["uri"] for place in related]
    assert uris == ["train.jsonl", "b.jsonl"]


def test_a_message_has_no_placeholder_and_no_link() -> None:
    assert only(result(finding(message="{0} [x](http://y)")))["message"]["text"] == "{{0}} [x] (http://y)"


def test_a_safe_edit_of_a_plain_file_is_a_fix() -> None:
    fix = Fix(Applicability.SAFE, "remove the mark", (ByteEdit(0, 3),))
    entry = only(result(finding(scope="file", place=Place(file="train.jsonl", offset=0), fix=fix)))
    [change] = entry["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [{"deletedRegion": {"byteOffset": 0, "byteLength": 3}}]


@pytest.mark.parametrize(
    "fix",
    [
        Fix(Applicability.UNSAFE, "x", (ByteEdit(0, 3),)),
        Fix(Applicability.DROP, "x", (DropRow(),)),
        Fix(Applicability.SHOWN, "x"),
    ],
)
def test_other_fixes_are_only_named(fix: Fix) -> None:
    entry = only(result(finding(fix=fix)))
    assert "fixes" not in entry
    assert entry["properties"]["fix"] == {"applicability": fix.applicability.value, "title": "x"}


def test_what_was_not_judged_is_counted() -> None:
    suppressed = (Suppressed(code="FMT110", path="*", reason="known", findings=3),)
    skipped = (Skipped("SPL501", "one split"),)
    facts = run_of(result(suppressed=suppressed, rules_skipped=skipped, known={"FMT105": 2}))["properties"]
    assert facts["suppressed"] == 3
    assert facts["suppressions"][0]["reason"] == "known"
    assert facts["rulesSkipped"][0]["code"] == "SPL501"
    assert facts["knownFromBaseline"] == {"FMT105": 2}


def test_an_interrupted_run_and_an_unmet_gate_are_notifications() -> None:
    clause = Clause(name="groups", demand="d", limit="l", actual="a", verdict="NOT_ASSESSED", sentence="s")
    gate = Gate(policy="p", title="t", as_of="", sha256="", verdict="NOT_ASSESSED", exit_code=3, clauses=(clause,))
    [invocation] = run_of(result(partial=True, gate=gate))["invocations"]
    assert invocation["executionSuccessful"] is False
    texts = [entry["message"]["text"] for entry in invocation["toolExecutionNotifications"]]
    assert texts[1] == "the gate p says NOT_ASSESSED: groups NOT_ASSESSED"


def test_a_source_line_is_short_and_visible_and_left_out_where_secrets_are(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("[" + "\u202e" * 30 + "x" * 5_000 + "\n")
    place = Place(file=str(path), line=1, column=1, offset=0)
    found = (finding(place=place), finding(code="SEC911", place=place))
    value = result(*found, counts={}, sources=(SourceSummary(path=str(path)),))
    open_, secret = run_of(value)["results"]
    text = open_["locations"][0]["physicalLocation"]["contextRegion"]["snippet"]["text"]
    assert len(text) <= 200
    assert "<U+202E>" in text
    assert "contextRegion" not in secret["locations"][0]["physicalLocation"]


def test_a_real_check_is_valid_and_the_same_twice(tmp_path: Path) -> None:
    from audit.demo import write

    write(tmp_path / "demo")
    results = [audit.check(tmp_path / "demo" / "loans.jsonl", target="openai-sft", as_of="2026-11-21") for _ in "ab"]
    run = run_of(results[0])
    assert len(run["results"]) == len(results[0].findings)
    assert any("fixes" in entry for entry in run["results"])
    assert len({"".join(render(value, "sarif")) for value in results}) == 1
