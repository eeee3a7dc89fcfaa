"""``audit balance``: its flags and ``[balance]``, what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from audit.cli import main
from audit.cli.run import Termination

CONFIG = """\
[data]
label = "metadata.label"
[attributes.sex]
field = "metadata.sex"
"""
CELLS = {("f", "yes"): 6, ("f", "no"): 20, ("m", "yes"): 13, ("m", "no"): 14}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.jsonl", CELLS)
    (tmp_path / "audit.toml").write_text(CONFIG)
    return tmp_path


def write(path: Path, cells: dict[tuple[str, str], int]) -> None:
    rows = [kind for kind, count in cells.items() for _ in range(count)]
    with path.open("w") as file:
        for number, (sex, label) in enumerate(rows):
            said = [{"role": "user", "content": f"May {number} pass?"}, {"role": "assistant", "content": label}]
            file.write(json.dumps({"messages": said, "metadata": {"sex": sex, "label": label}}) + "\n")


def run(*words: str) -> int:
    return main(["balance", *words, "--quiet"])


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name not in ("audit.toml", "train.jsonl"))


def test_it_writes_beside_the_input_and_says_what(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train.jsonl", "--by", "label,sex") == 0
    assert files(folder) == ["train.balanced.jsonl", "train.balanced.ledger.jsonl"]
    said = capsys.readouterr().out
    for phrase in (
        "reweight for independence",
        "53 rows in = 0 untouched + 53 edited",
        "the price in variance: 53 rows are worth",
        "label and sex are independent in the weighted rows",
        "split first",
        "fixed by construction and say nothing about the model",
        "wrote train.balanced.jsonl (train.balanced.ledger.jsonl)",
    ):
        assert phrase in said


def test_the_table_of_cells_names_every_cell_with_its_weight(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("train.jsonl", "--by", "label,sex", "--method", "oversample")
    said = capsys.readouterr().out.splitlines()
    start = next(at for at, line in enumerate(said) if line.startswith("sex  label"))
    assert said[start].split() == ["sex", "label", "before", "weight", "rows", "after", "unique"]
    assert [line.split()[:3] for line in said[start + 1 : start + 5]] == [
        ["f", "no", "20"],
        ["f", "yes", "6"],
        ["m", "no", "14"],
        ["m", "yes", "13"],
    ]


def test_a_dry_run_prints_the_same_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train.jsonl", "--by", "label,sex", "--dry-run") == 0
    tried = capsys.readouterr().out.splitlines()
    assert files(folder) == []
    run("train.jsonl", "--by", "label,sex")
    assert capsys.readouterr().out.splitlines()[:-1] == tried[:-1]
    assert tried[-1] == "nothing was written (--dry-run)"
    assert run("train.jsonl", "--by", "label,sex", "--dry-run") == 0


def test_json_has_the_whole_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train.jsonl", "--by", "label,sex", "--format", "json", "--method", "undersample") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "audit.balance/1"
    assert report["rows"]["rows_in"] == report["rows"]["untouched"] + report["rows"]["dropped"] == 53
    assert {measure["name"] for measure in report["measures"]} >= {"balance.ess", "balance.residual_v"}
    assert all(measure["by_construction"] for measure in report["measures"])


def test_flags_win_over_the_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "audit.toml").write_text(
        CONFIG + '[balance]\nby = ["label", "sex"]\nmethod = "oversample"\ncap = "none"\nmax-copies = 2\n'
    )
    assert run("train.jsonl", "--dry-run") == 0
    assert "oversample for independence, strength 1, no cap" in capsys.readouterr().out
    assert run("train.jsonl", "--dry-run", "--method", "reweight", "--cap", "1.2", "--by", "label") == 0
    assert "balanced by label: reweight for balanced, strength 1, cap 1.2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "it is not said what to balance by"),
        (("--by", "label,"), ""),
        (("--by", "label,label"), "--by names 'label' twice"),
        (("--by", "label,sexx"), "there is no attribute 'sexx'"),
        (("--by", "label,sex", "--method", "oversampel"), 'did you mean "oversample"?'),
        (("--by", "label,sex", "--aim", "fair"), "--aim: 'fair' is not one of independence"),
        (("--by", "sex"), "no reference shares of sex"),
        (("--by", "label,sex", "--strength", "1.5"), "--strength must be between 0 and 1"),
        (("--by", "label,sex", "--strength", "nan"), "--strength must be a number"),
        (("--by", "label,sex", "--cap", "0.5"), "--cap must be 1 or more, or none"),
        (("--by", "label,sex", "--max-copies", "0"), "--max-copies must be a whole number"),
        (("--by", "label,sex", "--max-copies", "1.5"), "--max-copies must be a whole number"),
        (("--by", "label,sex", "--weights-to", "w.xlsx"), "must end in .parquet, .csv, .jsonl"),
        (("--by", "label,sex", "--weights-to", "w.csv", "-o", "x.jsonl"), "nothing for -o"),
        (("--by", "label,sex", "--weights-to", "w.csv", "--method", "oversample"), "takes weights"),
        (("--by", "label,sex", "-o", "x.parquet"), "rows are written as JSON Lines"),
        (("--by", "label,sex", "-o", "nowhere/x.jsonl"), "there is no folder nowhere"),
        (("--by", "label,sex", "-o", "train.jsonl", "--force"), "is one of the inputs"),
        (("--by", "label,sex", "--method", "augment", "--augment", "paraphrase"), "needs --endpoint"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run("train.jsonl", *words) == (0 if not said else 2)
    assert said in capsys.readouterr().err
    assert [name for name in files(folder) if "balanced" not in name] == []


@pytest.mark.parametrize("value", ["by = 3", 'method = "x"', "strength = true", "max-copies = 1e400", "cap = []"])
def test_wrong_values_in_the_configuration_name_their_key(
    folder: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    (folder / "audit.toml").write_text(CONFIG + f"[balance]\n{value}\n")
    assert run("train.jsonl", *([] if value.startswith("by") else ["--by", "label,sex"])) == 2
    key = value.partition(" ")[0].replace("-", "_")
    assert f"[balance] {key}" in capsys.readouterr().err


def test_a_cell_with_too_few_rows_is_named_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "train.jsonl", {**CELLS, ("f", "yes"): 3})
    assert run("train.jsonl", "--by", "label,sex") == 2
    assert "sex f, label yes: 3 rows" in capsys.readouterr().err
    assert files(folder) == []


def test_an_earlier_output_is_refused_without_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train.jsonl", "--by", "label,sex") == 0
    assert run("train.jsonl", "--by", "label,sex") == 2
    assert "--force" in capsys.readouterr().err
    assert run("train.jsonl", "--by", "label,sex", "--force") == 0


def test_of_many_labels_those_that_move_most_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "train.jsonl", {("f", f"label {number:02}"): 5 + number for number in range(60)})
    assert run("train.jsonl", "--by", "label", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "... 36 cells more" in said
    assert "... 20 labels or groups whose shares move less" in said.replace(" more ", " ")
    assert "label 59" in said
    assert "label 00" in said


def test_hostile_names_are_made_harmless(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "train.jsonl", {(sex.replace("m", "m\x1b[31m"), label): n for (sex, label), n in CELLS.items()})
    assert run("train.jsonl", "--by", "label,sex") == 0
    assert "\x1b" not in capsys.readouterr().out


def test_marked_copies_are_no_duplicates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train.jsonl", "--by", "label,sex", "--method", "oversample") == 0
    capsys.readouterr()
    assert main(["check", "train.balanced.jsonl", "--select", "DUP401", "--quiet", "--fail-on", "info"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--augment", "noise"), "--augment"),
        (("--method", "oversample", "--augment", "noise"), "--augment"),
        (("--endpoint", "http://localhost:1/v1"), "--endpoint"),
        (("--method", "augment", "--augment", "noise", "--paraphrase-model", "m"), "--paraphrase-model"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run("train.jsonl", "--by", "label,sex", *words) == 2
    assert f"{said} is for" in capsys.readouterr().err
    assert files(folder) == []


def test_a_dry_run_of_paraphrases_needs_no_server(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--method", "augment", "--augment", "paraphrase", "--endpoint", "http://127.0.0.1:9/v1")
    assert run("train.jsonl", "--by", "label,sex", *words, "--paraphrase-model", "m", "--dry-run") == 0
    assert "would ask for" in capsys.readouterr().out


def test_two_inputs_of_one_name_are_to_be_run_one_by_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "out"):
        (folder / name).mkdir()
    write(folder / "a" / "t.jsonl", CELLS)
    write(folder / "b" / "t.jsonl", CELLS)
    assert run("a/t.jsonl", "b/t.jsonl", "--by", "label,sex", "-o", "out") == 2
    said = capsys.readouterr().err
    assert "under one name" in said
    assert "mend" not in said


def test_sigterm_cleans_up_as_ctrl_c_does_and_exits_143(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit.remedy.balance import changes

    written, calls = changes.with_weight, iter(range(100))

    def terminated(*args: Any) -> bytes | None:
        if next(calls) >= 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return written(*args)

    monkeypatch.setattr(changes, "with_weight", terminated)
    assert run("train.jsonl", "--by", "label,sex") == 143
    assert [file.name for file in folder.iterdir() if "audit-tmp" in file.name] == []
    assert files(folder) == []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are forked")
def test_a_forked_worker_dies_of_sigterm_at_once(folder: Path) -> None:
    with Termination():
        worker = os.fork()
        if not worker:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -signal.SIGTERM


def test_a_second_sigterm_does_not_stop_the_cleaning_up() -> None:
    with Termination() as termination:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert termination.asked
