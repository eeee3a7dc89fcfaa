"""A fix that would take away too much stops, says why, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.api.fixing import fix
from audit.errors import RemovalError, UsageError
from audit.remedy.fix.report import FixOptions
from tests.remedy.fix_files import chat

DROP = FixOptions(drop=True)


def _write(path: Path, rows: list[bytes]) -> Path:
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


def _good(rows: int, **more: object) -> list[bytes]:
    return [chat(f"What is {number} times two?", f"It is {2 * number}.", **more) for number in range(rows)]


def test_more_rows_than_allowed_stop_it_and_the_flag_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", [*_good(6), *[b"[]"] * 4])
    with pytest.raises(
        RemovalError, match=r"4 of 10 rows \(40\.0%\), allowed are 30\.0% \(rows by rule: ENC004"
    ) as stop:
        fix(path, options=DROP, ignore=["TOK"])
    assert "--max-removal" in str(stop.value.hint)
    assert [item.name for item in tmp_path.iterdir()] == ["x.jsonl"]


def test_as_many_rows_as_allowed_do_not_stop_it(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", [*_good(7), *[b"[]"] * 3])
    assert fix(path, options=DROP, ignore=["TOK"]).rows.dropped == 3


def test_few_rows_with_most_of_the_text_stop_it(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", [*_good(9), b"[" + b" " * 20_000 + b"]"])
    with pytest.raises(RemovalError, match=r"remove 20,002 of 2\d,\d{3} bytes in rows \(9\d\.\d%\), allowed are"):
        fix(path, options=DROP, ignore=["TOK"])


def test_the_limit_can_be_lifted(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", [b"[]"] * 4)
    assert fix(path, options=FixOptions(drop=True, max_removal=1), ignore=["TOK"]).rows.dropped == 4


def test_a_file_that_would_lose_every_row_stops_it(tmp_path: Path) -> None:
    large = _write(tmp_path / "a.jsonl", _good(20))
    small = _write(tmp_path / "b.jsonl", [b"{}"])
    with pytest.raises(RemovalError, match=r"every row of .*b\.jsonl"):
        fix([large, small], options=DROP, ignore=["TOK"])


def test_a_group_that_would_lose_every_row_stops_it(tmp_path: Path) -> None:
    lost = [chat(f"Q{n}?", "", metadata={"sex": "f"}) for n in range(5)]
    path = _write(tmp_path / "x.jsonl", [*_good(40, metadata={"sex": "m"}), *lost])
    attributes = {"sex": {"field": "metadata.sex"}}
    options = FixOptions(drop=True, max_removal=0.5)
    with pytest.raises(RemovalError, match="every row of sex f"):
        fix(path, options=options, ignore=["TOK", "FMT110"], sections={"attributes": attributes}, target="openai-sft")


def test_a_diff_says_that_it_would_be_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", [*_good(3), *[b"[]"] * 4])
    report = fix(path, options=DROP, write=False, ignore=["TOK"])
    assert "--max-removal" in report.refused
    assert "--diff" not in report.refused
    assert report.rows.dropped == 4


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float, tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", _good(1))
    with pytest.raises(UsageError, match="from 0 to 1"):
        fix(path, options=FixOptions(max_removal=share))
