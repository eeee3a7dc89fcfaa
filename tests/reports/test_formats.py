"""What each form of a result says, and that no text from data can do harm in any of them."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.errors import UsageError
from audit.model import (
    Applicability,
    ByteEdit,
    DropRow,
    Evidence,
    Finding,
    Fix,
    Measure,
    Place,
    Related,
    Result,
    Severity,
    Skipped,
    SourceSummary,
    Suppressed,
)
from audit.reports import EXTENSIONS, FORMATS, format_of_file, render
from audit.reports.schema import result_schema
from audit.reports.view import RuleNote, View
from audit.reports.visible import visible

NOTES = {"FMT105": RuleNote("bad-last-turn", "unsafe"), "ENC008": RuleNote("line-ends", "safe")}


def view(**more: object) -> View:
    return msgspec.structs.replace(View(rules=NOTES), **more)


def finding(code: str = "FMT105", line: int | None = 3, *, file: str | None = "train.jsonl", **more: object) -> Finding:
    place = Place(file=file, line=line, column=1 if line else None, offset=None, pointer="/messages/3")
    base = Finding(
        code=code, severity=Severity.ERROR, scope="row", message="the row ends with a user turn", place=place
    )
    return msgspec.structs.replace(base, **more)


def result(*findings: Finding, **more: object) -> Result:
    counts: dict[str, dict[str, int]] = {}
    for found in findings:
        of_code = counts.setdefault(found.code, {"findings": 0, "rows": 0})
        of_code["findings"] += 1
        of_code["rows"] += found.scope == "row"
        of_code[found.severity.value] = of_code.get(found.severity.value, 0) + 1
    base = Result(
        verdict="FAIL" if findings else "PASS",
        rows=2000,
        sources=(SourceSummary(path="train.jsonl", rows=2000, sha256="ab" * 32, shapes={"openai-sft": 2000}),),
        findings=findings,
        rules_run=("ENC008", "FMT105"),
        counts=counts,
        evidence=Evidence(
            tool="finetune-audit",
            version="1",
            target="openai-sft",
            target_as_of="2025-05-20",
            tokenizer={"name": "o200k_base", "exact": True},
        ),
    )
    return msgspec.structs.replace(base, **more)


def text_of(value: Result, form: str = "text", **more: object) -> str:
    return "".join(render(value, form, view(**more)))


def test_the_first_line_says_what_the_data_was_judged_as() -> None:
    first = text_of(result(), config_file="audit.toml").splitlines()[0]
    assert first == (
        "train.jsonl: 2,000 rows, judged as openai-sft (as of 2025-05-20), "
        "tokens by o200k_base (exact), settings from audit.toml"
    )


def test_an_estimate_is_called_one() -> None:
    evidence = Evidence(target="generic", tokenizer={"name": "bytes/4", "exact": False})
    assert "tokens by bytes/4 (estimate)" in text_of(result(evidence=evidence))


def test_repeats_are_cut_per_rule_and_counted() -> None:
    value = result(*(finding(line=line) for line in range(1, 1233)))
    text = text_of(value)
    assert text.count("\n --> ") + text.count("\n  --> ") == 5
    assert "FMT105: ... 1,227 more (--max-per-rule 0 shows all)" in text
    assert text_of(value, max_per_rule=0).count("--> ") == 1232


def test_the_table_names_severity_rows_share_fix_and_rule() -> None:
    fix = Fix(Applicability.UNSAFE, "drop the last turn", (DropRow(),))
    lines = text_of(result(finding(fix=fix))).splitlines()
    assert "FMT105  error            1     1  0.05 %  unsafe  bad-last-turn" in lines


@pytest.mark.parametrize(("fix", "shown"), [(None, "-"), (Fix(Applicability.SAFE, "look at it"), "shown")])
def test_the_table_promises_no_fix_that_no_finding_has(fix: Fix | None, shown: str) -> None:
    lines = text_of(result(finding("FMT101", fix=fix))).splitlines()
    assert [line.split()[5:7] for line in lines if line.startswith("FMT101  error")] == [["%", shown]]


def test_rules_not_run_and_suppressions_are_named_with_their_reason() -> None:
    value = result(
        rules_skipped=(Skipped("FMT115", "preview"), Skipped("ENC010", "preview")),
        suppressed=(Suppressed(code="FMT110", path="*", reason="stripped", findings=3, owner="me"),),
    )
    for form in ("text", "markdown"):
        assert "ENC010, FMT115: preview" in text_of(value, form)
        assert "3 findings of FMT110: stripped, me" in text_of(value, form)


def test_tokens_and_cost_are_summed_up() -> None:
    measures = (
        Measure(code="TOK303", name="tokens.total", value=84112, table={"p50": 40, "max": 900}, n=2000),
        Measure(code="TOK303", name="cost.total", value=6.31, n=2000),
    )
    assert "tokens: 84,112 in all; a row: p50 40, max 900; training cost $6.31" in text_of(result(measures=measures))


def test_redundant_rows_are_summed_up_with_their_groups(tmp_path: Path) -> None:
    row = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "yes"}]}\n'
    (tmp_path / "x.jsonl").write_text("".join(row % f"question {n % 15}" for n in range(20)))
    told = [line for line in text_of(audit.check(tmp_path / "x.jsonl")).splitlines() if line.startswith("duplicates:")]
    assert told == ["duplicates: 5 redundant rows (25.0%): 5 repeat another row, in 5 groups"]


def test_a_pass_says_which_gate_would_fail() -> None:
    warning = finding(severity=Severity.WARNING)
    text = text_of(result(warning, verdict="PASS"))
    assert "PASS: 1 warning in 1 of 2,000 rows; with --fail-on warning this fails" in text


def test_a_partial_result_says_so() -> None:
    for form in ("text", "markdown"):
        assert "partial" in text_of(result(partial=True), form).lower()


def test_the_next_step_is_named() -> None:
    text = text_of(result(finding("FMT101")))
    assert "next: audit explain FMT101" in text
    assert "next: audit convert train.jsonl --to openai-sft -o converted.jsonl" in text


def test_no_step_is_named_that_leaves_a_mix_of_shapes_as_it_is() -> None:
    apart = Fix(Applicability.SHOWN, "put preferences into a file of their own")
    assert "audit convert" not in text_of(result(finding("FMT101", None, scope="dataset", fix=apart)))


def snippet_of(path: Path, raw: bytes, needle: bytes, codepoints: int, compression: str | None = None) -> list[str]:
    path.write_bytes(gzip.compress(raw) if compression else raw)
    at = raw.index(needle)
    place = Place(file=str(path), line=2, column=1, end_column=1 + codepoints, offset=at, pointer="")
    source = SourceSummary(path=str(path), compression=compression)
    lines = text_of(result(finding(place=place), sources=(source,))).splitlines()
    row = next(index for index, line in enumerate(lines) if line.startswith("2 | "))
    return [lines[row][4:], lines[row + 1][4:]]


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_carets_stand_under_the_place(tmp_path: Path, compression: str | None) -> None:
    raw = b'{"a": 1}\n' + '{"größe": "日本", "b": WRONG}\n'.encode() + b'{"c": 2}\n'
    line, carets = snippet_of(tmp_path / "x", raw, b"WRONG", 5, compression)
    assert line == '{"größe": "日本", "b": WRONG}'
    # The two wide characters take four columns.
    assert carets == " " * (line.index("WRONG") + 2) + "^^^^^"


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_long_row_is_shown_as_a_window(tmp_path: Path, compression: str | None) -> None:
    raw = b"{}\n" + b"x" * 3_000_000 + b"WRONG" + b"y" * 3_000_000 + b"\n"
    line, carets = snippet_of(tmp_path / "x", raw, b"WRONG", 5, compression)
    assert line.startswith("…x")
    assert line.endswith("y…")
    assert len(line) < 120
    assert line[carets.index("^") : carets.rindex("^") + 1] == "WRONG"


def test_bad_bytes_and_controls_are_spelt_out(tmp_path: Path) -> None:
    raw = b"{}\n" + "a‮b\x1b[31m".encode() + b"\xff\xfe WRONG\n"
    line, carets = snippet_of(tmp_path / "x", raw, b"\xff", 2)
    assert line == r"a<U+202E>b\x1b[31m\xff\xfe WRONG"
    assert line[carets.index("^") : carets.rindex("^") + 1] == r"\xff\xfe"


def test_a_file_that_has_gone_only_costs_the_snippet() -> None:
    place = Place(file="gone.jsonl", line=2, column=1, offset=10)
    value = result(finding(place=place), sources=(SourceSummary(path="gone.jsonl"),))
    assert " --> gone.jsonl:2:1\n" in text_of(value)


def test_concise_is_one_line_each() -> None:
    value = result(finding(), finding("ENC008", None), finding("FMT114", None, file=None))
    assert text_of(value, "concise").splitlines() == [
        "train.jsonl:3:1: FMT105 error: the row ends with a user turn",
        "train.jsonl: ENC008 error: the row ends with a user turn",
        "(all data): FMT114 error: the row ends with a user turn",
    ]


def test_json_goes_both_ways_and_fits_its_schema() -> None:
    fix = Fix(Applicability.SAFE, "remove", (ByteEdit(0, 3, b"\xef\xbb"),))
    value = result(finding(fix=fix, related=(Related(line=2),), evidence={"n": 1.5}))
    text = text_of(value, "json")
    assert text.endswith("}\n")
    assert msgspec.json.decode(text, type=Result) == value
    jsonschema.validate(json.loads(text), result_schema())
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_jsonl_has_a_line_per_finding() -> None:
    value = result(finding(), finding(line=9))
    lines = text_of(value, "jsonl").splitlines()
    assert [msgspec.json.decode(line, type=Finding) for line in lines] == list(value.findings)


def test_colour_is_only_added_when_asked_for() -> None:
    assert "\x1b" not in text_of(result(finding()))
    assert "\x1b[31merror\x1b[0m" in text_of(result(finding()), color=True)


def test_an_unknown_format_or_extension_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        render(result(), "jsno")
    assert caught.value.hint == 'did you mean "json"?'
    with pytest.raises(UsageError) as caught:
        format_of_file("x.jsom")
    assert caught.value.hint == "known extensions: .txt, .json, .jsonl, .md, .html, .sarif, .xml, .csv"
    assert set(EXTENSIONS.values()) <= set(FORMATS)


# ----------------------------------------------------------------------------- hostile text

HOSTILE = st.lists(
    st.sampled_from(
        [
            "\x1b[2J", "\x9b31m", "\r\n::error::x", "‮", "⁦", "​", "﻿", "\x00", "\x07", "\ud800", "\U000e0041", " ",
            "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "](http://evil)", "![x](http://evil)", "|",
            "```", "``", "`", "\n# title", "\n- item", "@everyone", "#1", "\\", "&lt;", "<!--", "http://evil.example",
            "*", "_", "~~", "[*]", "a", " ", "日本", "é", "\xa0", "\xad", "ﾠ", "️", "\t",
        ]
    )
    | st.characters(),
    max_size=12,
).map("".join)  # fmt: skip


def hostile_result(text: str) -> Result:
    fix = Fix(Applicability.SAFE, text, ())
    place = Place(file=text, line=1, column=1, pointer="/" + text)
    related = (Related(file=text, line=1, pointer=text),)
    bad = finding(message=text, place=place, related=related, evidence={text: text}, fix=fix, fingerprint=text)
    return result(
        bad,
        finding(message=text, place=Place(file=text)),
        sources=(SourceSummary(path=text, shapes={text: 1, "x": 2}),),
        rules_skipped=(Skipped("X", text),),
        suppressed=(Suppressed(code="X", path=text, reason=text, findings=1, owner=text),),
        evidence=Evidence(target=text, tokenizer={"name": text, "exact": False}),
    )


def assert_only_plain_lines(text: str) -> None:
    for line in text.split("\n"):
        odd = [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        assert not odd, repr(line)


@pytest.mark.parametrize("form", sorted(FORMATS))
@given(text=HOSTILE)
def test_no_text_from_data_can_steer_a_terminal(form: str, text: str) -> None:
    shown = text_of(hostile_result(text), form, config_file=text or None)
    assert_only_plain_lines(shown)
    shown.encode("utf-8")
    if form in ("json", "jsonl"):
        assert shown.isascii()
        for line in [shown] if form == "json" else shown.splitlines():
            json.loads(line)


@given(text=HOSTILE)
def test_hostile_text_adds_no_line_to_the_forms_for_people(text: str) -> None:
    for form in ("text", "concise", "markdown"):
        plain = text_of(hostile_result("a"), form, config_file="a", snippets=False)
        shown = text_of(hostile_result(text or "b"), form, config_file="a", snippets=False)
        if "audit convert" not in plain:
            assert shown.count("\n") == plain.count("\n")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_comment(self, data: str) -> None:
        self.seen.add("comment")


@given(text=HOSTILE)
def test_hostile_text_stays_text_in_markdown(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py renders the page for this test")
    page = (
        markdown_it.MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(text_of(hostile_result(text), "markdown", config_file=text or None))
    )
    tags = Tags()
    tags.feed(page)
    assert tags.seen <= {"h1", "h2", "p", "ul", "li", "code", "table", "thead", "tbody", "tr", "th", "td"}
    # Outside code, nothing of it is left that a forge would make a link or a mention of.
    outside = re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)
    assert "@" not in outside
    assert "http" not in outside


@given(text=st.text())
def test_visible_text_can_be_seen_and_plain_text_is_left_alone(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert visible(shown) == shown
    if text.isascii() and text.isprintable() and "##" not in text and "::" not in text:
        assert shown == text
