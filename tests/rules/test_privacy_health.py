"""PII902 and PII903: identifiers of patients and names of persons, kind by kind; and silence on everyday text."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.engine.scan import TriggerScan
from audit.identifiers.fields import named_values
from audit.identifiers.health import SAFE_HARBOR, find_health
from audit.identifiers.names import find_names
from audit.identifiers.placeholders import masked
from audit.identifiers.registered import RESTRICTED_ZIP3, is_dea, is_gtin, is_mbi, is_npi, is_vin
from audit.model import ABSENT, Message, PointerEdit, Severity, Target
from audit.rule import Run, TextRule
from audit.rules.privacy.health_identifier import HealthIdentifier
from audit.rules.privacy.person_name import PersonName

CHAT = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "chat"
RUN = Run(target=Target(name="generic", title="t", as_of="2026-11-21"))
PLAIN, STRICT, NAMES = HealthIdentifier(), HealthIdentifier(strict=True), PersonName()
SCANS = {rule: TriggerScan([rule], RUN) for rule in (PLAIN, STRICT, NAMES, PersonName(strict=True))}


def message(text: str) -> Message:
    at = "/messages/0"
    return Message(role="user", content=text, at=at, role_at=at + "/role", content_at=at + "/content")


def kinds(text: str, strict: bool = False) -> list[tuple[str, str]]:
    """(kind, text) of what is found, after the trigger scan has let the text through to the rule."""
    rule = STRICT if strict else PLAIN
    found = [(one.kind, text[one.start : one.end]) for one in find_health(text, strict)]
    assert bool(found) <= bool(SCANS[rule].rules_for(text, "user"))
    return found


# ----------------------------------------------------------------------------- what is found

BESIDE_A_LABEL = [
    ("MRN: 00482913", "medical_record_number", "00482913"),
    ("**Medical Record Number:** 445-67-89", "medical_record_number", "445-67-89"),
    ('{"mrn": 8812345}', "medical_record_number", "8812345"),
    ("Chart # A-99231", "medical_record_number", "A-99231"),
    ("numéro de dossier 2021-33412", "medical_record_number", "2021-33412"),
    ("Número de historia clínica: 123456", "medical_record_number", "123456"),
    ("Krankenaktennummer 4455667", "medical_record_number", "4455667"),
    ("病历号：20391188", "medical_record_number", "20391188"),
    ("DOB 03/14/61", "birth_date", "03/14/61"),
    ("date_of_birth='1985-03-15'", "birth_date", "1985-03-15"),
    ("Date of birth: march 3, 1980", "birth_date", "march 3, 1980"),
    ("Geburtsdatum: 12.03.1950", "birth_date", "12.03.1950"),
    ("Date de naissance : 3 mai 1950", "birth_date", "3 mai 1950"),
    ("Fecha de nacimiento: 3 de mayo de 1950", "birth_date", "3 de mayo de 1950"),
    ("出生日期：1980年3月5日", "birth_date", "1980年3月5日"),
    ("DOB 19850312", "birth_date", "19850312"),
    ("Date of death: 5 June 2020", "death_date", "5 June 2020"),
    ("Discharge date: 2021-04-09", "care_date", "2021-04-09"),
    ("Medicare 1EG4-TE5-MK73", "health_plan_number", "1EG4-TE5-MK73"),
    ("health insurance number A123456780", "health_plan_number", "A123456780"),
    ("Krankenversichertennummer: A123456780", "health_plan_number", "A123456780"),
    ("Account number is 0098-234-1123", "account_number", "0098-234-1123"),
    ("NPI 1234567893", "npi", "1234567893"),
    ("DEA# AB1234563", "dea_number", "AB1234563"),
    ("driver's license number D1234567", "driver_license", "D1234567"),
    ("VIN 1HGCM82633A004352", "vehicle_identification_number", "1HGCM82633A004352"),
    ("license plate 7ABC123", "license_plate", "7ABC123"),
    ("Amtliches Kennzeichen: B-MW 1234", "license_plate", "B-MW 1234"),
    ("Patient ID: P-00912", "patient_number", "P-00912"),
    ("Trial subject no. 014-0023", "patient_number", "014-0023"),
    ("He lives at 12 Oak Street, Springfield, IL 62704.", "street_address", "12 Oak Street, Springfield, IL 62704"),
    ("Sie ist wohnhaft in der Lindenstraße 14a, 10969 Berlin", "street_address", "Lindenstraße 14a, 10969 Berlin"),
    ("https://portal.example.org/patient/123456/labs", "url", "https://portal.example.org/patient/123456/labs"),
]


@pytest.mark.parametrize(("text", "kind", "value"), BESIDE_A_LABEL)
def test_a_value_with_a_label_of_its_own_is_found_in_any_text(text: str, kind: str, value: str) -> None:
    assert kinds(text) == [(kind, value)]


BESIDE_A_PATIENT = [
    ("The patient was admitted on March 3, 2021.", "care_date", "March 3, 2021"),
    ("On March 3, 2021, the patient was admitted.", "care_date", "March 3, 2021"),
    ("The patient was discharged home from City Hospital on 4/5/21.", "care_date", "4/5/21"),
    ("Der Patient wurde am 12. März 2020 operiert.", "care_date", "12. März 2020"),
    ("La paciente, nacida el 3 de mayo de 1950, mejora.", "birth_date", "3 de mayo de 1950"),
    ("The patient died on 5 June 2020.", "death_date", "5 June 2020"),
    ("The patient is a 93-year-old woman.", "age_over_89", "93"),
    ("Patient aged 95.", "age_over_89", "95"),
    ("Patiente de 92 ans.", "age_over_89", "92"),
    ("The patient's ZIP code is 60612.", "zip_code", "60612"),
    ("Patient from ZIP 036**.", "zip_code", "036**"),
    ("The patient lives in Springfield, Illinois.", "place", "Springfield"),
    ("The patient is from Cook County.", "place", "Cook County"),
    ("Fax (312) 665-0188 for the patient.", "fax", "(312) 665-0188"),
    ("Member ID: XYZ123456789, seen at the hospital", "health_plan_number", "XYZ123456789"),
    ("pacemaker, serial number PJN123456", "device_identifier", "PJN123456"),
    ("stent (01)00643169007222(21)PJN12345", "device_identifier", "(01)00643169007222(21)PJN12345"),
    ("biopsy, accession number 21-SP-10293", "case_number", "21-SP-10293"),
    ("The physician's license no. 36-104882", "certificate_number", "36-104882"),
    ("patient fingerprint template: 9f8a7c6b5d4e", "biometric_identifier", "9f8a7c6b5d4e"),
    ("patient voiceprint embedding = [0.12, -0.55, 0.91]", "biometric_identifier", "[0.12, -0.55, 0.91]"),
    ("patient photo: https://x.org/img/a1.jpg", "face_photo", "https://x.org/img/a1.jpg"),
    ("the patient's scans: scans/face_017.png", "face_photo", "scans/face_017.png"),
]


@pytest.mark.parametrize(("text", "kind", "value"), BESIDE_A_PATIENT)
def test_what_is_everywhere_is_found_beside_a_patient(text: str, kind: str, value: str) -> None:
    assert kinds(text) == [(kind, value)]


NOTES = [
    (
        "PATIENT NAME: Doe, Jane  DOB: 07-Mar-1958  MRN#: 4471982  Acct #: 99812734",
        {"07-Mar-1958", "4471982", "99812734"},
    ),
    (
        "Pt is a 91 yo M admitted 3/12/2021, d/c'd 3/15/2021. Seen by Dr. A. Patel at Mercy General.",
        {"91", "3/12/2021", "3/15/2021"},
    ),
    (
        "Patient was born on 12 January 1944 in Duluth, MN and resides at 44 W. Elm Ave, Apt 3B, Duluth, MN 55802.",
        {"12 January 1944", "Duluth", "44 W. Elm Ave, Apt 3B, Duluth, MN 55802"},
    ),
    (
        "His Medicare ID is 1EG4TE5MK73. BCBS Member ID XYZ 123 456 789. Group # 44521.",
        {"1EG4TE5MK73", "XYZ 123 456 789", "44521"},
    ),
    ("Patient 104-0023 in the trial was randomised on 4 May 2020.", {"104-0023", "4 May 2020"}),
    ("The specimen (Accession #: S21-10442) of the patient was received 03/14/21.", {"S21-10442", "03/14/21"}),
    (
        "Die Patientin Frau Dr. Schmidt, geb. am 03.04.1948, Versichertennummer A123456789, aufgenommen am 01.02.2020.",
        {"03.04.1948", "A123456789", "01.02.2020"},
    ),
    (
        "Le patient M. Dupont, né le 12/05/1946, N° dossier 884512, admis le 3 mars 2021.",
        {"12/05/1946", "884512", "3 mars 2021"},
    ),
    (
        "La paciente Sra. García, NHC 778812, ingresó el 4 de abril de 2021, tiene 92 años.",
        {"778812", "4 de abril de 2021", "92"},
    ),
]


@pytest.mark.parametrize(("text", "values"), NOTES)
def test_a_note_is_read_as_people_write_it(text: str, values: set[str]) -> None:
    assert {value for _, value in kinds(text)} == values


ONLY_WHEN_STRICT = [
    ("The report of March 3, 2021 is late.", "date", "March 3, 2021"),
    ("Due 2021-03-04.", "date", "2021-03-04"),
    ("Le 3 mars 2021, il pleuvait.", "date", "3 mars 2021"),
    ("會議於2021年3月4日舉行", "date", "2021年3月4日"),
    ("She is 93 years old.", "age_over_89", "93"),
    ("See www.foo.org for more", "url", "www.foo.org"),
    ("Mail to 94110-1234", "zip_code", "94110-1234"),
    ("The shop is at 228 W 10th St, New York, NY 10014.", "street_address", "228 W 10th St, New York, NY 10014"),
    ("Take 1HGCM82633A004352 to the garage", "vehicle_identification_number", "1HGCM82633A004352"),
    ("They live in Sunnyvale.", "place", "Sunnyvale"),
    ("The SSN ends in 4399.", "ssn", "4399"),
]


@pytest.mark.parametrize(("text", "kind", "value"), ONLY_WHEN_STRICT)
def test_strict_takes_what_belongs_to_nobody_that_is_named(text: str, kind: str, value: str) -> None:
    assert kinds(text) == []
    assert kinds(text, strict=True) == [(kind, value)]


SILENT = [
    "Roe v. Wade and the hospital, case number 19-1392",
    "Einstein was born on March 14, 1879 in Ulm.",
    "California was admitted to the Union on September 9, 1850.",
    "The patient was admitted in 2021 and lives in Texas.",
    "Patients aged 90 or older, and patients 90+.",
    "The patient is 89 years old; ZIP 606**.",
    "He has 95 marbles and is patient.",
    "The bank of 1995: 12,000 dollars.",
    "MRN: unknown. Account number: please give it.",
    "The license plate is missing; the VIN must have 17 characters.",
    "Serial number SN-12345678 of my laptop",
    "Case No. 12-345, Roe v. Wade",
    "SSH key fingerprint SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDHs",
    "Vin rouge, cuvée 2019; le vin est bon.",
    "The 100 years of tradition at 5 Baker Street",
    "account [ACCOUNT_NUMBER_3F9A] MRN [MEDICAL_RECORD_NUMBER_12345678]",
    "DOB: [BIRTH_DATE_0A1B]",
    "In 2020-2021 the DoD paid 12/25 of it.",
    "Add 15000-3000 = 12000 and version 1.2.3",
    "Patients received 5 mg twice a day from day 3 on; 12 of 40 were treated in 2021.",
    "A patient visited the clinic in 2019 and felt better after 2-3 weeks.",
    "The hospital was built on 4 May 1901; nurses visited it on 5 May 1902.",
    "Be patient: the order is scheduled for delivery.",
    "",
]


@pytest.mark.parametrize("text", SILENT)
def test_everyday_text_is_silent(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "In 1850 or 2021 he lived in Texas and in France.",
        "Patients are 45 years old, or 90 or older.",
        "The ratio is 3/4; 15000-3000=12000; pi is 3.14159.",
        "ZIP 606 and ZIP 941**",
        "[DATE_3F9A] [ZIP_CODE_0011]",
    ],
)
def test_strict_knows_what_safe_harbor_allows(text: str) -> None:
    assert kinds(text, strict=True) == []


def test_every_kind_has_its_paragraph() -> None:
    given = {kind for _, kind, _ in (*BESIDE_A_LABEL, *BESIDE_A_PATIENT, *ONLY_WHEN_STRICT)}
    assert given == set(SAFE_HARBOR)


def test_the_seventeen_small_areas_are_those_of_the_guidance() -> None:
    assert len(RESTRICTED_ZIP3) == 17


# ----------------------------------------------------------------------------- checks of numbers


def test_published_examples_of_numbers_hold_and_one_digit_off_does_not() -> None:
    assert is_npi("1234567893")
    assert not is_npi("1234567890")
    assert is_dea("AB1234563")
    assert not is_dea("AB1234564")
    assert is_mbi("1EG4-TE5-MK73")
    assert not is_mbi("1SG4-TE5-MK73")
    assert is_vin("1M8GDM9AXKP042788")
    assert not is_vin("1M8GDM9A1KP042788")
    assert is_gtin("00643169007222")
    assert not is_gtin("00643169007223")


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_none(text: str) -> None:
    for holds in (is_npi, is_dea, is_mbi, is_vin, is_gtin):
        assert holds(text) in (True, False)


# ----------------------------------------------------------------------------- names

NAMED = [
    ("Mr. Smith went home.", "Smith"),
    ("Ask Dr. Jane Whitfield's office", "Jane Whitfield"),
    ("Sehr geehrter Herr von der Heide,", "von der Heide"),
    ("Bonjour Mme Lefèvre", "Lefèvre"),
    ("Buenos días, Sra. Núñez", "Núñez"),
    ("My name is Priya Raghunathan and I need help", "Priya Raghunathan"),
    ("Ich heiße Jürgen Adler", "Jürgen Adler"),
    ("je m'appelle Zoé Marchand", "Zoé Marchand"),
    ("Me llamo Juan García López", "Juan García López"),
    ("Patient: JOHN SMITH, 45", "JOHN SMITH"),
    ("Patient name: Doe, Jane", "Doe, Jane"),
    ("Frau Dr. Schmidt kam.", "Schmidt"),
    ("Seen by Dr. A. Patel", "A. Patel"),
    ("Attending physician: Nguyen Van An", "Nguyen Van An"),
    ("I asked Mary Smith about it", "Mary Smith"),
    ("It was John F. Kennedy who said so", "John F. Kennedy"),
    ("我叫王伟。", "王伟"),
    ("私の名前は田中太郎です", "田中太郎"),
]


@pytest.mark.parametrize(("text", "name"), NAMED)
def test_a_name_is_found(text: str, name: str) -> None:
    assert [text[one.start : one.end] for one in find_names(text)] == [name]
    assert SCANS[NAMES].rules_for(text, "user")


@pytest.mark.parametrize(
    "text",
    [
        "Which river runs through Paris, Texas?",
        "The Jordan River and the Martin County Museum",
        "Mr. President, the Sr. Engineer drank Dr. Pepper.",
        "Patient: The patient is a man.",
        "My name is not important.",
        "[PERSON_NAME_3F9A] and Mr. [PERSON_NAME_3F9A]",
        "April showers, Summer Olympics, Monday Morning",
    ],
)
def test_what_only_looks_like_a_name_is_none(text: str) -> None:
    assert find_names(text) == []


def test_strict_takes_given_names_that_stand_alone() -> None:
    text = "Natalia sold clips; WHITFIELD, MARY bought them."
    assert find_names(text) == []
    assert [text[one.start : one.end] for one in find_names(text, strict=True)] == ["Natalia", "WHITFIELD, MARY"]


def test_the_density_of_names_is_a_measure_of_all_rows(tmp_path: Path) -> None:
    rows = [chat("Remind Mary Whitfield and Mr. Adler.", "Yes, I shall do so.")] * 2 + [
        chat("Which day is it?", "No idea.")
    ]
    measures = checked(tmp_path, rows, select=["PII903"]).measures
    (density,) = [measure for measure in measures if measure.name == "privacy.person_names"]
    assert density.table == {"names": 4, "words": 28, "rows_with_names": 2}
    assert density.value == pytest.approx(1000 * 4 / 28, abs=0.001)


# ----------------------------------------------------------------------------- the rules


def chat(user: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": answer}], **more}


def checked(folder: Path, rows: list[dict[str, Any]], **given: Any) -> Any:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return audit.check(str(path), **given)


def test_one_finding_for_each_kind_with_its_count_and_a_mask_for_all_of_it() -> None:
    text = "Patient, MRN 00482913 and MRN 00482914, DOB 3/4/61"
    spans = {span.key: span for span in PLAIN.find(text, message(text), RUN)}
    assert set(spans) == {"medical_record_number", "birth_date"}
    span = spans["medical_record_number"]
    assert (span.evidence["count"], span.evidence["safe_harbor"], span.severity) == (2, "H", Severity.WARNING)
    assert span.fix is not None
    (edit,) = span.fix("/at").edits
    assert isinstance(edit, PointerEdit)
    assert isinstance(edit.value, str)
    assert "00482913" not in edit.value
    assert "00482914" not in edit.value
    assert "3/4/61" in edit.value


def test_a_message_quotes_nothing() -> None:
    text = "Patient, MRN 00482913, died on 5 June 2020"
    said = " ".join(span.message for span in STRICT.find(text, message(text), RUN))
    assert "0048" not in said
    assert "June" not in said


def test_strict_makes_it_an_error() -> None:
    text = "MRN 00482913"
    assert [span.severity for span in STRICT.find(text, message(text), RUN)] == [Severity.ERROR]


def test_an_image_is_found_when_strict(tmp_path: Path) -> None:
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    row = {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "A cat."}]}
    strict = checked(tmp_path, [row], select=["PII902"], rules={"PII902": {"strict": True}})
    assert [(one.place.pointer, one.severity, one.evidence["safe_harbor"]) for one in strict.findings] == [
        ("/messages/0/content/1", Severity.WARNING, "Q")
    ]
    assert checked(tmp_path, [row], select=["PII902"]).findings == ()


def test_fields_of_the_metadata_are_read_with_their_names_when_strict(tmp_path: Path) -> None:
    row = chat("Hello?", "Hello.", metadata={"mrn": 4829130, "age": 93, "zip": "60612", "n": 93, "year": 2021})
    strict = checked(tmp_path, [row], select=["PII902"], rules={"PII902": {"strict": True}})
    assert {(one.place.pointer, one.evidence["kind"]) for one in strict.findings} == {
        ("/metadata/mrn", "medical_record_number"),
        ("/metadata/age", "age_over_89"),
        ("/metadata/zip", "zip_code"),
    }


def test_text_in_metadata_is_read_too(tmp_path: Path) -> None:
    row = chat("Hello?", "Hello.", metadata={"note": "MRN 00482913"})
    assert [one.place.pointer for one in checked(tmp_path, [row], select=["PII902"]).findings] == ["/metadata/note"]


@pytest.mark.parametrize("value", [float("inf"), 10**400, True, None, [], {}, "", "\ud800", [[93]], -1])
def test_any_metadata_is_read(value: Any) -> None:
    assert list(named_values({"mrn": value, "deep": {"mrn": [value]}})) == []


# ----------------------------------------------------------------------------- all strings

PIECES = (
    *(text for text, _, _ in (*BESIDE_A_LABEL, *BESIDE_A_PATIENT, *ONLY_WHEN_STRICT)),
    *(text for text, _ in NAMED),
    *SILENT,
)
TEXTS = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=12), st.text("0123456789-/. :,#()AMRNDOB\ud800", max_size=12)),
    max_size=5,
).map(" ".join)


@settings(max_examples=150)
@given(TEXTS)
def test_what_is_found_lies_in_the_text_apart_and_is_gone_when_masked(text: str) -> None:
    for find in (find_health, find_names):
        for strict in (False, True):
            found = find(text, strict)
            ends = [0]
            for one in found:
                assert ends[-1] <= one.start < one.end <= len(text)
                ends.append(one.end)
            again = find(masked(text, found), strict)
            assert not {one.value for one in again} & {one.value for one in found if len(one.value) > 5}


@settings(max_examples=150)
@given(TEXTS)
def test_the_scan_lets_through_whatever_the_rules_find(text: str) -> None:
    for rule, scan in SCANS.items():
        spans = list(rule.find(text, Message(role=ABSENT, content=text, at="", role_at="", content_at=""), RUN))
        if spans:
            assert isinstance(rule, TextRule)
            assert list(scan.rules_for(text)) == [rule]


@pytest.mark.parametrize(
    "piece",
    [
        "MRN ",
        "patient 1 ",
        "1/2/",
        "http://",
        "/patient/",
        "born on on ",
        "12 Oak ",
        "Mary ",
        "face_",
        "[0.1,",
        "12 345 ",
    ],
)
def test_a_long_hostile_text_costs_what_it_is_long(piece: str) -> None:
    text = "patient " + piece * (100_000 // len(piece))
    assert len(find_health(text, strict=True)) >= 0
    assert len(find_names(text, strict=True)) >= 0


# ----------------------------------------------------------------------------- real data


def texts_of(name: str) -> Iterator[list[str]]:
    path = CHAT / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield [turn["content"] for turn in json.loads(line)["messages"] if isinstance(turn["content"], str)]


@pytest.mark.parametrize("name", ["gsm8k", "banking77", "huatuo-zh-medical", "jcommonsenseqa", "dolly-subset"])
def test_clean_sets_are_silent(name: str) -> None:
    rows = list(texts_of(name))
    alarms = [row for row in rows if any(SCANS[PLAIN].rules_for(text) and find_health(text) for text in row)]
    assert len(alarms) <= len(rows) // 1000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The patient has a pacemaker SN PJN482913.", "PJN482913"),
        ("Número do paciente: 0048291", "0048291"),
        ("Prontuário: 0048291", "0048291"),
        ("cartella clinica n. 0048291", "0048291"),
        ("patiëntnummer: 0048291", "0048291"),
        ("номер пациента: 0048291", "0048291"),
        ("история болезни № 0048291", "0048291"),
        ("Member ID W1234 56789 of the insured", "W1234 56789"),
    ],
)
def test_numbers_of_patients_are_found_whole_in_other_languages(text: str, value: str) -> None:
    assert [value for _, value in kinds(text)] == [value]


@pytest.mark.parametrize("text", ["Patient: KRAS mutation", "The Beverly Hills Hotel", "The Stanley Hotel"])
def test_genes_and_hotels_are_no_persons(text: str) -> None:
    assert find_names(text) == []


def test_several_are_told_in_the_plural() -> None:
    spans = list(PLAIN.find("MRN 00482913 and MRN 00482914", message(""), RUN))
    assert spans[0].message == "2 medical record numbers, the first of 8 characters (Safe Harbor, H); asked for none"
