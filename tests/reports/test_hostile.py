"""One corpus of hostile text, and what "inert" means in every form that a result takes.

Every form: the text can be encoded, and no line of it is a command to a build service that reads the log.
Text, concise, Markdown, GitHub: no character that steers a terminal, turns the writing round or cannot be seen.
JSON, JSON Lines, SARIF, GitLab: ASCII that every reader accepts. SARIF besides: valid against the schema, messages have
no placeholder and no link, URIs have no scheme and no query. JUnit: well-formed XML 1.0 with the test cases that there
are. CSV: the table that was written, and no cell that a spreadsheet computes, whatever it takes for the separator.
GitHub: only annotations and one group. GitLab: one fingerprint per issue. Markdown: text in code spans, nothing else.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.model import (
    Applicability,
    Clause,
    Evidence,
    Finding,
    Fix,
    Gate,
    Measure,
    Place,
    Related,
    Result,
    Severity,
    Skipped,
    SourceSummary,
    Suppressed,
    Waiver,
)
from audit.reports import render
from audit.reports.view import RuleNote, View

DATA = Path(__file__).resolve().parent.parent / "data"
CORPUS: list[str] = json.loads((DATA / "hostile.json").read_text(encoding="ascii"))
SCHEMA = json.loads((DATA / "sarif" / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))

# ----------------------------------------------------------------------------- what inert means


def assert_no_build_command(text: str, allowed: frozenset[str] = frozenset()) -> None:
    for line in text.split("\n"):
        assert not re.search(r"##[A-Za-z]*\[", line), line[:200]
        if line.lstrip().startswith("::"):
            name = re.match(r"::([a-z-]+)", line)
            assert name is not None, line[:200]
            assert name[1] in allowed, line[:200]


def assert_can_be_seen(text: str) -> None:
    for line in text.split("\n"):
        odd = [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        assert not odd, repr(odd)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in [key, *strings(item)]]
    return [text for item in value for text in strings(item)] if isinstance(value, list) else []


def inert_lines(text: str, result: Result) -> None:
    assert_can_be_seen(text)
    assert_no_build_command(text)


def inert_concise(text: str, result: Result) -> None:
    inert_lines(text, result)
    assert text.count("\n") == len(result.findings)


def inert_json(text: str, result: Result) -> None:
    assert text.isascii()
    assert "\x7f" not in text
    assert_no_build_command(text)
    json.loads(text)


def inert_jsonl(text: str, result: Result) -> None:
    lines = text.splitlines()
    assert len(lines) == len(result.findings)
    for line in lines:
        inert_json(line, result)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_comment(self, data: str) -> None:
        self.seen.add("comment")


def inert_markdown(text: str, result: Result) -> None:
    inert_lines(text, result)
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py renders the page for this test")
    tags = Tags()
    page = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    tags.feed(page)
    assert tags.seen <= {"h1", "h2", "p", "ul", "li", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"}
    outside = re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)
    assert "@" not in outside
    assert "http" not in outside


def inert_sarif(text: str, result: Result) -> None:
    inert_json(text, result)
    log = json.loads(text)
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    [run] = log["runs"]
    for entry in [*run["results"], *run["invocations"][0]["toolExecutionNotifications"]]:
        message = entry["message"]["text"]
        assert_can_be_seen(message)
        assert "](" not in message
        assert not re.search(r"[{}]", message.replace("{{", "").replace("}}", ""))
    for text_of in strings([entry["locations"] for entry in run["results"]]):
        assert_can_be_seen(text_of)
    for uri in re.findall(r'"uri":"([^"]*)"', text):
        assert re.fullmatch(r"(file://)?[A-Za-z0-9._~/%-]+", uri), uri
        assert not uri.startswith("//")


def inert_junit(text: str, result: Result) -> None:
    import junitparser

    assert_can_be_seen(text)
    assert_no_build_command(text)
    root = ElementTree.fromstring(text.encode())
    rules = root.find("testsuite[@name='rules']")
    assert rules is not None
    codes = {*result.rules_run, *result.counts, *(finding.code for finding in result.findings)}
    assert len(rules.findall("testcase")) == len(codes) + len(result.rules_skipped) + result.partial
    known = {"testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped"}
    assert {element.tag for element in root.iter()} <= known | {"system-out"}
    assert junitparser.JUnitXml.fromstring(text.encode()) is not None


def inert_github(text: str, result: Result) -> None:
    assert_can_be_seen(text)
    assert_no_build_command(text, frozenset({"group", "endgroup", "error", "warning", "notice"}))
    assert text.count("::group::") - len(re.findall(r".::group::", text)) <= 1
    for line in text.split("\n"):
        annotation = re.match(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        if annotation is not None:
            names = [part.partition("=")[0] for part in annotation[2].split(",")]
            assert names in (["title"], ["file", "title"], ["file", "line", "col", "title"]), line[:300]


def inert_gitlab(text: str, result: Result) -> None:
    inert_json(text, result)
    issues = json.loads(text)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    for issue in issues:
        assert_can_be_seen(issue["description"] + issue["check_name"])
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1


def inert_csv(text: str, result: Result) -> None:
    inert_lines(text, result)
    table = list(csv.reader(io.StringIO(text)))
    assert len(table) == len(result.findings) + 1
    assert {len(row) for row in table} == {len(table[0])}
    by_semicolon = [cell for row in csv.reader(io.StringIO(text), delimiter=";") for cell in row]
    for cell in [*by_semicolon, *(cell for row in table for cell in row)]:
        assert not re.match(r"[\s\"']*[=+@＋－＝＠-]", cell) or re.match(r"[\s\"']*'[=+@＋－＝＠-]", cell), cell[:100]


INERT: Mapping[str, Callable[[str, Result], None]] = {
    "text": inert_lines,
    "concise": inert_concise,
    "json": inert_json,
    "jsonl": inert_jsonl,
    "markdown": inert_markdown,
    "sarif": inert_sarif,
    "junit": inert_junit,
    "github": inert_github,
    "gitlab": inert_gitlab,
    "csv": inert_csv,
}


def shown(result: Result, form: str, **more: Any) -> str:
    view = msgspec.structs.replace(View(rules={"FMT105": RuleNote("bad-last-turn", "unsafe")}), **more)
    text = "".join(render(result, form, view))
    text.encode("utf-8")
    return text


# ----------------------------------------------------------------------------- a real check


def rows_with(text: str) -> list[Any]:
    user, assistant = {"role": "user", "content": text}, {"role": "assistant", "content": text}
    return [
        {"messages": [user, assistant], "metadata": {"label": text, text: text}},
        {"messages": [{"role": text, "content": "a"}, assistant], text: {"n": 1}},
        {"messages": [{**user, text: text}, {**assistant, "tool_calls": [{"id": text, "type": text}]}, user]},
        {"messages": [user, {"role": "assistant", "content": None, "tool_calls": calls(text)}], "tools": text},
        {"conversations": [{"from": text, "value": text}]},
        [text],
        text,
    ]


def calls(text: str) -> list[Any]:
    return [{"id": text, "type": "function", "function": {"name": text, "arguments": text}}]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The findings over rows that hold the corpus as roles, keys, labels, tools and contents."""
    folder = tmp_path_factory.mktemp("hostile")
    lines = [json.dumps(row) for text in CORPUS for row in rows_with(text[:5_000])]
    lines += [text for text in CORPUS if text.isprintable()][:60]  # not JSON at all
    path = folder / "rows.jsonl"
    path.write_bytes(b"\n".join(line.encode("utf-8", "surrogatepass") for line in lines))
    names = [text for text in CORPUS if 0 < len(os_name(text)) < 200 and not re.search("[/\0]", text)]
    for number, name in enumerate(name for name in names if name not in (".", "..")):
        (folder / f"{number:03}").mkdir()
        (folder / f"{number:03}" / os_name(f"{name}.jsonl").decode("utf-8", "surrogateescape")).write_text("[1]\n")
    sections = {"data": {"label": "metadata.label"}}
    return audit.check(folder, preview=True, sections=sections, target="openai-sft", as_of="2026-11-21", jobs=1)


def os_name(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def test_the_corpus_is_large_and_no_string_is_there_twice() -> None:
    assert len(CORPUS) >= 60
    assert len(set(CORPUS)) == len(CORPUS)


@pytest.mark.parametrize("form", sorted(INERT))
def test_a_check_of_hostile_data_comes_out_inert(form: str, checked: Result) -> None:
    assert len({finding.code for finding in checked.findings}) >= 15
    assert len(checked.sources) > 100
    INERT[form](shown(checked, form, max_per_rule=0), checked)


@pytest.mark.parametrize("form", sorted(INERT))
def test_a_file_named_like_a_command_comes_out_inert(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["::error file=x::owned.jsonl", "=1+1.jsonl", "##[error]x.jsonl", "-rf.jsonl", "a:b,c%0A.jsonl"]
    for name in names:
        Path(name).write_text("[1]\n" * 3)
    result = audit.check([f"./{name}" for name in names], jobs=1)
    INERT[form](shown(result, form), result)


# ----------------------------------------------------------------------------- made by hand


def result_of(text: str) -> Result:
    """A result with the text in every place that can hold one."""
    fix = Fix(Applicability.SAFE, text, ())
    place = Place(file=text, line=1, column=1, pointer="/" + text)
    bad = Finding(
        code="FMT105",
        severity=Severity.ERROR,
        scope="row",
        message=text,
        place=place,
        related=(Related(file=text, line=1, pointer=text),),
        evidence={text: [text, {text: text}]},
        fix=fix,
        fingerprint=text,
    )
    clauses = tuple(
        Clause(
            name=text, demand=text, limit=text, actual=text, verdict=verdict, sentence=text, where=text, paste=text,
            attribute=text, group=text, codes=(text,),
        )
        for verdict in ("PASS", "FAIL", "NOT_ASSESSED")
    )  # fmt: skip
    waiver = Waiver(what=text, reason=text, owner=text, expires=text)
    gate = Gate(
        policy=text, title=text, as_of=text, sha256=text, verdict="FAIL", exit_code=1, clauses=clauses,
        waivers=(waiver,), use={text: text}, notes=(text,), extends=(text,),
    )  # fmt: skip
    everything = (bad, msgspec.structs.replace(bad, place=Place(), scope="dataset"))
    return Result(
        verdict="FAIL",
        rows=3,
        sources=(SourceSummary(path=text, role=text, shapes={text: 1, "x": 2}),),
        findings=everything,
        measures=(Measure(code="FMT105", name=text, value=text, attribute=text, group=text),),
        rules_run=("FMT105",),
        rules_skipped=(Skipped("ENC001", text),),
        suppressed=(Suppressed(code="X", path=text, reason=text, findings=1, owner=text),),
        known={text: 1},
        counts={"FMT105": {"findings": 4, "rows": 1, "error": 4}},
        gate=gate,
        evidence=Evidence(target=text, version=text, tokenizer={"name": text, "exact": False}, config={text: text}),
    )


@pytest.mark.parametrize("form", sorted(INERT))
def test_every_string_of_the_corpus_is_inert_in_every_place(form: str) -> None:
    for text in CORPUS:
        value = result_of(text[:3_000])
        INERT[form](shown(value, form, config_file=text[:3_000] or None), value)


HOSTILE = st.lists(st.sampled_from([text for text in CORPUS if len(text) < 100]) | st.characters(), max_size=6)


@pytest.mark.parametrize("form", sorted(INERT))
@settings(max_examples=40)
@given(text=HOSTILE.map("".join))
def test_no_text_is_hostile_in_any_form(form: str, text: str) -> None:
    value = result_of(text)
    INERT[form](shown(value, form, config_file=text or None), value)
