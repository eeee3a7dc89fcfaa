"""The report in a real browser: accessible in both themes, offline, whole on paper and on a phone, inert."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from audit.cli import main
from audit.demo import write
from audit.model import (
    Applicability,
    Clause,
    Evidence,
    Fix,
    Measure,
    Place,
    Related,
    Result,
    Skipped,
    SourceSummary,
    Suppressed,
)
from audit.model.dossier import Dossier, HandedIn, Hosted, LossPoint, Reaudit, Remedy, Training
from audit.reports.html.page import render
from audit.reports.view import View
from audit.train.runs.telling import training_of
from tests.reports.html.model_half import dossier, judged
from tests.train.provider.folders import hosted_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright", reason="playwright drives the browser")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOUND = os.environ.get("AUDIT_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(FOUND is None, reason="no Chromium is installed (AUDIT_BROWSER names one)")

CORPUS = Path(__file__).parents[2] / "data" / "hostile.json"
HOSTILE = (
    "<script>window.PWNED=1</script>", "</script><script>window.PWNED=1</script>",
    "</style><script>window.PWNED=1</script>",
    "<img src=x onerror=window.PWNED=1>", "\" onmouseover=window.PWNED=1 x=\"", "' onfocus=window.PWNED=1 autofocus '",
    "<svg onload=window.PWNED=1>", "</title><script>window.PWNED=1</script>",
    "</desc></svg><img src=x onerror=window.PWNED=1>",
    "javascript:window.PWNED=1", "{{ 7*7 }}{% for x in y %}", "<iframe srcdoc='<script>parent.PWNED=1</script>'>",
    "<link rel=stylesheet href=http://evil.example/x.css>", "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "\u202egnp.exe", "\x1b[31mred", "\ud800", "a\u0000b", "\u2028x", "W" * 5000, "<base href=http://evil.example/>",
)  # fmt: skip


def corpus() -> list[str]:
    shared = json.loads(CORPUS.read_text(encoding="utf-8")) if CORPUS.is_file() else []
    entries = shared if isinstance(shared, list) else list(shared.values())
    texts = [entry if isinstance(entry, str) else str(entry) for entry in entries]
    return [*HOSTILE, *texts]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=FOUND, args=sandbox, timeout=60_000)
        yield started
        started.close()


class Visit:
    """A page that was opened, and the addresses that it asked for beside its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(dialog.message))

    def open(self, path: Path) -> Page:
        self.page.goto(path.as_uri(), wait_until="load")
        self.requests = [url for url in self.requests if url != path.as_uri()]
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    contexts = []

    def opened(**options: object) -> Visit:
        context = browser.new_context(**options)
        contexts.append(context)
        return Visit(context.new_page())

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def report(full: Result, tmp_path: Path) -> Path:
    return written(full, tmp_path)


@pytest.fixture
def both(full: Result, tmp_path: Path) -> Path:
    """The report of the data and of the models that were trained on it, beside an earlier one."""
    told = msgspec.structs.replace(
        dossier(full, judged(findings=3)), previous=msgspec.structs.replace(full, findings=())
    )
    return written(full, tmp_path, told)


def written(result: Result, folder: Path, told: Dossier | None = None) -> Path:
    path = folder / "report.html"
    path.write_text("".join(render(result, View(dossier=told))), encoding="utf-8")
    return path


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def violations(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def test_nothing_is_asked_of_the_network_and_no_error_is_thrown(report: Path, visit: Callable[..., Visit]) -> None:
    seen = visit()
    open_all(seen.open(report))
    assert (seen.requests, seen.errors) == ([], [])


def test_everything_can_be_read_without_javascript(report: Path, visit: Callable[..., Visit]) -> None:
    page = visit(java_script_enabled=False).open(report)
    for words in ("Female x White", "0.358", "keep the first of the equal rows", "the same conversation as line 1,"):
        assert words in page.content()
    assert page.locator(".search").is_hidden()
    page.locator("details.rule summary").first.click()
    assert page.locator("details.rule li").first.is_visible()


def test_the_page_fits_a_phone(report: Path, visit: Callable[..., Visit]) -> None:
    page = visit(viewport={"width": 390, "height": 844}).open(report)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    open_all(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_both_halves_with_everything_open(
    both: Path, visit: Callable[..., Visit], scheme: str
) -> None:
    seen = visit(color_scheme=scheme, bypass_csp=True)
    page = seen.open(both)
    open_all(page)
    assert violations(page) == []
    assert (seen.requests, seen.errors) == ([], [])


def test_axe_finds_nothing_in_runs_at_a_provider_and_they_fit_a_phone(
    full: Result, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    hosted_run(tmp_path / "tuned")
    hosted_run(tmp_path / "failed", status="failed", error={"code": "invalid_n_examples", "message": "7 example(s)"})
    told = Dossier(data=full, trainings=tuple(training_of(tmp_path / name) for name in ("tuned", "failed")))
    seen = visit(bypass_csp=True, viewport={"width": 390, "height": 844})
    page = seen.open(written(full, tmp_path, told))
    open_all(page)
    assert violations(page) == []
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_both_halves_fit_a_phone_and_can_be_read_without_javascript(both: Path, visit: Callable[..., Visit]) -> None:
    page = visit(viewport={"width": 390, "height": 844}).open(both)
    open_all(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    plain = visit(java_script_enabled=False).open(both)
    assert plain.locator("#model-groups figure svg").first.is_visible()


def test_nothing_of_both_halves_is_clipped_on_paper(both: Path, visit: Callable[..., Visit]) -> None:
    page = visit(viewport=PAPER).open(both)
    page.emulate_media(media="print")
    assert page.evaluate(CLIPPED) == []


PAPER = {"width": 687, "height": 1000}
"""What 210 mm less 2 x 14 mm of margin are in CSS pixels."""

CLIPPED = """
[...document.querySelectorAll('body *')]
  .filter(one => one.clientWidth && getComputedStyle(one).display !== 'inline')
  .filter(one => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > innerWidth + 1)
  .map(one => `${one.tagName} ${one.className} ${one.textContent.slice(0, 60)}`)
"""


def test_nothing_is_clipped_on_paper(report: Path, visit: Callable[..., Visit]) -> None:
    page = visit(viewport=PAPER).open(report)
    page.emulate_media(media="print")
    assert page.evaluate(CLIPPED) == []


def test_what_is_folded_is_printed(report: Path, visit: Callable[..., Visit]) -> None:
    page = visit(viewport=PAPER, java_script_enabled=False).open(report)
    page.emulate_media(media="print")
    heights = page.locator("details .examples li, details table").evaluate_all(
        "all => all.map(one => one.checkVisibility({contentVisibilityAuto: true}) && one.offsetHeight > 0)"
    )
    assert heights
    assert all(heights)


def test_the_report_becomes_a_pdf_of_several_pages(report: Path, visit: Callable[..., Visit]) -> None:
    pdf = visit().open(report).pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") >= 4
    assert b"/MediaBox [0 0 59" in pdf


def test_the_search_shows_what_it_finds(report: Path, visit: Callable[..., Visit]) -> None:
    page = visit().open(report)
    page.get_by_label("Find in the examples").fill("line 2,")
    page.locator("output").filter(has_text="1 found").wait_for(timeout=5_000)
    assert page.locator("details.rule li:visible").count() == 1
    page.get_by_label("Find in the examples").fill("")
    assert page.locator("details.rule:visible").count() == 2


def hostile_measures(texts: Sequence[str]) -> Iterator[Measure]:
    """Measures whose attribute is the first text and whose groups, labels, words and sentences are all of them."""
    first = texts[0]
    groups = [
        {"group": text, "n": 90, "hits": 40, "rate": 0.4, "interval": [0.3, 0.5], "share": 0.5, "verdict": text,
         "estimate": 0.7, "estimate_interval": [0.5, 0.9], "estimate_reference": text, "sentence": text}
        for text in texts
    ]  # fmt: skip
    table = {"kind": first, "source": first, "rows": 90, "groups": groups, "sentence": first, "favourable": texts}
    labels = [{"label": text, "rows": 9, "share": 0.5, "low": 0.4, "high": 1.0} for text in texts]
    counts = [[7] * len(texts)] * len(texts)
    grid = {"groups": texts, "labels": texts, "counts": counts, "terms": [{"form": text, text: text} for text in texts]}
    words = {"words": [{"word": text, "group": text, "rows": 9} for text in texts]}
    yield Measure(code="DEM104", name="selection_rate", value=0.4, n=90, table=table, attribute=first)
    yield Measure(code="DEM101", name="representation", n=90, table=table, attribute=first)
    yield Measure(code="DEM103", name="cramers_v", value=0.1, n=90, table=grid, attribute=first)
    yield Measure(code="DEM106", name="associated_words", value=0.1, n=90, table=words, attribute=first)
    yield Measure(code="DEM107", name="answer_x", value=0.4, n=90, table=table, attribute=first)
    yield Measure(code="LBL602", name="labels.rows", n=9, table=labels, split=first)
    for text in texts:
        yield Measure(code="X", name=text, value=text, n=1, unit=text)
        yield Measure(code="DEM112", name="finding_rate", value=0.4, n=90, table=table, attribute=first, group=text)


def hostile(base: Result, texts: Sequence[str]) -> Result:
    """A result in which everything that data or configuration may say is one of the texts, each text everywhere."""
    assert base.gate is not None
    findings, measures, clauses = [], [], []
    for text in texts:
        place = Place(file=text, line=1, column=1, pointer="/" + text)
        related = (Related(file=text, line=1, pointer=text),)
        fix = Fix(Applicability.SHOWN, text)
        findings.append(msgspec.structs.replace(base.findings[0], message=text, place=place, related=related, fix=fix))
        clauses.append(
            Clause(
                name=text, demand=text, limit=text, actual=text, verdict="FAIL", sentence=text, where=text, paste=text,
                crosswalk=(text,),
            )
        )  # fmt: skip
    for start in range(0, len(texts), 16):
        measures += hostile_measures(texts[start : start + 16])
    notes = tuple(texts)
    gate = msgspec.structs.replace(
        base.gate,
        policy=texts[0],
        title=texts[1],
        clauses=tuple(clauses),
        notes=notes,
        use=dict(zip(texts, texts, strict=True)),
    )
    return msgspec.structs.replace(
        base,
        findings=tuple(findings),
        sources=tuple(SourceSummary(path=text, role=text, shapes={text: 1, "x": 2}) for text in texts),
        measures=tuple(measures),
        gate=gate,
        rules_skipped=tuple(Skipped("X", text) for text in texts),
        suppressed=tuple(Suppressed(code="X", path=t, reason=t, findings=1, owner=t) for t in texts),
        evidence=Evidence(
            target=texts[2], tokenizer={"name": texts[3], "exact": False}, config=dict(zip(texts, texts, strict=True)),
            inputs=dict(zip(texts, texts, strict=True)),
        ),
    )  # fmt: skip


STRANGE = "script,style,meta,img,iframe,link,base,object,embed,form"


def test_no_text_from_data_runs_loads_or_styles_anything(
    full: Result, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    # Without the policy of the page: the markup alone must hold.
    seen = visit(bypass_csp=True)
    page = seen.open(written(hostile(full, corpus()), tmp_path))
    open_all(page)
    assert page.evaluate("window.PWNED") is None
    tags = page.evaluate(f"[...document.querySelectorAll('{STRANGE}')].map(one => one.tagName)")
    assert {tag: tags.count(tag) for tag in set(tags)} == {"SCRIPT": 1, "STYLE": 1, "META": 5}
    assert (seen.requests, seen.errors) == ([], [])


def hostile_job(text: str) -> Hosted:
    """What a server says of a job, all of it hostile."""
    said = {"model": text, "shutdown": text, "new_jobs_end": text, "as_of": text, "source": text, "replacement": text}
    return Hosted(
        provider=text, address=text, job=text, status=text, error=text, tuned=text, hyperparameters={text: text},
        files=(HandedIn(role=text, name=text, rows=1, bytes=1, sha256=text, id=text),), lifecycle=said,
        quote={"tokens": text, "cost": 1, "currency": text, "unquoted": text}, moderation={"skipped": text},
        lowering={"how": text, "rows": 1, "made": 1},
    )  # fmt: skip


def hostile_dossier(full: Result, texts: Sequence[str]) -> Dossier:
    """A dossier in which every name, sentence, group, arm and answer is one of the texts."""
    turn = iter(texts * 10_000)

    def said(value: object) -> object:
        if isinstance(value, str):
            return next(turn)
        if isinstance(value, dict):
            return {key: one if key in ("kind", "metric", "verdict") else said(one) for key, one in value.items()}
        return [said(one) for one in value] if isinstance(value, list | tuple) else value

    result = judged()
    measures = [
        msgspec.structs.replace(
            one, arm=f"{texts[at % len(texts)]}{at % 3}", attribute=one.attribute and texts[0],
            group=one.group and texts[at % len(texts)], table=said(one.table),
        )
        for at, one in enumerate(result.measures)
    ]  # fmt: skip
    runs = [
        Training(
            arm=text, folder=text, model=text, method=text, stopped=text, weights=text, machine=text, seal=text,
            waived_by=text, waived_why=text, energy_method=text, notes=(text,), settings={text: text},
            inputs={text: text}, dropped={text: 1}, used=9, rows=9, effective_rows=5.0, gate=result.gate,
            groups={texts[0]: {text: 9}}, curve=tuple(LossPoint(step=n, train=1.0 / n) for n in range(1, 9)),
            hosted=hostile_job(text) if at % 2 else None,
        )
        for at, text in enumerate(texts[:12])
    ]  # fmt: skip
    remedies = [
        Remedy(command=text, source=text, output=text, by_code={text: {"edited": 7}}, settings={"by": [text]},
               weights=((0.5, 9), (1.5, 9)), ess=9.0, effect={"labels": [{"label": text, "rows": {"before": 9}}]})
        for text in texts[:10]
    ]  # fmt: skip
    return Dossier(
        data=hostile(full, texts),
        outputs=msgspec.structs.replace(result, measures=tuple(measures)),
        trainings=tuple(runs),
        remedies=tuple(remedies),
        reaudit=Reaudit(judged=texts[0], compared=texts[1], base=texts[2], harm=texts[3], seconds={texts[0]: 1.0}),
        previous=hostile(full, texts),
    )


def test_no_text_of_models_or_runs_loads_or_styles_anything(
    full: Result, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    seen = visit(bypass_csp=True)
    page = seen.open(written(full, tmp_path, hostile_dossier(full, corpus())))
    open_all(page)
    assert page.evaluate("window.PWNED") is None
    tags = page.evaluate(f"[...document.querySelectorAll('{STRANGE}')].map(one => one.tagName)")
    assert {tag: tags.count(tag) for tag in set(tags)} == {"SCRIPT": 1, "STYLE": 1, "META": 5}
    assert (seen.requests, seen.errors) == ([], [])


def test_hostile_text_takes_no_notebook(full: Result, tmp_path: Path, visit: Callable[..., Visit]) -> None:
    seen = visit()
    path = tmp_path / "cell.html"
    body = hostile(full, corpus())._repr_html_()
    path.write_text(f"<!doctype html><meta charset=utf-8><p id=own>text</p>{body}", encoding="utf-8")
    page = seen.open(path)
    assert page.evaluate("window.PWNED") is None
    assert page.locator("script, img, iframe, link").count() == 0
    assert page.evaluate("getComputedStyle(document.getElementById('own')).fontSize") == "16px"
    assert (seen.requests, seen.errors) == ([], [])


def test_the_report_of_the_demo_holds_all_bars(tmp_path: Path, visit: Callable[..., Visit]) -> None:
    data = write(tmp_path / "demo")
    path = tmp_path / "report.html"
    config = str(data.with_name("audit.toml"))
    assert main(["report", str(data), "--config", config, "--policy", "default", "-o", str(path), "--quiet"]) == 0
    assert path.stat().st_size <= 150_000
    seen = visit(bypass_csp=True, viewport={"width": 390, "height": 844})
    page = seen.open(path)
    open_all(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert violations(page) == []
    assert (seen.requests, seen.errors) == ([], [])
