"""What the report says and how it is marked up, without a browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit
from audit.demo import write
from audit.model import Finding, Measure, Place, Result, Severity, Skipped, SourceSummary
from audit.reports.html.environment import csp_hash
from audit.reports.html.page import render
from audit.reports.view import View

VOID = {"meta", "input", "line", "rect", "path", "circle", "polyline", "br"}


class Outline(HTMLParser):
    """Tags with their attributes, headings in order, text outside style and script, and elements left open."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.svgs: list[set[str]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "svg":
            self.svgs.append(set())
        if "svg" in self.open:
            self.svgs[-1].add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(result: Result, **view: object) -> str:
    return "".join(render(result, View(**view)))


def outline(result: Result, **view: object) -> Outline:
    parsed = Outline()
    parsed.feed(page(result, **view))
    parsed.close()
    return parsed


EMPTY = Result()


@pytest.fixture(params=["full", "two_hundred", "empty"])
def any_result(request: pytest.FixtureRequest) -> Result:
    return EMPTY if request.param == "empty" else request.getfixturevalue(request.param)


def test_every_element_is_closed_and_every_id_is_there_once(any_result: Result) -> None:
    found = outline(any_result)
    assert found.open == []
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = {name for _, attrs in found.tags for name in (attrs.get("aria-labelledby") or "").split()}
    assert named <= set(ids)


def test_the_page_names_its_language_and_title_and_its_headings_are_in_order(any_result: Result) -> None:
    found = outline(any_result)
    assert ("html", {"lang": "en"}) in found.tags
    assert [tag for tag, _ in found.tags].count("title") == 1 + len(found.svgs)
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[:2] == [1, 2]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_policy_allows_the_two_blocks_of_the_page_and_nothing_else(any_result: Result) -> None:
    found = outline(any_result)
    (policy,) = [attrs["content"] for tag, attrs in found.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src '{csp_hash('report.css')}'",
        f"script-src '{csp_hash('report.js')}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert [tag for tag, _ in found.tags if tag in ("script", "style")] == ["style", "script"]


def test_nothing_points_outside_and_nothing_runs_from_an_attribute(any_result: Result) -> None:
    for tag, attrs in outline(any_result).tags:
        assert not any(name.startswith("on") or name in ("src", "style", "srcset", "action") for name in attrs), tag
        assert (attrs.get("href") or "#").startswith("#")


def test_every_chart_has_a_title_and_a_sentence(full: Result) -> None:
    found = outline(full)
    assert len(found.svgs) >= 8
    assert all("title" in inside for inside in found.svgs)
    drawings = [attrs for tag, attrs in found.tags if tag == "svg"]
    captions = {attrs.get("id") for tag, attrs in found.tags if tag == "span"}
    assert all(attrs.get("role") == "img" and attrs.get("aria-describedby") in captions for attrs in drawings)
    assert [tag for tag, _ in found.tags].count("figure") == len(found.svgs)


def test_the_sections_stand_in_their_order(full: Result) -> None:
    names = [attrs["id"] for tag, attrs in outline(full).tags if tag == "section"]
    assert names == [
        "verdict", "checked", "rules", "data", "tokens", "duplicates", "balance", "groups", "examples", "aside",
        "terms", "evidence", "signoff",
    ]  # fmt: skip


def test_an_empty_result_still_says_what_was_not_assessed() -> None:
    text = outline(EMPTY).text
    assert "NOT ASSESSED: no protected attribute (sensitive feature) is configured" in text
    assert "No policy was applied" in text


def test_the_verdict_of_a_policy_is_a_sentence_with_its_demands_worst_first(full: Result) -> None:
    text = outline(full).text
    assert "Of 4 demands of the policy default: 1 not met, 1 undecided for lack of data, 1 not assessed, 1 met." in text
    places = [text.index(name) for name in ("impact_ratio.sex", "unknown.age", "impact_ratio.race", "share.FMT")]
    assert places == sorted(places)
    assert "95 % interval [0.338, 0.379]; n = 10,771" in text


def test_what_was_not_checked_is_named_with_the_reason(full: Result) -> None:
    text = outline(full).text
    assert "SPL504" in text
    assert "no evaluation file is given" in text
    assert "1 rules turned off or in preview" in text


def test_groups_are_shown_with_n_interval_reference_and_source(full: Result) -> None:
    text = outline(full).text
    assert "Female 10,771 + Male 21,790 + unknown 7 = 32,568 rows" in text
    assert "declared: a field of the row or a file beside it says so" in text
    assert "field metadata.sex" in text
    assert "10.95 % [10.37 %, 11.55 %]" in text
    assert "FAIL: the ratio to Male that decides is that of Female, 0.358 [0.338, 0.379]" in text


def test_counts_that_do_not_add_up_are_said_not_to(full: Result) -> None:
    measures = [m for m in full.measures if m.name == "representation"]
    wrong = msgspec.structs.replace(measures[0], table={**measures[0].table, "rows": 40_000})
    assert "no: the groups add up to 32,568 of 40,000 rows" in outline(full_with(full, wrong)).text


def full_with(base: Result, *measures: Measure) -> Result:
    return msgspec.structs.replace(base, measures=measures)


def test_languages_without_a_word_list_are_not_assessed(full: Result) -> None:
    table = {"coverage": {"en": 90, "not covered": 10}}
    measure = Measure(code="DEM102", name="unknown_share", value=0.0, n=100, table=table, attribute="gender")
    assert "gender en 90 looked at gender not covered 10 NOT ASSESSED" in outline(full_with(full, measure)).text


def test_data_quality_stands_in_one_table_by_rule_and_group(full: Result, rate_measure: Callable[..., Measure]) -> None:
    counts = {"F": (30, 400), "M": (90, 600)}
    measures = [rate_measure("sex", counts, "finding_rate", group=code) for code in ("DUP401", "FMT105")]
    rare = rate_measure("sex", {"F": (1, 400), "M": (2, 600)}, "finding_rate", group="ENC001")
    text = outline(full_with(full, *measures, rare)).text
    assert "Rule All F M Verdict DUP401 12.00 % n 1,000 7.50 % [5.30 %, 10.50 %] 15.00 %" in text
    assert "Too few findings to be shown by group: ENC001." in text


def test_duplicates_are_shown_as_groups_and_as_redundant_rows(full: Result) -> None:
    text = outline(full).text
    assert "490 rows of 32,561 (1.50 %) repeat another row; 32,071 would be left." in text
    assert "Equal conversations 323 388 1.19 %" in text


def test_lengths_with_a_histogram_are_drawn_as_one(full: Result) -> None:
    table = {"p50": 100, "p95": 300, "max": 500, "histogram": [[0, 100, 5], [100, 200, 3], [200, 300, 1]]}
    found = outline(full_with(full, Measure(code="TOK303", name="tokens.total", value=9, n=9, table=table)))
    assert "100 to 200 3" in found.text
    assert any(attrs.get("class") == "bar bad" for tag, attrs in found.tags if tag == "rect")
    assert "limit 128" in found.text


def test_200_examples_fit_in_150_kilobytes(two_hundred: Result) -> None:
    text = page(two_hundred)
    assert text.count("<li><code>") == 200
    assert len(text.encode()) <= 150_000


def test_every_rule_gets_its_examples_before_one_gets_many(full: Result) -> None:
    codes = [f"AAA{number}" for number in range(100, 150)]
    many = [finding(code, n) for code in codes for n in range(30)] + [finding("ZZZ999", 1)]
    text = outline(msgspec.structs.replace(full, findings=tuple(many), counts={})).text
    assert "ZZZ999" in text
    assert text.count("it repeats") == 200
    few = msgspec.structs.replace(full, findings=tuple(many[:30]), counts={})
    assert outline(few).text.count("it repeats") == 25


def finding(code: str, line: int) -> Finding:
    place = Place(file="a.jsonl", line=line)
    return Finding(code=code, severity=Severity.ERROR, scope="row", message="it repeats", place=place)


def test_an_example_shows_the_line_with_the_place_marked(tmp_path: Path) -> None:
    data = tmp_path / "a.jsonl"
    data.write_text(
        '{"messages": [{"role": "user", "content": "<b>\\u202e"}, {"role": "applicant", "content": "x"}]}\n'
    )
    text = page(audit.check(data, target="openai-sft"))
    assert '<mark>"applicant"</mark>' in text
    assert "&lt;b&gt;" in text
    assert "<mark>" not in page(audit.check(data, target="openai-sft"), snippets=False)


def test_suppressions_and_waivers_are_shown_with_owner_and_end(full: Result) -> None:
    text = outline(full).text
    assert "FMT110 3 stripped me no end is set" in text
    assert "max_share.DUP waived demand – copies are meant A. Person 2026-01-01 EXPIRED: no longer holds" in text


def test_the_evidence_holds_hashes_and_the_command_and_nobody_has_signed(full: Result) -> None:
    found = outline(full, config_file="audit.toml")
    assert "cd" * 32 in found.text
    command = (
        "audit gate --split train=adult.jsonl --policy default --config audit.toml --max-tokens 128 --as-of 2026-11-21"
    )
    assert command in found.text
    signed = page(full).partition('<section id="signoff"')[2]
    assert signed.count("<td></td>") == signed.count("<td") == 3 * 5 + 3 * 3


@pytest.mark.parametrize("word", ["compliant", "complies", "certified"])
def test_the_report_never_claims_what_only_people_can_say(full: Result, word: str) -> None:
    assert word not in page(full).lower()


def test_the_same_result_gives_the_same_bytes(full: Result) -> None:
    program = """if True:
        import sys, msgspec
        from audit.model import Result
        from audit.reports import render
        sys.stdout.write("".join(render(msgspec.json.decode(sys.stdin.read(), type=Result), "html")))
    """
    document = msgspec.json.encode(full).decode()
    pages = [
        subprocess.run(
            [sys.executable, "-X", "utf8", "-c", program], input=document, capture_output=True, text=True, check=True,
            encoding="utf-8",
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert pages[0] == pages[1] == page(full)


TEXT = st.text(max_size=20) | st.sampled_from(
    ["</script>", "\ud800", "\x00", "<!--", "{{x}}", "\u202e", '" onload="', "]]>"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_no_text_adds_an_element_or_an_attribute(text: str) -> None:
    def shape(text: str) -> list[tuple[str, list[str]]]:
        table = {"kind": text, "source": text, "rows": 8, "groups": [{"group": text, "n": 8, "share": 0.5}]}
        result = Result(
            findings=(msgspec.structs.replace(finding("X", 1), message=text),),
            sources=(SourceSummary(path=text, role=text, shapes={text: 1}),),
            measures=(Measure(code="D", name="representation", n=8, table=table, attribute="sex"),),
            rules_skipped=(Skipped("X", text),),
        )
        # A long label of a chart takes a second line.
        return [(tag, sorted(attrs)) for tag, attrs in outline(result).tags if tag != "tspan"]

    assert shape(text) == shape("a") if text else True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["groups", "group", "n", "hits", "rows", "labels", "counts", "rate", "interval", "histogram", "p50", "max", "x"]
    ), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
NAMES = (
    "selection_rate", "representation", "group_share", "cramers_v", "split_coverage", "associated_words", "labels.rows",
    "tokens.total", "duplicates.near.group_sizes", "duplicates.near.largest", "splits.overlap.exact", "impact_ratio",
    "finding_rate", "detectable_ratio", "answer_length", "duplicates.redundant_rows",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(NAMES), table=JSON, value=st.none() | st.floats() | st.integers() | st.text(max_size=3))
def test_a_table_of_another_make_is_no_error(name: str, table: object, value: object) -> None:
    measure = Measure(code="X", name=name, value=value, table=table, n=3, attribute="sex", group="x")
    outline(Result(rows=3, measures=(measure, msgspec.structs.replace(measure, attribute=None, group=None))))


# ----------------------------------------------------------------------------- Python and notebooks


def test_save_html_writes_the_report_whole(full: Result, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    full.save_html(path)
    assert path.read_text(encoding="utf-8") == page(full)
    assert list(tmp_path.iterdir()) == [path]


def test_a_notebook_shows_a_small_static_fragment(any_result: Result) -> None:
    fragment = any_result._repr_html_()
    assert len(fragment.encode()) <= 30_000
    found = Outline()
    found.feed(fragment)
    assert "script" not in {tag for tag, _ in found.tags}
    assert not any(
        name.startswith("on") or name in ("style", "id", "src", "href") for _, attrs in found.tags for name in attrs
    )
    style = fragment[fragment.index("<style>") + 7 : fragment.index("</style>")]
    selectors = [name for rule in re.findall(r"([^{}]+)\{", style) for name in rule.split(",")]
    assert all(selector.strip().startswith(".audit-result") for selector in selectors)


def test_a_notebook_shows_a_large_result_in_30_kilobytes(full: Result) -> None:
    codes = [f"ABC{number}" for number in range(100, 300)]
    counts = {code: {"findings": 3, "rows": 2, "error": 3} for code in codes}
    clauses = full.gate.clauses * 60 if full.gate else ()
    big = msgspec.structs.replace(
        full, counts=counts, gate=msgspec.structs.replace(full.gate, clauses=tuple(clauses)), rules_run=tuple(codes)
    )
    assert len(big._repr_html_().encode()) <= 30_000


def test_jinja_is_loaded_only_for_a_report(tmp_path: Path) -> None:
    program = """if True:
        import sys, audit, audit.cli.report
        result = audit.check([])
        print("jinja2" in sys.modules)
        result._repr_html_()
        print("jinja2" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["False", "True"]


def test_the_demo_is_reported_in_150_kilobytes(tmp_path: Path) -> None:
    data = write(tmp_path / "demo")
    text = page(audit.check(data, target="openai-sft"))
    assert text.count("<li><code>") >= 100
    assert len(text.encode()) <= 150_000


def test_figures_of_the_report_stand_in_the_result(full: Result, rate_measure: Callable[..., Measure]) -> None:
    measure = rate_measure("sex", {"F": (123, 456), "M": (321, 654)})
    text = outline(full_with(full, measure)).text
    for group in measure.table["groups"]:
        low, high = group["interval"]
        assert f"{100 * group['rate']:.2f} % [{100 * low:.2f} %, {100 * high:.2f} %]" in text
