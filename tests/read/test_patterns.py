"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from audit.read.patterns import pattern


def test_a_pattern_does_what_the_compiled_one_does() -> None:
    later, now = pattern("A(b+)", re.IGNORECASE), re.compile("A(b+)", re.IGNORECASE)
    text = "xabbab"
    assert later.findall(text) == now.findall(text)
    assert [one.span(1) for one in later.finditer(text, 2)] == [one.span(1) for one in now.finditer(text, 2)]
    assert (later.sub("-", text, count=1), later.pattern, later.flags) == ("x-ab", now.pattern, now.flags)
    assert pattern(rb"\d").findall(b"a1") == [b"1"]


def test_a_wrong_pattern_is_told_of_when_it_is_used() -> None:
    wrong = pattern("(")
    with pytest.raises(re.error):
        wrong.search("a")
