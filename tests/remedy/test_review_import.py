"""Sheets come back: however they were saved they are read, every line is counted, and several people become one."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.api.reviewing import ExportOptions, ImportOptions, ImportReport, export, import_
from audit.errors import InputError, OutputError, UsageError
from audit.remedy.review.decisions import Decision, read_decisions
from audit.remedy.review.filled import read_filled
from audit.remedy.review.merging import merged
from audit.remedy.review.votes import Vote

LABELS = ("good", "bad", "très bon")


def row(prompt: str, answer: str) -> str:
    return json.dumps(
        {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]},
        ensure_ascii=False,
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Thirty rows, ten prompts labelled in three ways each."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(row(f"question {at}", label) + "\n" for at in range(10) for label in LABELS), "utf-8")
    return path


@pytest.fixture
def sheet(tmp_path: Path, data: Path) -> Path:
    export(data, tmp_path / "review.csv")
    return tmp_path / "review.csv"


Line = dict[str, str]


def lines_of(path: Path) -> list[Line]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill(sheet: Path, name: str, decide: Callable[[Line, int], Mapping[str, str]]) -> Path:
    """A copy of the sheet with what somebody fills in on every line."""
    lines = [{**line, **decide(line, at)} for at, line in enumerate(lines_of(sheet))]
    with open(sheet.with_name(name), "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return sheet.with_name(name)


def imported(data: Path, *sheets: Path, force: bool = True, **options: object) -> tuple[ImportReport, list[Decision]]:
    output = data.parent / "decisions.jsonl"
    report = import_(sheets, data, output, options=ImportOptions(force=force, **options))  # type: ignore[arg-type]
    entries, rows = report.entries, report.rows
    assert entries.read == entries.filled + entries.empty + entries.repeated + entries.refused
    assert rows.seen == rows.decided + rows.undecided + rows.refused
    assert len(report.refusals) == entries.refused
    decisions = list(read_decisions(output).values())
    assert len(decisions) == rows.decided == sum(report.actions.values())
    return report, decisions


def keep(line: Line, at: int) -> Line:
    return {"decision": "keep"}


# ----------------------------------------------------------------------------- as it was saved


def saved(lines: list[Line], delimiter: str, ending: str) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]), delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_sheet_is_read_however_a_spreadsheet_saved_it(
    sheet: Path, delimiter: str, ending: str, encoding: str
) -> None:
    lines = [{**line, "decision": "L", "new_label": "très bon", "note": "a;b,c\nd"} for line in lines_of(sheet)]
    sheet.write_bytes(saved(lines, delimiter, ending).encode(encoding))
    found = read_filled(str(sheet))
    assert [(one.row_id, one.decision, one.new_label, one.note) for one in found] == [
        (line["row_id"], "L", "très bon", "a;b,c\nd") for line in lines
    ]
    assert [one.line for one in found[:2]] == [2, 4]  # the note of the first has a line break


def test_the_line_that_tells_excel_the_separator_is_passed_over(sheet: Path) -> None:
    sheet.write_text("sep=;\n" + saved(lines_of(sheet), ";", "\n"), "utf-8")
    assert [one.line for one in read_filled(str(sheet))] == list(range(3, 33))


def test_json_lines_are_read_and_a_broken_one_is_told(tmp_path: Path, data: Path) -> None:
    export(data, tmp_path / "review.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "review.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        line["decision"] = "k"
    lines[3]["decision"] = None
    texts = [json.dumps(line) for line in lines]
    (tmp_path / "filled.jsonl").write_text("\n".join([*texts[:5], "{broken", "", *texts[5:]]))
    report, decisions = imported(data, tmp_path / "filled.jsonl")
    assert (len(decisions), report.entries.empty, report.entries.refused) == (29, 1, 1)
    assert (report.refusals[0].line, report.refusals[0].why[:8]) == (6, "no JSON:")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04...", "is a workbook"),
        (b"row_id,verdict\n", 'no column "decision"'),
        (b"", "no column"),
        (b"\x00\xff\xfe", "no column"),
    ],
)
def test_a_file_that_is_no_sheet_is_an_error(tmp_path: Path, data: Path, content: bytes, why: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match=why):
        imported(data, tmp_path / "x.csv")


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(b"row_id,decision,new_label\n" + content)
    assert all(entry.line > 0 for entry in read_filled(str(path)))


# ----------------------------------------------------------------------------- what is decided


def test_words_and_letters_in_any_case_say_the_four_decisions(sheet: Path, data: Path) -> None:
    words = ["Keep", "k", "DROP", " d ", "quarantine", "Q", "relabel", "L"]

    def decide(line: Line, at: int) -> Line:
        word = words[at % 8]
        other = "bad" if line["label"] != "bad" else "good"
        return {"decision": word, "new_label": other if word in ("relabel", "L") else ""}

    report, decisions = imported(data, fill(sheet, "f.csv", decide))
    assert report.actions == {"drop": 8, "keep": 8, "quarantine": 8, "relabel": 6}
    assert {one.label for one in decisions if one.action == "relabel"} == {"good", "bad"}
    assert {one.reviewers for one in decisions} == {("f",)}


def test_decisions_come_in_the_order_of_the_data_whatever_that_of_the_sheet(sheet: Path, data: Path) -> None:
    _, first = imported(data, fill(sheet, "f.csv", keep))
    text = sheet.with_name("f.csv").read_text("utf-8").splitlines(keepends=True)
    sheet.with_name("f.csv").write_text("".join([text[0], *sorted(text[1:])]), "utf-8")
    _, second = imported(data, sheet.with_name("f.csv"))
    assert [one.row_id for one in first] == [one.row_id for one in second]


def test_rows_that_moved_or_were_copied_are_found_by_what_they_say(sheet: Path, data: Path) -> None:
    filled = fill(sheet, "f.csv", keep)
    data.write_text(row("new", "good") + "\n" + data.read_text("utf-8") + row("question 1", "good") + "\n", "utf-8")
    report, decisions = imported(data, filled)
    assert (len(decisions), report.entries.refused) == (30, 0)


def test_a_new_label_may_be_typed_or_copied_from_a_defused_cell(tmp_path: Path) -> None:
    data = tmp_path / "a.jsonl"
    data.write_text("".join(row(f"q {at}", label) + "\n" for at in range(20) for label in ("-1", "+1")))
    export(data, tmp_path / "r.csv")
    assert lines_of(tmp_path / "r.csv")[0]["label"] == "'-1"

    def decide(line: Line, at: int) -> Line:
        return {"decision": "relabel", "new_label": ("'+1", "+1")[at // 2 % 2] if line["label"] == "'-1" else "-1"}

    report, decisions = imported(data, fill(tmp_path / "r.csv", "f.csv", decide))
    assert report.actions == {"relabel": 40}
    assert {one.label for one in decisions} == {"-1", "+1"}


def test_the_label_that_the_row_has_already_is_a_keep(sheet: Path, data: Path) -> None:
    filled = fill(sheet, "f.csv", lambda line, at: {"decision": "relabel", "new_label": line["label"]})
    report, _ = imported(data, filled)
    assert (report.actions, report.confirmed) == ({"keep": 30}, 30)


# ----------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"decision": "kep"}, "'kep' is not keep, drop, quarantine or relabel (did you mean \"keep\"?)"),
        ({"decision": "relabel"}, "it says relabel and gives no new_label"),
        ({"decision": "l", "new_label": "goood"}, "'goood' is no label of the data (did you mean \"good\"?)"),
        ({"decision": "l", "new_label": "Good"}, "'Good' is no label of the data (did you mean \"good\"?)"),
        ({"decision": "", "new_label": "good"}, "it has a new_label and no decision"),
        ({"decision": "drop", "new_label": "bad"}, "it says drop and gives another label"),
        ({"decision": "keep", "row_id": "f" * 32 + "#1", "line": "9999"}, "no row of the data has this id"),
        ({"decision": "keep", "row_id": "x"}, "'x' is no row id"),
        ({"decision": "keep", "row_id": ""}, "it has no row id"),
    ],
)
def test_a_line_that_says_nothing_usable_is_refused_with_its_place(
    sheet: Path, data: Path, cells: Line, why: str
) -> None:
    filled = fill(sheet, "f.csv", lambda line, at: cells if at == 0 else keep(line, at))
    report, decisions = imported(data, filled)
    (refused,) = report.refusals
    assert (refused.file, refused.line, refused.why) == (str(filled), 2, why)
    assert len(decisions) == 29


def test_a_row_that_was_changed_since_is_told_from_one_that_never_was(sheet: Path, data: Path) -> None:
    filled = fill(sheet, "f.csv", keep)
    text = data.read_text("utf-8").splitlines()
    text[4] = row("question 1, reworded", "bad")
    data.write_text("\n".join(text) + "\n", "utf-8")
    report, decisions = imported(data, filled)
    assert [refused.why for refused in report.refusals] == [
        f"{data}:5 says something else than when the sheet was written"
    ]
    assert (len(decisions), report.rows.refused) == (29, 1)


def test_a_label_that_is_not_the_rows_is_refused_unless_a_spreadsheet_made_it(sheet: Path, data: Path) -> None:
    def decide(line: Line, at: int) -> Line:
        return {"decision": "keep", "label": {0: "bad" if line["label"] != "bad" else "good", 1: "Jan-02"}.get(at, "")}

    report, decisions = imported(data, fill(sheet, "f.csv", decide))
    (refused,) = report.refusals
    assert refused.line == 2
    assert refused.why.endswith(": another is given in new_label")
    assert len(decisions) == 29


def test_data_without_labels_takes_no_new_label(tmp_path: Path) -> None:
    data = tmp_path / "a.jsonl"
    texts = ["It is the first of them, I am quite sure.", "No, not at all: look at the other side of it."]
    data.write_text("".join(row("Which one is it?", text) + "\n" for text in texts))
    export(data, tmp_path / "r.csv")
    filled = fill(tmp_path / "r.csv", "f.csv", lambda line, at: {"decision": "relabel", "new_label": "good"})
    report, _ = imported(data, filled)
    assert report.rows.refused == 2
    assert report.refusals[0].why.startswith("the data has no labels that could be told")


def test_one_person_twice_on_a_row_counts_once_or_not_at_all(sheet: Path, data: Path) -> None:
    first = fill(sheet, "one.csv", lambda line, at: {"decision": "keep", "reviewer": "ann"})
    again = fill(sheet, "two.csv", lambda line, at: {"decision": "drop" if at == 0 else "keep", "reviewer": "ann"})
    report, decisions = imported(data, first, again)
    assert (report.entries.filled, report.entries.repeated, report.entries.refused) == (29, 29, 2)
    assert {refused.why for refused in report.refusals} == {
        f"ann says different things of this row ({first}:2, {again}:2)"
    }
    assert len(decisions) == 29
    assert report.on_decisions is None


def test_a_sheet_named_twice_and_an_output_that_is_an_input_are_refused(sheet: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="named twice"):
        imported(data, sheet, sheet)
    with pytest.raises(UsageError, match="no sheet"):
        imported(data)
    for path in (sheet, data):
        with pytest.raises(OutputError, match="one of the inputs"):
            import_([sheet], data, path, options=ImportOptions(force=True))


def test_an_interrupted_import_writes_nothing(sheet: Path, data: Path) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    report = import_([fill(sheet, "f.csv", keep)], data, data.parent / "d.jsonl", progress=interrupt)
    assert report.partial
    assert not (data.parent / "d.jsonl").exists()


# ----------------------------------------------------------------------------- several people


def by(name: str, words: Mapping[int, str]) -> Callable[[Line, int], Line]:
    return lambda line, at: {"decision": words.get(at, "keep"), "reviewer": name}


@pytest.mark.parametrize(
    ("rule", "decided", "disputed"),
    [("majority", ["drop", "drop"], 1), ("unanimous", ["drop"], 2), ("first", ["drop", "drop", "drop"], 0)],
)
def test_several_decisions_become_one_by_the_rule(
    sheet: Path, data: Path, rule: str, decided: list[str], disputed: int
) -> None:
    sheets = [
        fill(sheet, "a.csv", by("a", {0: "drop", 1: "drop", 2: "drop"})),
        fill(sheet, "b.csv", by("b", {0: "drop", 1: "drop", 2: "quarantine"})),
        fill(sheet, "c.csv", by("c", {0: "drop", 1: "keep", 2: "keep"})),
    ]
    report, decisions = imported(data, *sheets, merge=rule)
    assert [one.action for one in decisions if one.action != "keep"] == decided
    assert report.rows.disputed == disputed
    assert report.rows.overruled == len(decided) - 1
    assert report.reviewers == {"a": 30, "b": 30, "c": 30}


def test_what_people_disagree_on_is_adjudicated_and_comes_back(sheet: Path, data: Path, tmp_path: Path) -> None:
    one = fill(sheet, "a.csv", lambda line, at: {"decision": "drop" if at < 3 else "keep", "note": "hm"})
    other = fill(sheet, "b.csv", keep)
    disputes = tmp_path / "disputes.csv"
    report, _ = imported(data, one, other, disagreements=str(disputes))
    assert (report.rows.decided, report.rows.undecided, report.rows.disputed) == (27, 3, 3)
    assert [line["why"] for line in lines_of(disputes)] == ["a: drop (hm)\nb: keep"] * 3
    last = fill(disputes, "last.csv", lambda line, at: {"decision": ["drop", "keep", ""][at], "reviewer": "boss"})
    report, decisions = imported(data, one, other, adjudicated=(str(last),))
    assert (report.rows.decided, report.rows.disputed, report.rows.overruled) == (29, 1, 2)
    assert [(d.action, d.reviewers) for d in decisions if "boss" in d.reviewers] == [
        ("drop", ("a", "boss")),
        ("keep", ("b", "boss")),
    ]
    assert report.on_decisions is not None
    assert report.on_decisions.reviewers == ("a", "b")


def test_agreement_is_measured_on_decisions_and_on_labels(sheet: Path, data: Path) -> None:
    def choose(wanted: str) -> Callable[[Line, int], Line]:
        return lambda line, at: {"decision": "L", "new_label": wanted if at < 20 else "bad"}

    report, _ = imported(data, fill(sheet, "a.csv", choose("good")), fill(sheet, "b.csv", choose("très bon")))
    labels, decisions = report.on_labels, report.on_decisions
    assert labels is not None
    assert decisions is not None
    assert labels.raw.value == pytest.approx(1 / 3, abs=1e-6)
    assert labels.rows == decisions.rows == 30
    assert labels.alpha.value is not None
    assert decisions.raw.value is not None
    assert decisions.raw.value > labels.raw.value


def vote(reviewer: str, action: str) -> Vote:
    return Vote(row_id="x", reviewer=reviewer, action=action, label=None, note="", current=None)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(["keep", "drop", "quarantine"]), min_size=1, max_size=6))
def test_a_majority_is_more_than_half_and_never_depends_on_the_order(actions: list[str]) -> None:
    results = [
        merged({"x": [vote(f"r{at}", action) for at, action in some]}, {}, "majority", ["x"])
        for some in (list(enumerate(actions)), list(enumerate(actions))[::-1])
    ]
    verdicts = [[one.action for one in result.decisions] for result in results]
    assert verdicts[0] == verdicts[1]
    winner = [action for action in set(actions) if 2 * actions.count(action) > len(actions)]
    assert verdicts[0] == winner


def test_a_whole_round_gives_the_same_bytes_for_any_number_of_processes(data: Path, tmp_path: Path) -> None:
    outputs = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        options = ExportOptions(annotators=("a", "b"), overlap=0.5)
        export(data, folder / "r.csv", options=options, jobs=jobs)
        sheets = [fill(folder / f"r.{who}.csv", f"f.{who}.csv", keep) for who in "ab"]
        import_(sheets, data, folder / "d.jsonl", jobs=jobs)
        outputs.append([(folder / name).read_bytes() for name in ("r.a.csv", "r.b.csv", "d.jsonl")])
    assert outputs[0] == outputs[1]


# ----------------------------------------------------------------------------- who it was, and how it was saved


def test_a_name_spelt_in_several_ways_is_one_person(data: Path, sheet: Path) -> None:
    spellings = iter(["ann", "Ann", " ANN "] * 30)
    one = fill(sheet, "one.csv", lambda line, at: {"decision": "keep", "reviewer": next(spellings)})
    two = fill(sheet, "two.csv", lambda line, at: {"decision": "keep", "reviewer": "AN\uff2e"})
    report, decisions = imported(data, one, two)
    assert report.entries.repeated == 30
    assert report.reviewers == {"ann": 30}
    assert {decision.reviewers for decision in decisions} == {("ann",)}


def test_the_last_word_of_somebody_spelt_otherwise_is_theirs(data: Path, sheet: Path) -> None:
    one = fill(sheet, "one.csv", lambda line, at: {"decision": "keep", "reviewer": "Ann"})
    last = fill(sheet, "last.csv", lambda line, at: {"decision": "keep", "reviewer": "ann"})
    _, decisions = imported(data, one, adjudicated=(str(last),))
    assert {decision.reviewers for decision in decisions} == {("Ann",)}


def test_rows_decided_against_somebody_by_the_last_word_are_counted_apart(data: Path, sheet: Path) -> None:
    people = [fill(sheet, f"{name}.csv", keep) for name in ("a", "b")]
    third = fill(sheet, "c.csv", lambda line, at: {"decision": "drop"} if at < 6 else keep(line, at))
    last = fill(sheet, "last.csv", lambda line, at: {"decision": "drop"} if at < 2 else {"decision": ""})
    report, _ = imported(data, *people, third, adjudicated=(str(last),))
    assert (report.rows.overruled, report.rows.settled) == (6, 2)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_sheet_in_utf_16_without_a_mark_is_read(data: Path, sheet: Path, encoding: str) -> None:
    filled = fill(sheet, "one.csv", keep)
    filled.write_bytes(filled.read_text("utf-8").encode(encoding))
    report, _ = imported(data, filled)
    assert report.entries.filled == 30


# ----------------------------------------------------------------------------- options from Python


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"merge": "foo"}, "merge"),
        ({"adjudicated": "last.csv"}, "adjudicated"),
        ({"force": "no"}, "force"),
    ],
)
def test_options_of_another_type_are_refused(data: Path, sheet: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        imported(data, sheet, **options)


@pytest.mark.parametrize("given", ["r2.csv", Path("r2.csv")])
def test_a_single_sheet_in_no_list_is_refused(data: Path, given: str | Path) -> None:
    with pytest.raises(UsageError, match=r"sheets are named in a list: \['r2.csv'\]"):
        import_(given, data)  # type: ignore[arg-type]


def test_paths_are_taken_where_text_is_declared(data: Path, sheet: Path) -> None:
    last = fill(sheet, "last.csv", keep)
    options = ImportOptions(adjudicated=[last], disagreements=data.parent / "d.csv")  # type: ignore[arg-type]
    import_([sheet], data, data.parent / "decisions.jsonl", options=options)
    assert (data.parent / "d.csv").exists()


def disagreeing(sheet: Path) -> list[Path]:
    return [
        fill(sheet, f"{who}.csv", lambda *_, said=said: {"decision": said})  # type: ignore[misc]
        for who, said in (("ann", "keep"), ("ben", "drop"))
    ]


def test_a_sheet_of_disagreements_is_read_by_no_more_people_than_the_data(data: Path, sheet: Path) -> None:
    sheets = disagreeing(sheet)
    data.chmod(0o600)
    for path in sheets:
        path.chmod(0o644)
    imported(data, *sheets, disagreements=str(data.parent / "open.csv"))
    assert (data.parent / "open.csv").stat().st_mode & 0o077 == 0


def test_what_appears_during_an_import_or_export_is_not_overwritten(data: Path, sheet: Path) -> None:
    filled = fill(sheet, "ann.csv", lambda *_: {"decision": "keep"})
    output = data.parent / "new.jsonl"
    for work in (
        lambda seen: import_([filled], data, output, progress=seen),
        lambda seen: export(data, output, progress=seen),
    ):
        output.unlink(missing_ok=True)
        with pytest.raises(OutputError, match="exists"):
            work(lambda _: output.write_text("mine"))  # type: ignore[no-untyped-call]
        assert output.read_text() == "mine"


def test_what_is_no_regular_file_is_not_replaced(data: Path, sheet: Path) -> None:
    filled = fill(sheet, "ann.csv", lambda *_: {"decision": "keep"})
    link = data.parent / "link.jsonl"
    link.symlink_to(data.parent / "elsewhere.jsonl")
    pipe = data.parent / "pipe.jsonl"
    os.mkfifo(pipe)
    for output in (pipe, link):
        with pytest.raises(OutputError, match="no regular file"):
            import_([filled], data, output, options=ImportOptions(force=True))
