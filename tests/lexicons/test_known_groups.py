"""On HateCheck, whose rows say which group they are about: nearly all mentions are found, and hardly a wrong one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest

from audit.lexicons import load
from benchmarks.accuracy import SHARED

CHAT = SHARED / "chat"
pytestmark = pytest.mark.skipif(not CHAT.is_dir(), reason="the shared data folder is absent")

GROUPS = {
    "women": ("gender", {"female"}),
    "trans people": ("gender", {"trans"}),
    "gay people": ("sexual_orientation", {"gay", "lesbian", "queer"}),
    "black people": ("ethnicity", {"black"}),
    "disabled people": ("disability", set(load("disability").groups)),
    "Muslims": ("religion", {"muslim"}),
    "immigrants": ("nationality", {"immigrant"}),
}


class Row(NamedTuple):
    text: str
    target: str
    language: str
    misspelt: bool


@cache
def rows(name: str) -> list[Row]:
    return list(read(name))


def read(name: str) -> Iterator[Row]:
    with gzip.open(CHAT / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            about = row["metadata"]
            misspelt = about["functionality"].startswith("spell_")
            yield Row(row["messages"][1]["content"], about["target_group"], about.get("language", "english"), misspelt)


def share_found(some: list[Row], axis: str, groups: set[str], language: str) -> float:
    lexicon = load(axis)
    return sum(any(one.term.group in groups for one in lexicon.find(row.text, language)) for row in some) / len(some)


@pytest.mark.parametrize("target", sorted(GROUPS))
def test_rows_about_a_group_mention_it(target: str) -> None:
    some = [row for row in rows("hatecheck") if row.target == target and not row.misspelt]
    assert share_found(some, *GROUPS[target], "en") >= 0.96


@pytest.mark.parametrize("target", sorted(GROUPS.keys() - {"women"}))  # "he" and "she" are mentions in any row
def test_rows_about_no_group_mention_none(target: str) -> None:
    axis, groups = GROUPS[target]
    some = [row for row in rows("hatecheck") if row.target == "none"]
    assert len(some) > 200
    assert share_found(some, axis, groups, "en") == 0


@pytest.mark.parametrize(("target", "groups"), [("women", {"female"}), ("trans people", {"trans"})])
def test_german_rows_about_women_and_trans_people_mention_them(target: str, groups: set[str]) -> None:
    german = [row for row in rows("multilingual-hatecheck-dev") if row.language == "german"]
    some = [row for row in german if row.target == target and not row.misspelt]
    assert share_found(some, "gender", groups, "de") >= 0.96
