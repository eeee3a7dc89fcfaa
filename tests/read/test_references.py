"""Files that data is compared with: whatever form they come in, the prompt and the answer of each row are found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from audit.errors import InputError
from audit.read.references import read_reference

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "raw"


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def read(folder: Path, name: str, text: str) -> list[tuple[int, str, str]]:
    return [(row.line, row.prompt, row.answer) for row in read_reference([written(folder, name, text)]).rows]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"question": "q", "answer": "a"}, ("q", "a")),
        ({"prompt": "q", "completion": "a"}, ("q", "a")),
        ({"problem": "q", "solution": "a"}, ("q", "a")),
        ({"input": "q", "target": "a"}, ("q", "a")),
        ({"input": "q", "output": "a"}, ("q", "a")),
        ({"instruction": "q", "input": "", "output": "a"}, ("q", "a")),
        ({"prompt": "q", "canonical_solution": "a", "test": "assert"}, ("q", "a")),
        ({"question": "q", "choices": ["no", "yes"], "answer": 1}, ("q\nno\nyes", "yes")),
        ({"question": "q", "answer": 18}, ("q", "18")),
        ({"question_id": 81, "category": "writing", "turns": ["one", "two"]}, ("one\ntwo", "")),
        ({"question": [[{"role": "user", "content": "q"}]], "id": 1}, ("q", "")),
        ({"text": "only this"}, ("only this", "")),
        ({"text": "q", "label": 1}, ("q", "1")),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, ("q", "a")),
        ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]}, ("q", "")),
        ([{"role": "user", "content": "q"}], ("q", "")),
        ("bare text", ("bare text", "")),
    ],
)
def test_the_question_and_the_answer_are_found_under_the_keys_of_benchmark_files(
    row: Any, expected: tuple[str, str], tmp_path: Path
) -> None:
    assert read(tmp_path, "eval.jsonl", json.dumps(row) + "\n") == [(1, *expected)]


def test_lines_of_a_text_file_are_prompts_and_commas_make_no_table(tmp_path: Path) -> None:
    text = 'one, two, three\n\nfour, five, six\n{"question": "q", "answer": "a"}\n  {not json  \n'
    expected = [(1, "one, two, three", ""), (3, "four, five, six", ""), (4, "q", "a"), (5, "{not json", "")]
    assert read(tmp_path, "prompts.txt", text) == expected
    assert read(tmp_path, "prompts.txt.gz", text) == expected


def test_arrays_and_tables_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, "a.json", '[{"question": "q", "answer": "a"},\n {"question": "r"}]') == [
        (1, "q", "a"),
        (2, "r", ""),
    ]
    assert read(tmp_path, "a.csv", "question,answer\nq,a\n") == [(2, "q", "a")]


def test_a_row_without_a_text_stays_so_that_it_can_be_counted(tmp_path: Path) -> None:
    text = '{"question": "q"}\n{"image": 3}\nnot json\n17\n{"question": ""}\n'
    assert [row[1:] for row in read(tmp_path, "a.jsonl", text)] == [("q", ""), ("", ""), ("", ""), ("", ""), ("", "")]


@pytest.mark.parametrize("text", ['{"image": 3}\n{"image": 4}\n', "", "nothing here\n"])
def test_a_file_without_any_text_is_an_error_that_says_what_was_looked_for(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of its") as caught:
        read(tmp_path, "a.jsonl", text)
    assert "question" in str(caught.value.hint)


def test_several_files_come_in_the_order_given(tmp_path: Path) -> None:
    first = written(tmp_path, "z.jsonl", '{"question": "1"}\n')
    second = written(tmp_path, "a.jsonl", '{"question": "2"}\n')
    rows = read_reference([first, second]).rows
    assert [(row.file, row.prompt) for row in rows] == [(first, "1"), (second, "2")]


def test_hostile_rows_are_read_without_an_exception(tmp_path: Path) -> None:
    deep = "[" * 2000 + "]" * 2000
    text = f'{{"question": "\\ud800 x"}}\n{{"question": {deep}}}\n{{"question": 1e999}}\n{{"turns": [[[[[["x"]]]]]]}}\n'
    rows = read(tmp_path, "a.jsonl", text)
    assert rows[0][1] == "\ud800 x"
    assert len(rows) == 4


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
@pytest.mark.parametrize(
    ("name", "rows", "answered"),
    [
        ("gsm8k/test.jsonl", 1319, 1319),
        ("human-eval/HumanEval.jsonl.gz", 164, 164),
        ("banking77/test.csv", 3080, 0),
        ("self-instruct-seed/seed_tasks.jsonl", 175, 175),
        ("jcommonsenseqa/valid-v1.3.json", 1119, 1119),
    ],
)
def test_every_row_of_real_evaluation_files_has_a_prompt(name: str, rows: int, answered: int) -> None:
    found = read_reference([str(SHARED / name)]).rows
    assert (len(found), sum(bool(row.prompt) for row in found)) == (rows, rows)
    assert sum(bool(row.answer) for row in found) == answered
