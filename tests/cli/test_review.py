"""``audit review``: from a sheet to a file of decisions on the command line, and what it says on the way."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest

from audit.cli import main


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def data(prompts: int = 10) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"=question {at}"}, {"role": "assistant", "content": label}]}
        for at in range(prompts)
        for label in ("good", "bad")
    ]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def fill(name: str, **cells: str) -> None:
    with open(name, encoding="utf-8-sig", newline="") as file:
        lines = [{**line, **cells} for line in csv.DictReader(file)]
    with open(name, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(lines)


def test_export_says_what_was_found_and_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    assert main(["review", "export", "a.jsonl"]) == 0
    assert capsys.readouterr().out == (
        "20 rows checked, 20 for a person to look at\n"
        "code    rows  in the sheets\n"
        "LBL601    20             20\n"
        "wrote review.csv: 20 rows\n"
        "fill in decision (keep, drop, quarantine or relabel) and, to relabel, new_label\n"
        "next: audit review import review.csv --data a.jsonl -o decisions.jsonl\n"
    )
    raw = Path("review.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfrow_id,file,line,codes,why,prompt,answer,label,suggestion,related,decision,")
    assert b",'=question 0," in raw


def test_a_round_with_two_annotators_ends_in_decisions_and_their_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    assert main(["review", "export", "a.jsonl", "--annotators", "ann, bob", "--overlap", "1", "--most", "16"]) == 0
    fill("review.ann.csv", decision="drop")
    fill("review.bob.csv", decision="Drop")
    capsys.readouterr()
    words = ["review", "import", "review.ann.csv", "review.bob.csv", "--data", "a.jsonl"]
    assert main(words) == 0
    assert capsys.readouterr().out == (
        "32 lines: 32 filled in, 0 empty, 0 repeated, 0 refused\n"
        "16 rows: 16 decided (drop 16), 0 undecided (0 because people disagree), 0 refused\n"
        "agreement on decisions, 16 rows judged by two or more:\n"
        "  all: raw 1.000 (no interval: nobody disagrees); "
        "Krippendorff's alpha not estimable: only one category was used\n"
        "  ann and bob, 16 rows: raw 1.000 (95%: 0.806 to 1.000); "
        "Cohen's kappa not estimable: only one category was used\n"
        "rows chosen for their doubts: people agree more on the others\n"
        "wrote decisions.jsonl\n"
        "next: audit fix a.jsonl --decisions decisions.jsonl\n"
    )
    lines = [json.loads(line) for line in Path("decisions.jsonl").read_text().splitlines()]
    assert len(lines) == 16
    assert lines[0].items() >= {"action": "drop", "label": None, "reviewers": ["ann", "bob"], "note": ""}.items()


def test_the_account_as_json_has_a_schema_and_every_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    assert main(["review", "export", "a.jsonl", "--format", "json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert (exported["schema"], exported["action"], exported["rows"]) == ("audit.review/1", "export", 20)
    fill("review.csv", decision="relabel", new_label="goood")
    assert main(["review", "import", "review.csv", "--data", "a.jsonl", "--format", "json"]) == 1
    account = json.loads(capsys.readouterr().out)
    assert (account["schema"], account["action"]) == ("audit.review/1", "import")
    assert account["entries"] == {"empty": 0, "filled": 0, "read": 20, "refused": 20, "repeated": 0}
    assert len(account["refusals"]) == 20


def test_refused_lines_are_named_ten_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    main(["review", "export", "a.jsonl"])
    fill("review.csv", decision="\x1b[31mmaybe")
    assert main(["review", "import", "review.csv", "--data", "a.jsonl"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "  review.csv:2: '\\x1b[31mmaybe' is not keep, drop, quarantine or relabel" in out
    assert "  ... 10 more\n" in out


def test_codes_choose_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    assert main(["review", "export", "a.jsonl", "--codes", "DUP,SPL501"]) == 0
    assert "20 rows checked, 0 for a person to look at\n" in capsys.readouterr().out
    assert main(["review", "export", "a.jsonl", "--select", "LBL601", "--force"]) == 0
    assert "LBL601    20" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export"], "no data was named"),
        (["import", "review.csv"], "no data was named"),
        (["import", "--data", "a.jsonl"], "no sheet was named"),
        (["import", "none.csv", "--data", "a.jsonl"], "cannot read none.csv"),
        (["export", "a.jsonl", "--most", "many"], "--most must be a whole number"),
        (["export", "a.jsonl", "--overlap", "half"], "--overlap must be a share"),
        (["export", "a.jsonl", "--codes", "XYZ"], "no rule has the code or prefix"),
        (["export", "a.jsonl", "-o", "review.xlsx"], "names no form of a sheet"),
        (["export", "a.jsonl", "-o", "a.jsonl"], "is an input"),
        (["export", "a.jsonl", "-o", "nowhere/review.csv"], "folder nowhere does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data(2)
    assert main(["review", *words]) == 2
    assert said in capsys.readouterr().err


def test_an_earlier_sheet_is_kept_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    assert main(["review", "export", "a.jsonl"]) == 0
    assert main(["review", "export", "a.jsonl"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["review", "export", "a.jsonl", "--force"]) == 0


def test_the_next_step_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    Path("a.jsonl").rename("my data.jsonl")
    Path("own.toml").write_text("")
    assert main(["review", "export", "my data.jsonl", "--config", "own.toml", "-o", "a sheet.csv"]) == 0
    following = capsys.readouterr().out.splitlines()[-1]
    wanted = "audit review import 'a sheet.csv' --data 'my data.jsonl' --config own.toml -o decisions.jsonl"
    assert following == f"next: {wanted}"
    fill("a sheet.csv", decision="keep")
    assert main(shlex.split(wanted)[1:]) == 0
    following = capsys.readouterr().out.splitlines()[-1]
    assert following == "next: audit fix 'my data.jsonl' --config own.toml --decisions decisions.jsonl"


def test_the_next_step_names_splits(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    assert main(["review", "export", "--split", "train=a.jsonl"]) == 0
    assert "--split train=a.jsonl -o decisions.jsonl" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "a.jsonl", "--merge", "first"], "--merge is for review import"),
        (["export", "a.jsonl", "--adjudicated", "x.csv"], "--adjudicated is for review import"),
        (["export", "a.jsonl", "--data", "a.jsonl"], "--data is for review import"),
        (["import", "r.csv", "--data", "a.jsonl", "--annotators", "ann"], "--annotators is for review export"),
        (["import", "r.csv", "--data", "a.jsonl", "--mask"], "--mask is for review export"),
    ],
)
def test_flags_that_would_do_nothing_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data(2)
    assert main(["review", *words]) == 2
    assert said in capsys.readouterr().err


def test_what_the_last_word_decided_is_not_put_down_to_the_merge(capsys: pytest.CaptureFixture[str]) -> None:
    data()
    assert main(["review", "export", "a.jsonl"]) == 0
    for name, decision in (("one", "keep"), ("last", "drop")):
        Path(f"{name}.csv").write_bytes(Path("review.csv").read_bytes())
        fill(f"{name}.csv", decision=decision)
    capsys.readouterr()
    assert main(["review", "import", "one.csv", "--adjudicated", "last.csv", "--data", "a.jsonl"]) == 0
    said = capsys.readouterr().out
    assert "20 rows decided against somebody's word (--adjudicated)\n" in said
    assert "--merge" not in said
