"""Values as people write them: sizes, splits, executors."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.config.settings import DEFAULT_MEMORY
from audit.config.values import LEAST_MEMORY, MOST_MEMORY, Invalid, executor, processes, size, size_text, splits
from audit.model import Json

SIZES = st.integers(LEAST_MEMORY, MOST_MEMORY)


def refusal(read: object, value: Json) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read(value)  # type: ignore[operator]
    return caught.value


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("512MB", 512 * 10**6),
        ("512 mb", 512 * 10**6),
        ("2 GiB", 2 << 30),
        ("1g", 10**9),
        ("1G", 10**9),
        ("1gi", 1 << 30),
        ("20000 kB", 20_000_000),
        ("0.5TB", 5 * 10**11),
        ("1.5 GiB", 3 << 29),
        ("16777216", 16 << 20),
        ("16777216 bytes", 16 << 20),
        (16 << 20, 16 << 20),
        (" 16 MiB ", 16 << 20),
    ],
)
def test_a_size_is_decimal_or_binary_as_its_unit_says(written: Json, number: int) -> None:
    assert size(written) == number


@pytest.mark.parametrize("written", ["", "MB", "1 parsec", "1e9", "-1 GB", "1,5 GB", "٣ GB", "1 G B", True, 1.5, None])
def test_what_is_no_size_is_refused_with_the_units(written: Json) -> None:
    problem = refusal(size, written)
    assert problem.what == f"must be a size such as 512MB or 2 GiB, not {written!r}"
    assert problem.hint == "units: kB, MB, GB, TB, KiB, MiB, GiB, TiB"


def test_a_size_has_a_least_and_a_most() -> None:
    assert refusal(size, "16MB").what == "must be at least 16 MiB, not '16MB'"
    assert refusal(size, 0).what == "must be at least 16 MiB, not 0"
    assert refusal(size, "999999999999999999 TB").what == "must be at most 1024 TiB"
    assert refusal(size, 10**5000).what == "must be at most 1024 TiB"
    assert LEAST_MEMORY <= DEFAULT_MEMORY <= MOST_MEMORY


@given(number=SIZES)
def test_a_size_as_it_is_shown_is_read_as_the_same_size(number: int) -> None:
    assert size(size_text(number)) == size(str(number)) == size(number) == number


@given(
    whole=st.integers(0, 10**6),
    part=st.text("0123456789", max_size=9),
    unit=st.sampled_from([("kb", 10**3), ("MB", 10**6), ("g", 10**9), ("KiB", 2**10), ("mi", 2**20), ("GIB", 2**30)]),
    space=st.sampled_from(["", " "]),
)
def test_a_size_is_its_number_times_its_unit_rounded_down(
    whole: int, part: str, unit: tuple[str, int], space: str
) -> None:
    written = f"{whole}{'.' + part if part else ''}"
    exact = Fraction(written) * unit[1]
    if LEAST_MEMORY <= exact <= MOST_MEMORY:
        assert size(f"{written}{space}{unit[0]}") == int(exact)
    else:
        refusal(size, f"{written}{space}{unit[0]}")


@given(written=st.text(max_size=12))
def test_any_text_is_a_size_or_refused(written: str) -> None:
    with contextlib.suppress(Invalid):
        assert LEAST_MEMORY <= size(written) <= MOST_MEMORY


def test_splits_are_read_from_texts_a_table_or_pairs() -> None:
    pairs = (("train", "a.jsonl"), ("test", "b.jsonl"), ("test", "c.jsonl"))
    assert splits(["train=a.jsonl", "test=b.jsonl", "test=c.jsonl"]) == pairs
    assert splits({"train": "a.jsonl", "test": ["b.jsonl", "c.jsonl"]}) == pairs
    assert splits(pairs) == splits([list(pair) for pair in pairs]) == pairs
    assert splits("train=a.jsonl") == pairs[:1]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("valid", "validation"),
        ("val", "validation"),
        ("DEV", "validation"),
        ("validation", "validation"),
        ("Test", "test"),
        ("hold-out_2", "hold-out_2"),
        (" test ", "test"),
    ],
)
def test_a_known_split_has_one_name(word: str, name: str) -> None:
    assert splits([f"{word}=a=b.jsonl"]) == ((name, "a=b.jsonl"),)


def test_a_path_comes_once() -> None:
    assert splits(["val=a.jsonl", "dev=a.jsonl"]) == (("validation", "a.jsonl"),)
    problem = refusal(splits, ["train=a.jsonl", "test=a.jsonl"])
    assert problem.what == "names 'a.jsonl' for two splits, train and test"


@pytest.mark.parametrize("written", ["train.jsonl", "=a.jsonl", "train=", "train= ", ""])
def test_half_a_split_is_refused_with_an_example(written: str) -> None:
    problem = refusal(splits, [written])
    assert problem.what == f"must be name=path, not {written!r}"
    assert problem.hint == "for example --split train=train.jsonl --split test=test.jsonl"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"train": 5}, "of train must be a text or a list of texts, not 5"),
        ({"train": []}, "names no file for train"),
        ({"my split": "a"}, "must name splits with letters, digits, - and _, not 'my split'"),
        (7, "must be a field, or a table of split = file, not 7"),
        ([["train", 5]], "must be name=path, not ['train', 5]"),
    ],
)
def test_a_table_that_names_no_splits_is_refused(given: Json, what: str) -> None:
    problem = refusal(splits, given)
    assert problem.what == what
    assert problem.hint


def test_an_executor_that_does_not_exist_is_refused_with_the_nearest() -> None:
    assert executor("Inline") == "inline"
    assert refusal(executor, "proceses").hint == 'did you mean "processes"?'
    assert refusal(executor, "ray").what == "ray is for a later extra; this version has auto, inline, processes"
    assert refusal(executor, 5).what == "must be one of auto, inline, processes, not 5"


def test_the_number_of_processes_is_bounded() -> None:
    assert processes("4") == 4
    assert refusal(processes, 0).what == "must be 1 or more, not 0"
    assert refusal(processes, "-2").what == "must be 1 or more, not -2"
    assert refusal(processes, 10**6).what == "must be at most 1024"
