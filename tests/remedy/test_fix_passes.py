"""Rows that changed are judged as if they were read anew, and what people decided wins over rules."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.api.fixing import fix
from audit.catalog import plan
from audit.config.settings import Settings
from audit.engine.drive import Means, driving
from audit.model import (
    Applicability,
    ByteEdit,
    DropRow,
    Finding,
    Fix,
    Place,
    PointerEdit,
    Severity,
    SourceSummary,
    Transcode,
)
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.remedy.fix import fixer
from audit.remedy.fix.columns import Now
from audit.remedy.fix.layout import laid_out
from audit.remedy.fix.line_ends import LineFeeds, with_ends
from audit.remedy.fix.passes import MOST_PASSES, Passes, Touched
from audit.remedy.fix.plan import grade_of, in_order
from audit.remedy.fix.report import FixOptions
from audit.remedy.fix.row_step import mend
from audit.remedy.fix.second_reading import judge_again
from audit.remedy.fix.stored import Rows
from audit.rule import Run
from audit.targets import load_target
from tests.remedy.fix_files import ROWS, chat, ledger_lines

RUN = Run(target=load_target("generic"))
GOOD = [row for row in ROWS if row.strip() and b"\xff" not in row]


def _finding(code: str, fix: Fix, **more: object) -> Finding:
    place = Place(file="x", line=1, offset=0)
    return Finding(code=code, severity=Severity.ERROR, scope="row", message="m", place=place, fix=fix)


# ----------------------------------------------------------------------------- one row


def test_fixes_are_applied_bytes_first_then_structure_and_labels_and_copies_last() -> None:
    drop = Fix(Applicability.DROP, "drop", (DropRow(),))
    codes = ["DEM111", "SPL501", "DUP401", "LBL604", "TXT701", "TOK301", "FMT103", "ENC002", "TCL201"]
    ordered = [finding.code for finding in in_order(_finding(code, drop) for code in codes)]
    assert ordered == ["ENC002", "FMT103", "TCL201", "TOK301", "TXT701", "LBL604", "DUP401", "SPL501", "DEM111"]


def test_a_row_is_removed_only_where_nothing_else_can_be_done() -> None:
    drop = _finding("FMT104", Fix(Applicability.DROP, "drop", (DropRow(),)))
    edit = _finding("FMT110", Fix(Applicability.SAFE, "remove", (PointerEdit("remove", "/b"),)))
    mended = mend(b'{"a": 1, "b": 2}', [drop, edit], unsafe=False)
    assert mended is not None
    assert (mended.raw, [item.code for item in mended.by]) == (b'{"a": 1}', ["FMT110"])
    mended = mend(b'{"a": 1}', [drop, edit], unsafe=False)
    assert mended is not None
    assert mended.raw is None


def test_a_row_is_quarantined_where_no_rule_is_sure() -> None:
    sure = _finding("FMT104", Fix(Applicability.DROP, "drop", (DropRow(),)))
    unsure = _finding("LBL601", Fix(Applicability.DROP, "ask", (DropRow(quarantine=True),)))
    found = [mend(b"{}", findings, unsafe=False) for findings in ([unsure], [sure, unsure])]
    assert [item.quarantined for item in found if item is not None] == [True, False]


@pytest.mark.parametrize(("unsafe", "is_written"), [(False, False), (True, True)])
def test_a_row_is_written_in_another_shape_if_nothing_is_lost_or_that_is_allowed(
    unsafe: bool, is_written: bool
) -> None:
    rewrite = _finding("FMT101", Fix(Applicability.SAFE, "convert", (Transcode("openai-sft"),)))
    plain = b'{"conversations": [{"from": "human", "value": "A?"}, {"from": "gpt", "value": "B."}]}'
    mended = mend(plain, [rewrite], unsafe=False)
    assert mended is not None
    assert mended.raw == chat("A?", "B.")
    losing = plain[:-1] + b', "colour": "red"}'
    assert (mend(losing, [rewrite], unsafe=unsafe) is not None) == is_written


@pytest.mark.parametrize("left", [b"", b"  ", b"{}\n{}"])
def test_a_fix_that_leaves_no_row_or_two_is_not_applied(left: bytes) -> None:
    fix = Fix(Applicability.SAFE, "replace", (ByteEdit(0, 8, left),))
    assert mend(b'{"a": 1}', [_finding("ENC001", fix)], unsafe=False) is None


def test_a_fix_without_edits_is_advice() -> None:
    assert mend(b'{"a": 1}', [_finding("ENC007", Fix(Applicability.SAFE, "x", ()))], unsafe=False) is None


@pytest.mark.parametrize(
    ("applicability", "edits", "grade"),
    [
        (Applicability.SAFE, (DropRow(),), "safe"),
        (Applicability.UNSAFE, (DropRow(),), "unsafe"),
        (Applicability.DROP, (DropRow(),), "drop"),
        (Applicability.SHOWN, (), "shown"),
        (Applicability.SAFE, (), "shown"),
    ],
)
def test_the_grade_of_a_fix_says_what_it_takes_to_apply_it(
    applicability: Applicability, edits: tuple[DropRow, ...], grade: str
) -> None:
    assert grade_of(Fix(applicability, "x", edits)) == grade


# ----------------------------------------------------------------------------- the whole again


@contextlib.contextmanager
def _judged(path: Path, rules: Sequence[object]) -> object:  # type: ignore[misc]
    readers = [SourceReader(source) for source in find_sources([str(path)])]
    products = frozenset({"conversation", "rows", "marks", "answer", "label", "prompt"})
    with driving(readers, rules, RUN, Means(), wanted=products) as (driven, finished):  # type: ignore[arg-type]
        yield readers, driven, finished


@settings(max_examples=25)
@given(st.lists(st.sampled_from([*GOOD, chat("Q", "A"), chat("Q", "B")]), min_size=3, max_size=12), st.data())
def test_columns_that_were_patched_give_what_a_second_reading_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("again") / "x.jsonl"
    path.write_bytes(b"\n".join([chat("First?", "Yes."), *lines]) + b"\n")
    rules = plan(Settings(select=("DUP401", "LBL604", "SPL501")), RUN).rules
    with _judged(path, rules) as (readers, driven, finished), contextlib.closing(Rows(finished)) as rows:
        what = data.draw(st.dictionaries(st.integers(0, len(lines)), st.sampled_from([None, *GOOD])))
        touched = {row: Touched(raw, rows.raw(row)) for row, raw in what.items()}
        summaries: list[SourceSummary] = list(driven.summaries)
        inputs = laid_out(rows, zip([reader.source for reader in readers], summaries, strict=True), [])
        again = judge_again(inputs, rows, touched, rules, RUN, Means())
        edited = {row: now.raw for row, now in sorted(touched.items()) if now.raw is not None}
        removed = sorted(row for row, now in touched.items() if now.raw is None)
        patched, unanswered = Now(finished, rows, edited, removed, RUN).judge(rules)
        assert unanswered == []
        if again is not None:  # an output that reads as something else than lines cannot be compared
            assert _told(patched) == _told(again)


def _told(found: Sequence[tuple[Finding, int]]) -> list[tuple[str, str, int, object]]:
    return sorted((item.code, item.message, row, item.place.line) for item, row in found)


# ----------------------------------------------------------------------------- line ends

_TEXTS = st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n", b"\r\r\n", b" "]), max_size=14).map(b"".join)


@given(_TEXTS, st.integers(1, 5), st.booleans())
def test_line_ends_come_back_however_the_text_was_cut(text: bytes, size: int, old_mac: bool) -> None:
    import io

    feeds = LineFeeds((text[at : at + size] for at in range(0, len(text), size)), old_mac=old_mac)
    made = b"".join(feeds)
    assert not made or made.endswith(b"\n")
    assert b"\r\n" not in made
    assert not (old_mac and b"\r" in made)
    assert b"".join(with_ends(io.BytesIO(made), feeds.runs)) == text


# ----------------------------------------------------------------------------- people


@pytest.fixture
def decide(tmp_path: Path) -> Callable[..., Path]:
    rows = [chat(f"Is {n} large?", "yes" if n > 5 else "no", metadata={"label": "x"}) for n in range(9)]
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join([*rows, chat("Is 1 large?", "no"), b"[]"]) + b"\n")
    fix(path, str(tmp_path / "probe.jsonl"), options=FixOptions(drop=True), ignore=["TOK", "LBL"])
    names = {line.line: line.row_id for line in ledger_lines(tmp_path / "probe.ledger.jsonl")}

    def decided(**by_line: dict[str, object]) -> Path:
        file = tmp_path / "decisions.jsonl"
        told = [{"row_id": names[int(line[1:])], **what} for line, what in by_line.items()]
        file.write_text("".join(json.dumps(item) + "\n" for item in told))
        return file

    return decided


def test_a_row_that_people_keep_is_not_removed(decide: Callable[..., Path], tmp_path: Path) -> None:
    decisions = decide(l10={"action": "keep"}, l11={"action": "quarantine", "reviewers": ["Ada"], "note": "what?"})
    options = FixOptions(drop=True, decisions=str(decisions))
    report = fix(tmp_path / "x.jsonl", options=options, ignore=["TOK", "LBL"])
    assert (report.rows.dropped, report.rows.quarantined) == (0, 1)
    (line,) = ledger_lines(tmp_path / "x.fixed.ledger.jsonl")
    assert (line.action, line.codes) == ("quarantined", ("review",))
    assert line.reasons == ("quarantine, decided by Ada: what?",)
    assert report.by_code == {"review": {"quarantined": 1}}


def test_a_row_that_people_label_anew_is_edited_and_stays(decide: Callable[..., Path], tmp_path: Path) -> None:
    decisions = decide(l10={"action": "relabel", "label": "maybe"}, l11={"action": "drop"})
    options = FixOptions(decisions=str(decisions))
    report = fix(tmp_path / "x.jsonl", options=options, ignore=["TOK", "LBL"])
    assert (report.rows.edited, report.rows.dropped, report.decisions_unused) == (1, 1, 0)
    assert (tmp_path / "x.fixed.jsonl").read_bytes().splitlines()[-1] == chat("Is 1 large?", "maybe")


def test_decisions_on_rows_that_are_not_there_are_counted(tmp_path: Path) -> None:
    path, decisions = tmp_path / "x.jsonl", tmp_path / "d.jsonl"
    path.write_bytes(chat("a", "b") + b"\n")
    decisions.write_text('{"row_id": "0#1", "action": "drop"}\n')
    report = fix(path, options=FixOptions(decisions=str(decisions)), ignore=["TOK"])
    assert (report.decisions_unused, report.rows.untouched) == (1, 1)


# ----------------------------------------------------------------------------- rules that compare rows


def _copies(folder: Path) -> Path:
    """A row that is mended, and one that is there twice."""
    path = folder / "x.jsonl"
    path.write_bytes(b"\n".join([*ROWS[2:5], ROWS[2]]) + b"\n")
    return path


def test_what_could_not_be_judged_again_in_a_later_round_is_not_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, rounds = fixer.Fixer._judged_again, iter(range(10))
    monkeypatch.setattr(fixer.Fixer, "_judged_again", lambda *given: None if next(rounds) else judged(*given))
    monkeypatch.setattr(Passes, "compare", lambda *_: {0})
    report = fix(_copies(tmp_path), options=FixOptions(drop=True), write=False, ignore=["TOK"])
    assert report.left["DUP401"].findings == 1


def test_rows_that_never_settle_are_judged_once_more_after_the_last_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    judged = fixer.Fixer._judged_again
    monkeypatch.setattr(fixer.Fixer, "_judged_again", lambda *given: done.append("judged") or judged(*given))
    monkeypatch.setattr(Passes, "compare", lambda *_: done.append("changed") or {0})
    fix(_copies(tmp_path), options=FixOptions(drop=True), write=False, ignore=["TOK"])
    assert done[-2:] == ["changed", "judged"]
    assert done.count("judged") == MOST_PASSES + 1
