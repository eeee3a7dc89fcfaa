"""A baseline takes out the findings that are known, whatever became of the order of the rows."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.errors import ConfigError
from audit.model import Evidence, Finding, Place, Result, Severity
from audit.policy.baseline import Baseline, baseline_of, compare, read_baseline
from audit.reports.encode import encode

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}


def bad(text: str) -> dict[str, Any]:
    """A row without an answer (FMT104)."""
    return {"messages": [{"role": "user", "content": text}]}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(rows: list[Any], name: str = "data.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def baseline(rows: list[Any]) -> str:
    result = audit.check(write(rows), select=["FMT104"])
    Path("known.json").write_text(encode(baseline_of(result), indent=2), encoding="utf-8")
    return "known.json"


def checked(rows: list[Any], known: str) -> Result:
    return audit.check(write(rows), select=["FMT104"], baseline=known)


def against(result: Result) -> dict[str, int]:
    (table,) = (measure.table for measure in result.measures if measure.name == "baseline.findings")
    return dict(table)


def test_known_findings_are_taken_out_and_counted() -> None:
    rows = [bad("a"), GOOD, bad("b")]
    result = checked(rows, baseline(rows))
    assert (result.verdict, result.findings, result.counts) == ("PASS", (), {})
    assert result.known == {"FMT104": 2}
    assert against(result) == {"new": 0, "known": 2, "gone": 0}


def test_a_baseline_survives_reordered_and_inserted_rows() -> None:
    rows = [bad("a"), GOOD, bad("b"), bad("c")]
    known = baseline(rows)
    random.Random(0).shuffle(rows)
    assert against(checked([GOOD, *rows, GOOD], known)) == {"new": 0, "known": 3, "gone": 0}


def test_a_new_finding_is_new_and_a_mended_one_is_gone() -> None:
    known = baseline([bad("a"), bad("b"), GOOD])
    result = checked([GOOD, bad("b"), bad("c")], known)
    assert result.verdict == "FAIL"
    assert [finding.place.line for finding in result.findings] == [3]
    assert against(result) == {"new": 1, "known": 1, "gone": 1}


def test_one_copy_more_of_a_known_row_is_new() -> None:
    result = checked([bad("a"), bad("a")], baseline([bad("a")]))
    assert against(result) == {"new": 1, "known": 1, "gone": 0}


def test_findings_of_rules_that_do_not_run_are_not_gone() -> None:
    known = baseline([bad("a")])
    result = audit.check(write([GOOD]), select=["ENC"], baseline=known)
    assert against(result) == {"new": 0, "known": 0, "gone": 0}


def test_a_baseline_holds_no_path_no_text_and_no_clock() -> None:
    text = Path(baseline([bad("a secret")])).read_text(encoding="utf-8")
    assert "secret" not in text
    assert "data.jsonl" not in text
    assert set(json.loads(text)) == {"schema", "tool", "version", "target", "rules", "findings"}


def test_the_same_data_gives_the_same_baseline() -> None:
    rows = [bad("a"), bad("b")]
    first = Path(baseline(rows)).read_bytes()
    assert Path(baseline(rows[::-1])).read_bytes() == first


def test_where_a_baseline_lies_is_no_part_of_the_configuration_that_is_evidence() -> None:
    rows = [bad("a")]
    result = checked(rows, baseline(rows))
    assert result.evidence.config["baseline"] is None
    assert "known.json" in result.evidence.inputs


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("{", "is no baseline"),
        ("[]", "is no baseline"),
        ("{}", "of another kind"),
        ('{"schema": "audit.result/1"}', "of another kind"),
        ('{"schema": "audit.baseline/1", "findings": [{"code": "X"}]}', "is no baseline"),
        (
            '{"schema": "audit.baseline/1", "findings": [{"code": "X", "fingerprint": "y", "count": 0}]}',
            "is no baseline",
        ),
        ("[" * 100_000, "is no baseline"),
    ],
)
def test_a_file_that_is_no_baseline_is_an_error_with_a_hint(content: str, said: str) -> None:
    Path("known.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as caught:
        checked([GOOD], "known.json")
    assert "audit baseline" in (caught.value.hint or "")


def test_a_missing_baseline_is_an_error_before_the_data_is_read() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        audit.check(write([GOOD]), baseline="absent.json")


FOUND = st.lists(st.tuples(st.sampled_from(["FMT104", "ENC001"]), st.sampled_from("abc")), max_size=12)


def finding(code: str, fingerprint: str) -> Finding:
    place = Place(file="f", line=1)
    return Finding(code=code, severity=Severity.ERROR, scope="row", message="m", place=place, fingerprint=fingerprint)


@given(before=FOUND, now=FOUND)
def test_known_new_and_gone_reconcile(before: list[tuple[str, str]], now: list[tuple[str, str]]) -> None:
    ran = ("ENC001", "FMT104")
    result = Result(findings=tuple(finding(*one) for one in before), rules_run=ran, evidence=Evidence())
    held = baseline_of(result)
    compared = compare([finding(*one) for one in now], held, ran)
    assert len(compared.new) + sum(compared.known.values()) == len(now)
    assert sum(compared.known.values()) + compared.gone == len(before)


def test_what_is_written_is_what_is_read() -> None:
    path = baseline([bad("a"), bad("a"), bad("b")])
    held = read_baseline(path)
    assert isinstance(held, Baseline)
    assert sorted(entry.count for entry in held.findings) == [1, 2]
