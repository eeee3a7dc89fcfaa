"""Shards: a file that is cut by byte ranges gives what it gives when it is read in one go."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.model import Problem, Source
from audit.read.chunks import Chunk
from audit.read.jsonl import LineEnds, line_ends
from audit.read.layout import HEAD_BYTES
from audit.read.lines import SourceReader
from audit.read.shards import SHARD_BYTES, Shard, ShardReader, shards_of

PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n", b" ", b"  \t", b"} \t\r", b"[", b"{", b"}", b"]", b'"']
        ),
        st.sampled_from([b'{"a": 1}', b'{"b": "x"}', b'{"a": " "}\n', b'{"a": "\\u0000"}', b"[1]", b"1e999", b"\\b"]),
        st.sampled_from([b"\xef\xbb\xbf", b"\xff", b"\x00", b"\x7f", b"\xc2\x85", b"\xe2\x80\xa8", b"\\", b":", b"x"]),
    ),
    max_size=40,
).map(b"".join)
ROWS = PIECES.map(lambda data: b'{"first": 0}\n' + data)
HEAD = b'{"first": 0}\n{"second": "' + b"x" * (HEAD_BYTES - 28) + b'"}\n'
"""As much as is looked at before the file is read on, so that what follows comes in blocks."""

Row = tuple[bytes, int, int, list[Problem], bool]


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "rows.jsonl"


def flat(chunks: Iterable[Chunk]) -> list[Row]:
    return [
        (line, chunk.number(i), chunk.offset(i), chunk.problems.get(i, []), i in chunk.suspects)
        for chunk in chunks
        for i, line in enumerate(chunk.lines)
    ]


def shards(path: Path, shard_bytes: int = SHARD_BYTES, chunk_bytes: int = 1 << 20) -> list[Shard]:
    found = shards_of(SourceReader(Source(path=str(path)), chunk_bytes=chunk_bytes), shard_bytes)
    assert found is not None
    return list(found)


def in_shards(path: Path, shard_bytes: int, chunk_bytes: int) -> list[Row]:
    found = shards(path, shard_bytes, chunk_bytes)
    return [row for shard in found for row in flat(ShardReader(shard, chunk_bytes=chunk_bytes))]


# ----------------------------------------------------------------------------- the same as in one go


@given(st.one_of(ROWS, PIECES, st.binary()), st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=600)
def test_all_shards_together_give_what_the_whole_file_gives(
    path: Path, data: bytes, shard_bytes: int, chunk_bytes: int
) -> None:
    path.write_bytes(data)
    reader = SourceReader(Source(path=str(path)))
    try:
        found = shards_of(reader, shard_bytes)
        if found is None:
            list(reader)
            return
    except InputError:
        return  # bytes that happen to look like an archive or like Parquet
    rows = [row for shard in found for row in flat(ShardReader(shard, chunk_bytes=chunk_bytes))]
    whole = SourceReader(Source(path=str(path)))
    assert rows == flat(whole)
    assert reader.summary == whole.summary
    assert reader.source == whole.source


@given(PIECES, st.integers(1, 60), st.integers(10, 60))
@settings(max_examples=120)
def test_shards_do_not_depend_on_how_the_file_comes_in_blocks(
    path: Path, data: bytes, shard_bytes: int, chunk_bytes: int
) -> None:
    path.write_bytes(HEAD + data)
    assert shards(path, shard_bytes, chunk_bytes) == shards(path, shard_bytes)
    assert in_shards(path, shard_bytes, chunk_bytes) == flat(SourceReader(Source(path=str(path))))


@given(ROWS, st.integers(1, 60))
def test_shards_cover_the_file_and_end_with_a_line(path: Path, data: bytes, shard_bytes: int) -> None:
    path.write_bytes(data)
    found = shards(path, shard_bytes)
    assert [shard.start for shard in found] == [0, *(shard.end for shard in found[:-1])]
    assert found[-1].end == len(data)
    assert [shard.index for shard in found] == list(range(len(found)))
    assert [shard.first for shard in found] == [True] + [False] * (len(found) - 1)
    assert [shard.last for shard in found] == [False] * (len(found) - 1) + [True]
    for shard in found:
        text = data[shard.start : shard.end]
        assert text.endswith(b"\n") or shard.last
        assert len(text) <= shard_bytes or text.find(b"\n", 0, -1) < 0
        assert shard.first_line == data.count(b"\n", 0, shard.start) + 1


@given(PIECES.map(lambda data: data + b"\n"))
@settings(max_examples=300)
def test_line_ends_are_counted_as_the_splitter_counts_them(path: Path, data: bytes) -> None:
    path.write_bytes(b'{"first": 0}\r\n{"second": 0}\n' + data)  # mixed, so that the numbers are told
    *_, (_, _, _, problems, _) = flat(SourceReader(Source(path=str(path))))
    told = [problem.detail for problem in problems if problem.kind == "mixed-newlines"]
    counted = line_ends(path.read_bytes())
    assert told == [{"lf": counted.lf, "crlf": counted.crlf, "cr": counted.cr}]


def test_line_ends_of_text_without_a_carriage_return_are_its_newlines() -> None:
    assert line_ends(b'{"a": 1}\n\n') == LineEnds(lf=2)


def test_a_file_of_megabytes_gives_the_same_at_the_usual_sizes(path: Path) -> None:
    ends = [b"\n"] * 999 + [b"\r\n"]
    rows = (b'{"n": %d, "text": "%s"}%s' % (n, b"x" * (n % 3000), ends[n % 1000]) for n in range(9000))
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(rows) + b'{"last": ')
    found = shards(path)
    assert len(found) == 4
    assert [row for shard in found for row in flat(ShardReader(shard))] == flat(SourceReader(Source(path=str(path))))


# ----------------------------------------------------------------------------- edges


def test_an_empty_file_has_no_shards(path: Path) -> None:
    path.write_bytes(b"")
    assert shards(path) == []


def test_a_file_of_nothing_but_a_byte_order_mark_has_one_empty_shard(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf")
    (shard,) = shards(path)
    assert (shard.start, shard.end) == (3, 3)
    ((line, number, offset, problems, _),) = flat(ShardReader(shard))
    assert (line, number, offset, [problem.kind for problem in problems]) == (b"", 1, 0, ["bom"])


def test_a_line_longer_than_a_shard_is_not_cut(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\n{"b": "0123456789"}\n{"c": 1}\n')
    assert [(shard.start, shard.end) for shard in shards(path, 9)] == [(0, 9), (9, 29), (29, 38)]


def test_the_last_shard_names_what_is_odd_about_all_line_ends(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\r\n' + b'{"b": 2}\n' * 3 + b'{"c": 3}')
    *others, last = shards(path, 10)
    assert not any(problems for shard in others for *_, problems, _ in flat(ShardReader(shard)))
    ((*_, problems, _),) = flat(ShardReader(last))
    assert [problem.kind for problem in problems] == ["mixed-newlines", "no-final-newline"]
    assert dict(problems[0].detail) == {"lf": 3, "crlf": 1, "cr": 0}


def test_a_line_is_a_suspect_for_itself_alone(path: Path) -> None:
    path.write_bytes(b'{"a": "\xff"}\n{"b": 1}\r{"c": 2}\n{"d": "\x7f"}\n')
    assert [suspect for *_, suspect in flat(SourceReader(Source(path=str(path))))] == [False, True, True]


def test_shards_come_before_the_file_has_been_read(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\n' * (1 << 20))
    reader = SourceReader(Source(path=str(path)))
    found = shards_of(reader, 1 << 20)
    assert found is not None
    next(found)
    assert reader.summary.bytes < 4 << 20


def test_a_shard_is_small_and_survives_pickling(path: Path) -> None:
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"b": 2}\n')
    for shard in shards(path, 10):
        packed = pickle.dumps(shard)
        assert pickle.loads(packed) == shard
        assert len(packed) < 1000


# ----------------------------------------------------------------------------- what cannot be cut


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b'{"a": 1}\n'),
        '{"a": 1}\n'.encode("utf-16"),
        b'[{"a": 1}]',
        b'{\n"a": 1\n}\n',
        b"a,b\n1,2\n",
        b'{"a": 1}\r{"b": 2}\r',
    ],
    ids=["gzip", "utf-16", "array", "printed", "csv", "carriage returns alone"],
)
def test_anything_but_plain_lines_cannot_be_cut_and_is_read_by_its_reader(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    reader = SourceReader(Source(path=str(path)))
    assert shards_of(reader) is None
    assert flat(reader) == flat(SourceReader(Source(path=str(path))))


def test_bytes_and_standard_input_cannot_be_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    Path("-").write_bytes(b'{"a": 1}\n')  # a file of this name is not what is meant
    assert shards_of(SourceReader(Source(path="-"), data=b'{"a": 1}\n')) is None
    with open("-", "rb") as stdin:
        assert shards_of(SourceReader(Source(path="-"), stdin=stdin)) is None


def test_a_name_for_an_open_file_of_this_process_cannot_be_cut(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\n')
    code = (
        "from audit.model import Source\n"
        "from audit.read.lines import SourceReader\n"
        "from audit.read.shards import shards_of\n"
        "print([shards_of(SourceReader(Source(path=name))) for name in ('/dev/stdin', '/dev/fd/0')])"
    )
    with open(path, "rb") as file:
        done = subprocess.run([sys.executable, "-c", code], stdin=file, capture_output=True, text=True, check=True)
    assert done.stdout == "[None, None]\n"


def test_a_pipe_cannot_be_cut(path: Path) -> None:
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)
    assert shards_of(SourceReader(Source(path=str(pipe)))) is None


# ----------------------------------------------------------------------------- files that change


def test_a_file_that_became_shorter_is_an_input_error(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n')
    found = shards(path)
    path.write_bytes(b'{"a": 1}\n')
    with pytest.raises(InputError, match="became shorter"):
        list(ShardReader(found[0]))


def test_a_file_that_is_gone_is_an_input_error(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\n')
    (shard,) = shards(path)
    path.unlink()
    with pytest.raises(InputError, match="cannot read"):
        list(ShardReader(shard))
