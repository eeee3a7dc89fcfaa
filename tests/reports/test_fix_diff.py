"""The diff of a fix shows what changes in every row, whatever its length, and nothing that could steer a terminal."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from audit.model import Source
from audit.remedy.fix.report import FileFixed, FixReport, RowChange
from audit.remedy.ledger import Account
from audit.remedy.splices import common_ends
from audit.reports.fix_diff import Diff, compared
from audit.reports.text import Paint

CHANGE = RowChange(
    source=Source(path="train.jsonl"),
    line=1_234,
    row_id="ab#1",
    action="edited",
    before=b'{"role": "human"}',
    after=b'{"role": "user"}',
    codes=("FMT103",),
    reasons=("the role is human",),
    titles=("rename the role",),
)


def hunk(*, color: bool = False, **more: Any) -> list[str]:
    return "".join(Diff(Paint(color)).hunk(msgspec.structs.replace(CHANGE, **more))).splitlines()


def test_a_changed_row_is_shown_before_and_after() -> None:
    assert hunk() == [
        "--- train.jsonl",
        "+++ train.jsonl (fixed)",
        "@@ line 1,234: FMT103 (rename the role) @@",
        '-{"role": "human"}',
        '+{"role": "user"}',
    ]


def test_a_removed_row_is_shown_with_the_reason() -> None:
    shown = hunk(
        action="dropped", after=None, codes=("DUP401",), reasons=("says the same as line 3",), titles=("drop",)
    )
    assert shown[2:] == [
        "@@ line 1,234: DUP401 (drop) @@",
        '-{"role": "human"}',
        "\\ dropped: says the same as line 3",
    ]


def test_the_head_of_a_file_is_written_once() -> None:
    diff = Diff(Paint(False))
    lines = "".join((*diff.hunk(CHANGE), *diff.hunk(CHANGE))).splitlines()
    assert lines.count("--- train.jsonl") == 1
    assert len(lines) == 8


def test_long_rows_are_shortened_around_every_change() -> None:
    filler = "x y " * 250
    before = f'{filler}"a": 1{filler}"b": 2{filler}'.encode()
    after = f'{filler}"a": 7{filler}"b": 8{filler}'.encode()
    minus, plus = hunk(before=before, after=after)[3:]
    assert '"a": 1' in minus
    assert '"b": 2' in minus
    assert '"a": 7' in plus
    assert '"b": 8' in plus
    assert minus.count(" characters…") == 3
    assert len(minus) < 400


def test_a_long_change_and_a_long_removed_row_are_shortened_with_a_count() -> None:
    (plus,) = hunk(before=b"[]", after=b"[" + b"z" * 5_000 + b"]")[4:]
    assert "…4,600 characters…" in plus
    minus = hunk(before=b"z" * 5_000, after=None)[3]
    assert minus == f"-{'z' * 100}…4,800 characters…{'z' * 100}"


def test_what_cannot_be_seen_is_spelt_out() -> None:
    minus, plus = hunk(before="a\u200bb\x1b[31m\udcff".encode("utf-8", "surrogatepass"), after=b"ab")[3:]
    assert minus.startswith(r"-a<U+200B>b\x1b[31m")
    assert plus == "+ab"


def test_text_put_together_from_pieces_is_no_command_to_a_build_service() -> None:
    shown = hunk(before=b'{"a": "#"}', after=b'{"a": "##[group]"}')
    assert not any("##[" in line for line in shown)


def test_titles_and_reasons_are_said_once_and_are_few() -> None:
    header = hunk(titles=("mend", "mend", *(f"title {n}" for n in range(9))), codes=("A001", "A001", "B002"))[2]
    assert header.startswith("@@ line 1,234: A001, B002 (mend; title 0; ")
    assert header.endswith(" and 5 more) @@")


def test_changes_to_a_file_as_a_whole_have_a_hunk_of_their_own() -> None:
    rows = Account(rows_in=2, untouched=2, blank=1, blank_removed=1)
    file = FileFixed(
        path="a.jsonl", output=None, rejected=None, ledger=None, rows=rows, input_sha256="", output_sha256=None
    )
    report = FixReport(files=(file,), rows=rows, whole_file={"a.jsonl": ("utf-8",)})
    assert "".join(Diff(Paint(False)).whole_files(report)).splitlines() == [
        "--- a.jsonl",
        "+++ a.jsonl (fixed)",
        "@@ whole file: written as UTF-8 without a byte order mark, 1 blank line removed @@",
    ]


def test_colours_are_those_of_a_diff() -> None:
    lines = hunk(color=True)
    assert lines[3].startswith("\x1b[31m-")
    assert lines[4].startswith("\x1b[32m+")


TEXT = st.text(st.sampled_from('abc "{}:,\n\u200b\udcff'), max_size=60)


@given(TEXT, TEXT)
def test_the_stretches_put_together_are_the_two_lines(before: str, after: str) -> None:
    found = compared(before, after)
    assert "".join(one.before for one in found) == before
    assert "".join(one.after for one in found) == after
    assert all((one.before == one.after) == one.same or not one.same for one in found)
    assert [one for one in found if not one.same] or before == after


@given(TEXT, TEXT, TEXT)
def test_the_common_start_is_the_longest(start: str, first: str, second: str) -> None:
    length, _ = common_ends(start + first, start + second)
    assert (start + first)[:length] == (start + second)[:length]
    assert length >= len(start)
    assert (start + first)[length : length + 1] != (start + second)[length : length + 1] or length == len(start + first)


@given(st.binary(max_size=80), st.binary(max_size=80), st.text(max_size=20))
def test_any_bytes_come_out_as_lines_that_can_be_seen(before: bytes, after: bytes, title: str) -> None:
    lines = hunk(before=before, after=after, titles=(title,), reasons=(title,))
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)


def test_rows_of_chats_show_the_words_that_changed() -> None:
    turns = [{"role": "human", "content": "word " * 100}, {"role": "gpt", "content": "word " * 100}]
    before = json.dumps({"messages": turns}).encode()
    after = before.replace(b'"human"', b'"user"').replace(b'"gpt"', b'"assistant"')
    minus, plus = hunk(before=before, after=after)[3:]
    assert '"human"' in minus
    assert '"gpt"' in minus
    assert '"user"' in plus
    assert '"assistant"' in plus
