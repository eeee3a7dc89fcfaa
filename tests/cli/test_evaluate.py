"""``audit evaluate`` on the command line, and ``audit train`` that ends with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.cli import main
from audit.cli.evaluate_text import render_evaluation
from audit.errors import InputError
from audit.model import Evidence, Finding, Measure, Place, Result, Severity
from audit.outputs.evaluation import SEEN, Evaluation
from audit.train.evaluation.report import ArmAccount, EvaluateReport
from tests.train.reaudit_chats import CONFIG, place, rows, run, write

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "settings.toml"
    path.write_text(CONFIG)
    return str(path)


def test_arms_verdict_and_the_path_of_the_report_are_printed(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    test = str(place() / "test.jsonl")
    words = ["evaluate", test, "-o", "found", "--config", config, "--model", f"raw={run(0)}", "--model"]
    code = main([*words, f"remediated={run(1)}", "--no-counterfactual", "--quiet"])
    out = capsys.readouterr().out
    assert code in (0, 1, 3)
    assert "asked: 40 questions of test.jsonl" in out
    assert "judged is remediated, compared with raw" in out
    assert "selection rate by sex" in out
    assert "scored once" in out
    assert out.endswith("report: found/report.html\n")
    written = {path.name for path in Path("found").iterdir()}
    assert {"result.json", "manifest.json", "report.html", "evaluation.json", "scored.jsonl"} <= written
    assert json.loads(Path("found/result.json").read_text())["schema"] == "audit.result/1"


def test_that_no_favourable_label_is_configured_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "test.jsonl", rows(100, 40))
    (tmp_path / "nofav.toml").write_text(CONFIG.replace('favourable = "yes"\n', ""))
    words = ["evaluate", "test.jsonl", "-o", "found", "--config", "nofav.toml", "--model", f"raw={run(0)}", "--quiet"]
    main([*words, "--no-counterfactual"])
    out = capsys.readouterr().out
    assert "no favourable label is configured" in out
    assert '[data] favourable = "no" or "yes"' in out


def test_findings_and_what_weakens_the_figures_stand_beside_them() -> None:
    facts = {"without_truth": 162, "by_seed": []}
    right = Measure(code="OUT201", name="outputs.accuracy", value=0.5, n=38, arm="raw", table=facts)
    rate = {"groups": [{"group": "female", "n": 5, "rate": 0.0}, {"group": "male", "n": 5, "rate": 0.0}]}
    selected = Measure(code="FAI201", name="selection_rate", value=0.0, n=10, arm="raw", attribute="sex", table=rate)
    account = ArmAccount(arm="raw", seed=0, n=200, missing=0, questions=100)
    told = tuple(
        Finding(code="FAI201", severity=severity, message=f"{severity.value} {n}", place=Place(), scope="dataset")
        for severity in (Severity.INFO, Severity.WARNING, Severity.ERROR)
        for n in range(6)
    )
    result = Result(
        verdict="PASS",
        rows=200,
        measures=(right, selected),
        findings=told,
        counts={"FAI201": {"findings": 18, "rows": 0, "info": 6, "warning": 6, "error": 6}},
        evidence=Evidence(tool="audit", version="0"),
    )
    seen = Evaluation(notes=(f"{SEEN}: raw was trained on 3 of the 4 rows", "something else"))
    report = EvaluateReport(folder="found", evaluation=seen, accounts=(account,), result=result, scored=1)
    out = "".join(render_evaluation(report, None))
    assert out.startswith(f"WARNING: {SEEN}: raw was trained on 3 of the 4 rows\nasked: 100 questions")
    assert "162 of 200 outputs have no truth among the labels; right is a share of the other 38" in out
    assert "not estimable" in out
    assert "note: something else" in out
    assert "error FAI201 error 0\n" in out
    assert "warning FAI201 warning 1\n... 4 more in the report\n\nPASS\n" in out


def test_the_account_can_be_had_as_json_and_reaudit_is_the_same_command(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(place() / "test.jsonl"), "-o", "found", "--config", config, "--model", f"raw={run(0)}", "--quiet"]
    code = main(["reaudit", *words, "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert code == told["result"]["gate"]["exit_code"]
    assert told["evaluation"]["schema"] == "audit.evaluation/1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "raw=x", "-o", "found"], "no test data was named"),
        (["test.jsonl", "-o", "found"], "no model was named"),
        (["test.jsonl", "--model", "raw=x"], "no folder to write"),
        (["test.jsonl", "-o", "found", "--model", "raw=x", "--judge", "y"], "--judge y is none of the arms: raw"),
        (["test.jsonl", "-o", "found", "--model", "raw=x", "--policy", "nothing"], "nothing"),
        (["test.jsonl", "-o", "found", "--model", "raw=x", "--endpoint", "y=http://h/v1"], "names no arm"),
    ],
)
def test_what_does_not_fit_is_said(
    config: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    write(Path("test.jsonl"), rows(0, 3))
    assert main(["evaluate", *words, "--config", config]) == 2
    assert said in capsys.readouterr().err


def test_training_ends_with_the_reaudit_of_a_known_test_split(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("train.jsonl"), rows(0, 60))
    write(Path("test.jsonl"), rows(100, 20))
    words = ["train", "train.jsonl", "--split", "test=test.jsonl", "-o", "run", "--config", config, "--quiet"]
    assert main([*words, "--max-steps", "2", "--waive", "A. Jones: a test"]) == 0
    out = capsys.readouterr().out
    assert "report: run.evaluation/report.html" in out
    assert "asked: 20 questions of test.jsonl, split test" in out
    assert "tiny has no weights before it is trained" in out
    assert main(["verify", "run"]) == 0


def test_a_finished_run_stands_where_its_rows_cannot_be_read(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> bool:
        raise InputError("rows.jsonl cannot be read")

    monkeypatch.setattr("audit.train.evaluation.facts.kept_for_testing", broken)
    write(Path("train.jsonl"), rows(0, 30))
    words = ["train", "train.jsonl", "-o", "run", "--config", config, "--quiet", "--max-steps", "1"]
    assert main([*words, "--waive", "A. Jones: a test"]) == 0
    assert "the run stands, but its model was not evaluated" in capsys.readouterr().err


def test_training_asks_nothing_where_it_is_told_so(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("train.jsonl"), rows(0, 60))
    write(Path("test.jsonl"), rows(100, 20))
    words = ["train", "train.jsonl", "--split", "test=test.jsonl", "-o", "run", "--config", config, "--quiet"]
    assert main([*words, "--max-steps", "2", "--waive", "A. Jones: a test", "--no-evaluate"]) == 0
    assert not Path("run.evaluation").exists()
