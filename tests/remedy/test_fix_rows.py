"""Every row is accounted for, untouched rows keep their bytes, safe fixes are complete, and a fix can be taken back."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit
from audit.api.fixing import fix, undo
from audit.errors import InputError, OutputError, UsageError
from audit.policy.baseline import baseline_of
from audit.remedy.fix.report import FixOptions, FixReport, Left, RowChange
from audit.remedy.ledger import read_ledger
from audit.remedy.splices import common_ends
from tests.remedy.fix_files import (
    MAKERS,
    OPTIONS,
    ROWS,
    chat,
    ledger_lines,
    lines_between,
    plain_files,
    sha256,
)

SELECTIONS = (None, ["ENC"], ["FMT", "DUP"], ["ENC", "FMT", "TCL", "LBL", "DUP"])
some_files = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _fixed(path: Path, options: FixOptions = OPTIONS[0], **config: object) -> FixReport:
    return fix(path, options=options, jobs=1, as_of="2026-11-21", **{"ignore": ["TOK"], **config})


@some_files
@given(plain_files(), st.sampled_from(OPTIONS), st.sampled_from(SELECTIONS))
def test_every_row_is_untouched_edited_or_removed_and_all_others_keep_their_bytes(
    data: bytes, options: FixOptions, select: list[str] | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_bytes(data)
        changes: list[RowChange] = []
        report = fix(path, options=options, jobs=1, select=select, ignore=["TOK"], show=changes.append)
        rows = report.rows
        assert rows.rows_in == rows.untouched + rows.edited + rows.dropped + rows.quarantined
        told = ledger_lines(Path(folder, "x.fixed.ledger.jsonl"))
        assert len({line.row_id for line in told}) == len(told) == rows.rows_in - rows.untouched
        assert [change.row_id for change in changes] == [line.row_id for line in told]
        after = {change.line: change.after for change in changes}
        text = data.removeprefix(b"\xef\xbb\xbf")
        before = [(number, raw.removesuffix(b"\r")) for number, raw in enumerate(text.split(b"\n"), 1) if raw.strip()]
        expected = [after.get(number, raw) for number, raw in before]
        made = Path(folder, "x.fixed.jsonl").read_bytes()
        assert lines_between(made.removeprefix(b"\xef\xbb\xbf")) == [raw for raw in expected if raw is not None]


@some_files
@given(plain_files(), st.sampled_from(OPTIONS), st.sampled_from(SELECTIONS))
def test_undo_gives_the_input_back_byte_for_byte(data: bytes, options: FixOptions, select: list[str] | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_bytes(data)
        report = fix(path, options=options, jobs=1, select=select, ignore=["TOK"])
        path.unlink()
        restored = undo(str(report.files[0].output))
        assert path.read_bytes() == data
        assert restored.sha256 == sha256(data)


@some_files
@given(plain_files(), st.sampled_from(OPTIONS))
def test_a_fixed_file_has_nothing_left_to_fix(data: bytes, options: FixOptions) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_bytes(data)
        report = _fixed(path, options)
        output = Path(str(report.files[0].output))
        again = _fixed(output, options)
        assert not again.changed
        assert Path(str(again.files[0].output)).read_bytes() == output.read_bytes()
        findings = audit.check(output, jobs=1, ignore=["TOK"], as_of="2026-11-21").findings
        assert [f.code for f in findings if f.fix and f.fix.edits and f.fix.applicability == "safe"] == []


@some_files
@given(plain_files(), st.sampled_from(OPTIONS))
def test_what_is_left_is_what_a_check_of_the_output_finds_in_its_rows(data: bytes, options: FixOptions) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_bytes(data)
        report = _fixed(path, options, select=["ENC", "FMT1", "TCL"], ignore=["FMT118", "FMT101"])
        found = audit.check(
            str(report.files[0].output), jobs=1, select=["ENC", "FMT1", "TCL"], ignore=["FMT118", "FMT101"]
        )
        kinds = {code: count["findings"] for code, count in found.counts.items()}
        whole = {f.code for f in found.findings if f.scope == "dataset"}
        assert {c: left.findings for c, left in report.left.items() if c not in whole} == {
            code: count for code, count in kinds.items() if code not in whole
        }


@some_files
@given(plain_files(), st.sampled_from(OPTIONS), st.sampled_from(["generic", "openai-sft", "trl"]))
def test_rules_on_the_whole_find_after_the_fix_what_they_find_in_a_check_of_the_output(
    data: bytes, options: FixOptions, target: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_bytes(data)
        asked = {"target": target, "preview": True, "ignore": ["TOK", "ENC"]}
        report = _fixed(path, options, **asked)
        found = audit.check(str(report.files[0].output), jobs=1, as_of="2026-11-21", **asked)  # type: ignore[arg-type]
        now = {code: count["findings"] for code, count in found.counts.items()}
        left = {code: entry.findings for code, entry in report.left.items() if not entry.before}
        assert left == {code: count for code, count in now.items() if code not in report.not_judged_again}


def _rows(*rows: bytes) -> bytes:
    return b"\n".join(rows) + b"\n"


def _nine() -> list[bytes]:
    return [chat(f"What is {n} plus {n * n}?", f"It is {n + n * n}.") for n in range(9)]


def test_a_file_that_a_fix_makes_too_short_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(_rows(*_nine(), chat("Q?", "")))
    report = _fixed(path, OPTIONS[1], target="openai-sft")
    assert report.rows.dropped == 1
    assert report.left["FMT114"] == Left(findings=1, severity="error")
    assert report.fails


def test_what_was_true_of_the_whole_before_the_fix_alone_is_not_left(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    pair = {"prompt": [{"role": "user", "content": "q"}], "chosen": [], "rejected": []}
    copies = [chat("Say it again, please.", "It is said again.")] * 100
    path.write_bytes(_rows(*_nine(), *copies, json.dumps(pair).encode()))
    found = audit.check(path, jobs=1, target="trl", ignore=["TOK"])
    assert {"DUP407", "FMT101"} <= {finding.code for finding in found.findings}
    report = _fixed(path, OPTIONS[1], target="trl")
    assert report.left == {}
    assert not report.fails


def test_both_answers_of_a_pair_are_kept_where_the_target_reads_pairs(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    turns = {name: [{"role": "assistant", "content": name}] for name in ("preferred_output", "non_preferred_output")}
    path.write_bytes(json.dumps({"input": {"messages": [{"role": "user", "content": "q"}]}, **turns}).encode() + b"\n")
    kept = fix(path, str(tmp_path / "o.jsonl"), target="trl", ignore=["TOK"])
    assert (kept.rows.edited, kept.lost) == (1, {})
    assert json.loads((tmp_path / "o.jsonl").read_bytes())["rejected"][0]["content"] == "non_preferred_output"
    half = fix(path, write=False, target="openai-sft", options=OPTIONS[2], ignore=["TOK"])
    assert half.lost == {"/non_preferred_output/*: the rejected answer": 1}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("options", OPTIONS, ids=("safe", "drop", "unsafe"))
def test_a_file_of_another_kind_becomes_json_lines_and_comes_back(
    name: str, options: FixOptions, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(MAKERS[name]([row for row in ROWS if b"\xff" not in row]))
    report = _fixed(path, options)
    assert report.rows.rows_in == report.rows.rows_out + report.rows.removed
    assert not _fixed(Path(str(report.files[0].output)), options).changed
    undo(str(report.files[0].output), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_the_bytes_that_two_strings_share_are_not_replaced(a: bytes, b: bytes, c: bytes, d: bytes) -> None:
    one, other = a + b + d, a + c + d
    first, last = common_ends(one, other)
    assert one[:first] == other[:first]
    assert first + last <= min(len(one), len(other))
    assert one[len(one) - last :] == other[len(other) - last :]
    assert first + last >= min(len(a) + len(d), len(one), len(other))


# ----------------------------------------------------------------------------- what is applied


def test_a_safe_fix_alone_removes_no_row(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(row for row in ROWS if row.strip()) + b"\n")
    report = _fixed(path)
    assert report.rows.removed == 0
    assert report.rows.edited > 0
    assert not (tmp_path / "x.fixed.rejected.jsonl").exists()


def test_a_blank_line_is_removed_without_being_asked_for_and_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(chat("a", "b") + b"\n\n \t\n" + chat("c", "d") + b"\n")
    report = _fixed(path)
    assert (report.rows.rows_in, report.rows.untouched, report.rows.blank, report.rows.blank_removed) == (2, 2, 2, 2)
    assert (tmp_path / "x.fixed.jsonl").read_bytes() == chat("a", "b") + b"\n" + chat("c", "d") + b"\n"


def test_carriage_returns_alone_become_line_feeds(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    rows = [chat("a", "b"), chat("c", "d"), chat("e", "f")]
    path.write_bytes(b"\r".join(rows) + b"\r")
    report = _fixed(path)
    assert (tmp_path / "x.fixed.jsonl").read_bytes() == b"\n".join(rows) + b"\n"
    assert report.whole_file == {str(path): ("lf",)}
    undo(str(report.files[0].output), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_a_row_before_two_carriage_returns_is_mended_too(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROWS[3] + b"\r\r\n" + ROWS[0] + b"\r\r\n")
    report = _fixed(path)
    output = Path(str(report.files[0].output))
    assert output.read_bytes().count(b"\r") == 0
    assert report.by_code["FMT103"] == {"edited": 1}
    undo(str(output), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_what_the_configuration_ignores_is_not_mended(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROWS[3] + b"\n")
    ignores = [{"code": "FMT103", "reason": "wanted so"}]
    assert not _fixed(path, ignores=ignores).changed
    assert fix(path, write=False, ignore=["TOK"]).rows.edited == 1


def test_what_a_baseline_knows_is_not_mended(tmp_path: Path) -> None:
    path, known = tmp_path / "x.jsonl", tmp_path / "known.json"
    path.write_bytes(ROWS[3] + b"\n")
    known.write_bytes(msgspec.json.encode(baseline_of(audit.check(path, ignore=["TOK"]))))
    assert not _fixed(path, baseline=str(known)).changed


def test_the_ledger_names_the_row_that_stays_in_place_of_a_duplicate(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join([ROWS[2], ROWS[0], ROWS[1], *(chat(f"Q{n}", f"A{n}") for n in range(9))]) + b"\n")
    _fixed(path, OPTIONS[1], select=["DUP401"])
    (line,) = ledger_lines(tmp_path / "x.fixed.ledger.jsonl")
    assert (line.action, line.line, line.codes) == ("dropped", 3, ("DUP401",))
    assert line.kept is not None
    assert line.kept["line"] == 2
    assert line.kept["row_id"] == line.row_id.replace("#2", "#1")
    assert (tmp_path / "x.fixed.rejected.jsonl").read_bytes() == ROWS[1] + b"\n"


def test_a_row_whose_twin_is_removed_for_a_mistake_is_not_removed_as_its_copy(tmp_path: Path) -> None:
    whole = chat("What is water?", "Wet.")
    path = tmp_path / "x.jsonl"
    nan = chat("What is water?", "Wet.", metadata={"a": float("nan")})
    path.write_bytes(b"\n".join([nan, whole, *(chat(f"Q{n}", f"A{n}") for n in range(9))]) + b"\n")
    report = _fixed(path, OPTIONS[1])
    assert report.by_code.get("ENC006") == {"dropped": 1}
    assert whole in (tmp_path / "x.fixed.jsonl").read_bytes().splitlines()


def test_copies_are_found_across_files_and_each_file_has_its_own_output(tmp_path: Path) -> None:
    more = [chat(f"Q{n}", f"A{n}") for n in range(8)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([ROWS[0], *more]) + b"\n")
    (tmp_path / "b.jsonl").write_bytes(b"\n".join([ROWS[1], *(row.replace(b"Q", b"R") for row in more)]) + b"\n")
    (tmp_path / "out").mkdir()
    report = fix(
        [tmp_path / "a.jsonl", tmp_path / "b.jsonl"],
        str(tmp_path / "out"),
        options=OPTIONS[1],
        ignore=["TOK"],
        as_of="2026-11-21",
    )
    assert [file.rows.dropped for file in report.files] == [0, 1]
    (line,) = ledger_lines(tmp_path / "out" / "b.fixed.ledger.jsonl")
    assert line.kept is not None
    assert line.kept["file"] == str(tmp_path / "a.jsonl")
    assert (tmp_path / "out" / "a.fixed.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()


def test_the_same_input_gives_the_same_bytes_for_any_number_of_processes(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row.strip()] * 4
    made = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        path = tmp_path / "x.jsonl"
        path.write_bytes(b"\n".join(rows) + b"\n")
        fix(path, str(folder), options=OPTIONS[2], jobs=jobs, executor="auto", ignore=["TOK"], as_of="2026-11-21")
        ledger = (folder / "x.fixed.ledger.jsonl").read_bytes().replace(str(folder).encode(), b"")
        made.append([(folder / "x.fixed.jsonl").read_bytes(), ledger])
    assert made[0] == made[1]


# ----------------------------------------------------------------------------- what is refused


def test_an_earlier_output_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join([*ROWS[:3], b"[]"] + [chat(f"Q{n}", f"A{n}") for n in range(9)]) + b"\n")
    _fixed(path, OPTIONS[1])
    with pytest.raises(OutputError, match="exists"):
        _fixed(path)
    _fixed(path, FixOptions(force=True))
    assert not (tmp_path / "x.fixed.rejected.jsonl").exists()
    assert read_ledger(tmp_path / "x.fixed.ledger.jsonl").end.rejected is None


def test_no_output_may_be_an_input(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROWS[0] + b"\n")
    with pytest.raises(OutputError, match="one of the inputs"):
        fix(path, str(path), options=FixOptions(force=True))


def test_undo_refuses_an_output_that_was_changed_since(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROWS[3] + b"\n")
    output = Path(str(_fixed(path).files[0].output))
    output.write_bytes(output.read_bytes() + ROWS[0] + b"\n")
    with pytest.raises(InputError, match="was changed since"):
        undo(str(output), str(tmp_path / "back"))
    assert not (tmp_path / "back").exists()


def test_undo_refuses_to_overwrite_another_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROWS[3] + b"\n")
    output = str(_fixed(path).files[0].output)
    path.write_bytes(ROWS[0])
    with pytest.raises(OutputError, match="another file"):
        undo(output)


def test_rows_from_python_need_a_named_output_and_cannot_be_restored(tmp_path: Path) -> None:
    rows = [json.loads(row) for row in ROWS[2:5]]
    with pytest.raises(UsageError, match="name the output"):
        fix(rows, ignore=["TOK"])
    report = fix(rows, str(tmp_path / "x.jsonl"), ignore=["TOK"])
    assert report.rows.edited == 1
    with pytest.raises(InputError, match="cannot be restored"):
        undo(str(tmp_path / "x.jsonl"), str(tmp_path / "back"))


def test_a_diff_writes_nothing_and_shows_every_change_in_file_order(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(row for row in ROWS if row.strip()) + b"\n")
    changes: list[RowChange] = []
    report = fix(path, options=OPTIONS[2], write=False, show=changes.append, ignore=["TOK"])
    assert [item.name for item in tmp_path.iterdir()] == ["x.jsonl"]
    assert [change.line for change in changes] == sorted(change.line for change in changes)
    assert len(changes) == report.rows.rows_in - report.rows.untouched
    assert not report.wrote
