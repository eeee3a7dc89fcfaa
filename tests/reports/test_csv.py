"""The findings as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.model import Applicability, Finding, Fix, Place, Result, Severity
from audit.reports import render
from audit.reports.csv import COLUMNS, inert


def table(*findings: Finding) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(render(Result(findings=findings), "csv")))))


def finding(message: str = "m", place: Place | None = None) -> Finding:
    place = place or Place(file="train.jsonl", line=3, column=7, pointer="/messages/0")
    fix = Fix(Applicability.SAFE, "remove it")
    return Finding(
        code="A", severity=Severity.INFO, scope="row", message=message, place=place, fix=fix, fingerprint="f"
    )


def test_a_finding_is_a_row() -> None:
    head, row = table(finding())
    assert tuple(head) == COLUMNS
    assert row == ["A", "info", "row", "train.jsonl", "3", "7", "/messages/0", "m", "remove it", "safe", "f"]


def test_what_has_no_place_has_empty_cells() -> None:
    assert table(finding(place=Place()))[1][3:7] == ["", "", "", ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "  =1", "＝1", '"=1'])
def test_a_formula_becomes_text(text: str) -> None:
    assert "'" in inert(text)
    assert inert(text).replace("'", "") == text


def test_a_tab_and_a_line_end_are_spelt_out() -> None:
    assert inert("\t=1") == r"\t=1"
    assert inert("\r=1") == r"\r=1"


def test_a_formula_after_a_semicolon_becomes_text() -> None:
    assert inert('a;"=1') == "a;\"'=1"


def test_other_text_stays_as_it_is() -> None:
    for text in ("a = b", "3 - 2", "x@y", "the row ends"):
        assert inert(text) == text


@given(st.text(), st.text())
def test_what_was_written_is_read_back(message: str, path: str) -> None:
    _, row = table(finding(message, Place(file=path, line=1)))
    assert row[3] == inert(path)
    assert row[7] == inert(message)
