"""PII901 on rows: what is an error, a warning and an info, what its messages tell, what its fix writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.engine.scan import TriggerScan
from audit.errors import RuleError
from audit.model import ABSENT, Finding, Message, PointerEdit
from audit.remedy.edits import apply_edits
from audit.rule import Run
from audit.rules.privacy.masking import masking
from audit.rules.privacy.personal_identifier import NAMES, PersonalIdentifier
from audit.targets import load_target
from benchmarks.accuracy import MUTANTS, SHARED, TARGET
from tests.identifiers.test_personal import SPECIMENS, SURE, UNSURE

SAYS = Message(role="user", content="", at="/messages/0", role_at="", content_at="/messages/0/content")


def row(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}], **more}


def findings(tmp_path: Path, *rows: dict[str, Any], **rule: Any) -> list[Finding]:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return list(audit.check(path, select=["PII901"], rules={"PII901": rule}).findings)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("I am ana.pires@gmail.com", "error"),
        ("Call me on +351 912 345 987", "error"),
        ("Write to support@firm.com", "warning"),
        ("Card 4111 1111 1111 1111, exp 09/29.", "warning"),
        ("Try 4111 1111 1111 1111", "info"),
        ("john.doe@example.com", "info"),
    ],
)
def test_the_severity_says_how_sure_it_is(tmp_path: Path, text: str, severity: str) -> None:
    (finding,) = findings(tmp_path, row(text))
    assert finding.severity == severity


def test_a_number_reserved_for_examples_is_left_as_it_is(tmp_path: Path) -> None:
    (alone,) = findings(tmp_path, row("john.doe@example.com"))
    assert alone.fix is None
    (beside,) = findings(tmp_path, row("john.doe@example.com, ana.pires@gmail.com"))
    assert beside.fix is not None
    (edit,) = beside.fix.edits
    assert isinstance(edit, PointerEdit)
    assert str(edit.value).startswith("john.doe@example.com, [EMAIL_")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("PII901", "ana{0}@gmail.com "),
        ("PII902", "MRN 0048{0}2913. "),
        ("PII903", "Mrs. Whitfield and Mary Jones. "),
        ("SEC911", "AKIAZ7Q2WMPL4XD6TRN{1} "),
    ],
)
def test_a_row_with_too_many_is_dropped_and_not_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, text: str
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(row("".join(text.format(i, "ABCDEFG"[i]) for i in range(7)))) + "\n")
    (masked_one,) = audit.check(path, select=[code], preview=True).findings
    assert masked_one.fix is not None
    assert masked_one.fix.applicability == "unsafe"
    monkeypatch.setattr("audit.identifiers.finding.MOST", 5)
    (finding,) = audit.check(path, select=[code], preview=True).findings
    assert finding.fix is not None
    assert finding.fix.applicability == "drop"
    assert finding.evidence["cut"] is True
    assert "1,000 or more" in finding.message


def test_a_row_with_too_many_places_to_look_at_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.identifiers.finding.CANDIDATES", 5)
    (span,) = PersonalIdentifier().find("4111 1111 1111 1112, " * 7, SAYS, Run(target=load_target(TARGET)))
    assert span.severity == "warning"
    assert span.fix is not None
    assert span.fix("/x").applicability == "drop"


SAID = re.compile(
    r"the text holds (?:what may be )?(?:{names})(?: reserved for examples or tests)?"
    r" \([0-9]+ characters, ending in (?:'[^']{1,2}'|\"..\")\); a model can repeat it to anybody".replace(
        "{names}", "|".join(re.escape(one) for one, _ in NAMES.values())
    )
)


@pytest.mark.parametrize("text", [case[0] for case in (*SURE, *UNSURE, *SPECIMENS)])
def test_neither_message_nor_evidence_nor_title_tells_more_of_a_value_than_its_end(text: str) -> None:
    (span,) = PersonalIdentifier().find(text, SAYS, Run(target=load_target(TARGET)))
    assert SAID.fullmatch(span.message), span.message
    assert {type(value) for value in span.evidence.values()} <= {str, int, list}
    assert span.evidence["kind"] in NAMES
    assert all(len(str(country)) <= 2 for country in span.evidence["countries"])  # type: ignore[union-attr]
    if span.fix is not None:
        assert span.fix("/x").title == f"mask {NAMES[str(span.evidence['kind'])][1]}"


def test_one_kind_in_a_text_is_one_finding_at_the_surest(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, row("support@firm.com, ana.pires@gmail.com and ANA.pires@gmail.com"))
    assert finding.place.column is not None
    assert finding.evidence["count"] == 3
    assert finding.evidence["distinct"] == 2
    assert finding.severity == "error"


def test_a_message_tells_no_more_than_two_characters(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, row("My SSN is 212-09-9987."))
    assert "'87'" in finding.message
    assert "9987" not in json.dumps(finding.evidence) + finding.message


def test_the_fix_masks_all_of_the_kind_and_then_nothing_is_found(tmp_path: Path) -> None:
    one = row("ana.pires@gmail.com, again ana.pires@gmail.com, or tel +351 912 345 987")
    first, second = findings(tmp_path, one)
    assert first.fix is not None
    assert second.fix is not None
    (edit,) = first.fix.edits
    assert isinstance(edit, PointerEdit)
    assert str(edit.value).count("[EMAIL_") == 2
    raw = json.dumps(one).encode()
    mended = apply_edits(raw, first.fix.edits).raw
    assert mended is not None
    (left,) = findings(tmp_path, json.loads(mended))
    assert left.evidence["kind"] == "phone"


def test_metadata_and_arguments_of_calls_are_read_as_well(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "pay", "arguments": '{"to": "DE44500105175407324931"}'}}
    one = row("Pay him.", metadata={"author": "ana.pires@gmail.com"})
    one["messages"][1:] = [{"role": "assistant", "tool_calls": [call]}]
    found = findings(tmp_path, one)
    assert [f.evidence["kind"] for f in found] == ["iban", "email"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("PII901", '{"note": "he said \\"hi\\"", "credit card": 5425233430109903}'),
        ("PII902", '{"mrn": 48291377, "n": 1}'),
        ("SEC911", '{"password": "vK9#tQ2!zR", "n": 1}'),
    ],
)
def test_masked_json_is_still_json(tmp_path: Path, code: str, text: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(row(text)) + "\n")
    (finding,) = audit.check(path, select=[code]).findings
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    assert isinstance(edit, PointerEdit)
    assert "_" in str(list(json.loads(str(edit.value)).values()))


def test_json_that_would_be_none_when_masked_moves_the_row() -> None:
    fix = masking('{"a": 1}', lambda text: text.replace("1", "[X_1]"))("/messages/0/content")
    assert fix.applicability == "drop"


@pytest.mark.parametrize(
    ("option", "hint"),
    [({"kinds": ["emial"]}, 'did you mean "email"?'), ({"allow": [5]}, None), ({"kinds": [5]}, None)],
)
def test_options_that_say_nothing_are_refused(tmp_path: Path, option: dict[str, Any], hint: str | None) -> None:
    with pytest.raises(RuleError) as caught:
        findings(tmp_path, row("Hello"), **option)
    assert caught.value.hint == hint


def test_what_may_stay_may_be_named_as_it_is_written(tmp_path: Path) -> None:
    text = "Please pay to DE44 5001 0517 5407 3249 31."
    assert findings(tmp_path, row(text), allow=["DE44 5001 0517 5407 3249 31"]) == []
    assert findings(tmp_path, row(text), allow=["DE44500105175407324931"]) == []


@pytest.mark.parametrize("text", ["He logged in from 73.21.4.99.", "Please try 617 867 2210.", "6178672210"])
def test_strict_asks_for_no_word_beside_an_address_or_a_number(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, row(text)) == []
    assert [one.severity for one in findings(tmp_path, row(text), strict=True)] == ["warning"]


@pytest.mark.parametrize("allowed", ["email", "ana.pires@gmail.com", "gmail.com", "@Gmail.com"])
def test_kinds_values_and_domains_can_be_allowed(tmp_path: Path, allowed: str) -> None:
    assert findings(tmp_path, row("ana.pires@gmail.com"), allow=[allowed]) == []


def test_other_kinds_than_those_asked_for_are_left_alone(tmp_path: Path) -> None:
    assert findings(tmp_path, row("ana.pires@gmail.com"), kinds=["card"]) == []


def test_a_hit_lies_only_where_a_trigger_lets_it_through() -> None:
    run = Run(target=load_target(TARGET))
    scan = TriggerScan([PersonalIdentifier()], run)
    for text in ("ana@gmail.com", "SSN 212-09-9999", "tel ٠٥٠١٢٣٤٥٦٧", "RSSMRA85T10A562S", "ana [at] gmail [dot] com"):
        assert scan.rules_for(text, "user")
        assert list(PersonalIdentifier().find(text, SAYS, run))
    assert not scan.rules_for("She had 48 clips in 2024.", "user")


def test_nobodys_texts_and_lone_surrogates_are_read() -> None:
    nobody = Message(role=ABSENT, content="", at="", role_at="", content_at="")
    (span,) = PersonalIdentifier().find("\ud800 ana.pires@gmail.com", nobody, Run(target=load_target(TARGET)))
    assert span.start == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_every_planted_identifier_is_found_and_no_clean_row_is() -> None:
    planted = {
        json.loads(line)["line"] for line in (MUTANTS / "truth.jsonl").read_text().splitlines() if '"pii_' in line
    }
    found = audit.check(MUTANTS / "broken.jsonl.gz", target=TARGET, select=["PII901"]).findings
    assert planted == {finding.place.line for finding in found if finding.severity != "info"}
    assert audit.check(MUTANTS / "clean.jsonl", target=TARGET, select=["PII901"]).findings == ()
