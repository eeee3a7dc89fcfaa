"""A real file with 456 injected defects: mended as far as it can be, whole rows untouched, every row accounted for."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import audit
from audit.api.fixing import fix, undo
from audit.errors import RemovalError
from audit.remedy.fix.report import FixOptions, FixReport
from audit.remedy.ledger import read_ledger
from benchmarks.accuracy import MUTANTS, SHARED, TARGET
from tests.remedy.fix_files import sha256

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")

BROKEN = MUTANTS / "broken.jsonl.gz"
ALL = FixOptions(unsafe=True, drop=True, max_removal=1)


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> tuple[FixReport, Path]:
    folder = tmp_path_factory.mktemp("mutants")
    report = fix(BROKEN, str(folder), options=ALL, target=TARGET)
    return report, folder


def test_a_check_of_the_result_shows_no_error(mended: tuple[FixReport, Path]) -> None:
    report, folder = mended
    result = audit.check(folder / "broken.fixed.jsonl.gz", target=TARGET)
    assert [finding.message for finding in result.findings if finding.severity == "error"] == []
    assert result.rows == report.rows.rows_out
    assert not report.fails


def test_the_ledger_accounts_for_every_line(mended: tuple[FixReport, Path]) -> None:
    _, folder = mended
    ledger = read_ledger(folder / "broken.fixed.ledger.jsonl")
    rows, lines = ledger.end.rows, list(ledger.lines())
    assert rows.rows_in + rows.blank == 1160
    assert rows.rows_in == rows.untouched + rows.edited + rows.dropped + rows.quarantined
    assert len({line.row_id for line in lines}) == len(lines) == rows.rows_in - rows.untouched
    rejected = (folder / "broken.fixed.rejected.jsonl").read_bytes().splitlines()
    assert [sha256(raw) for raw in rejected] == [line.before_sha256 for line in lines if line.out_line is None]
    output = gzip.decompress((folder / "broken.fixed.jsonl.gz").read_bytes()).splitlines()
    edited = [line for line in lines if line.out_line is not None]
    assert [sha256(output[(line.out_line or 0) - 1]) for line in edited] == [line.after_sha256 for line in edited]


def test_rows_without_a_defect_keep_their_bytes_or_are_named_in_the_ledger(mended: tuple[FixReport, Path]) -> None:
    _, folder = mended
    whole = (MUTANTS / "clean.jsonl").read_bytes().splitlines()
    there = set(gzip.decompress((folder / "broken.fixed.jsonl.gz").read_bytes()).splitlines())
    named = {line.before_sha256 for line in read_ledger(folder / "broken.fixed.ledger.jsonl").lines()}
    gone = [raw for raw in whole if raw not in there]
    assert len(gone) <= 0.01 * len(whole)
    assert all(sha256(raw) in named for raw in gone)


def test_the_result_is_as_mended_as_it_gets(mended: tuple[FixReport, Path], tmp_path: Path) -> None:
    _, folder = mended
    assert not fix(folder / "broken.fixed.jsonl.gz", str(tmp_path), options=ALL, target=TARGET).changed


def test_it_can_be_taken_back(mended: tuple[FixReport, Path], tmp_path: Path) -> None:
    _, folder = mended
    undo(str(folder / "broken.fixed.jsonl.gz"), str(tmp_path / "back.gz"))
    assert (tmp_path / "back.gz").read_bytes() == BROKEN.read_bytes()


def test_the_default_limit_stops_it_since_most_of_the_text_would_go_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(RemovalError, match=r"bytes in rows \(7\d\.\d%\), allowed are 30\.0%"):
        fix(BROKEN, str(tmp_path), options=FixOptions(unsafe=True, drop=True), target=TARGET)
    assert list(tmp_path.iterdir()) == []
