"""The reader of one source: every byte is accounted for, whatever the container, packing, encoding and chunk size."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.model import Problem, Source
from audit.read.lines import Chunk, SourceReader
from audit.read.strict import diagnose
from audit.read.suspects import is_suspect, suspect_lines

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
SOURCE = Source(path="rows.jsonl")


def read(data: bytes, chunk_bytes: int = 1 << 20) -> tuple[SourceReader, list[Chunk]]:
    reader = SourceReader(SOURCE, data=data, chunk_bytes=chunk_bytes)
    return reader, list(reader)


def rows(chunks: list[Chunk]) -> list[tuple[bytes, int, int]]:
    return [(line, c.number(i), c.offset(i)) for c in chunks for i, line in enumerate(c.lines)]


def lines(data: bytes) -> list[bytes]:
    return [line for chunk in read(data)[1] for line in chunk.lines]


def problems(data: bytes, chunk_bytes: int = 1 << 20) -> dict[int, list[Problem]]:
    _, chunks = read(data, chunk_bytes)
    return {c.number(i): found for c in chunks for i, found in sorted(c.problems.items())}


def kinds(data: bytes) -> dict[int, list[str]]:
    return {number: [problem.kind for problem in found] for number, found in problems(data).items()}


# ----------------------------------------------------------------------------- JSON Lines

PIECES = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b"\r", b'{"a": 1}', b'{"b": "x"}', b"[1]", b"[", b"]", b"{", b"}", b",", b'"', b" ", b"\xff"]  # noqa: RUF005
        + [b"\xef\xbb\xbf", b"\x00", b"\xc2\x85", b"text", b"a,b", b"\\", b'\\ud800"', b"1e999", b":"]
    )
).map(b"".join)


@given(st.one_of(st.binary(), PIECES), st.integers(1, 40))
@settings(max_examples=400)
def test_any_bytes_at_any_chunk_size_give_the_same_lines_at_the_same_places(data: bytes, size: int) -> None:
    try:
        _, whole = read(data)
    except InputError:
        return  # bytes that happen to look like an archive
    _, cut = read(data, size)
    assert rows(whole) == rows(cut)
    suspects = {c.number(i) for c in whole for i in c.suspects}
    assert suspects == {c.number(i) for c in cut for i in c.suspects}
    assert problems(data) == problems(data, size)


@given(st.one_of(st.binary(), PIECES))
@settings(max_examples=400)
def test_every_byte_but_white_space_and_marks_is_in_some_line(data: bytes) -> None:
    try:
        reader, chunks = read(data)
    except InputError:
        return
    if reader.source.encoding != "utf-8" or reader.source.compression or reader.source.container == "csv":
        return
    for line, _, offset in rows(chunks):
        assert data[offset : offset + len(line)].split() == line.split()
    left = bytearray(data.removeprefix(b"\xef\xbb\xbf") if data.startswith(b"\xef\xbb\xbf") else data)
    start = len(data) - len(left)
    for line, _, offset in rows(chunks):
        left[offset - start : offset - start + len(line)] = b" " * len(line)
    allowed = b" \t\r\n" if reader.source.container == "jsonl" else b" \t\r\n,[]"
    assert not bytes(left).strip(allowed)


@given(
    st.lists(st.sampled_from([b'{"a": 1}', b"", b"x", b"[2]", b"  "]), max_size=8), st.sampled_from([b"\n", b"\r\n"])
)
def test_offset_slices_of_a_file_give_its_lines_back(parts: list[bytes], end: bytes) -> None:
    data = b'{"first": 0}' + end + b"".join(part + end for part in parts)
    found = rows(read(data)[1])
    assert [number for _, number, _ in found] == list(range(1, len(parts) + 2))
    assert [data[offset : offset + len(line)] for line, _, offset in found] == [line for line, _, _ in found]
    assert [line for line, _, _ in found] == [b'{"first": 0}', *parts]


def test_an_empty_file_has_no_chunks() -> None:
    reader, chunks = read(b"")
    assert chunks == []
    assert reader.summary.lines == 0
    assert reader.summary.sha256 == hashlib.sha256(b"").hexdigest()


def test_blank_lines_keep_the_numbering_and_are_problems() -> None:
    data = b'{"a":1}\n\n \t\n{"b":2}\n\n'
    assert [number for _, number, _ in rows(read(data)[1])] == [1, 2, 3, 4, 5]
    assert kinds(data) == {2: ["blank-line"], 3: ["blank-line"], 5: ["blank-line"]}


def test_a_missing_last_line_end_is_a_file_problem_on_the_last_line() -> None:
    found = problems(b'{"a":1}\n{"b":2}')
    assert [(p.kind, p.file) for p in found[2]] == [("no-final-newline", True)]


def test_a_last_line_that_was_cut_is_not_also_missing_its_line_end() -> None:
    assert kinds(b'{"a":1}\n{"b":') == {}


def test_carriage_returns_are_taken_off_and_named_once_per_file() -> None:
    data = b'{"a":1}\r\n{"b":2}\r\n'
    assert lines(data) == [b'{"a":1}', b'{"b":2}']
    assert kinds(data) == {2: ["crlf"]}
    (mixed,) = problems(b'{"a":1}\r\n{"b":2}\n')[2]
    assert (mixed.kind, dict(mixed.detail)) == ("mixed-newlines", {"lf": 1, "crlf": 1, "cr": 0})


def test_a_file_with_carriage_returns_alone_is_split_at_them() -> None:
    data = b'{"a":1}\r{"b":2}\r'
    assert rows(read(data)[1]) == [(b'{"a":1}', 1, 0), (b'{"b":2}', 2, 8)]
    assert kinds(data) == {1: ["cr-only"]}


def test_a_byte_order_mark_is_a_file_problem_and_not_in_the_line() -> None:
    data = b'\xef\xbb\xbf{"a":1}\n'
    assert rows(read(data)[1]) == [(b'{"a":1}', 1, 3)]
    assert kinds(data) == {1: ["bom"]}


def test_a_file_of_a_mark_alone_keeps_its_problem() -> None:
    assert kinds(b"\xef\xbb\xbf")[1][0] == "bom"


def test_a_byte_order_mark_inside_the_file_is_a_problem_of_its_line() -> None:
    _, (chunk,) = read(b'{"a":1}\n\xef\xbb\xbf{"b":2}\n')
    assert [p.kind for p in diagnose(chunk.lines[1]).problems] == ["bom"]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"a": "\\u0000"}',
        b'{"a": "\\b"}',
        b'{"a": "\\\\\\f"}',
        b'{"a": "\x7f"}',
        b'{"a": "\xc2\x80"}',
        b'{"a": "\xe2\x80\xa8"}',
        b'{"a" : 1}',
        b'{"a\\\\":1}',
        b'{"a": "\xff"}',
        b'{"a": "\xe2\x82"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\x80"}',
        b'{"a": 1e999}',
        b'{"a": 1' + b"0" * 400 + b"}",
        b'{"a": 1}\r',
        b'{"a":\r1}',
    ],
)
def test_lines_that_a_fast_decode_may_accept_are_suspects(odd: bytes) -> None:
    good = b'{"a": "\\\\begin\\n\\ud83d\\ude00 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \\u0009"}'
    assert is_suspect(odd)
    assert not is_suspect(good)
    assert suspect_lines(b"\n".join([good, odd + b" ", good, odd + b" ", b""])) == [1, 3]


@pytest.mark.parametrize(
    "odd", [b"\\u0000", b"\\b", b"\\\\\\f", b"\\u009f", b"\x7f", b"\xc2\x80", b"\xe2\x80\xa9", b"\r"]
)
def test_lines_with_characters_that_a_rule_may_find_are_marked_in_the_chunk(odd: bytes) -> None:
    good = b'{"a": "\\\\begin\\n\\ud83d\\ude00 \xc3\xa9\xe2\x82\xac \\u0009"}'
    _, (chunk,) = read(b"\n".join([good, b'{"a": "' + odd + b'"}', good, b'{"b": "' + odd + b' "}', b""]))
    assert chunk.suspects == {1, 3}


@given(st.binary(max_size=12))
def test_every_line_that_is_not_utf8_is_a_suspect(junk: bytes) -> None:
    data = b'{"a": 1}\n{"b": "' + junk.replace(b"\n", b"") + b'"}\n{"c": 3}\n'
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        assert is_suspect(data.split(b"\n")[1])


def test_a_very_long_line_is_read_in_linear_time() -> None:
    line = b'{"a": "' + b"x" * 50_000_000 + b'"}'
    assert lines(b"{}\n" + line + b"\n{}\n") == [b"{}", line, b"{}"]


# ----------------------------------------------------------------------------- packing and encodings

ROWS = b"".join(b'{"number": %d}\n' % number for number in range(60_000))


def packed(data: bytes, how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(data, mtime=0)
    arrow = pytest.importorskip("pyarrow")
    return bytes(arrow.compress(data, codec="zstd", asbytes=True))


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_packed_files_give_the_same_lines_and_the_hash_of_the_stored_file(how: str) -> None:
    data = packed(ROWS, how)
    reader, chunks = read(data)
    assert rows(chunks) == rows(read(ROWS)[1])
    assert reader.source.compression == how
    assert reader.summary.sha256 == hashlib.sha256(data).hexdigest()
    assert (reader.summary.bytes, reader.summary.lines) == (len(data), 60_000)


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_packed_file_that_was_cut_is_judged_as_far_as_it_goes(how: str) -> None:
    data = packed(ROWS, how)[:-2000]
    reader, chunks = read(data)
    found = rows(chunks)
    assert len(found) > 30_000
    assert found[:-1] == rows(read(ROWS)[1])[: len(found) - 1]
    assert [p.kind for p in chunks[-1].problems[len(chunks[-1].lines) - 1]] == ["truncated-file"]
    assert reader.summary.sha256 == hashlib.sha256(data).hexdigest()


def test_gzip_members_that_follow_each_other_are_one_file() -> None:
    assert lines(gzip.compress(b'{"a":1}\n') + gzip.compress(b'{"b":2}\n')) == [b'{"a":1}', b'{"b":2}']


def test_damage_inside_gzip_loses_nothing_before_it() -> None:
    data = bytearray(packed(ROWS, "gzip"))
    data[-6] ^= 0xFF  # the checksum
    _, chunks = read(bytes(data))
    assert sum(len(chunk.lines) for chunk in chunks) == 60_000
    assert chunks[-1].problems[len(chunks[-1].lines) - 1][0].kind == "truncated-file"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_wide_encodings_are_recognised_and_transcoded(encoding: str, mark: str) -> None:
    data = (mark + '{"a": "é😀"}\n{"b": 2}\n').encode(encoding)
    reader, chunks = read(data, 3)
    assert [line for line, _, _ in rows(chunks)] == ['{"a": "é😀"}'.encode(), b'{"b": 2}']
    assert reader.source.encoding == encoding
    (problem,) = problems(data)[1]
    assert (problem.kind, problem.file, problem.detail["encoding"]) == (encoding[:6], True, encoding)


def test_a_half_pair_in_utf16_is_found_in_its_line() -> None:
    data = '\ufeff{"a": "'.encode("utf-16-le") + b"\x00\xd8" + '"}\n{"b": 2}\n'.encode("utf-16-le")
    first, second = lines(data)
    assert {problem.kind for problem in diagnose(first).problems} == {"invalid-utf8"}
    assert second == b'{"b": 2}'


def test_an_archive_is_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="zip"):
        read(b"PK\x03\x04 whatever")


# ----------------------------------------------------------------------------- containers


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_a_json_array_comes_out_as_its_elements_in_place(indent: int | None) -> None:
    values = [{"a": [1, {"b": "x]},{\n"}]}, {"c": None}, {"d": 'quote " and \\'}]
    text = json.dumps(values, indent=indent).encode()
    for size in (1, 7, 1 << 20):
        reader, chunks = read(text, size)
        found = rows(chunks)
        assert [json.loads(line) for line, _, _ in found] == values
        assert all(b"\n" not in line for line, _, _ in found)
        assert all(text[offset : offset + len(line)].split() == line.split() for line, _, offset in found)
        assert [number for _, number, _ in found] == [text.count(b"\n", 0, offset) + 1 for _, _, offset in found]
        assert reader.source.container == "json"
        assert kinds(text) == {found[0][1]: ["json-array-file"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), min_size=1, max_size=5),
    st.sampled_from([None, 0, 1, 4]),
    st.integers(1, 50),
)
def test_any_array_of_objects_gives_its_elements(values: list[object], indent: int | None, size: int) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert [json.loads(line) for line, _, _ in rows(read(text, size)[1])] == values


def test_printed_objects_one_after_the_other_are_rows() -> None:
    values = [{"messages": [{"role": "user"}]}, {"messages": []}]
    text = "\n".join(json.dumps(value, indent=2) for value in values).encode()
    reader, chunks = read(text)
    assert [json.loads(line) for line, _, _ in rows(chunks)] == values
    assert reader.source.container == "json"
    assert kinds(text) == {1: ["pretty-printed-file"]}


def test_lines_that_are_arrays_stay_lines() -> None:
    reader, chunks = read(b"[1, 2]\n[3]\n")
    assert [line for line, _, _ in rows(chunks)] == [b"[1, 2]", b"[3]"]
    assert reader.source.container == "jsonl"


@pytest.mark.parametrize(
    "first", [b'{"a": [1', b'{"messages": [{"role": "us', b'[{"role": "us', b"{'a': 1}", b"nonsense"]
)
def test_a_broken_first_line_does_not_make_a_file_of_lines_anything_else(first: bytes) -> None:
    reader, chunks = read(first + b'\n{"a": 1}\n{"a": 2}\n')
    assert [line for line, _, _ in rows(chunks)] == [first, b'{"a": 1}', b'{"a": 2}']
    assert reader.source.container == "jsonl"


@pytest.mark.parametrize(
    "broken",
    ['{"id": 2, "t": ["x", "y"}', '{"id": 2, "t": "x}', '{"id": 2, "t": ["x"]', '{"id": 2, "t": x"}'],
)
@pytest.mark.parametrize("between", [",\n", ",\n  "])
def test_a_broken_element_costs_only_itself(broken: str, between: str) -> None:
    parts = ['{"id": 1, "t": []}', broken, '{"id": 3, "t": []}', '{"id": 4, "t": []}']
    found = [line for line, _, _ in rows(read(("[" + between[1:] + between.join(parts) + "\n]").encode())[1])]
    good = [json.loads(line)["id"] for line in found if not diagnose(line).problems]
    assert good == [1, 3, 4]
    assert any("2" in line.decode() for line in found if diagnose(line).problems)


def test_a_bracket_too_many_is_a_row_of_its_own() -> None:
    assert lines(b'[\n{"id": 1}},\n{"id": 2}\n]') == [b'{"id": 1}', b"}", b'{"id": 2}']


def test_an_array_that_was_cut_says_so() -> None:
    assert kinds(b'[{"a": 1},\n{"a": 2}')[2] == ["truncated-file"]
    _, (chunk,) = read(b'[{"a": 1},\n{"a": ')
    assert [p.kind for p in diagnose(chunk.lines[1]).problems] == ["truncated"]


def test_commas_between_elements_are_judged_once() -> None:
    assert kinds(b'[{"a": 1}\n{"a": 2}\n{"a": 3}\n]')[2] == ["not-json"]
    assert kinds(b'[{"a": 1},\n{"a": 2},\n]')[2] == ["not-json"]


# ----------------------------------------------------------------------------- tables


def test_a_table_comes_out_as_objects_of_text() -> None:
    data = b'prompt,answer\n"a, ""b""\nc",1\nx,\n'
    reader, chunks = read(data)
    assert [json.loads(line) for line, _, _ in rows(chunks)] == [
        {"prompt": 'a, "b"\nc', "answer": "1"},
        {"prompt": "x", "answer": ""},
    ]
    assert [number for _, number, _ in rows(chunks)] == [2, 4]
    assert reader.source.container == "csv"
    assert kinds(data) == {2: ["csv-file"]}


def test_rows_with_other_numbers_of_columns_are_problems_and_kept() -> None:
    data = b"a\tb\n" + b"1\t2\n" * 20 + b"3\n4\t5\t6\n"
    found = rows(read(data)[1])
    assert [json.loads(line) for line, _, _ in found[-2:]] == [{"a": "3"}, {"a": "4", "b": "5", "extra_columns": ["6"]}]
    assert kinds(data)[22] == ["csv-row"]
    assert kinds(data)[23] == ["csv-row"]


def test_bad_bytes_in_a_table_are_found_in_their_row() -> None:
    _, (chunk,) = read(b"a,b\n1,x\xffy\n")
    assert chunk.lines == [b'{"a":"1","b":"x\xffy"}']
    assert chunk.suspects == {0}


def test_parquet_rows_come_out_as_objects(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    values = [{"messages": [{"role": "user", "content": None}], "label": None}, {"messages": [], "label": 1.5}]
    parquet.write_table(arrow.Table.from_pylist(values), tmp_path / "rows.parquet")
    reader = SourceReader(Source(path=str(tmp_path / "rows.parquet")))
    found = [json.loads(line) for chunk in reader for line in chunk.lines]
    assert found == [{"messages": [{"role": "user", "content": None}]}, {"messages": [], "label": 1.5}]
    assert reader.summary.sha256 == hashlib.sha256((tmp_path / "rows.parquet").read_bytes()).hexdigest()


def test_nan_in_a_column_is_a_value_that_is_missing(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    values = [{"text": "a", "score": float("nan"), "deep": {"x": float("nan")}}]
    parquet.write_table(arrow.Table.from_pylist(values), tmp_path / "rows.parquet")
    (chunk,) = list(SourceReader(Source(path=str(tmp_path / "rows.parquet"))))
    assert chunk.lines == [b'{"text":"a","deep":{"x":NaN}}']


def test_a_parquet_file_without_its_end_is_an_input_error() -> None:
    with pytest.raises(InputError, match="Parquet"):
        read(b"PAR1" + bytes(100))


# ----------------------------------------------------------------------------- streams


def test_standard_input_is_read_once() -> None:
    reader = SourceReader(Source(path="-"), stdin=io.BytesIO(b'{"a":1}\n'))
    assert [line for chunk in reader for line in chunk.lines] == [b'{"a":1}']
    with pytest.raises(InputError, match="once"):
        list(reader)


def test_a_file_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"a":1}\n')
    reader = SourceReader(Source(path=str(tmp_path / "x.jsonl")))
    assert rows(list(reader)) == rows(list(reader))
    assert reader.summary.lines == 1


def test_a_missing_file_is_an_input_error() -> None:
    with pytest.raises(InputError, match="nowhere"):
        list(SourceReader(Source(path="nowhere.jsonl")))


def test_packed_parquet_and_parquet_from_a_stream_are_read(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"a": [1, 2]}), tmp_path / "rows.parquet")
    stored = (tmp_path / "rows.parquet").read_bytes()
    assert lines(gzip.compress(stored)) == lines(stored) == [b'{"a":1}', b'{"a":2}']
    reader = SourceReader(Source(path="-"), stdin=io.BytesIO(stored))
    assert [line for chunk in reader for line in chunk.lines] == [b'{"a":1}', b'{"a":2}']
    assert reader.summary.bytes == len(stored)


@pytest.mark.skipif(not DATA.exists(), reason="needs the shared data folder")
def test_all_public_files_are_read_without_a_crash() -> None:
    for path in sorted((DATA / "raw").glob("*/*")):
        reader = SourceReader(Source(path=str(path)))
        count = sum(len(chunk.lines) for chunk in reader)
        assert count > 0, path
        assert reader.summary.bytes == path.stat().st_size
