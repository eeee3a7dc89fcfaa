"""What the JUnit report says, read back by two parsers."""

from __future__ import annotations

from xml.etree import ElementTree

import junitparser
import msgspec
import pytest

from audit.model import Clause, Evidence, Finding, Gate, Place, Result, Severity, Skipped, Verdict, Waiver
from audit.reports import render
from audit.reports.view import RuleNote, View

VIEW = View(rules={"FMT105": RuleNote("bad-last-turn"), "ENC001": RuleNote("byte-order-mark")})


def result(*lines: int, severity: Severity = Severity.ERROR, **more: object) -> Result:
    findings = tuple(
        Finding(
            code="FMT105", severity=severity, scope="row", message="m\x00m", place=Place(file="x", line=line, column=1)
        )
        for line in lines
    )
    counts = {"FMT105": {"findings": len(lines), "rows": len(lines), severity.value: len(lines)}} if lines else {}
    base = Result(
        verdict="FAIL" if lines else "PASS",
        rows=50,
        findings=findings,
        counts=counts,
        rules_run=("ENC001", "FMT105"),
        rules_skipped=(Skipped("SPL501", "one split"),),
    )
    return msgspec.structs.replace(base, **more)


def read(value: Result) -> dict[str, ElementTree.Element]:
    text = "".join(render(value, "junit", VIEW))
    assert junitparser.JUnitXml.fromstring(text.encode()).tests == text.count("<testcase ")
    cases = list(ElementTree.fromstring(text.encode()).iter("testcase"))
    return {case.get("name", ""): case for case in cases}


def tags(case: ElementTree.Element) -> list[str]:
    return [child.tag for child in case]


def gate_of(verdict: Verdict, exit_code: int) -> Gate:
    clause = Clause(name="groups", demand="assessed", limit="-", actual="-", verdict=verdict, sentence="no attribute")
    waiver = Waiver(what="x", reason="r", owner="o", expires="2027-01-01")
    return Gate(
        policy="default", title="", as_of="", sha256="", verdict=verdict, exit_code=exit_code, clauses=(clause,),
        waivers=(waiver,),
    )  # fmt: skip


def test_passes_failures_and_rules_that_did_not_run_are_cases() -> None:
    cases = read(result(3, 4))
    assert tags(cases["ENC001 byte-order-mark"]) == []
    assert tags(cases["FMT105 bad-last-turn"]) == ["failure"]
    skipped = cases["SPL501"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "one split"


def test_a_failure_names_twenty_places_and_counts_the_rest() -> None:
    failure = read(result(*range(1, 31)))["FMT105 bad-last-turn"].find("failure")
    assert failure is not None
    assert failure.get("message") == "error: 30 findings in 30 rows"
    lines = (failure.text or "").split("\n")
    assert lines[1] == r"- error at x:1:1: m\x00m"
    assert lines[-1] == "- and 10 more"
    assert len(lines) == 22


def test_findings_below_fail_on_are_shown_and_fail_nothing() -> None:
    value = result(1, severity=Severity.WARNING)
    assert tags(read(value)["FMT105 bad-last-turn"]) == ["system-out"]
    stricter = msgspec.structs.replace(value, evidence=Evidence(config={"fail_on": "warning"}))
    assert tags(read(stricter)["FMT105 bad-last-turn"]) == ["failure"]


@pytest.mark.parametrize(
    ("verdict", "exit_code", "shown"),
    [
        ("PASS", 0, []),
        ("FAIL", 1, ["failure"]),
        ("INCONCLUSIVE", 3, ["failure"]),
        ("NOT_ASSESSED", 3, ["failure"]),
        ("NOT_ASSESSED", 1, ["failure"]),
        ("NOT_ASSESSED", 0, ["skipped"]),
    ],
)
def test_an_undecided_clause_fails_unless_the_policy_lets_it_pass(
    verdict: Verdict, exit_code: int, shown: list[str]
) -> None:
    cases = read(result(gate=gate_of(verdict, exit_code)))
    case = cases["groups: assessed"]
    assert tags(case) == shown
    assert [child.get("type") for child in case] == [verdict for _ in shown]


def test_with_a_gate_the_clauses_decide_and_not_the_rules() -> None:
    assert tags(read(result(3, gate=gate_of("PASS", 0)))["FMT105 bad-last-turn"]) == ["system-out"]


def test_an_interrupted_run_is_an_error() -> None:
    assert tags(read(result(partial=True))["the whole input was read"]) == ["error"]
