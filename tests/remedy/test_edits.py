"""Edits on the bytes of a row: the parsed row changes as asked, and nothing else changes at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from audit.model import Applicability, ByteEdit, DropRow, Fix, Json, PointerEdit, Transcode
from audit.read.spans import locate, pointer, resolve
from audit.remedy.edits import apply_edits, apply_fixes

_leaves = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=6)
_keys = st.text(max_size=4)
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)
_rows = st.dictionaries(_keys, _values, min_size=1, max_size=4)


def _places(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    items: Sequence[tuple[str | int, Json]] = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for step, inner in items:
        found += _places(inner, (*path, step))
    return found


@st.composite
def _raw_rows(draw: st.DrawFn) -> tuple[bytes, Json]:
    row = draw(_rows)
    text = json.dumps(
        row,
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,  ", " :\t")])),
    )
    pad = draw(st.sampled_from(["", " ", "\t "]))
    return f"{pad}{text}{pad}".encode(), row


def _parent(row: Json, path: Sequence[str | int]) -> Json:
    for step in path[:-1]:
        row = row[step]
    return row


@given(_raw_rows(), st.data())
def test_a_replaced_value_is_the_only_thing_that_changes(given_row: tuple[bytes, Json], data: st.DataObject) -> None:
    raw, row = given_row
    path = data.draw(st.sampled_from(_places(row)))
    value = data.draw(_values)
    at = pointer(*path)
    result = apply_edits(raw, [PointerEdit("replace", at, value)])
    wanted = copy.deepcopy(row)
    _parent(wanted, path)[path[-1]] = value
    assert result.raw is not None
    assert json.loads(result.raw) == wanted
    span = locate(raw, at)
    assert span is not None
    assert result.raw.startswith(raw[: span[0]])
    assert result.raw.endswith(raw[span[1] :])


@given(_raw_rows(), st.data())
def test_a_removed_place_is_gone_and_the_rest_is_as_before(given_row: tuple[bytes, Json], data: st.DataObject) -> None:
    raw, row = given_row
    path = data.draw(st.sampled_from(_places(row)))
    result = apply_edits(raw, [PointerEdit("remove", pointer(*path))])
    wanted = copy.deepcopy(row)
    del _parent(wanted, path)[path[-1]]
    assert result.raw is not None
    assert json.loads(result.raw) == wanted
    assert list(json.loads(result.raw)) == list(wanted)


@given(_raw_rows(), st.data())
def test_several_removals_at_once_mean_the_places_of_the_row_as_given(
    given_row: tuple[bytes, Json], data: st.DataObject
) -> None:
    raw, row = given_row
    paths = data.draw(st.lists(st.sampled_from(_places(row)), unique=True, max_size=4))
    apart = [p for p in paths if not any(p != q and p[: len(q)] == q for q in paths)]
    result = apply_edits(raw, [PointerEdit("remove", pointer(*path)) for path in apart])
    wanted = copy.deepcopy(row)
    for path in apart:
        _parent(wanted, path)[path[-1]] = ...
    assert result.deferred == ()
    assert result.raw is not None
    assert json.loads(result.raw) == _without_marks(wanted)


def _without_marks(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_marks(inner) for key, inner in value.items() if inner is not ...}
    if isinstance(value, list):
        return [_without_marks(inner) for inner in value if inner is not ...]
    return value


@given(_raw_rows(), st.data())
def test_an_added_member_or_element_is_where_it_was_asked_for(
    given_row: tuple[bytes, Json], data: st.DataObject
) -> None:
    raw, row = given_row
    containers = [()] + [path for path in _places(row) if isinstance(resolve(row, pointer(*path)), dict | list)]
    path = data.draw(st.sampled_from(containers))
    value = data.draw(_values)
    wanted = copy.deepcopy(row)
    target = resolve(wanted, pointer(*path))
    step: str | int
    if isinstance(target, dict):
        step = data.draw(_keys)
        target[step] = value
    else:
        assert isinstance(target, list)
        step = data.draw(st.integers(0, len(target)))
        target.insert(step, value)
    result = apply_edits(raw, [PointerEdit("add", pointer(*path, step), value)])
    assert result.raw is not None
    assert json.loads(result.raw) == wanted


@given(_raw_rows(), st.data())
def test_a_renamed_key_keeps_its_value_and_its_place(given_row: tuple[bytes, Json], data: st.DataObject) -> None:
    raw, row = given_row
    paths = [path for path in _places(row) if isinstance(path[-1], str)]
    path = data.draw(st.sampled_from(paths))
    name = data.draw(_keys)
    result = apply_edits(raw, [PointerEdit("rename", pointer(*path), name)])
    before = _parent(row, path)
    assert result.raw is not None
    if name in before:
        assert result.raw == raw
        assert result.applied == ()
        return
    after = _parent(json.loads(result.raw), path)
    assert list(after.items()) == [(name if key == path[-1] else key, value) for key, value in before.items()]


@given(
    st.binary(max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6), st.binary(max_size=3)), max_size=6),
)
def test_byte_edits_never_raise_and_the_first_of_two_that_overlap_wins(
    raw: bytes, cuts: list[tuple[int, int, bytes]]
) -> None:
    edits = [ByteEdit(start, start + length, new) for start, length, new in cuts]
    result = apply_edits(raw, edits)
    assert result.raw is not None
    assert sorted([*result.applied, *result.deferred], key=repr) == sorted(edits, key=repr)
    inside = [edit for edit in edits if edit.end <= len(raw)]
    if inside:
        assert result.applied[:1] == (inside[0],)


@given(st.binary(max_size=60), st.text(max_size=8), st.sampled_from(["replace", "add", "remove", "rename"]))
def test_pointer_edits_on_any_bytes_never_raise(raw: bytes, at: str, op: str) -> None:
    result = apply_edits(raw, [PointerEdit(op, f"/{at}", "x")])  # type: ignore[arg-type]
    assert result.raw is not None
    assert result.applied or result.raw == raw


def test_untouched_bytes_keep_their_spacing_and_escapes() -> None:
    raw = b'{ "a" :1 ,  "b":"\\u00e9\\/" , "c" : [1,2 , 3] }'
    result = apply_edits(raw, [PointerEdit("replace", "/c/1", "x")])
    assert result.raw == b'{ "a" :1 ,  "b":"\\u00e9\\/" , "c" : [1,"x" , 3] }'


def test_new_values_are_written_as_the_row_is() -> None:
    assert apply_edits(b'{"a":1}', [PointerEdit("add", "/b", [1, {"c": 2}])]).raw == b'{"a":1,"b":[1,{"c":2}]}'
    assert apply_edits(b'{"a": 1}', [PointerEdit("add", "/b", [1, {"c": 2}])]).raw == b'{"a": 1, "b": [1, {"c": 2}]}'
    assert apply_edits(b'{"a": 1}', [PointerEdit("add", "/b", "\u00e9")]).raw == '{"a": 1, "b": "\u00e9"}'.encode()
    assert apply_edits(b'{"a": "\\u00e9"}', [PointerEdit("add", "/b", "\u00e9")]).raw == (
        b'{"a": "\\u00e9", "b": "\\u00e9"}'
    )
    assert apply_edits(b'{"a": 1}', [PointerEdit("add", "/b", "\ud83d")]).raw == b'{"a": 1, "b": "\\ud83d"}'


def test_two_edits_in_one_value_the_second_waits() -> None:
    first = PointerEdit("replace", "/a", {"b": 1})
    second = PointerEdit("replace", "/a/b", 2)
    result = apply_edits(b'{"a":{"b":0}}', [first, second])
    assert (result.raw, result.applied, result.deferred) == (b'{"a":{"b":1}}', (first,), (second,))
    result = apply_edits(b'{"a":{"b":0}}', [second, first])
    assert (result.raw, result.deferred) == (b'{"a":{"b":2}}', (first,))


def test_edits_of_a_removed_element_wait_and_later_elements_are_still_found() -> None:
    edits = [
        PointerEdit("remove", "/m/0"),
        PointerEdit("replace", "/m/0/r", "gone"),
        PointerEdit("replace", "/m/1/r", "x"),
    ]
    result = apply_edits(b'{"m":[{"r":0},{"r":1}]}', edits)
    assert result.raw == b'{"m":[{"r":"x"}]}'
    assert result.deferred == (edits[1],)


def test_byte_edits_are_placed_in_the_row_as_given_after_pointer_edits() -> None:
    raw = b'{"long key":1,"t":"a\\u0000b"}'
    start = raw.index(b"\\u")
    result = apply_edits(raw, [PointerEdit("remove", "/long key"), ByteEdit(start, start + 6)])
    assert result.raw == b'{"t":"ab"}'


def test_a_renamed_key_is_found_under_its_old_name_in_the_same_pass() -> None:
    edits = [PointerEdit("rename", "/functions", "tools"), PointerEdit("replace", "/functions", [1])]
    assert apply_edits(b'{"functions":[],"m":1}', edits).raw == b'{"tools":[1],"m":1}'


def test_a_drop_is_carried_out_only_when_nothing_else_was() -> None:
    drop, edit = DropRow(), PointerEdit("replace", "/a", 2)
    assert apply_edits(b'{"a":1}', [drop]).raw is None
    assert apply_edits(b'{"a":1}', [drop]).applied == (drop,)
    result = apply_edits(b'{"a":1}', [drop, edit])
    assert (result.raw, result.applied, result.deferred) == (b'{"a":2}', (edit,), (drop,))


def test_a_transcode_is_left_to_whoever_writes_the_file() -> None:
    result = apply_edits(b"{}", [Transcode("lf")])
    assert (result.raw, result.deferred) == (b"{}", (Transcode("lf"),))


def test_a_fix_is_applied_wholly_or_not_at_all() -> None:
    first = Fix(Applicability.SAFE, "first", (PointerEdit("replace", "/b", 9),))
    torn = Fix(Applicability.SAFE, "torn", (PointerEdit("replace", "/a", 9), PointerEdit("replace", "/b", 8)))
    result = apply_fixes(b'{"a":1,"b":2}', [first, torn])
    assert (result.raw, result.applied, result.deferred) == (b'{"a":1,"b":9}', (first,), (torn,))
