"""``audit run``: unchanged stages are taken from before, and a failed gate stops. Being killed: see
``test_pipeline_killed``."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.cli import main
from audit.errors import MissingExtra
from tests.cli.pipeline_example import CONFIG, ROWS, TO_THE_GATE, contents, keys, lay_out, loans, manifest, times


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(lay_out(tmp_path / "work"))
    return tmp_path / "work"


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
    assert (place / "audit-run" / "report.html").exists()


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
        ('[run]\nstages = ["chek"]\n', 'did you mean "check"?'),
        ("[run]\nstage = []\n", 'unknown key "run.stage"'),
        ('[run]\ntarget = "trll"\n', '"run.target" does not know'),
        ('[run]\nwaive = "  "\n', "who waives and why"),
        ("[run]\nwaive = true\n", '"run.waive" must be a text'),
        ("[run]\nseeds = 3\n", "different whole numbers"),
        ("[run]\nseeds = [99999999999999999999]\n", "different whole numbers"),
        ('[run]\nstages = "check"\n', "must be a list of stages"),
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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("counterfactual = false", 'judge = "nobody"', "nobody"),
        ("counterfactual = false", 'models = ["raw=somewhere"]', "audit run makes itself"),
        ("max_steps = 12", "max_steps = 0", "[train] max_steps"),
        ('by = ["label", "sex"]\n[train]', 'by = ["label"]\nmethod = "reweigh"\n[train]', "[balance] method"),
    ],
)
def test_sections_of_later_stages_are_checked_before_the_first_runs(
    place: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    assert old in CONFIG
    lay_out(place, config=CONFIG.replace(old, new))
    assert main(["run"]) == 2
    assert said in capsys.readouterr().err
    assert not (place / "audit-run").exists()


def test_a_folder_as_data_does_not_read_its_own_output(place: Path) -> None:
    lay_out(place, config=CONFIG.replace('"loans.jsonl"', '"."'))
    for _ in range(2):
        assert main(["run", "--until", "fix", "--quiet"]) == 0
    assert manifest(place)["stages"][0]["figures"]["rows"] == ROWS


def test_what_later_stages_left_of_other_rows_is_taken_away(place: Path) -> None:
    lay_out(place, '[run]\nstages = ["check", "split", "gate", "report"]\n')
    main(["run"])
    assert (place / "audit-run" / "report.html").exists()
    with (place / "loans.jsonl").open("a", encoding="utf-8") as file:
        file.write(next(loans(seed=99)) + "\n")
    main(["run", "--until", "split"])
    assert list(keys(place)) == ["check", "split"]
    assert not (place / "audit-run" / "gate").exists()
    assert not (place / "audit-run" / "report.html").exists()


def test_a_manifest_left_half_written_is_swept(place: Path) -> None:
    (place / "audit-run").mkdir()
    (place / "audit-run" / ".run.json.123.tmp").write_text("{", encoding="utf-8")
    assert main(["run", "--until", "split", "--quiet"]) == 0
    assert not (place / "audit-run" / ".run.json.123.tmp").exists()


def test_a_changed_lexicon_folder_runs_the_check_again(place: Path) -> None:
    (place / "refs").mkdir()
    (place / "refs" / "old.jsonl").write_text(next(loans(seed=5)) + "\n", encoding="utf-8")
    lay_out(place, config=CONFIG.replace("[attributes.sex]", 'against = ["refs"]\n[attributes.sex]'))
    main(["run", "--until", "check", "--quiet"])
    before = keys(place)
    (place / "refs" / "old.jsonl").write_text(next(loans(seed=6)) + "\n", encoding="utf-8")
    main(["run", "--until", "check", "--quiet"])
    assert keys(place) != before


def test_a_check_alone_ends_as_audit_check_would(place: Path) -> None:
    lay_out(place, '[run]\nstages = ["check"]\n')
    assert main(["run", "--quiet"]) == 0
    with (place / "loans.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    assert main(["run", "--quiet"]) == 1


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
