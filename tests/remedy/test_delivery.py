"""Files are put in place together or not at all, and what a killed run left is completed or taken away."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from audit.errors import OutputError
from audit.remedy import delivery as module
from audit.remedy.delivery import delivering, recover


def _names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def _deliver(folder: Path, backups: Mapping[str, str] | None = None, /, **contents: bytes) -> None:
    with delivering(folder / "main") as delivery:
        for name, backup in (backups or {}).items():
            delivery.keep(folder / name, folder / backup)
        for name, content in contents.items():
            delivery.file(folder / name).write(content)


def test_all_files_are_there_when_the_block_ends(tmp_path: Path) -> None:
    _deliver(tmp_path, main=b"1", ledger=b"2")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"1", "ledger": b"2"}


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    _deliver(tmp_path, main=b"old")
    with contextlib.suppress(ZeroDivisionError), delivering(tmp_path / "main") as delivery:
        delivery.file(tmp_path / "main").write(b"new")
        raise ZeroDivisionError
    assert _names(tmp_path) == ["main"]
    assert (tmp_path / "main").read_bytes() == b"old"


def test_the_main_file_is_put_in_place_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace = os.replace

    def told(source: str, target: str) -> None:
        moved.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(module.os, "replace", told)
    _deliver(tmp_path, main=b"1", ledger=b"2", rejected=b"3")
    assert moved == ["ledger", "rejected", "main"]


@pytest.mark.parametrize("after", [0, 1])
def test_a_run_that_ends_between_two_moves_is_completed_by_the_next(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deliver(tmp_path, main=b"old")
    moves = iter(range(10))
    replace = os.replace

    def failing(source: str, target: str) -> None:
        if next(moves) >= after:
            raise OSError("the machine has lost its power")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", failing)
        with pytest.raises(OutputError):
            _deliver(tmp_path, {"main": "main.bak"}, main=b"new", ledger=b"told")
    assert recover(tmp_path / "main")
    contents = {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)}
    assert contents == {"main": b"new", "ledger": b"told", "main.bak": b"old"}


def test_a_file_that_was_written_since_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(source: str, target: str) -> None:
        raise OSError("the machine has lost its power")

    _deliver(tmp_path, main=b"old")
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", failing)
        with pytest.raises(OutputError):
            _deliver(tmp_path, main=b"new")
    (tmp_path / "main").write_bytes(b"newer")
    recover(tmp_path / "main")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"newer"}


def test_a_journal_that_was_cut_counts_for_nothing(tmp_path: Path) -> None:
    _deliver(tmp_path, main=b"old")
    (tmp_path / ".main.audit-journal").write_bytes(b'{"keep": [')
    assert not recover(tmp_path / "main")
    assert _names(tmp_path) == ["main"]


def test_what_a_killed_run_had_begun_is_taken_away_by_the_next(tmp_path: Path) -> None:
    dead = 2**22 + 1
    for name in ("main", "ledger"):
        (tmp_path / f".{name}.{dead}.audit-tmp").write_bytes(b"half")
    _deliver(tmp_path, main=b"1", ledger=b"2")
    assert _names(tmp_path) == ["ledger", "main"]


def test_a_file_of_an_earlier_run_goes_with_the_delivery_only(tmp_path: Path) -> None:
    (tmp_path / "stale").write_bytes(b"")
    with contextlib.suppress(ZeroDivisionError), delivering(tmp_path / "main") as delivery:
        delivery.remove(tmp_path / "stale")
        raise ZeroDivisionError
    assert (tmp_path / "stale").exists()
    with delivering(tmp_path / "main") as delivery:
        delivery.remove(tmp_path / "stale")
    assert _names(tmp_path) == []


def test_a_backup_is_never_overwritten(tmp_path: Path) -> None:
    _deliver(tmp_path, main=b"old")
    (tmp_path / "main.bak").write_bytes(b"older")
    with pytest.raises(OutputError, match="exists"):
        _deliver(tmp_path, {"main": "main.bak"}, main=b"new")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"old", "main.bak": b"older"}


def test_a_backup_is_whole_where_the_file_system_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: str, target: str) -> None:
        raise OSError("no links here")

    _deliver(tmp_path, main=b"old")
    monkeypatch.setattr(module.os, "link", refused)
    _deliver(tmp_path, {"main": "main.bak"}, main=b"new")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"new", "main.bak": b"old"}


def test_two_runs_do_not_deliver_the_same_file(tmp_path: Path) -> None:
    def meanwhile() -> None:
        with delivering(tmp_path / "main") as delivery:
            delivery.file(tmp_path / "main").write(b"new")
            (tmp_path / ".main.audit-journal").write_bytes(b'{"keep": [], "moves": [], "remove": []}')

    with pytest.raises(OutputError, match="another process"):
        meanwhile()
    assert _names(tmp_path) == [".main.audit-journal"]


def test_a_name_that_is_no_text_is_written(tmp_path: Path) -> None:
    main = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    with delivering(main) as delivery:
        delivery.file(main).write(b"1")
    assert main.read_bytes() == b"1"


def test_what_was_written_can_be_read_before_it_is_in_place(tmp_path: Path) -> None:
    with delivering(tmp_path / "main") as delivery:
        stream = delivery.file(tmp_path / "main")
        stream.write(b"123")
        with stream.reopened() as again:
            assert again.read() == b"123"
        assert not (tmp_path / "main").exists()
