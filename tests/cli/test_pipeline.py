"""``audit run``: unchanged stages are taken from before, a failed gate stops, and being killed changes nothing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from audit.cli import main
from audit.errors import MissingExtra

ROWS = 240
CONFIG = """
[data]
files = ["loans.jsonl"]
label = "metadata.label"
favourable = "approved"
[attributes.sex]
field = "metadata.sex"
[split]
train = 0.6
validation = 0.1
test = 0.3
stratify = ["label", "sex"]
[balance]
by = ["label", "sex"]
[train]
task = "classify"
width = 16
heads = 2
layers = 1
vocabulary = 300
max_steps = 12
batch_size = 8
energy = "off"
threads = 1
[evaluate]
counterfactual = false
"""
TO_THE_GATE = ("check", "fix", "split", "balance", "gate")
DIFFERS = {"timing.jsonl", "timing.json", "machine.json", "record.jsonl", "record.sha256", "report.html", ".lock"}
"""Files that tell when, or in how many attempts, a run was made."""
needs_training = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "transformers", "tokenizers")), reason="the extra train"
)


def loans(seed: int = 7, rows: int = ROWS) -> Iterator[str]:
    draw = random.Random(seed)
    for number in range(rows):
        sex = draw.choice(["female", "male"])
        share = draw.randint(1, 60)
        label = "declined" if share > 45 or (sex == "female" and share > 20 and draw.random() < 0.6) else "approved"
        asked = f"Applicant {number} ({sex}) asks for {draw.randint(1, 900) * 10} dollars at {share} percent of income."
        yield json.dumps(
            {
                "messages": [
                    {"role": "user", "content": asked},
                    {"role": "assistant", "content": f"{label.capitalize()} for number {number}."},
                ],
                "metadata": {"label": label, "sex": sex},
            }
        )


def lay_out(folder: Path, more: str = "", config: str = CONFIG) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loans.jsonl").write_text("\n".join(loans()) + "\n", encoding="utf-8")
    (folder / "audit.toml").write_text(config + more, encoding="utf-8")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(lay_out(tmp_path / "work"))
    return tmp_path / "work"


def manifest(place: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((place / "audit-run" / "run.json").read_bytes())
    return told


def keys(place: Path) -> dict[str, str]:
    return {stage["name"]: stage["key"] for stage in manifest(place)["stages"]}


def times(place: Path) -> dict[str, int]:
    files = [path for path in (place / "audit-run").rglob("*") if path.is_file() and path.name not in DIFFERS]
    return {path.as_posix(): path.stat().st_mtime_ns for path in files if path.name != "run.json"}


def contents(place: Path) -> dict[str, bytes]:
    root = place / "audit-run"
    files = [path for path in root.rglob("*") if path.is_file() and path.name not in DIFFERS]
    return {
        name: path.read_bytes() for path in files if "/checkpoints/" not in (name := path.relative_to(root).as_posix())
    }


def test_every_stage_leaves_its_folder_and_an_entry_with_hashes(place: Path) -> None:
    assert main(["run", "--until", "gate", "--quiet"]) == 0
    told = manifest(place)
    assert [stage["name"] for stage in told["stages"]] == list(TO_THE_GATE)
    assert told["schema"] == "audit.pipeline/1"
    assert told["begun"] is None
    for stage in told["stages"]:
        assert len(stage["key"]) == 64
        assert all((place / "audit-run" / name).is_file() for name in stage["outputs"])
    assert (place / "audit-run" / "split" / "test.jsonl").exists()


def test_a_second_run_takes_everything_from_before(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--until", "gate"])
    before, told = times(place), manifest(place)
    capsys.readouterr()
    assert main(["run", "--until", "gate"]) == 0
    assert times(place) == before
    assert manifest(place) == told
    assert capsys.readouterr().out.count("unchanged, taken from before") == len(TO_THE_GATE)


def test_a_changed_row_runs_what_reads_it_again(place: Path) -> None:
    main(["run", "--until", "split"])
    before = keys(place)
    with (place / "loans.jsonl").open("a", encoding="utf-8") as file:
        file.write(next(loans(seed=99)) + "\n")
    main(["run", "--until", "split"])
    assert all(before[name] != key for name, key in keys(place).items())


def test_a_setting_of_one_stage_leaves_those_before_it_alone(place: Path) -> None:
    main(["run", "--until", "balance"])
    before = keys(place)
    lay_out(place, config=CONFIG.replace('by = ["label", "sex"]', 'by = ["label"]'))
    main(["run", "--until", "balance"])
    changed = [name for name, key in keys(place).items() if key != before[name]]
    assert changed == ["balance"]


def test_an_output_that_was_touched_is_made_anew(place: Path) -> None:
    main(["run", "--until", "split"])
    file = place / "audit-run" / "split" / "train.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    main(["run", "--until", "split"])
    assert file.read_bytes() == whole


def test_from_runs_a_stage_and_those_after_it_anew(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--until", "gate"])
    before = contents(place)
    capsys.readouterr()
    main(["run", "--until", "gate", "--from", "split"])
    out = capsys.readouterr().out
    assert out.count("unchanged") == 2
    assert contents(place) == before


def test_a_dry_run_writes_nothing_and_says_what_would_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert not (place / "audit-run").exists()
    assert "1 check: would run" in out
    assert f"{ROWS} rows are read" in out
    assert "12 steps" in out


def test_a_gate_that_fails_stops_the_run_with_exit_code_1(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(place, "[gate]\nmin.impact_ratio.sex = 0.99\n")
    assert main(["run"]) == 1
    assert "Stopped: the gate says FAIL" in capsys.readouterr().out
    assert not (place / "audit-run" / "train").exists()


def test_a_waiver_goes_on_and_is_recorded(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waive = '[run]\nwaive = "A. Jones: the pilot needs it"\nstages = ["check", "split", "gate"]\n'
    lay_out(place, "[gate]\nmin.impact_ratio.sex = 0.99\n" + waive)
    assert main(["run"]) == 0
    assert "waived by A. Jones: the pilot needs it" in capsys.readouterr().out
    assert manifest(place)["stages"][-1]["figures"]["waived"] == "A. Jones: the pilot needs it"


def test_without_the_extra_the_stages_up_to_the_gate_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise MissingExtra("training needs torch, which is not installed", hint="pip install it")

    monkeypatch.setattr("audit.train.installed.check_installed", missing)
    assert main(["run"]) == 0
    out = capsys.readouterr().out
    assert "5 gate: PASS" in out
    assert "Not done: train (training needs torch, which is not installed" in out


def test_stages_that_are_not_chosen_do_not_run(place: Path) -> None:
    lay_out(place, '[run]\nstages = ["split", "check"]\n')
    main(["run"])
    assert list(keys(place)) == ["check", "split"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('[run]\nstages = ["chek"]\n', "[run]"),
        ("[run]\nstage = []\n", 'unknown key "run.stage"'),
        ("[run]\nmax_removal = 2\n", "a share from 0 to 1"),
        ("[run]\nseeds = [1, 1]\n", "different whole numbers"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], config: str, said: str
) -> None:
    lay_out(place, config)
    assert main(["run"]) == 2
    assert said in capsys.readouterr().err
    assert not (place / "audit-run").exists()


def test_a_stage_that_is_misspelt_is_named_with_the_nearest(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--from", "evalute"]) == 2
    assert "evaluate" in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "notes.txt").write_text("keep", encoding="utf-8")
    assert main(["run", "-o", "mine"]) == 2
    assert [path.name for path in (place / "mine").iterdir()] == ["notes.txt"]
    assert "no pipeline's" in capsys.readouterr().err


def test_a_folder_that_holds_the_data_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-o", "."]) == 2
    assert "which is read" in capsys.readouterr().err


# ----------------------------------------------------------------------------- killed


def begin(place: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "audit", "run", "audit.toml", "--quiet", *words]
    return subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed_in(place: Path, stage: str, after: float, *words: str, by: signal.Signals = signal.SIGKILL) -> None:
    """Run until a stage is under way, and kill the process some seconds later (or find it ended by then)."""
    process = begin(place, *words)
    try:
        while process.poll() is None:
            run = place / "audit-run" / "run.json"
            begun = json.loads(run.read_bytes())["begun"] if run.exists() else None
            if begun is not None and begun["name"] == stage:
                time.sleep(after)
                break
            time.sleep(0.005)
    finally:
        process.send_signal(by)
        process.wait(timeout=60)


@pytest.mark.timeout(300)
def test_killed_in_any_stage_and_started_again_the_bytes_are_the_same(tmp_path: Path) -> None:
    whole, cut = lay_out(tmp_path / "a"), lay_out(tmp_path / "b")
    assert begin(whole, "--until", "gate").wait(timeout=200) == 0
    for at, stage in enumerate(TO_THE_GATE):
        by = signal.SIGINT if at % 2 else signal.SIGKILL
        killed_in(cut, stage, 0.03 * at, "--until", "gate", by=by)
    assert begin(cut, "--until", "gate").wait(timeout=200) == 0
    assert contents(cut) == contents(whole)


@needs_training
@pytest.mark.timeout(400)
def test_killed_while_models_are_trained_and_asked_the_bytes_are_the_same(tmp_path: Path) -> None:
    whole, cut = lay_out(tmp_path / "a"), lay_out(tmp_path / "b")
    code = begin(whole).wait(timeout=200)
    assert code in (0, 1, 3)
    killed_in(cut, "train", 4.0)
    killed_in(cut, "evaluate", 2.0)
    assert begin(cut).wait(timeout=200) == code
    assert contents(cut) == contents(whole)
    assert (cut / "audit-run" / "report.html").exists()
    runs = manifest(cut)["stages"][5]["figures"]["runs"]
    assert [run["arm"] for run in runs] == ["raw", "remediated"]
