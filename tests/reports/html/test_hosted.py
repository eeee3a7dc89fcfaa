"""What the report says of a run at a provider: its job, price, dates and files, and no figure that nobody took."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.cli import main
from audit.model.dossier import Dossier, Training
from audit.reports.html.page import render
from audit.reports.html.training import training
from audit.reports.view import View
from audit.train.runs.telling import result_of, training_of
from tests.reports.html.model_half import training as local_run
from tests.train.provider.folders import BASE, JOB_ID, TUNED, hosted_run


def shown(*runs: Training) -> str:
    """The text of the section on training, without its marks."""
    html = "".join(render(result_of(runs[0]), View(dossier=Dossier(trainings=runs))))
    found = re.search(r'<section id="training".*?</section>', html, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found[0] if found else ""))


def told(tmp_path: Path, name: str = "run", **changed: Any) -> Training:
    hosted_run(tmp_path / name, **changed)
    return training_of(tmp_path / name)


def test_the_job_its_model_price_dates_and_files_are_shown(tmp_path: Path) -> None:
    text = shown(told(tmp_path))
    for words in (
        BASE, TUNED, JOB_ID, "http://127.0.0.1:9/v1", "succeeded", "3 checkpoints", "904 3 epochs",
        "2,700 over all epochs", "0.0081 USD at the quoted price", "3 a million, as of 2026-11-21", "60 of 904",
        "2027-01-14", "2027-01-06", "gpt-6-luna",
        "file-train", "file-validation", "30 texts shown, rows flagged: 0", "resample: 12 rows became 12 lines",
    ):  # fmt: skip
        assert words in text, words


def test_figures_that_nobody_took_at_a_provider_are_not_shown_as_zeros(tmp_path: Path) -> None:
    text = shown(told(tmp_path))
    for words in ("parameters", "planned", "Processor time", "Peak memory", "not measured", " Wh ", "0 of 0", "of 0"):
        assert words not in text, words


def test_runs_here_and_at_a_provider_stand_side_by_side(tmp_path: Path) -> None:
    text = shown(local_run("raw", 0), told(tmp_path))
    assert "1,005,440 of 1,005,440 parameters" in text
    assert text.count("What a run cost, from the cheapest") == 1
    assert "Processor time" in text
    assert TUNED in text


def test_runs_here_alone_say_nothing_of_a_provider() -> None:
    text = shown(local_run("raw", 0))
    assert "provider" not in text


def test_a_job_that_failed_says_why(tmp_path: Path) -> None:
    error = {"code": "invalid_n_examples", "message": "Training file has 7 example(s), but must have at least 10"}
    text = shown(told(tmp_path, status="failed", error=error))
    assert "failed (invalid_n_examples): Training file has 7 example(s)" in text


def test_a_job_that_goes_on_is_not_said_to_have_ended(tmp_path: Path) -> None:
    text = shown(told(tmp_path, status=None))
    assert "NOT FINISHED" in text
    assert "not seen to end" in text


def test_a_price_that_is_not_known_is_no_zero(tmp_path: Path) -> None:
    text = shown(told(tmp_path, quote={"unquoted": "no price is known for this model"}))
    assert "– no price is known for this model" in text


@pytest.mark.parametrize("value", [None, True, [], {}, "text", -1, 10**400, float("inf"), float("nan")])
def test_what_was_found_out_before_may_be_of_any_kind(tmp_path: Path, value: Any) -> None:
    run = told(tmp_path)
    assert run.hosted is not None
    names = ("quote", "lifecycle", "moderation", "lowering")
    keys = (
        "tokens", "epochs", "epochs_by", "exact", "currency", "per_million", "price_as_of", "cost",
        "unquoted", "model", "shutdown", "new_jobs_end", "as_of", "source",
        "replacement", "asked", "flagged_rows", "skipped", "how", "rows", "made", "most", "left_out",
    )  # fmt: skip
    strange = msgspec.structs.replace(run.hosted, **{name: dict.fromkeys(keys, value) for name in names})
    assert training((msgspec.structs.replace(run, hosted=strange),)) is not None
    assert TUNED in shown(msgspec.structs.replace(run, hosted=strange))


def test_the_report_of_a_run_folder_has_the_section(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosted_run(tmp_path / "run")
    path = tmp_path / "report.html"
    assert main(["report", str(tmp_path / "run"), "-o", str(path)]) == 0
    assert TUNED in path.read_text("utf-8")
    assert path.stat().st_size <= 150_000
