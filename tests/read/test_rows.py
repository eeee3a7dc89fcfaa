"""Rows from Python are read like lines of a file, and what JSON cannot hold is a problem and not an exception."""

from __future__ import annotations

import datetime
import json
import math

import pytest

from audit.read.rows import RowsReader
from audit.read.strict import diagnose


def values(rows: object) -> list[object]:
    return [json.loads(line) for chunk in RowsReader(rows) for line in chunk.lines]


def test_dictionaries_come_out_as_they_went_in() -> None:
    rows = [{"messages": [{"role": "user", "content": "é😀"}]}, {"a": None}, [1]]
    reader = RowsReader(rows, role="eval")
    (chunk,) = list(reader)
    assert [json.loads(line) for line in chunk.lines] == rows
    assert (chunk.source.path, chunk.source.container, chunk.source.role) == ("<rows>", "rows", "eval")
    assert [chunk.number(index) for index in range(3)] == [1, 2, 3]
    assert reader.summary.lines == 3
    assert chunk.problems == {}


def test_what_json_cannot_hold_is_a_problem_of_its_row() -> None:
    circle: dict[str, object] = {}
    circle["self"] = circle
    rows = [{"a": 1}, {"a": {1, 2}}, {"a": datetime.date(2024, 1, 2)}, {(1, 2): 3}, circle, {"a": b"x"}]
    (chunk,) = list(RowsReader(rows))
    assert sorted(chunk.problems) == [1, 2, 3, 4, 5]
    assert {problem.kind for found in chunk.problems.values() for problem in found} == {"not-json"}
    assert all(json.loads(line) is not None for line in chunk.lines)


def test_nan_and_half_pairs_are_found_like_in_a_file() -> None:
    (chunk,) = list(RowsReader([{"a": math.nan}, {"a": "\ud800"}, {"a": "\x00"}]))
    found = [[problem.kind for problem in diagnose(line).problems] for line in chunk.lines]
    assert found == [["non-finite"], ["lone-surrogate"], ["control-character"]]
    assert chunk.suspects >= {2}


def test_a_generator_is_read_in_chunks() -> None:
    reader = RowsReader(({"n": number} for number in range(1_000)), chunk_bytes=100)
    chunks = list(reader)
    assert len(chunks) > 10
    assert sum(len(chunk.lines) for chunk in chunks) == reader.summary.lines == 1_000


def test_a_frame_leaves_missing_values_out() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "messages": [[{"role": "user"}], []],
            "label": [1.0, None],
            "day": [pandas.Timestamp("2024-01-02"), pandas.NaT],
        }
    )
    assert values(frame) == [
        {"messages": [{"role": "user"}], "label": 1.0, "day": "2024-01-02T00:00:00"},
        {"messages": []},
    ]


def test_an_arrow_table_gives_its_rows() -> None:
    arrow = pytest.importorskip("pyarrow")
    rows = [{"a": [{"b": None}], "c": None}, {"a": [], "c": "x"}]
    table = arrow.Table.from_pylist(rows)
    assert values(table) == [{"a": [{"b": None}]}, {"a": [], "c": "x"}]
    assert values(table.to_batches()[0]) == values(table)


def test_anything_else_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="int"):
        list(RowsReader(3))
