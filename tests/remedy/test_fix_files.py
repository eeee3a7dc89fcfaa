"""What a fix does to files: in place with a backup, all or nothing whatever goes wrong, killed at any moment."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.api.fixing import fix, undo
from audit.errors import InputError, OutputError, UsageError
from audit.remedy.delivery import Stream
from audit.remedy.fix import second_reading, writing
from audit.remedy.fix import undo as undoing
from audit.remedy.fix.report import FixOptions
from tests.remedy.fix_files import MAKERS, ROWS, chat, sha256

DATA = b"\r\n".join([*ROWS[:8], *(chat(f"Q{n}", f"A{n}") for n in range(30))])
IN_PLACE = FixOptions(in_place=True, drop=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "x.jsonl"
    made.write_bytes(DATA)
    return made


def _names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_in_place_keeps_the_input_as_a_backup_with_a_free_name(path: Path) -> None:
    first = fix(path, options=IN_PLACE, ignore=["TOK"])
    assert path.with_name("x.jsonl.bak").read_bytes() == DATA
    assert first.files[0].backup == str(path.with_name("x.jsonl.bak"))
    again = path.read_bytes() + b"\n" + ROWS[3]
    path.write_bytes(again)
    fix(path, options=FixOptions(in_place=True, drop=True, force=True), ignore=["TOK"])
    assert path.with_name("x.jsonl.bak2").read_bytes() == again
    assert path.with_name("x.jsonl.bak").read_bytes() == DATA


def test_in_place_is_taken_back_with_all_that_tells_of_it(path: Path) -> None:
    fix(path, options=IN_PLACE, ignore=["TOK"])
    assert path.read_bytes() != DATA
    undo(str(path))
    assert path.read_bytes() == DATA
    assert _names(path.parent) == ["x.jsonl", "x.jsonl.bak"]


def test_in_place_leaves_a_file_alone_that_needs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(chat("a?", "b.") + b"\n")
    report = fix(path, options=IN_PLACE, ignore=["TOK"])
    assert not report.wrote
    assert _names(tmp_path) == ["x.jsonl"]


def test_in_place_keeps_who_may_read_the_file(path: Path) -> None:
    path.chmod(0o600)
    fix(path, options=IN_PLACE, ignore=["TOK"])
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_packed_file_is_mended_in_place_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    before = MAKERS["x.jsonl.gz"](ROWS[:12])
    path.write_bytes(before)
    fix(path, options=FixOptions(in_place=True), ignore=["TOK"])
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    undo(str(path))
    assert path.read_bytes() == before


def test_a_table_is_not_mended_in_place(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"prompt,completion\nA?,B.\nC?,D.\n")
    with pytest.raises(UsageError, match="in place"):
        fix(path, options=IN_PLACE)


# ----------------------------------------------------------------------------- what goes wrong


def test_a_folder_that_cannot_be_written_to_leaves_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="there is no folder"):
        fix(path, str(tmp_path / "file" / "out.jsonl"), ignore=["TOK"])
    assert _names(tmp_path) == ["file", "x.jsonl"]


def test_a_full_disk_leaves_nothing(path: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(DATA) // 2, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            fix(path, jobs=1, select=["ENC", "FMT"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert _names(tmp_path) == ["x.jsonl"]


def test_no_room_for_temporary_files_is_said(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_reading.tempfile, "TemporaryDirectory", lambda **_: _Folder(tmp_path / "none"))
    with pytest.raises(InputError, match="no room for temporary files"):
        fix(path, options=FixOptions(unsafe=True), ignore=["TOK"])
    assert _names(tmp_path) == ["x.jsonl"]


class _Folder:
    """A temporary folder that is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> str:
        return str(self.path)

    def __exit__(self, *_: object) -> None:
        """Nothing to take away."""


def test_an_input_that_changes_meanwhile_is_noticed_and_nothing_is_written(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = writing.Writer.write

    def changed(self: writing.Writer, laid: object, outputs: object) -> object:
        path.write_bytes(DATA[:-10] + b"0123456789")
        return write(self, laid, outputs)  # type: ignore[arg-type]

    monkeypatch.setattr(writing.Writer, "write", changed)
    with pytest.raises(InputError, match="changed while"):
        fix(path, ignore=["TOK"])
    assert _names(tmp_path) == ["x.jsonl"]


def test_an_interruption_leaves_nothing_and_makes_the_report_partial(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Stream, data: bytes) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Stream, "write", interrupted)
    assert fix(path, ignore=["TOK"]).partial
    assert _names(tmp_path) == ["x.jsonl"]


def test_an_interruption_when_all_is_written_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, moves = os.replace, iter(range(10))

    def interrupted(source: str, target: str) -> None:
        if next(moves) == 0:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    report = fix(path, options=IN_PLACE, ignore=["TOK"])
    assert (report.partial, report.wrote) == (False, True)
    assert path.read_bytes() != DATA
    assert _names(path.parent) == ["x.jsonl", "x.jsonl.bak", "x.ledger.jsonl", "x.rejected.jsonl"]


_RUN = """
import sys
from audit.api.fixing import fix
from audit.remedy.fix.report import FixOptions
fix(sys.argv[1], options=FixOptions(drop=True, in_place=sys.argv[2] == "in", force=True), jobs=1, ignore=["TOK"])
"""
_WAIT = """
import audit.remedy.delivery as delivery
import os, time
from functools import partial

def slow(plain, *given):
    done = plain(*given)
    time.sleep(0.02)
    return done

os.replace, os.fsync, os.link = (partial(slow, plain) for plain in (os.replace, os.fsync, os.link))
print("ready", flush=True)
"""


@pytest.mark.parametrize("where", ["beside", "in"])
def test_a_killed_run_leaves_the_old_state_or_the_new_one(where: str, tmp_path: Path) -> None:
    moments = random.Random(7)
    expected = tmp_path / "expected.jsonl"
    expected.write_bytes(DATA)
    fix(expected, options=FixOptions(drop=True), ignore=["TOK"])
    mended = (tmp_path / "expected.fixed.jsonl").read_bytes()
    seen = set()
    for number in range(10):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        path = folder / "x.jsonl"
        path.write_bytes(DATA)
        with subprocess.Popen(
            [sys.executable, "-c", _WAIT + _RUN, str(path), where], stdout=subprocess.PIPE, cwd=os.getcwd()
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0.05, 0.9))
            process.send_signal(signal.SIGKILL)
        output = path if where == "in" else folder / "x.fixed.jsonl"
        ledger = folder / ("x.ledger.jsonl" if where == "in" else "x.fixed.ledger.jsonl")
        now = output.read_bytes() if output.exists() else None
        assert now in (mended, DATA if where == "in" else None)
        if now == mended:
            assert ledger.exists()
            undo(str(output), str(folder / "back"))
            assert sha256((folder / "back").read_bytes()) == sha256(DATA)
            assert where != "in" or (folder / "x.jsonl.bak").read_bytes() == DATA
        seen.add(now == mended)
        fix(path, options=FixOptions(drop=True, in_place=where == "in", force=True), jobs=1, ignore=["TOK"])
        assert output.read_bytes() == mended
        assert not [name for name in _names(folder) if "audit-" in name]
    assert seen


def _cut_short(path: Path, options: FixOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fix that ends as if it were killed when all is written and nothing is in its place."""

    class Killed(BaseException):
        pass

    def killed(source: str, target: str) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            fix(path, options=options, ignore=["TOK"])


def test_a_killed_run_in_place_is_completed_and_that_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cut_short(path, IN_PLACE, monkeypatch)
    assert path.read_bytes() == DATA
    report = fix(path, options=IN_PLACE, ignore=["TOK"])
    assert report.recovered == (str(path),)
    assert not report.changed
    assert path.with_name("x.jsonl.bak").read_bytes() == DATA


def test_a_killed_run_is_completed_and_nothing_else_is_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cut_short(path, FixOptions(), monkeypatch)
    with pytest.raises(OutputError, match="an earlier run was killed"):
        fix(path, ignore=["TOK"])
    assert undo(str(path.with_name("x.fixed.jsonl"))).rows > 0


def test_a_killed_run_is_completed_before_it_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cut_short(path, IN_PLACE, monkeypatch)
    undo(str(path))
    assert path.read_bytes() == DATA
    assert _names(path.parent) == ["x.jsonl", "x.jsonl.bak"]


# ----------------------------------------------------------------------------- other files


def test_what_tells_of_the_first_fix_in_place_is_not_lost_to_a_second(path: Path) -> None:
    fix(path, options=IN_PLACE, ignore=["TOK"])
    told = path.with_name("x.ledger.jsonl").read_bytes()
    assert not fix(path, options=IN_PLACE, ignore=["TOK"]).changed
    path.write_bytes(path.read_bytes() + ROWS[3] + b"\n")
    now = path.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        fix(path, options=IN_PLACE, ignore=["TOK"])
    assert (path.with_name("x.ledger.jsonl").read_bytes(), path.read_bytes()) == (told, now)


def test_nothing_that_is_written_can_be_read_by_more_people_than_the_input(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(MAKERS["x.jsonl.gz"](ROWS[:12]))
    path.chmod(0o600)
    fix(path, options=FixOptions(drop=True, max_removal=1), ignore=["TOK"])
    path.unlink()
    undo(str(tmp_path / "x.fixed.jsonl.gz"))
    assert len(_names(tmp_path)) == 5
    assert {item.name: item.stat().st_mode & 0o777 for item in tmp_path.iterdir()} == dict.fromkeys(
        _names(tmp_path), 0o600
    )


@pytest.mark.parametrize("kind", ["link", "loose link", "pipe"])
def test_what_is_no_regular_file_is_not_replaced_even_by_force(kind: str, path: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    if kind == "pipe":
        os.mkfifo(there)
    else:
        there.symlink_to(tmp_path / "elsewhere")
    if kind == "link":
        (tmp_path / "elsewhere").write_bytes(b"mine")
    with pytest.raises(OutputError, match="no regular file"):
        fix(path, str(there), options=FixOptions(force=True), ignore=["TOK"])
    output = str(fix(path, ignore=["TOK"]).files[0].output)
    with pytest.raises(OutputError, match="no regular file"):
        undo(output, str(there), force=True)
    assert os.path.lexists(there)
    assert there.is_fifo() or there.is_symlink()


def test_a_file_that_was_mended_through_a_link_comes_back_through_it(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    fix(link, options=IN_PLACE, ignore=["TOK"])
    undo(str(link), str(link))
    assert link.is_symlink()
    assert path.read_bytes() == DATA


def test_a_folder_that_is_not_there_is_named_before_anything_is_read(path: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*new"):
        fix(path, f"{tmp_path}/new/", ignore=["TOK"])


@pytest.mark.parametrize("key", ["path", "sha256"])
def test_a_ledger_that_does_not_name_its_input_is_said_to_be_none(key: str, path: Path) -> None:
    output = str(fix(path, ignore=["TOK"]).files[0].output)
    ledger = path.with_name("x.fixed.ledger.jsonl")
    *lines, last = ledger.read_bytes().splitlines(keepends=True)
    end = json.loads(last)
    del end["input"][key]
    ledger.write_bytes(b"".join(lines) + json.dumps(end).encode() + b"\n")
    with pytest.raises(InputError, match="does not say what its input was"):
        undo(output, str(path.with_name("back")))


@pytest.mark.parametrize("value", [-5, 10**30, "x"])
def test_a_ledger_with_a_place_that_is_none_does_not_fit(value: object, path: Path) -> None:
    output = str(fix(path, ignore=["TOK"]).files[0].output)
    ledger = path.with_name("x.fixed.ledger.jsonl")
    first, *lines = ledger.read_bytes().splitlines(keepends=True)
    line = json.loads(first)
    line["undo"]["at"] = value
    ledger.write_bytes(json.dumps(line).encode() + b"\n" + b"".join(lines))
    with pytest.raises(InputError, match=r"it was changed since|became shorter"):
        undo(output, str(path.with_name("back")))
    assert not path.with_name("back").exists()


def test_options_and_undo_are_part_of_the_package(path: Path) -> None:
    report = audit.fix(path, options=audit.FixOptions(in_place=True), ignore=["TOK"])
    assert report.wrote
    assert audit.undo(str(path)).sha256 == sha256(DATA)
    assert audit.SplitOptions is not audit.BalanceOptions


def test_rows_from_python_are_looked_at_without_an_output() -> None:
    rows = [json.loads(row) for row in ROWS[2:5]]
    report = audit.fix(rows, write=False, ignore=["TOK"])
    assert (report.rows.edited, report.wrote) == (1, False)


def test_a_killed_run_that_took_the_name_of_the_backup_leaves_another(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut_short(path, FixOptions(in_place=True), monkeypatch)
    path.with_name("x.jsonl.bak").unlink()  # as if it had ended before the first file was kept
    report = fix(path, options=FixOptions(in_place=True, drop=True, force=True), ignore=["TOK"])
    assert (report.recovered, report.wrote) == ((str(path),), True)
    assert _names(path.parent)[:3] == ["x.jsonl", "x.jsonl.bak", "x.jsonl.bak2"]


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_whose_name_is_no_text_comes_back(in_place: bool, tmp_path: Path) -> None:
    before = MAKERS["x.json"](ROWS)
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/x\xff.json"))
    path.write_bytes(before)
    output = fix(path, options=FixOptions(in_place=in_place), ignore=["TOK"]).files[0].output
    back = None if in_place else tmp_path / "back"
    undo(str(output), back)
    assert (back or path).read_bytes() == before


def test_a_file_that_appears_while_a_fix_is_taken_back_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = str(fix(path, ignore=["TOK"]).files[0].output)
    back, pieces = path.with_name("back"), undoing._pieces

    def meanwhile(*given: Any) -> Iterator[bytes]:
        back.write_bytes(b"mine")
        yield from pieces(*given)

    monkeypatch.setattr(undoing, "_pieces", meanwhile)
    with pytest.raises(OutputError, match="exists"):
        undo(output, str(back))
    assert back.read_bytes() == b"mine"


def test_options_of_another_type_are_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="FixOptions"):
        fix(path, options=FixOptions(max_removal="all"), ignore=["TOK"])  # type: ignore[arg-type]


def test_paths_need_not_be_text(path: Path, tmp_path: Path) -> None:
    fix(path, tmp_path / "out.jsonl", ignore=["TOK"])
    assert undo(tmp_path / "out.jsonl", tmp_path / "back").restored == str(tmp_path / "back")
