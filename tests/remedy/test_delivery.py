"""Files are put in place together or not at all, and what a killed run left is completed or taken away."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from audit.errors import OutputError
from audit.remedy import delivery as module
from audit.remedy import journal
from audit.remedy.delivery import delivering
from audit.remedy.journal import Journal, recover


class PowerLost(BaseException):
    """What no handler of errors sees, as when the machine stops."""


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
            raise PowerLost
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", failing)
        with pytest.raises(PowerLost):
            _deliver(tmp_path, {"main": "main.bak"}, main=b"new", ledger=b"told")
    assert recover(tmp_path / "main")
    contents = {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)}
    assert contents == {"main": b"new", "ledger": b"told", "main.bak": b"old"}


def test_a_file_that_was_written_since_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(source: str, target: str) -> None:
        raise PowerLost

    _deliver(tmp_path, main=b"old")
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", failing)
        with pytest.raises(PowerLost):
            _deliver(tmp_path, main=b"new")
    (tmp_path / "main").write_bytes(b"newer")
    recover(tmp_path / "main")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"newer"}


def test_files_that_cannot_be_put_in_place_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    _deliver(tmp_path, main=b"old")
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", refused)
        with pytest.raises(OutputError, match="ledger cannot be written: Operation not permitted"):
            _deliver(tmp_path, {"main": "main.bak"}, main=b"new", ledger=b"told")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"old"}


def test_files_of_which_one_is_in_place_are_completed_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def failing(source: str, target: str) -> None:
        if Path(target).name == "main":
            raise OSError(5, "Input/output error")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", failing)
        with pytest.raises(OutputError, match="main cannot be written"):
            _deliver(tmp_path, main=b"new", ledger=b"told")
    assert recover(tmp_path / "main")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"new", "ledger": b"told"}


def test_a_folder_in_the_way_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    with pytest.raises(OutputError, match="ledger is a folder"):
        _deliver(tmp_path, main=b"new", ledger=b"told")
    assert _names(tmp_path) == ["ledger"]


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


def test_a_run_that_was_killed_beside_its_journal_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", _lost)
        with pytest.raises(PowerLost):
            _deliver(tmp_path, main=b"new")
    (tmp_path / f".main.audit-journal.{2**22 + 1}.audit-tmp").write_bytes(b"the journal under its first name")
    assert recover(tmp_path / "main")
    assert _names(tmp_path) == ["main"]


def _lost(source: str, target: str) -> None:
    raise PowerLost


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


# ----------------------------------------------------------------------------- runs at the same time


def _killed(folder: Path, monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
    """A delivery of two main files, with backups, that ends after so many moves."""
    moves = iter(range(10))
    replace = os.replace

    def failing(source: str, target: str) -> None:
        if next(moves) >= after:
            raise PowerLost
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", failing)
        with contextlib.suppress(PowerLost), delivering(folder / "a", folder / "b") as delivery:
            for name in ("a", "b"):
                delivery.keep(folder / name, folder / f"{name}.bak")
                delivery.file(folder / name).write(b"new " + name.encode())
            delivery.file(folder / "ledger").write(b"told")


@pytest.mark.parametrize("links", [True, False])
def test_a_backup_holds_the_input_though_another_run_completes_the_same_journal(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deliver(tmp_path, main=b"old")
    linked, begun = journal._linked, []

    def meanwhile(file: str, name: str) -> None:
        if name.endswith(".bak") and not begun:
            begun.append(name)
            recover(tmp_path / "main")
        linked(file, name)

    monkeypatch.setattr(journal, "_linked", meanwhile)
    if not links:
        monkeypatch.setattr(module.os, "link", _no_links)
    _deliver(tmp_path, {"main": "main.bak"}, main=b"new")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"new", "main.bak": b"old"}


def _no_links(source: str, target: str) -> None:
    raise OSError("no links here")


def test_the_journal_of_a_living_run_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"old")
    parent = os.getppid()
    monkeypatch.setattr(module.os, "getpid", lambda: parent)
    _killed(tmp_path, monkeypatch)
    monkeypatch.undo()
    before = _names(tmp_path)
    with pytest.raises(OutputError, match="another process"):
        recover(tmp_path / "a")
    assert _names(tmp_path) == before


def test_the_journal_of_a_dead_run_is_completed_though_its_number_is_that_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"old")
    parent = os.getppid()
    monkeypatch.setattr(module.os, "getpid", lambda: parent)
    monkeypatch.setattr(module, "started_of", lambda process: "before the machine was started again")
    _killed(tmp_path, monkeypatch)
    monkeypatch.undo()
    assert recover(tmp_path / "a")


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_killed_run_is_completed_from_any_of_its_main_files(
    name: str, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("a", "b"):
        (tmp_path / each).write_bytes(b"old " + each.encode())
    _killed(tmp_path, monkeypatch, after)
    assert recover(tmp_path / name)
    assert {each: (tmp_path / each).read_bytes() for each in _names(tmp_path)} == {
        "a": b"new a",
        "b": b"new b",
        "a.bak": b"old a",
        "b.bak": b"old b",
        "ledger": b"told",
    }


def test_a_run_that_is_killed_between_its_journals_has_changed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("a", "b"):
        (tmp_path / each).write_bytes(b"old " + each.encode())
    _killed(tmp_path, monkeypatch)
    for backup in tmp_path.glob("*.bak"):
        backup.unlink()
    (tmp_path / ".a.audit-journal").unlink()
    monkeypatch.setattr(journal, "lives", lambda process: False)
    for each in ("b", "a"):
        assert not recover(tmp_path / each)
        with delivering(tmp_path / each) as delivery:
            delivery.file(tmp_path / "ledger").write(b"again")
    assert {each: (tmp_path / each).read_bytes() for each in _names(tmp_path)} == {
        "a": b"old a",
        "b": b"old b",
        "ledger": b"again",
    }


def test_of_two_runs_that_found_no_file_the_second_is_refused(tmp_path: Path) -> None:
    def first_come() -> None:
        with delivering(tmp_path / "main", overwrite=False) as delivery:
            delivery.file(tmp_path / "main").write(b"second")
            (tmp_path / "main").write_bytes(b"first")

    with pytest.raises(OutputError, match="another run"):
        first_come()
    assert _names(tmp_path) == ["main"]
    assert (tmp_path / "main").read_bytes() == b"first"


def test_a_backup_that_appears_meanwhile_stops_the_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _deliver(tmp_path, main=b"old")
    journals = module.write_journals

    def meanwhile(plan: Journal) -> None:
        journals(plan)
        (tmp_path / "main.bak").write_bytes(b"mine")

    monkeypatch.setattr(module, "write_journals", meanwhile)
    with pytest.raises(OutputError, match="exists"):
        _deliver(tmp_path, {"main": "main.bak"}, main=b"new")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"old", "main.bak": b"mine"}


def test_nobody_can_read_more_than_could_read_every_input(tmp_path: Path) -> None:
    for name, mode in (("secret", 0o600), ("open", 0o644), ("sealed", 0o440)):
        (tmp_path / name).write_bytes(b"")
        (tmp_path / name).chmod(mode)

    def mode(*names: str) -> int:
        with delivering(tmp_path / "main", mode_of=[tmp_path / name for name in names]) as delivery:
            delivery.file(tmp_path / "main").write(b"1")
            seen = next(tmp_path.glob("*.audit-tmp"), next(tmp_path.glob(".*.audit-tmp"))).stat().st_mode & 0o777
        assert seen == (tmp_path / "main").stat().st_mode & 0o777
        return seen

    assert (mode("secret"), mode("open"), mode("open", "secret"), mode("sealed")) == (0o600, 0o644, 0o600, 0o640)


def test_a_temporary_file_that_is_not_written_this_time_goes_with_the_old_one(tmp_path: Path) -> None:
    (tmp_path / f".rejected.{2**22 + 1}.audit-tmp").write_bytes(b"half")
    with delivering(tmp_path / "main") as delivery:
        delivery.file(tmp_path / "main").write(b"1")
        delivery.remove(tmp_path / "rejected")
    assert _names(tmp_path) == ["main"]


# ----------------------------------------------------------------------------- interruptions


@pytest.mark.parametrize("place", ["check_backups", "_sync_folders", "_linked"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, PowerLost, PermissionError])
def test_what_stops_a_delivery_before_it_counts_leaves_no_journal(
    place: str, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deliver(tmp_path, main=b"old", stale=b"stale")
    owner = module if place == "check_backups" else journal
    before = getattr(owner, place)

    def stopped(*given: object) -> None:
        before(*given)
        raise error

    def delivered() -> None:
        with delivering(tmp_path / "main") as delivery:
            delivery.keep(tmp_path / "main", tmp_path / "main.bak")
            delivery.file(tmp_path / "main").write(b"new")
            delivery.remove(tmp_path / "stale")

    with monkeypatch.context() as patch:
        patch.setattr(owner, place, stopped)
        with pytest.raises(OutputError if issubclass(error, OSError) else error):
            delivered()
    assert not recover(tmp_path / "main")
    contents = {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)}
    assert contents == {"main": b"old", "stale": b"stale"}


def test_a_file_from_the_future_is_replaced_all_the_same(tmp_path: Path) -> None:
    _deliver(tmp_path, main=b"old")
    os.utime(tmp_path / "main", (2**32, 2**32))
    _deliver(tmp_path, main=b"new")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"new"}


def test_a_file_from_the_future_is_replaced_when_a_killed_run_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deliver(tmp_path, main=b"old")
    os.utime(tmp_path / "main", (2**32, 2**32))
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", _lost)
        with pytest.raises(PowerLost):
            _deliver(tmp_path, main=b"new")
    assert recover(tmp_path / "main")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"new"}


def test_a_file_with_an_old_time_that_was_written_since_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deliver(tmp_path, main=b"old")
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", _lost)
        with pytest.raises(PowerLost):
            _deliver(tmp_path, main=b"new")
    (tmp_path / "main").write_bytes(b"unpacked")
    os.utime(tmp_path / "main", (1, 1))
    recover(tmp_path / "main")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"unpacked"}


def test_an_interruption_when_all_is_written_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, moves = os.replace, iter(range(10))

    def interrupted(source: str, target: str) -> None:
        if next(moves) == 1:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(module.os, "replace", interrupted)
    _deliver(tmp_path, main=b"new", ledger=b"told")
    assert {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)} == {"main": b"new", "ledger": b"told"}
