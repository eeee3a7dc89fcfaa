"""What the user names becomes a list of sources, and what cannot be found is said with a hint."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit.errors import InputError
from audit.read.sources import find_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub" / ".hidden").mkdir(parents=True)
    for name in ["b.jsonl", "a.json.gz", "sub/c.CSV", "sub/d.parquet", "e.rejected.jsonl", "f.ledger.jsonl.gz"]:
        (tmp_path / name).write_bytes(b"{}\n")
    for name in [".g.jsonl", "sub/.hidden/h.jsonl", "readme.md"]:
        (tmp_path / name).write_bytes(b"{}\n")
    return tmp_path


def names(paths: list[str], folder: Path) -> list[str]:
    return [os.path.relpath(source.path, folder) for source in find_sources(paths)]


def test_a_folder_gives_its_data_files_sorted_and_nothing_hidden_or_ours(folder: Path) -> None:
    assert names([str(folder)], folder) == ["a.json.gz", "b.jsonl", "sub/c.CSV", "sub/d.parquet"]


def test_what_a_split_writes_beside_its_files_is_no_data(folder: Path) -> None:
    written = ["train.jsonl", "assignment.jsonl", "rejected.jsonl", "manifest.json"]
    for name in ("one", "other"):
        (folder / name).mkdir()
        for file in written:
            (folder / name / file).write_bytes(b'{"schema": "audit.split/1"}' if name == "one" else b"{}")
    assert names([str(folder / "one")], folder) == ["one/train.jsonl"]
    assert names([str(folder / "other")], folder) == [f"other/{file}" for file in sorted(written)]


def test_the_copy_of_an_input_that_a_fix_keeps_is_no_data(tmp_path: Path) -> None:
    for name in ["a.fixed.jsonl", "a.fixed.ledger.jsonl", "a.fixed.original.csv", "b.jsonl", "b.original.jsonl"]:
        (tmp_path / name).write_bytes(b"")
    assert names([str(tmp_path)], tmp_path) == ["a.fixed.jsonl", "b.jsonl", "b.original.jsonl"]


def test_a_file_with_two_names_is_read_once(folder: Path) -> None:
    os.link(folder / "b.jsonl", folder / "c.jsonl")
    assert names([str(folder / "b.jsonl"), str(folder / "c.jsonl")], folder) == ["b.jsonl"]


def test_globs_are_expanded_and_sorted(folder: Path) -> None:
    assert names([str(folder / "*.js*")], folder) == ["a.json.gz", "b.jsonl", "e.rejected.jsonl", "f.ledger.jsonl.gz"]
    assert names([str(folder / "**" / "c.*")], folder) == ["sub/c.CSV"]


def test_a_file_named_twice_is_read_once_and_order_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = find_sources(["b.jsonl", "./sub/../b.jsonl", "-", "a.json.gz", "-"], role="train")
    assert [source.path for source in found] == ["b.jsonl", "-", "a.json.gz"]
    assert [source.role for source in found] == ["train"] * 3
    assert found[0].size == 3


def test_any_file_can_be_named_directly(folder: Path) -> None:
    assert names([str(folder / "readme.md"), str(folder / "e.rejected.jsonl")], folder) == [
        "readme.md",
        "e.rejected.jsonl",
    ]


def test_a_name_with_brackets_is_a_file_if_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "x[1].jsonl").write_bytes(b"")
    assert names([str(tmp_path / "x[1].jsonl")], tmp_path) == ["x[1].jsonl"]


def test_a_missing_file_names_the_nearest(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        find_sources([str(folder / "sub" / "d.parqet")])
    assert str(folder / "sub" / "d.parquet") in (error.value.hint or "")


def test_a_missing_folder_an_empty_folder_and_an_empty_glob_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        find_sources([str(tmp_path / "none" / "x.jsonl")])
    assert "none" in (error.value.hint or "")
    with pytest.raises(InputError, match="no data file"):
        find_sources([str(tmp_path)])
    with pytest.raises(InputError, match="matches"):
        find_sources([str(tmp_path / "*.jsonl")])


def test_a_dangling_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").symlink_to(tmp_path / "gone.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        find_sources([str(tmp_path / "x.jsonl")])
