"""The policy hipaa over planted identifiers: each of the eighteen kinds of Safe Harbor, and text that has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.model import Result
from audit.policy.load import load_policy
from audit.remedy.fix.report import FixOptions

USE = {"use": {"purpose": "summaries of notes", "deployer": "a clinic"}}
CLEAN = [
    ("How often should blood pressure be taken?", "Once a year, more often when it is high."),
    ("What did the study of 2019 find?", "That walking helps; it was done in Texas, on adults of 45 to 89 years."),
    ("Summarise: a man in his sixties, admitted in 2021 with chest pain.", "Chest pain; no cause was found."),
]
PLANTED = [
    ("A", "PII903", "person_name", "Mr. Whitfield feels better."),
    ("A", "PII903", "person_name", "Natalia feels better."),
    ("B", "PII902", "street_address", "She lives at 12 Oak Street."),
    ("B", "PII902", "zip_code", "ZIP code: 60612."),
    ("B", "PII902", "zip_code", "ZIP code: 036."),
    ("B", "PII902", "place", "The patient lives in Springfield."),
    ("C", "PII902", "birth_date", "DOB: 3/4/1961."),
    ("C", "PII902", "care_date", "The patient was admitted on March 3, 2021."),
    ("C", "PII902", "date", "The letter of 2021-03-04 is lost."),
    ("C", "PII902", "age_over_89", "A woman, 93 years old."),
    ("D", "PII901", "phone", "Call me: (312) 665-0188."),
    ("E", "PII902", "fax", "Fax: 312-665-0188."),
    ("F", "PII901", "email", "Write to m.whitfield@stroke-center.net."),
    ("G", "PII901", "ssn", "SSN 219-09-9999 is on file."),
    ("H", "PII902", "medical_record_number", "MRN 00482913."),
    ("I", "PII902", "health_plan_number", "Medicare number 1EG4-TE5-MK73."),
    ("J", "PII902", "account_number", "Account number 0098-234-1123."),
    ("K", "PII902", "driver_license", "Driver's license number D1234567."),
    ("K", "PII902", "dea_number", "DEA number AB1234563."),
    ("L", "PII902", "vehicle_identification_number", "VIN 1HGCM82633A004352."),
    ("L", "PII902", "license_plate", "License plate 7ABC123."),
    ("M", "PII902", "device_identifier", "Pacemaker, serial number PJN123456."),
    ("N", "PII902", "url", "See https://whitfield.example.net/notes for more."),
    ("O", "PII901", "ip_address", "Logged in from IP address 81.92.14.77."),
    ("P", "PII902", "biometric_identifier", "Fingerprint template: 9f8a7c6b5d4e."),
    ("Q", "PII902", "face_photo", "See full_face_17.jpg for more."),
    ("R", "PII902", "patient_number", "Patient ID: P-00912."),
    ("R", "PII902", "case_number", "Accession number 21-SP-10293."),
]


NAMED_FIELDS = [
    {"metadata": {"phone": 4158672210}},
    {"metadata": {"ssn": 536904399}},
    {"metadata": {"patient_name": "Olumide Adeyemi"}},
    {"mrn": "482913"},
    {"zip": "02139"},
    {"patient_id": 8837221},
    {"patient": {"name": "Olumide Adeyemi"}},
]
BARE = [
    "The user logged in from 73.21.4.99.",
    "Please call 617 867 2210.",
    "Admitted 03/14.",
    "A man aged ninety-three.",
    "Account 99120034 is overdue.",
    "Aetna policy W123456789.",
    "It has the plate 7ABC123.",
    "SSN ending 4399.",
    "Seen in 2021-05.",
    "Voiceprint and iris scan stored.",
]


def gated(folder: Path, rows: list[Any]) -> Result:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return audit.gate(str(path), "hipaa", as_of="2026-11-21", sections=USE)


def chat(user: Any, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]}


def found(result: Result) -> set[tuple[str, Any]]:
    return {(finding.code, finding.evidence.get("kind")) for finding in result.findings if finding.code[:3] == "PII"}


@pytest.mark.parametrize(("letter", "code", "kind", "text"), PLANTED)
def test_an_identifier_of_each_kind_fails_its_clause(
    tmp_path: Path, letter: str, code: str, kind: str, text: str
) -> None:
    result = gated(tmp_path, [chat(*pair) for pair in CLEAN] + [chat(text, "Thank you.")])
    assert (code, kind) in found(result)
    assert result.gate is not None
    (clause,) = [one for one in result.gate.clauses if one.verdict == "FAIL" and code in one.codes]
    assert any(f"(i)({letter})" in provision for provision in clause.crosswalk)


@pytest.mark.parametrize("fields", NAMED_FIELDS, ids=str)
def test_a_field_that_is_named_as_an_identifier_fails(tmp_path: Path, fields: dict[str, Any]) -> None:
    result = gated(tmp_path, [chat("Hello", "Thank you.") | fields])
    assert result.gate is not None
    assert result.gate.verdict == "FAIL"
    assert {code for code, _ in found(result)} == {"PII902"}


@pytest.mark.parametrize("text", BARE)
def test_what_has_no_label_of_its_own_fails_all_the_same(tmp_path: Path, text: str) -> None:
    result = gated(tmp_path, [chat(text, "Thank you.")])
    assert result.gate is not None
    assert result.gate.verdict == "FAIL"


def test_other_fields_and_figures_pass(tmp_path: Path) -> None:
    row = chat("Take 1/2 tablet; pain 10/10; ninety percent of them.", "Thank you.")
    more = {
        "id": "row-17",
        "score": 0.93,
        "metadata": {"source": "web", "phone": None, "name": "set 1", "city": "[PLACE]"},
    }
    result = gated(tmp_path, [row | more])
    assert found(result) == set()


def test_a_recording_fails_the_clause_on_prints(tmp_path: Path) -> None:
    content = [
        {"type": "text", "text": "Hello"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ]
    assert ("PII902", "recording") in found(gated(tmp_path, [chat(content, "Thank you.")]))


def test_an_image_fails_the_clause_on_photographs(tmp_path: Path) -> None:
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}},
    ]
    assert ("PII902", "image") in found(gated(tmp_path, [chat(content, "A rash.")]))


def test_text_without_identifiers_passes_every_clause(tmp_path: Path) -> None:
    result = gated(tmp_path, [chat(*pair) for pair in CLEAN])
    assert result.gate is not None
    assert found(result) == set()
    assert {clause.name: clause.verdict for clause in result.gate.clauses} == {
        clause.name: "PASS" for clause in load_policy("hipaa").clauses
    }


def test_a_rule_that_is_turned_off_leaves_its_clause_not_assessed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(chat(*pair)) + "\n" for pair in CLEAN), encoding="utf-8")
    result = audit.gate(str(path), "hipaa", as_of="2026-11-21", sections=USE, ignore=["PII903"])
    assert result.gate is not None
    (clause,) = [one for one in result.gate.clauses if one.verdict != "PASS"]
    assert (clause.name, clause.verdict) == ("names", "NOT_ASSESSED")
    assert "PII903" in clause.sentence


def test_each_of_the_eighteen_is_looked_for_or_said_not_to_be() -> None:
    policy = load_policy("hipaa")
    named = " ".join(provision for clause in policy.clauses for provision in clause.crosswalk)
    assert [letter for letter in "ABCDEFGHIJKLMNOPQR" if f"(i)({letter})" not in named] == []
    aside = " ".join(entry.ref for entry in policy.not_covered)
    assert all(part in aside for part in ("(P), (Q)", "(i)(R)", "(b)(1)"))


def test_masking_what_is_found_lets_the_data_pass(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [chat(text, "Thank you.") for _, code, _, text in PLANTED if code != "PII901"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    strict = {"PII902": {"strict": True}, "PII903": {"strict": True}}
    given: dict[str, Any] = {"select": ["PII902", "PII903"], "rules": strict}
    audit.fix(str(path), tmp_path / "masked.jsonl", options=FixOptions(unsafe=True), **given)
    assert audit.check(str(tmp_path / "masked.jsonl"), **given).findings == ()
