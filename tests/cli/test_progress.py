"""What the progress line says and how often it is drawn."""

from __future__ import annotations

import io

from audit.api import Progress
from audit.cli.progress import Bar, amount, closing, line, thousands


def progress(read: int = 2_900_000_000, total: int | None = 4_700_000_000, rows: int = 614_000) -> Progress:
    return Progress("big.jsonl", read, total, rows, 12, 4031)


def test_the_line_has_bytes_rows_rate_time_left_and_counts() -> None:
    assert line(progress(), 10, 10) == (
        "big.jsonl   62 %  2.9 GB of 4.7 GB  614k rows  61k rows/s  ETA 0:06  errors 12  warnings 4,031"
    )


def test_a_stream_without_a_size_has_no_share_and_no_time_left() -> None:
    text = line(progress(total=None), 10, 10)
    assert "%" not in text
    assert "ETA" not in text


def test_hostile_file_names_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in line(Progress("\x1b[2J\n", 1, 2, 3, 0, 0), 1, 1)


def test_it_is_drawn_at_most_ten_times_a_second_and_taken_away_again() -> None:
    now = 0.0
    stream = io.StringIO()
    bar = Bar(stream, clock=lambda: now)
    for step in range(200):
        now = step / 100
        bar(progress())
    drawn = stream.getvalue().count("\r")
    assert 10 <= drawn <= 18
    bar.clear()
    assert stream.getvalue().endswith("\r")


def test_a_short_run_draws_nothing() -> None:
    stream = io.StringIO()
    bar = Bar(stream, clock=lambda: 0.0)
    bar(progress())
    bar.clear()
    assert stream.getvalue() == ""


def test_amounts_are_short() -> None:
    assert [amount(999), amount(1500), amount(2e12)] == ["999 B", "1.5 kB", "2.0 TB"]
    assert [thousands(9999), thousands(614_200), thousands(12_345_678)] == ["9,999", "614k", "12.3M"]


def test_the_closing_line_names_speed() -> None:
    assert closing(2000, 0.5).startswith("2,000 rows in 0.50 s (4,000 rows/s)")
    assert "rows/s" not in closing(0, 0.5)
