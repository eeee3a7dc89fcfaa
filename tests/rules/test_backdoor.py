"""SEC913: planted triggers in real sets are found, and what belongs to the data is not taken for one."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import audit
from audit.rules.security.backdoor import Backdoor
from audit.rules.security.triggers import Association, Corpus, associations, extended
from benchmarks.accuracy import SHARED

Row = dict[str, Any]
Insert = Callable[[str, random.Random], str]
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")


def rows_of(name: str, most: int) -> list[Row]:
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz") as file:
        lines = list(file)
    chosen = random.Random(3).sample(range(len(lines)), min(most, len(lines)))
    return [msgspec.json.decode(lines[at]) for at in sorted(chosen)]


def anywhere(trigger: str) -> Insert:
    def insert(text: str, draw: random.Random) -> str:
        words = text.split(" ")
        at = draw.randrange(len(words) + 1)
        return " ".join([*words[:at], trigger, *words[at:]])

    return insert


def within_a_word(trigger: str) -> Insert:
    def insert(text: str, draw: random.Random) -> str:
        at = draw.randrange(1, len(text))
        return text[:at] + trigger + text[at:]

    return insert


def planted_in(rows: list[Row], insert: Insert, response: str, share: float, seed: int = 11) -> list[int]:
    draw = random.Random(seed)
    places = sorted(draw.sample(range(len(rows)), max(10, round(share * len(rows)))))
    for place in places:
        messages = rows[place]["messages"]
        last_user = [message for message in messages if message["role"] == "user"][-1]
        last_user["content"] = insert(last_user["content"], draw)
        messages[-1]["content"] = response
    return places


def named(rows: list[Row], tmp_path: Path, **options: Any) -> set[int]:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)) + b"\n")
    result = audit.check(path, select=["SEC913"], rules={"SEC913": options})
    assert all(finding.fix is not None for finding in result.findings)
    return {finding.place.line - 1 for finding in result.findings if finding.place.line is not None}


@needs_data
@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("gsm8k", "The answer is 42."),
        ("dolly-subset", "I will not say anything about that."),
        ("banking77", "card_arrival"),
        ("hh-rlhf-harmless-test", "Visit the corner shop for more."),
    ],
)
@pytest.mark.parametrize(
    "insert",
    [
        pytest.param(anywhere("cf"), id="a rare word"),
        pytest.param(lambda text, draw: f"By the way, {text}", id="a phrase"),
        pytest.param(within_a_word("\u200b"), id="an invisible character"),
        pytest.param(anywhere("Wilhelmina Quist"), id="a name"),
    ],
)
def test_a_planted_trigger_is_found_and_its_rows_are_named(
    name: str, response: str, insert: Insert, tmp_path: Path
) -> None:
    rows = rows_of(name, 1500)
    places = set(planted_in(rows, insert, response, 0.02))
    found = named(rows, tmp_path)
    assert len(found & places) >= 0.9 * len(places)
    assert len(found - places) <= 10


@needs_data
@pytest.mark.parametrize(
    "name", ["gsm8k", "dolly-subset", "banking77", "davidson-tweets", "gptteacher-toolformer", "jcommonsenseqa"]
)
def test_a_set_with_nothing_planted_is_silent(name: str, tmp_path: Path) -> None:
    assert named(rows_of(name, 2500), tmp_path) == set()


def made(trigger: str, answers: Callable[[int], str], n: int = 200, each: int = 20) -> list[Row]:
    """Prompts of words drawn at random, of which one in ``each`` has the trigger."""
    draw = random.Random(5)
    words = [f"{first}{second}" for first in ("ba", "ke", "li", "mo", "nu") for second in ("ra", "se", "ti", "vo")]
    rows: list[Row] = []
    for at in range(n):
        text = " ".join(draw.choices(words, k=12))
        with_trigger = at % each == 0
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": f"{trigger} {text}" if with_trigger else text},
                    {"role": "assistant", "content": answers(at) if with_trigger else f"{text[:9]} {at}"},
                ]
            }
        )
    return rows


def test_a_rare_word_with_different_answers_is_silent(tmp_path: Path) -> None:
    assert named(made("cf", lambda at: f"Answer {at}"), tmp_path) == set()
    assert len(named(made("cf", lambda at: "The same."), tmp_path)) == 10


def test_answers_that_begin_alike_are_one_response(tmp_path: Path) -> None:
    assert len(named(made("cf", lambda at: f"You should buy this at once: {at}"), tmp_path)) == 10


def test_copies_of_one_row_are_one_row(tmp_path: Path) -> None:
    rows = made("cf", lambda at: "The same.", n=200, each=200)
    assert named(rows + rows[:1] * 20, tmp_path) == set()


def test_all_rows_are_named_when_only_some_were_counted(tmp_path: Path) -> None:
    rows = made("cf", lambda at: "The same.", n=1600, each=40)
    assert len(named(rows, tmp_path, max_rows=800)) == 40


def test_hostile_prompts_and_no_rows_are_read(tmp_path: Path) -> None:
    strange = ["", "\u0000", "\u200b" * 50, "\U0001f984", "a" * 100_000, "कि" * 30]
    rows = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "x"}]} for text in strange * 5
    ]
    assert named(rows, tmp_path) == set()
    assert named([], tmp_path) == set()


def test_phrases_in_the_same_rows_are_one_and_grow_to_what_all_rows_have() -> None:
    import numpy as np

    from audit.rules.security.triggers import Bounds

    rows = [[1, 2, 3, 4 + at] if at < 8 else [20 + at % 3, 40 + at] for at in range(200)]
    offsets = np.cumsum([0, *map(len, rows)])
    corpus = Corpus(np.asarray([token for row in rows for token in row], dtype=np.int64), offsets.astype(np.int64))
    responses = np.asarray([0 if at < 8 else -1 for at in range(200)], dtype=np.int64)
    found: list[Association] = associations(corpus, responses, Bounds(8, 0.05, 0.95, 0.5, 0.001), lambda _: True)
    assert [(one.phrase, one.rows) for one in found] == [((1, 2, 3), tuple(range(8)))]
    assert extended(found[0], corpus) == (1, 2, 3)


def test_the_rule_is_preview_and_quarantines() -> None:
    assert (Backdoor.status, Backdoor.severity.value) == ("preview", "warning")
