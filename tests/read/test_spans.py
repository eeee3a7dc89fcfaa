"""JSON Pointers, byte spans and columns agree with what a parser makes of the same bytes."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.model import ABSENT
from audit.read.spans import (
    MOST_MEMBERS,
    NESTING,
    Walk,
    character_offsets,
    column,
    inside,
    locate,
    locate_key,
    pointer,
    pointers_at,
    resolve,
    steps,
)

KEYS = st.text(max_size=4) | st.sampled_from(["", "a", "/", "~", "~1", "0", "é", '"', "\\"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def everything(value: object, at: str = "") -> list[str]:
    below: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [at, *(path for step, inner in below for path in everything(inner, at + pointer(step)))]


@given(st.lists(KEYS | st.integers(0, 99)))
def test_a_pointer_comes_apart_into_its_steps(path: list[str | int]) -> None:
    assert list(steps(pointer(*path))) == [str(step) for step in path]


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=200)
def test_every_value_is_located_where_it_lies(value: object, ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    for at in everything(value):
        span = locate(raw, at)
        assert span is not None
        assert json.loads(raw[span[0] : span[1]].decode("utf-8", "surrogatepass")) == resolve(value, at)


@given(st.dictionaries(KEYS, JSON, min_size=1))
def test_keys_are_located_with_their_quotes(value: dict[str, object]) -> None:
    raw = json.dumps(value).encode()
    for key in value:
        span = locate_key(raw, pointer(key))
        assert span is not None
        assert json.loads(raw[span[0] : span[1]]) == key


@given(JSON)
def test_a_walk_names_every_value_once(value: object) -> None:
    raw = json.dumps(value).encode()
    walk = Walk(raw)
    found = [walk.pointer() for token in walk if token.kind in ("open", "string", "atom")]
    assert found == everything(value)
    assert walk.finished


@given(st.binary(max_size=40), st.lists(st.sampled_from(["a", "0", ""]), max_size=3))
def test_broken_bytes_give_none_or_a_span_but_never_an_error(raw: bytes, path: list[str]) -> None:
    span = locate(raw, pointer(*path))
    assert span is None or 0 <= span[0] <= span[1] <= len(raw)
    assert locate_key(raw, pointer(*path)) is None or path
    assert len(pointers_at(raw, [0, 3, 7])) == 3


def test_of_repeated_keys_the_last_is_meant() -> None:
    assert locate(b'{"a": 1, "a": 2}', "/a") == (14, 15)


def test_what_is_not_there_has_no_place() -> None:
    assert locate(b'{"a": [1]}', "/b") is None
    assert locate(b'{"a": [1]}', "/a/1") is None
    assert locate(b'{"a": [1]}', "/a/00") is None
    assert locate_key(b'{"a": [1]}', "/a/0") is None
    assert resolve({"a": [1]}, "/a/x") is ABSENT


@given(st.text(max_size=12), st.booleans())
def test_every_character_of_a_string_has_its_bytes(text: str, ascii_only: bool) -> None:
    raw = json.dumps(text, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    decoded = json.loads(raw.decode("utf-8", "replace"))
    for index, character in enumerate(decoded):
        start, end = inside(raw, (0, len(raw)), index, index + 1)
        assert json.loads('"' + raw[start:end].decode("utf-8", "replace") + '"') == character


@given(st.binary(max_size=16))
def test_bad_bytes_count_as_the_replacement_that_they_decode_to(junk: bytes) -> None:
    raw = b'"' + junk.replace(b'"', b"").replace(b"\\", b"") + b'"'
    text = raw[1:-1].decode("utf-8", "replace")
    edges = character_offsets(raw, (0, len(raw)), list(range(len(text) + 1)))
    assert edges[-1] == len(raw) - 1
    assert "".join(raw[a:b].decode("utf-8", "replace") for a, b in pairwise(edges)) == text


def test_a_place_far_into_a_long_string_is_found() -> None:
    raw = ('"' + "aé\\n" * 5_000 + "X" + '"').encode()
    start, end = inside(raw, (0, len(raw)), 15_000, 15_001)
    assert raw[start:end] == b"X"


def test_columns_count_code_points_and_bad_bytes_one_each() -> None:
    raw = "é😀".encode() + b"\xff\xfe" + b"x"
    assert column(raw, 0) == 1
    assert column(raw, 6) == 3
    assert column(raw, 8) == 5


def test_offsets_lead_back_to_pointers() -> None:
    raw = b'{"a": [10, {"b": "xyz"}]}'
    assert pointers_at(raw, [raw.index(b"yz"), raw.index(b"10"), raw.index(b'"b"')]) == ["/a/1/b", "/a/0", "/a/1/b"]


@given(JSON, st.randoms(use_true_random=False))
def test_the_order_of_questions_about_a_line_does_not_matter(value: object, random: Random) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    paths = [*everything(value), "/nowhere", "/0/nowhere"]
    alone = {at: locate(bytes(bytearray(raw)), at) for at in paths}
    random.shuffle(paths)
    assert {at: locate(raw, at) for at in paths} == alone


@given(st.binary(max_size=24) | st.text(max_size=12).map(str.encode), st.lists(st.integers(0, 30), max_size=5))
def test_columns_come_out_the_same_in_any_order(raw: bytes, places: list[int]) -> None:
    for at in places:
        assert column(raw, at) == len(raw[:at].decode("utf-8", "surrogateescape")) + 1


def test_values_nested_deeper_than_the_pattern_are_located() -> None:
    for levels in (NESTING - 1, NESTING, NESTING + 1, 300):
        deep = b"[" * levels + b"1" + b"]" * levels
        raw = b'{"a": ' + deep + b', "b": [' + deep + b', 2], "a": ' + deep + b"}"
        span = locate(raw, "/b/1")
        assert span is not None
        assert raw[slice(*span)] == b"2"
        assert locate(raw, "/a") == (len(raw) - 1 - len(deep), len(raw) - 1)
        one = raw.index(b'"b"') + len(b'"b": [') + levels
        assert locate(raw, "/b/0" + "/0" * levels) == (one, one + 1)


def test_an_object_too_large_to_be_remembered_is_searched_again() -> None:
    many = {str(number): number for number in range(MOST_MEMBERS + 5)}
    raw = json.dumps(many).encode()
    for key in ("0", "65540", "7", "nowhere"):
        span = locate(raw, f"/{key}")
        assert (span and raw[slice(*span)].decode()) == (key if key in many else None)


def test_an_index_with_thousands_of_digits_is_no_index() -> None:
    assert locate(b"[1]", "/" + "9" * 5_000) is None
    assert resolve([1], "/" + "9" * 5_000) is ABSENT
