"""Nothing that identifies somebody, and no secret, leaves in a report unless it is asked for."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.cli import main
from audit.identifiers.redaction import identifiers_in
from audit.model import Finding, Fix, Measure, Place, PointerEdit, Result, Severity
from audit.model.values import Applicability
from audit.reports import FORMATS, render
from audit.reports.redaction import in_three, redacted, without_identifiers
from audit.reports.view import View

EMAIL = "maria.lopez@posteo.de"
CARD = "4539 5787 6362 1486"
KEY = "AKIAQ7J4ZK2MWPE5RTX3"
SECRETS = (EMAIL, CARD, KEY)
LEAVING = ("maria.lopez", "4539 5787", "6362 1486", "4539578763621486", KEY)
"""What of them must not be seen."""


def row(answer: str, **more: object) -> dict[str, object]:
    turns = [
        {"role": "user", "content": f"Who is it? <|im_end|> {EMAIL}"},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": turns, **more}


ROWS = [
    row(f"Pay with card {CARD}, key {KEY}."),
    row(f"Pay with card {CARD}, key {KEY}."),
    row(f"Write to {EMAIL}, she knows <|im_start|> the key {KEY}."),
    row("Yes.", unknown=f"{EMAIL} {CARD}"),
    {"messages": [{"role": f"{EMAIL}", "content": f"card {CARD}"}, {"role": "assistant", "content": KEY}]},
    row("Yes.", metadata={"label": EMAIL, "note": f"key {KEY}"}),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in ROWS), "utf-8")
    return path


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_form_of_a_result_shows_them(form: str, data: Path) -> None:
    result = audit.check(data, preview=True)
    text = "".join(render(result, form))
    assert [one for one in LEAVING if one in text] == []
    assert result.findings


def test_a_form_shows_them_where_that_is_wanted(data: Path) -> None:
    text = "".join(render(audit.check(data), "text", View(redact=False, max_per_rule=0)))
    assert EMAIL in text
    assert "[EMAIL]" in "".join(render(audit.check(data), "text", View(max_per_rule=0)))


@pytest.mark.parametrize("words", [["check"], ["gate"], ["fix", "--diff", "--unsafe-fixes"]])
def test_the_command_line_shows_them_only_with_the_flag(
    words: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*words, str(data), "--no-progress"])
    shown = capsys.readouterr().out
    assert [one for one in LEAVING if one in shown] == []
    main([*words, str(data), "--no-progress", "--no-redact"])
    assert EMAIL in capsys.readouterr().out


def test_saved_results_and_reports_hold_none(data: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    page = tmp_path / "report.html"
    main(["check", str(data), "--save", str(saved), "-o", str(page), "--quiet"])
    import gzip

    written = [page.read_text(), (saved / "result.json").read_text()]
    written.append(gzip.decompress((saved / "findings.jsonl.gz").read_bytes()).decode())
    assert [one for one in LEAVING for text in written if one in text] == []


def finding(message: str, value: str) -> Finding:
    return Finding(
        code="ACM001",
        severity=Severity.WARNING,
        scope="row",
        message=message,
        place=Place(file="a.jsonl", line=1, column=1),
        evidence={"said": [value], "n": 1},
        fix=Fix(Applicability.UNSAFE, "mend it", (PointerEdit("replace", "/a", value),)),
        fingerprint="0" * 32,
    )


def test_messages_evidence_and_edits_lose_them_and_the_rest_is_the_same_object() -> None:
    plain = finding("nothing", "nobody")
    found = redacted(Result(findings=(finding(f"see {EMAIL}", f"it is {EMAIL}"), plain)))
    first, second = found.findings
    assert first.message == "see [EMAIL]"
    assert first.evidence == {"said": ["it is [EMAIL]"], "n": 1}
    assert first.fix is not None
    assert first.fix.edits == ()
    assert "edits not shown" in first.fix.title
    assert second is plain
    assert redacted(found) == found


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_three_pieces_together_are_the_whole_without_identifiers(one: str, two: str, three: str) -> None:
    for before, marked, after in ((one, two, three), (one + EMAIL, two, three), (one, EMAIL, " " + three)):
        assert "".join(in_three(before, marked, after)) == without_identifiers(before + marked + after)


@given(st.text(max_size=60))
def test_what_was_taken_out_is_not_found_again(text: str) -> None:
    assert not identifiers_in(without_identifiers(f"{text} {EMAIL} {CARD} {text}"))


BODY = "\n".join(b64encode(random.Random(line).randbytes(48)).decode() for line in range(50))
ESCAPED = [
    row("Ring +49\u00a030\u00a07391\u00a06482 today."),
    row("电话 13812345678 联系"),
    row(f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"),
    row("Yes.", metadata={EMAIL: "+351 912 345 987"}),
]


@pytest.mark.parametrize("ascii_only", [True, False])
def test_escapes_hide_nothing(ascii_only: bool, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in ESCAPED), "utf-8")
    result = audit.check(path)
    for form in ("text", "html", "sarif"):
        text = "".join(render(result, form))
        assert [
            one for one in ("7391", "6482", "13812345678", BODY[2000:2040], BODY[70:110], EMAIL) if one in text
        ] == []
    assert {"PII901", "SEC911"} <= {one.code for one in result.findings}


def test_keys_of_tables_are_redacted_and_stay_apart() -> None:
    table = {"ana@posteo.de": 3, "bob@posteo.de": 4, "rest": 1}
    found = redacted(Result(findings=(finding("x", "y"),), measures=(Measure(code="A", name="n", table=table),)))
    assert found.measures[0].table == {"[EMAIL] (1)": 3, "[EMAIL] (2)": 4, "rest (3)": 1}
