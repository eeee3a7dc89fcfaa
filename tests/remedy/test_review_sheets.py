"""Sheets: what a spreadsheet may do to them, who gets which rows, and which rows come first."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.api.reviewing import ExportOptions, ImportOptions, export, import_
from audit.catalog import all_rules
from audit.errors import OutputError, UsageError
from audit.remedy.review.assignment import assigned
from audit.remedy.review.cells import defused, restored, sheet
from audit.remedy.review.filled import read_filled
from audit.remedy.review.report import CODES
from audit.remedy.review.sheets import COLUMNS, MASK, shown

HOSTILE = st.text(
    st.one_of(st.sampled_from("=+-@;'\" \t\r\n,\x00\ufeff＝＠"), st.characters(codec="utf-8")), max_size=20
)


def line(prompt: str, answer: Any, **metadata: Any) -> str:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, **({"metadata": metadata} if metadata else {})})


def data(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def conflicting(pairs: int) -> list[str]:
    """Twice so many rows: every prompt is labelled in two ways."""
    return [line(f"question number {at}", label) for at in range(pairs) for label in ("good", "bad")]


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# ----------------------------------------------------------------------------- cells


@given(HOSTILE)
def test_every_text_survives_being_defused(text: str) -> None:
    assert restored(defused(text)) == text


@given(HOSTILE)
def test_no_cell_begins_like_a_formula_whatever_separates_cells(text: str) -> None:
    for cell in defused(text).split(";"):
        assert not re.match('[\\s"]*[=+@\uff0b\uff1d\uff20\uff0d-]', cell)


@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=5))
def test_hostile_texts_come_through_a_file_and_back(rows: list[tuple[str, str]]) -> None:
    raw = b"".join(sheet(rows))
    read = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert [tuple(map(restored, row)) for row in read] == rows


def test_half_a_surrogate_pair_does_not_stop_the_file() -> None:
    assert b"".join(sheet([("\ud800x",)])).decode("utf-8-sig") == "?x\r\n"


# ----------------------------------------------------------------------------- what is exported


def test_contradictory_rows_are_exported_side_by_side_with_what_they_contradict(tmp_path: Path) -> None:
    path = data(tmp_path / "a.jsonl", [*conflicting(3), *(line(f"other {at}", "good") for at in range(30))])
    report = export(path, tmp_path / "review.csv")
    rows = table(tmp_path / "review.csv")
    assert list(rows[0]) == list(COLUMNS)
    assert report.rows == report.found == len(rows) == 6
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first["prompt"] == second["prompt"]
        assert first["related"] == f"{path}:{second['line']} {second['row_id']}"
        assert (first["label"], second["label"]) == ("good", "bad")
        assert first["codes"] == "LBL601"
        assert not any(first[name] for name in ("decision", "new_label", "note", "reviewer"))


def test_doubted_labels_come_by_rank_with_the_label_that_is_suggested(tmp_path: Path) -> None:
    words = {"good": ["great", "lovely", "superb"], "bad": ["awful", "dreadful", "horrid"]}
    lines = [
        line(f"{words[label][at % 3]} {words[label][at % 2]} film {at}", label)
        for at in range(60)
        for label in ("good", "bad")
    ]
    lines += [line("great superb lovely film", "bad"), line("awful film, horrid and dreadful", "good")]
    report = export(
        data(tmp_path / "a.jsonl", lines), tmp_path / "review.jsonl", options=ExportOptions(codes=("LBL603",))
    )
    found = [json.loads(raw) for raw in (tmp_path / "review.jsonl").read_text("utf-8").splitlines()]
    assert report.rows == len(found) == 2
    assert sorted((row["line"], row["label"], row["suggestion"]) for row in found) == [
        (121, "bad", "good"),
        (122, "good", "bad"),
    ]
    assert "(doubt 1 of 2)" in found[0]["why"][0]


def test_at_most_so_many_rows_are_handed_out_and_the_rest_is_counted(tmp_path: Path) -> None:
    report = export(data(tmp_path / "a.jsonl", conflicting(20)), tmp_path / "r.csv", options=ExportOptions(most=7))
    assert (report.found, report.rows, len(table(tmp_path / "r.csv"))) == (40, 7, 7)
    assert report.by_code == {"LBL601": {"found": 40, "rows": 7}}


def test_which_rows_are_handed_out_does_not_depend_on_their_order(tmp_path: Path) -> None:
    lines = conflicting(20)
    ids = []
    for name, given_lines in (("a", lines), ("b", lines[::-1])):
        path = data(tmp_path / f"{name}.jsonl", given_lines)
        export(path, tmp_path / f"{name}.csv", options=ExportOptions(most=10, annotators=("x", "y"), overlap=0.4))
        ids.append([{row["row_id"] for row in table(tmp_path / f"{name}.{who}.csv")} for who in "xy"])
    assert ids[0] == ids[1]


def test_an_ignored_finding_is_not_handed_out(tmp_path: Path) -> None:
    path = data(tmp_path / "a.jsonl", conflicting(3))
    ignores = [{"code": "LBL601", "reason": "two annotators on purpose"}]
    assert export(path, tmp_path / "r.csv", ignores=ignores).found == 0
    assert table(tmp_path / "r.csv") == []


def test_what_a_finding_covers_is_hidden_when_asked(tmp_path: Path) -> None:
    text = 'My number is "\t<|endoftext|>" é, write to <|endoftext|>'
    path = data(tmp_path / "a.jsonl", [line(text, "yes")])
    for mask in (False, True):
        options = ExportOptions(codes=("TOK306",), mask=mask)
        export(path, tmp_path / f"{mask}.csv", options=options)
    (plain,), (masked,) = (table(tmp_path / f"{mask}.csv") for mask in (False, True))
    assert plain["prompt"] == text
    assert masked["prompt"] == text.replace("<|endoftext|>", "[masked]")
    assert "<|endoftext|>" not in masked["why"]


def test_in_a_table_the_whole_value_that_a_finding_points_at_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("instruction,output\nWrite to <|endoftext|>,yes\nAnd so on,no\n")
    export(path, tmp_path / "r.csv", options=ExportOptions(codes=("TOK306",), mask=True))
    (row,) = table(tmp_path / "r.csv")
    assert (row["prompt"], row["answer"]) == ("[masked]", "yes")


def test_a_prompt_of_several_turns_says_who_speaks(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "Judge."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Sure?"},
    ]
    lines = [json.dumps({"messages": [*messages, {"role": "assistant", "content": word}]}) for word in ("yes", "no")]
    export(data(tmp_path / "a.jsonl", lines), tmp_path / "r.csv")
    assert table(tmp_path / "r.csv")[0]["prompt"] == "system: Judge.\nuser: One?\nassistant: Two.\nuser: Sure?"


def test_rows_that_cannot_be_read_are_shown_as_they_lie(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"messages": [\xff\n' + line("x" * 40_000 + " <|endoftext|>", "y").encode() + b"\n[1]\n")
    export(path, tmp_path / "r.csv", options=ExportOptions(codes=("ENC", "TOK306")))
    rows = {row["line"]: row["prompt"] for row in table(tmp_path / "r.csv")}
    assert rows["1"] == '{"messages": [\ufffd'
    assert rows["2"].endswith("x… (10,014 more characters)")
    assert len(rows["2"]) < 32_767
    assert rows["3"] == "[1]"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_packed_file_gives_the_same_sheet_for_any_number_of_processes(tmp_path: Path, jobs: int) -> None:
    import gzip

    lines = conflicting(10)
    plain = data(tmp_path / "a.jsonl", lines)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    export(plain, tmp_path / "plain.csv")
    export(packed, tmp_path / "packed.csv", jobs=jobs)
    assert (tmp_path / "packed.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes().replace(
        b"a.jsonl", b"a.jsonl.gz"
    )


@given(st.lists(HOSTILE, min_size=1, max_size=4, unique=True))
@settings(max_examples=25)
def test_hostile_rows_are_exported_as_they_are_and_decided_on(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = data(folder / "hostile.jsonl", [line(prompt, "=yes") for prompt in prompts for _ in range(2)])
    export(path, folder / "hostile.csv", options=ExportOptions(codes=("DUP401",), force=True))
    rows = table(folder / "hostile.csv")
    said = {(restored(row["prompt"]), restored(row["answer"])) for row in rows}
    assert said == {(prompt, "=yes") for prompt in prompts}
    with open(folder / "hostile.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, "decision": "drop"} for row in rows)
    options = ImportOptions(force=True)
    report = import_([folder / "hostile.csv"], path, folder / "hostile.decisions.jsonl", options=options)
    assert (report.rows.decided, report.entries.refused) == (len(rows), 0)


# ----------------------------------------------------------------------------- annotators


@given(
    st.lists(st.integers(1, 4), max_size=40),
    st.integers(1, 4),
    st.floats(0, 1),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_every_row_is_given_to_somebody_and_shared_ones_to_all(
    sizes: list[int], people: int, overlap: float, per_row: int, seed: int
) -> None:
    groups = [[f"{at}#{row}" for row in range(size)] for at, size in enumerate(sizes)]
    names = [f"p{at}" for at in range(people)]
    per_row = min(per_row, people)
    given_rows, shared = assigned(groups, names, overlap=overlap, per_row=per_row, seed=seed)
    everything = {row for group in groups for row in group}
    owners = {row: {name for name in names if row in given_rows[name]} for row in everything}
    assert sum(len(who) == people for who in owners.values()) == shared
    assert shared <= round(overlap * len(everything)) or per_row == people
    assert all(len(who) in (per_row, people) for who in owners.values())
    for group in groups:
        assert len({frozenset(owners[row]) for row in group}) == 1
    assert given_rows == assigned(groups[::-1], names, overlap=overlap, per_row=per_row, seed=seed)[0]


def test_single_rows_are_shared_out_evenly() -> None:
    rows = [[f"{at}"] for at in range(300)]
    found, shared = assigned(rows, ("a", "b", "c"), overlap=0.2, per_row=1, seed=0)
    assert shared == 60
    assert [len(found[name]) for name in "abc"] == [140, 140, 140]


def test_every_annotator_gets_a_sheet_with_their_name_in_it(tmp_path: Path) -> None:
    options = ExportOptions(annotators=("ann", "bob"), overlap=0.5)
    report = export(data(tmp_path / "a.jsonl", conflicting(20)), tmp_path / "review.csv", options=options)
    assert [(Path(file.path).name, file.annotator, file.rows) for file in report.files] == [
        ("review.ann.csv", "ann", 30),
        ("review.bob.csv", "bob", 30),
    ]
    assert report.shared == 20
    for file in report.files:
        assert {entry.reviewer for entry in read_filled(file.path)} == {file.annotator}


def test_an_interrupted_export_writes_nothing(tmp_path: Path) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    report = export(data(tmp_path / "a.jsonl", conflicting(3)), tmp_path / "r.csv", progress=interrupt)
    assert report.partial
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


# ----------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "options",
    [
        ExportOptions(most=0),
        ExportOptions(overlap=1.5),
        ExportOptions(per_row=2),
        ExportOptions(annotators=("a/b",)),
        ExportOptions(annotators=("a", "A")),
        ExportOptions(codes=("NOPE",)),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, options: ExportOptions) -> None:
    with pytest.raises(UsageError):
        export(data(tmp_path / "a.jsonl", conflicting(2)), tmp_path / "r.csv", options=options)


def test_an_earlier_sheet_and_an_input_are_never_written_over(tmp_path: Path) -> None:
    path = data(tmp_path / "a.jsonl", conflicting(2))
    export(path, tmp_path / "r.csv")
    before = (tmp_path / "r.csv").read_bytes()
    with pytest.raises(OutputError, match="exists"):
        export(path, tmp_path / "r.csv")
    with pytest.raises(OutputError, match="one of the inputs"):
        export(path, path, options=ExportOptions(force=True))
    export(path, tmp_path / "r.csv", options=ExportOptions(force=True))
    assert (tmp_path / "r.csv").read_bytes() == before


# ----------------------------------------------------------------------------- which rules there are


def test_every_default_code_has_a_rule_and_no_family_that_has_one_is_forgotten() -> None:
    known = [rule.code for rule in all_rules()]
    assert all(any(known_code.startswith(code) for known_code in known) for code in CODES)
    for family in ("PII", "SEC"):
        assert (family in CODES) == any(code.startswith(family) for code in known)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"codes": ("OTU",)}, "no rule has the code or prefix 'OTU'"),
        ({"codes": "LBL601"}, "codes"),
        ({"annotators": "ab"}, "annotators"),
        ({"overlap": "0.2"}, "overlap"),
        ({"overlap": float("nan")}, "--overlap is a share"),
        ({"most": True}, "most"),
        ({"per_row": 1.5}, "per_row"),
    ],
)
def test_options_of_another_type_and_codes_without_rules_are_refused(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        export([], tmp_path / "review.csv", options=ExportOptions(**options))


def test_codes_in_small_letters_rank_like_others(tmp_path: Path) -> None:
    report = export(
        data(tmp_path / "a.jsonl", conflicting(3)), tmp_path / "review.csv", options=ExportOptions(codes=("lbl601",))
    )
    assert report.by_code["LBL601"]["rows"] == 6


def test_a_mask_without_a_rule_that_finds_personal_data_is_said(tmp_path: Path) -> None:
    report = export(
        data(tmp_path / "a.jsonl", conflicting(3)),
        tmp_path / "review.csv",
        options=ExportOptions(mask=True, codes=("LBL601",)),
        ignore=["PII", "SEC"],
    )
    assert any("no rule that finds personal data" in note for note in report.notes)
    assert not export(tmp_path / "a.jsonl", tmp_path / "plain.csv").notes


def test_a_mask_is_not_masked_again() -> None:
    assert shown("mask the key sk-1 and sk-12", ["sk-12", "sk-1", "mask"]) == f"{MASK} the key {MASK} and {MASK}"
