"""Sidecars: whatever table they are, every entry finds its row or is counted, and none is guessed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.attributes import template
from audit.attributes.sidecar import Sidecar, key_text, read_sidecar
from audit.errors import InputError
from audit.model import Json
from audit.rule import Attribute

WAYS = ("line", "row_id", "metadata.id")


def sidecar(path: Path, column: str = "sex", join: tuple[str, ...] = WAYS) -> Sidecar:
    return read_sidecar(Attribute(name="sex", source="sidecar", where=f"{path}#{column}", join=join))


def written(tmp_path: Path, text: str, name: str = "a.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_lines_come_before_row_ids_and_those_before_a_field(tmp_path: Path) -> None:
    assert sidecar(written(tmp_path, "line,id,sex\n1,a,F\n")).by == "line"
    assert sidecar(written(tmp_path, "id,row_id,sex\na,abc#1,F\n")).by == "row_id"
    found = sidecar(written(tmp_path, "id,sex\na,F\nb,M\n"))
    assert (found.by, found.field) == ("field", "metadata.id")
    assert {key: found.values[number] for key, number in found.entries.items()} == {"a": "F", "b": "M"}
    assert sidecar(written(tmp_path, "metadata.id,sex\na,F\n")).by == "field"


def test_a_column_is_that_of_the_attribute_or_the_one_that_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "line,sex,gender\n1,F,f\n")
    assert sidecar(path).values[1] == "F"
    assert sidecar(path, "gender").values[1] == "f"
    assert read_sidecar(Attribute(name="sex", source="sidecar", where=str(path), join=WAYS)).values[1] == "F"


def test_parquet_and_json_lines_are_sidecars_too(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"id": [1, 2], "sex": ["F", None]}), tmp_path / "a.parquet")
    found = sidecar(tmp_path / "a.parquet")
    assert [found.values[found.entries[key]] for key in ("1", "2")] == ["F", None]
    lines = "".join(json.dumps({"id": i, "sex": s}) + "\n" for i, s in ((1, ["F", "X"]), ("b", True)))
    found = sidecar(written(tmp_path, lines, "a.jsonl"))
    assert [found.values[found.entries[key]] for key in ("1", "b")] == [("F", "X"), "true"]


def test_keys_that_come_again_are_told_and_those_in_conflict_give_no_group(tmp_path: Path) -> None:
    found = sidecar(written(tmp_path, "id,sex\na,F\na,F\nb,F\nb,M\n,F\n"))
    assert [found.values[found.entries[key]] for key in ("a", "b")] == ["F", None]
    assert found.notes == (
        f"{found.path}: 1 entries have no id that can be read",
        f"{found.path}: 2 keys come more than once ('a', 'b'), 1 of them with different values: these rows are unknown",
    )


def test_entries_that_no_row_has_are_told(tmp_path: Path) -> None:
    found = sidecar(written(tmp_path, "file,line,sex\na.jsonl,1,F\na.jsonl,2,M\n"))
    assert found.unmatched({1, 2}) == ()
    assert found.unmatched({1}) == (f"{found.path}: 1 of 2 keys match no row: 'a.jsonl:2'",)


def test_a_file_is_known_by_its_path_or_by_a_name_that_no_other_has(tmp_path: Path) -> None:
    found = sidecar(written(tmp_path, "file,line,sex\nx/a.jsonl,1,F\ny/a.jsonl,1,M\nb.jsonl,1,M\n"))
    assert found.file_for("x/a.jsonl") == "x/a.jsonl"
    assert found.file_for("./y/a.jsonl") == "y/a.jsonl"
    assert found.file_for("elsewhere/b.jsonl") == "b.jsonl"
    assert found.file_for("elsewhere/a.jsonl") is None
    assert found.file_for("c.jsonl") is None
    assert sidecar(written(tmp_path, "line,sex\n1,F\n")).file_for("any.jsonl") == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("id,gender\na,F\n", 'has no column "sex"'),
        ("key,sex\na,F\n", 'has no column "line" or "row_id" or "metadata.id"'),
        ("", "is no table with rows"),
        ("just text\nand more\n", "is no table: a row of it is no object"),
        ("file,line,sex\na.jsonl,1,F\n,2,M\n", 'names the "file" of some lines and not of others'),
    ],
)
def test_a_table_that_does_not_fit_is_an_error_that_says_why(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        sidecar(written(tmp_path, text))
    assert what in caught.value.what


def test_a_missing_sidecar_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        sidecar(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("given", "key"), [(" a ", "a"), (7, "7"), (7.0, "7"), (True, "true"), ("", None), (None, None), ([1], "1")]
)
def test_a_key_is_the_same_in_rows_and_in_tables(given: Json, key: str | None) -> None:
    assert key_text(given) == key


# ----------------------------------------------------------------------------- cells


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert template.guarded(cell).startswith("'")
    assert template.unguarded(template.guarded(cell)) == cell


@given(st.text())
def test_guarding_is_undone_and_leaves_other_texts_alone(text: str) -> None:
    assert template.unguarded(template.guarded(text)) == text or text.startswith("'")
    assert not template.guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.text(st.characters(), max_size=10), min_size=2, max_size=4))
def test_lines_of_a_template_are_csv_whatever_the_cells_hold(cells: list[str]) -> None:
    text = b"".join(template.lines([cells])).decode()
    (row,) = csv.reader(io.StringIO(text, newline=""))
    expected = [template.guarded(cell).encode("utf-8", "replace").decode() for cell in cells]
    assert row == expected


def test_several_groups_stand_in_one_cell(tmp_path: Path) -> None:
    assert sidecar(written(tmp_path, "line,sex\n1,F | X\n2,|\n3,'-5\n")).values[1:] == [("F", "X"), None, "-5"]
