"""The fast path may only accept what has nothing to find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.read.canonical import accept, repeats_a_key
from audit.read.suspects import suspect_lines

GOOD: dict[str, Any] = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


def accepted(raw: bytes) -> bool:
    return accept([raw], suspect_lines(raw + b"\n"))[0] is not None


def test_a_plain_chat_is_accepted_with_and_without_system_and_metadata() -> None:
    system = {"messages": [{"role": "system", "content": "s"}, *GOOD["messages"]]}
    for row in (GOOD, system, {**GOOD, "metadata": {"a": [1, {"b": None}]}}, {**system, "metadata": {}}):
        assert accepted(json.dumps(row).encode())
        assert accepted(json.dumps(row, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": "a"}],
        [{"role": "assistant", "content": "a"}],
        [*GOOD["messages"], {"role": "user", "content": "c"}],
        [GOOD["messages"][0], *GOOD["messages"]],
        [*GOOD["messages"], {"role": "system", "content": "c"}],
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}],
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": " \n\u3000"}],
        [{"role": "user", "content": None}, {"role": "assistant", "content": "b"}],
        [{"role": "User", "content": "a"}, {"role": "assistant", "content": "b"}],
        [{"role": "user", "content": "a", "name": "x"}, {"role": "assistant", "content": "b"}],
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 1}],
        "text",
    ],
)
def test_anything_else_goes_the_exact_way(messages: Any) -> None:
    assert not accepted(json.dumps({"messages": messages}).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "messages": []}',
        b'{"messages": [], "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
        b'{"messages": [{"role": "user", "content": "x", "content": "a"}, {"role": "assistant", "content": "b"}]}',
        (
            b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],'
            b' "metadata": {"a": 1, "a": 1}}'
        ),
    ],
)
def test_a_repeated_key_is_never_accepted(raw: bytes) -> None:
    assert not accepted(raw)


def test_text_that_looks_like_keys_is_no_repeated_key() -> None:
    row = {"messages": [{"role": "user", "content": 'say {"a": 1, "a": 2}'}, {"role": "assistant", "content": '":'}]}
    assert accepted(json.dumps(row).encode())


keys = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\\"), max_size=4)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(blacklist_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, min_size=1, max_size=4), st.booleans())
def test_a_repeated_key_is_always_seen_and_no_other(row: dict[str, Any], ascii_only: bool) -> None:
    raw = json.dumps(row, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    assert not repeats_a_key(raw, json.loads(raw))
    key = json.dumps(next(iter(row)), ensure_ascii=ascii_only).encode()
    twice = raw[:-1] + b"," + key + b":0}"
    assert repeats_a_key(twice, json.loads(twice))


@pytest.mark.parametrize(
    "raw",
    [
        (
            b'{"messages": [{"role": "user", "content": "a \\u0022b\\u0022"}, {"role": "assistant", "content": "b"}],'
            b' "metadata": {"a": 1, "a": 2}}'
        ),
        (
            b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],'
            b' "metadata": {"x": {"a": 1, "a": 1}, "c": "\\u003a)"}}'
        ),
    ],
)
def test_an_escaped_quote_or_colon_does_not_hide_a_repeated_key(raw: bytes, tmp_path: Path) -> None:
    assert not accepted(raw)
    path = tmp_path / "row.jsonl"
    path.write_bytes(raw + b"\n")
    assert [finding.code for finding in audit.check(path, ignore=["TOK"]).findings] == ["ENC005"]


@pytest.mark.parametrize("opened", [("[", "]"), ('{"a":', "}")])
def test_nesting_that_can_be_read_but_not_written_again_is_no_crash(opened: tuple[str, str]) -> None:
    plain = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "metadata": {"x": '
    for depth in range(900, 1010):
        raw = (plain + opened[0] * depth + "1" + opened[1] * depth + "}}").encode()
        assert len(accept([raw], ())) == 1
