"""The whole round: rows are exported, decided by a person, imported, mended, and stand in the ledger."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import audit
from audit.api.reviewing import ExportOptions, ImportOptions, export, import_
from audit.cli import main
from audit.remedy.fix.report import FixOptions
from audit.remedy.ledger import read_ledger

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat"


def row(prompt: str, label: str) -> dict[str, object]:
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": f"{label}\n"}],
        "metadata": {"label": label, "n": 1.50},
    }


def decided(name: str, decisions: list[tuple[str, str]], *, by: str = "ann") -> None:
    """Fill in a sheet: the first lines with what is given, the others not at all."""
    with open(name, encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    for line, (decision, label) in zip(lines, decisions, strict=False):
        line.update(decision=decision, new_label=label, reviewer=by, note="looked")
    with open(name, "w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(lines)


def test_what_a_person_decided_is_carried_out_and_stands_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row(f"question {at}", label) for at in range(4) for label in ("good", "bad")]
    rows += [row(f"another thing, number {at}", ("good", "bad")[at % 2]) for at in range(40)]
    lines = [json.dumps(one) for one in rows]
    Path("train.jsonl").write_text("\n".join(lines) + "\n")
    Path("audit.toml").write_text('[data]\nlabel = "metadata.label"\n')
    assert main(["review", "export", "train.jsonl", "--codes", "LBL601"]) == 0
    wanted = [("keep", ""), ("drop", ""), ("q", ""), ("K", ""), ("relabel", "bad"), ("L", "good")]
    decided("review.csv", wanted)
    assert main(["review", "import", "review.csv", "--data", "train.jsonl"]) == 0
    assert main(["fix", "train.jsonl", "--drop", "--decisions", "decisions.jsonl", "--exit-zero"]) == 0

    with open("review.csv", encoding="cp1252", newline="") as file:
        sheet = list(csv.DictReader(file, delimiter=";"))
    ledger = {line.row_id: line for line in read_ledger(Path("train.fixed.ledger.jsonl")).lines()}
    actions = [ledger[line["row_id"]].action if line["row_id"] in ledger else None for line in sheet[:6]]
    assert actions == [None, "dropped", "quarantined", None, "edited", "edited"]
    for line in (sheet[at] for at in (1, 2, 4, 5)):
        assert ledger[line["row_id"]].codes == ("review",)
        assert "ann" in ledger[line["row_id"]].reasons[0]
    # The rows that nobody decided on are the rule's, as without decisions.
    assert {ledger[line["row_id"]].codes for line in sheet[6:]} == {("LBL601",)}

    fixed = Path("train.fixed.jsonl").read_text().splitlines()
    kept = [line for line in sheet if line["decision"] in ("keep", "K")]
    assert all(lines[int(line["line"]) - 1] in fixed for line in kept)
    for line, label in ((sheet[4], "bad"), (sheet[5], "good")):
        before = lines[int(line["line"]) - 1]
        old = line["label"]
        assert before.replace(f'"{old}', f'"{label}') in fixed


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_real_labels_go_through_three_people_and_a_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = SHARED / "banking77.jsonl.gz"
    people = ("ann", "bob", "cid")
    options = ExportOptions(codes=("DUP403", "DUP402"), most=60, annotators=people, overlap=0.5)
    assert export(source, "r.csv", options=options).rows == 60
    for at, who in enumerate(people):
        decided(f"r.{who}.csv", [(("keep", "drop")[(number + at) % 5 == 0], "") for number in range(60)], by=who)
    sheets = [f"r.{who}.csv" for who in people]
    report = import_(sheets, source, "d.jsonl", options=ImportOptions(merge="unanimous"))
    assert report.entries.refused == 0
    assert report.rows.seen == 60 == report.rows.decided + report.rows.undecided
    assert report.on_decisions is not None
    assert report.on_decisions.alpha.value is not None
    done = audit.fix(source, "fixed.jsonl.gz", options=FixOptions(decisions="d.jsonl"), select=["ENC"])
    assert done.by_code["review"]["dropped"] == report.actions["drop"]
    assert done.rows.dropped == report.actions["drop"]
