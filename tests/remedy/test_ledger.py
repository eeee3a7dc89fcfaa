"""A ledger is read back as it was written, whatever it tells of, and one that was cut is not taken for whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.errors import InputError
from audit.remedy.ledger import Account, LedgerEnd, LedgerLine, read_ledger, written

LINE = LedgerLine(row_id="a#1", line=3, action="edited", codes=("FMT103",), undo={"at": 4})
END = LedgerEnd(command="fix", rows=Account(rows_in=2, untouched=1, edited=1), input={"path": "x"}, output={})


def _ledger(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    ledger = read_ledger(_ledger(tmp_path / "l", written(LINE), written(END)))
    assert ledger.end == END
    assert list(ledger.lines()) == [LINE] == list(ledger.lines())


def test_half_a_surrogate_pair_is_written_and_read(tmp_path: Path) -> None:
    line = LedgerLine(row_id="a#1", line=1, action="edited", edits=[{"value": "\ud800"}], reasons=("saw \udfff",))
    ledger = read_ledger(_ledger(tmp_path / "l", written(line), written(END)))
    assert next(ledger.lines()).edits == [{"value": "\ud800"}]


def test_edits_that_are_nested_too_deeply_are_left_out() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert b"edits" not in written(LedgerLine(row_id="a#1", line=1, action="edited", edits=deep))


@pytest.mark.parametrize("content", [b"", written(LINE), written(LINE) + written(END)[:-9], b"17\n", b"\xff\n"])
def test_a_file_without_its_last_line_is_no_ledger(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_ledger(_ledger(tmp_path / "l", content))


def test_a_missing_ledger_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_ledger(tmp_path / "none")


def test_accounts_add_up() -> None:
    account = Account(rows_in=9, untouched=3, edited=2, dropped=3, quarantined=1, copied=4, added=5)
    assert account.rows_in == account.untouched + account.edited + account.removed
    assert account.rows_out == 3 + 2 + 4 + 5
