"""ANS809: citations that cannot be right, the right ones left alone, and files of known citations."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import isbn, issn

import audit
from audit.engine.scan import TriggerScan
from audit.errors import InputError
from audit.model import Message, Severity
from audit.rule import Run, Span
from audit.rules.answers.bad_citation import BadCitation
from audit.rules.answers.citation_numbers import (
    REPORTERS,
    arxiv_problem,
    isbn_problem,
    issn_problem,
    orcid_problem,
    volume_problem,
)
from audit.rules.answers.citations import host_of
from audit.targets import load_target

RUN = Run(target=load_target("openai-sft"), as_of=date(2026, 11, 21))
RULE = BadCitation()
SCAN = TriggerScan([RULE], RUN)


MEANT = [
    "In 2020 U.S. 331 million people lived there",
    "It needs macOS 10.x, see the page",
    "ISBN 978-0-306-40615-7 2nd edition",
    "The schemes http: and https: differ",
    "CELEX 12012E/TXT",
    "Donoghue v Stevenson [1932] UKHL 100",
]


@pytest.mark.parametrize("text", MEANT)
def test_what_is_right_or_no_citation_is_silent(text: str) -> None:
    assert spans(text) == []


def test_a_link_shows_its_host_alone() -> None:
    assert host_of("https://anna:secret@example.com/a?key=1234") == "https://example.com"
    (span,) = spans("See https://example.com/anna/a?key=1234 now")
    assert span.message.endswith(": https://example.com")


def test_a_host_of_the_prompt_may_be_repeated() -> None:
    def rows(prompt: str) -> list[dict[str, object]]:
        said = ("user", prompt), ("assistant", "Open https://example.com/a now.")
        return [{"messages": [{"role": role, "content": text} for role, text in said]}]

    assert audit.check(rows("Use example.com."), select=["ANS809"]).findings == ()
    assert len(audit.check(rows("Which page?"), select=["ANS809"]).findings) == 1


def test_known_citations_select_their_rule_and_hold_some(tmp_path: Path) -> None:
    answer = "See 410\xa0U.S.\xa0113, 50 Cal. 2d 100, 5 N.Y.2d 11, 12 A.2d 13 and 2019 WL 1234567."
    rows = [{"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": answer}]}]
    known = tmp_path / "known.txt"
    known.write_text("410 U. S. 113\n50 Cal.2d 100\n")
    found = [one for one in audit.check(rows, known_citations=(str(known),)).findings if one.code == "ANS809"]
    assert len(found) == 3
    for wrong in (tmp_path / "none.txt", tmp_path / "empty.txt"):
        (tmp_path / "empty.txt").write_text("\n# nothing\n")
        with pytest.raises(InputError):
            audit.check(rows, known_citations=(str(wrong),))


def spans(text: str, run: Run = RUN) -> list[Span]:
    message = Message(role="assistant", content=text, at="", role_at="", content_at="")
    return list(RULE.find(text, message, run))


WRONG = {
    "See doi:10.12/abc for it.": "prefix",
    "https://doi.org/10.1038/": "nothing after",
    "doi: 10.xxxx/yyyy": "placeholder",
    "ISBN 978-0-306-40615-8": "check digit",
    "ISBN: 0306406153": "check digit",
    "ISBN 977-0-306-40615-7": "978 or 979",
    "ISBN 978-0-306-4061": "10 or 13",
    "ISSN 0378-5956": "check digit",
    "ORCID: 0000-0002-1825-0098": "check digit",
    "arXiv:2313.01234": "month 13",
    "arXiv:1501.1234": "5 digits",
    "arXiv:9912.12345": "2099-12",
    "https://arxiv.org/abs/2705.00001": "2027-05",
    "arXiv:hep-th/0905001": "2009-05",
    "PMID: 123456789": "PMID",
    "Roe v. Wade, 410 U.S. 113 (1937)": "1973",
    "Smith v. Jones, 999 F.4th 12 (2031)": "no volume|future",
    "Doe v. Roe, 1234 F.2d 5 (1980)": "1 to 999",
    "Doe v. Roe, 925 F.3d 1339 (11th Cir. 1998)": "2018|2019",
    "12 S. Ct. 100 (1999)": "1892|1893|1894",
    "ECLI:EU:C:2014": "ECLI is",
    "ECLI:EU:C:2214:317": "2214",
    "CELEX 32016XYZ": "CELEX number is",
    "[1975] UKSC 4": "UKSC",
    "see http//www.who.int/data": "begins with",
    "https:///path": "begins with",
    "https://who..int/data": "host",
    "https://www.example.com/article": "placeholder",
    "https://[website].com": "placeholder",
    "https://your-company.com/docs": "placeholder",
}
RIGHT = [
    "doi:10.1038/nphys1170", "https://doi.org/10.1002/(SICI)1097-4571(199806)49:8<693::AID-ASI4>3.0.CO;2-O.",
    "ISBN 978-0-306-40615-7", "ISBN-13: 978 0 306 40615 7, ISBN-10: 0-306-40615-2", "ISBN 0-8044-2957-X",
    "ISSN 0378-5955", "e-ISSN: 2049-3630", "https://orcid.org/0000-0002-1825-0097", "arXiv:1706.03762v5",
    "arXiv:0704.0001",
    "arXiv:hep-th/9901001", "https://arxiv.org/abs/2303.08774", "PMID: 31452104",
    "Roe v. Wade, 410 U.S. 113 (1973)", "Marbury v. Madison, 5 U.S. 137 (1803)", "347 U.S. 483, 495 (1954)",
    "Dred Scott, 60 U.S. 393 (1857)", "554 U.S. 570 (2008)", "93 S. Ct. 705 (1973)", "142 S. Ct. 2228 (2022)",
    "Twentieth Century Music, 174 F.2d 747 (2d Cir. 1949)", "239 F.3d 1004 (9th Cir. 2001)",
    "678 F. Supp. 3d 443 (S.D.N.Y. 2023)",
    "27 F.4th 1 (1st Cir. 2022)", "ECLI:EU:C:2014:317", "ECLI:NL:HR:2018:1434.", "CELEX:32016R0679",
    "CELEX number 62012CJ0131",
    "[2003] UKHL 5", "[2019] EWCA Civ 123", "[2020] EWHC 123 (Ch)", "https://www.who.int/data?x=1",
    "http://localhost:8000/v1",
    "https://münchen.de", "http://127.0.0.1/", "www.bbc.co.uk", "(see https://en.wikipedia.org/wiki/Rust_(fungus)).",
    "`curl https://example.com/api`", "```\nrequests.get('https://example.com')\n```",
    "https://api.{region}.host.com/v1",
    "He scored 410 in the U.S. 113 times", "10.5/3 is 3.5", "about 10.25/km", "The U.S. and the F. scale",
    "5 F. or 6 C.",
    "Version 10.15/10.16", "http://example.co.uk/page", "section 12 of the act", "مرجع رقم ١٢", "第 12 条",
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_what_cannot_be_right_is_said(text: str, said: str) -> None:
    (span,) = spans(text)
    assert any(part in span.message for part in said.split("|")), span.message
    assert span.severity is Severity.INFO
    assert SCAN.rules_for(text, "assistant") == [RULE]


@pytest.mark.parametrize("text", RIGHT)
def test_what_may_be_right_is_left_alone(text: str) -> None:
    assert [span.message for span in spans(text)] == []


def test_only_answers_are_looked_at() -> None:
    assert SCAN.rules_for("ISBN 978-0-306-40615-8", "user") == []


@given(st.from_regex(r"[0-9]{9}[0-9X]|97[89][0-9]{10}|[0-9]{13}", fullmatch=True))
def test_isbns_are_judged_as_stdnum_judges_them(number: str) -> None:
    assert (isbn_problem(number) is None) == isbn.is_valid(number)


@given(st.from_regex(r"[0-9]{9}", fullmatch=True))
def test_a_right_isbn_passes_and_no_other_check_digit_does(body: str) -> None:
    right = [digit for digit in "0123456789X" if isbn_problem(body + digit) is None]
    assert right == [isbn._calc_isbn10_check_digit(body)]


@given(st.from_regex(r"[0-9]{7}[0-9X]", fullmatch=True))
def test_issns_are_judged_as_stdnum_judges_them(number: str) -> None:
    assert (issn_problem(number) is None) == issn.is_valid(number)


@given(st.from_regex(r"[0-9]{15}", fullmatch=True))
def test_one_check_digit_of_an_orcid_fits(body: str) -> None:
    assert len([digit for digit in "0123456789X" if orcid_problem(body + digit) is None]) == 1


@given(st.integers(7, 26), st.integers(1, 12), st.integers(1, 9999))
def test_arxiv_identifiers_of_every_month_pass(year: int, month: int, number: int) -> None:
    digits = 5 if year >= 15 else 4
    written = f"{year:02}{month:02}.{number:0{digits}}"
    wrong = (year == 7 and month < 4) or (year == 26 and month > 11)
    assert (arxiv_problem(written, 2026, 11) is None) != wrong


@given(st.sampled_from(sorted(REPORTERS)), st.integers(0, 2000), st.integers(1600, 2100))
def test_volumes_are_judged_for_any_number(reporter: str, volume: int, year: int) -> None:
    problem = volume_problem(reporter, volume, year, 2026)
    assert problem is not None if year > 2026 or volume == 0 else problem is None or problem
    assert all(
        volume_problem(name, at, when, 2026) is None for name in REPORTERS for at, when in REPORTERS[name].volumes
    )


@given(st.text(max_size=40), st.sampled_from([*WRONG, *RIGHT]), st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_text_is_judged_and_spans_lie_in_it(before: str, cited: str, after: str) -> None:
    text = before + cited + after
    for span in spans(text):
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize("unit", ["10.", "http://", "ISBN 1", "1 U.S. ", "ECLI:", "9 ", "www.a.", "(", "arXiv: 1."])
def test_a_long_hostile_text_is_judged(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    assert all(span.end <= len(text) for span in spans(text))


def test_a_repeated_citation_is_told_once() -> None:
    assert len(spans("ISBN 978-0-306-40615-8 and again ISBN 978-0-306-40615-8")) == 1


# ---------------------------------------------------------------------- known citations


def with_known(*paths: Path) -> Run:
    return msgspec.structs.replace(RUN, known_citations=tuple(map(str, paths)))


def test_citations_that_are_not_known_are_a_warning_however_they_are_spaced(tmp_path: Path) -> None:
    text = tmp_path / "known.txt"
    text.write_text("# checked\nRoe v. Wade, 410 U.S. 113 (1973)\n10.1038/nphys1170\nECLI:EU:C:2014:317\n")
    rows = tmp_path / "known.jsonl"
    rows.write_text('{"citation": "32016R0679", "by": "x"}\n{"citation": "[2019] EWCA Civ 123"}\n')
    run = with_known(text, rows)
    known = "410 U. S. 113; doi:10.1038/NPHYS1170, ecli:EU:C:2014:317, CELEX 32016R0679, [2019] EWCA Civ 123."
    assert spans(known, run) == []
    (span,) = spans("Varghese v. China Southern, 925 F.3d 1339 (11th Cir. 2019)", run)
    assert span.message == "the case 925 F.3d 1339 (11th Cir. 2019) is not among the 5 known citations"
    assert span.severity is Severity.WARNING


def test_kinds_that_nobody_lists_are_not_asked_for(tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    known.write_text("410 U.S. 113\n")
    assert spans("ISBN 978-0-306-40615-7, arXiv:1706.03762, https://who.int", with_known(known)) == []


@pytest.mark.parametrize("content", [b"{broken\n", b"[]\n", b'{"other": 1}\n', b"\xff", None])
def test_a_file_that_cannot_be_read_ends_the_run(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "known.jsonl"
    if content is not None:
        path.write_bytes(content)
    rows = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]
    with pytest.raises(InputError, match=r"known\.jsonl"):
        audit.check(rows, select=["ANS809"], known_citations=[str(path)])
