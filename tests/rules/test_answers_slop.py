"""What ANS808 counts: phrases that models overuse, held against how often people write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.model import Result
from audit.rules.answers.slop_markers import FLOOR, MARKERS, markers_in
from benchmarks.accuracy import SHARED

FILLER = "the cells eat sugar and give off gas, which is caught by the gluten and lifts the whole loaf in the oven"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def row(answer: str, place: int = 0) -> dict[str, Any]:
    prompt = {"role": "user", "content": f"Question {place}?"}
    return {"messages": [prompt, {"role": "assistant", "content": answer}]}


def check(*rows: Any, **options: Any) -> Result:
    Path("a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return audit.check("a.jsonl", select=["ANS808"], rules={"ANS808": options} if options else {})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Let's DELVE into it", "delve"),
        ("a rich tapestry of customs", "tapestry"),
        ("It’s important to note that", "it's important to note"),
        ("It is also worth mentioning", "it's important to note"),
        ("As of my last knowledge update", "as of my last update"),
        ("I hope this helps!", "I hope this helps"),
        ("In conclusion, both", "in conclusion"),
        ("plays a pivotal role in", "plays a crucial role"),
        ("Es ist wichtig zu beachten, dass", "es ist wichtig zu beachten"),
        ("Il est important de noter que", "il est important de noter"),
        ("Es importante destacar que", "es importante destacar"),
    ],
)
def test_a_marker_is_known_in_any_case(text: str, name: str) -> None:
    assert list(markers_in(text)) == [name]


@pytest.mark.parametrize(
    "text", ["", "The delvers dug on.", "He came to a conclusion.", "Absolutely not", "of course, he said"]
)
def test_ordinary_words_are_no_markers(text: str) -> None:
    assert list(markers_in(text)) == []


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300))
def test_any_string_is_read(text: str) -> None:
    names = {marker.name for marker in MARKERS}
    assert set(markers_in(text + "\ud800")) <= names


def test_no_baseline_is_under_the_floor_and_no_name_stands_twice() -> None:
    assert min(marker.baseline for marker in MARKERS) >= FLOOR
    assert len({marker.name for marker in MARKERS}) == len(MARKERS)


def test_a_phrase_in_every_tenth_answer_is_reported_once_with_its_rates() -> None:
    rows = [row(f"{'We delve into it: ' if n % 10 == 0 else ''}case {n}, {FILLER}", n) for n in range(300)]
    (found,) = check(*rows).findings
    (worst,) = found.evidence["markers"]
    assert (found.scope, found.severity, worst["marker"], worst["per_1000"]) == ("dataset", "info", "delve", 100.0)
    assert worst["low"] > 2 * worst["baseline_per_1000"]


def test_a_phrase_that_people_use_as_often_is_only_measured() -> None:
    rows = [row(f"{'It is important to note: ' if n % 10 == 0 else ''}case {n}, {FILLER}", n) for n in range(300)]
    result = check(*rows)
    assert result.findings == ()
    assert [one["marker"] for one in result.measures[0].table] == ["it's important to note"]
    assert check(*rows, factor=0.5).findings


def test_few_answers_and_short_ones_say_nothing() -> None:
    assert check(*[row(f"We delve into it, case {n}: {FILLER}", n) for n in range(4)]).findings == ()
    assert check(*[row(f"Delve into {n}.", n) for n in range(50)]).measures[0].n == 0


def test_other_shapes_count_and_broken_rows_do_not() -> None:
    odd = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": f"We delve in: {FILLER}"}]}
    result = check(row(f"We delve in: {FILLER}"), odd, {"x": 1}, [1], {"messages": []})
    assert (result.measures[0].n, result.measures[0].table[0]["answers"]) == (2, 2)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
@pytest.mark.parametrize(("name", "found"), [("dolly-subset", 0), ("gsm8k", 0), ("llamafactory-en", 1)])
def test_answers_of_people_are_silent_and_those_of_a_model_are_not(name: str, found: int) -> None:
    result = audit.check(SHARED / "chat" / f"{name}.jsonl.gz", select=["ANS808"])
    assert len(result.findings) == found
