"""Whole runs through the command line on a part of public data: trained, recorded, verified, asked, scored.

The same on all rows, with the bars, is ``python -m benchmarks.training --end-to-end``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from audit.cli import main
from benchmarks.training import whole_runs
from benchmarks.training.material import CHATS

pytestmark = [
    pytest.mark.skipif(not CHATS.is_dir(), reason="the shared data folder is absent"),
    pytest.mark.usefixtures("one_thread"),
]

SMALL = ("--set", "width=64", "--set", "layers=2", "--set", "threads=1", "--set", "energy=off")


def command(arguments: Sequence[str]) -> int:
    return main([*arguments])


def train(folder: Path, data: Path, config: str, *more: str) -> Path:
    settings = folder / "settings.toml"
    settings.write_text(config, "utf-8")
    run = folder / "run"
    told = ["--config", str(settings), "--quiet", "--waive", whole_runs.WAIVER]
    assert command(["train", str(data), "-o", str(run), *told, *SMALL, *more]) == 0
    return run


def predict(folder: Path, run: Path, data: Path, *more: str) -> whole_runs.Scores:
    out = folder / "predictions.jsonl"
    told = ["--config", str(folder / "settings.toml"), "--quiet"]
    assert command(["predict", "--model", str(run), str(data), "-o", str(out), *told, *more]) == 0
    return whole_runs.scored(out)


def test_adult_as_chats_is_learnt_and_the_scores_of_its_labels_rank_unseen_rows(tmp_path: Path) -> None:
    rows, unseen = whole_runs.adult_split()
    data = whole_runs.write_rows(tmp_path / "train.jsonl", rows[:2400])
    test = whole_runs.write_rows(tmp_path / "test.jsonl", unseen[:600])
    run = train(tmp_path, data, whole_runs.ADULT_CONFIG, "--set", "lr=0.003", "--epochs", "2")
    scores = predict(tmp_path, run, test, "--labels", "auto")
    assert scores.n == 600
    assert scores.auc is not None
    assert scores.auc > 0.75


def test_a_chat_fine_tune_on_dolly_lowers_validation_perplexity_and_leaves_a_record_that_tells_every_change(
    tmp_path: Path,
) -> None:
    rows = list(whole_runs.rows_of(CHATS / "dolly-subset.jsonl.gz"))[:200]
    data = whole_runs.write_rows(tmp_path / "dolly.jsonl", rows)
    config = '[train]\nover_length = "drop"\nmax_length = 512\n'
    run = train(tmp_path, data, config, "--hold-out", "0.2", "--epochs", "2", "--batch-size", "16")
    perplexities = [one["perplexity"] for one in whole_runs.evaluations(run)]
    assert perplexities[-1] < perplexities[0]
    assert whole_runs.undetected(run, command, flips=3) == []


def test_a_classification_head_on_banking77_beats_the_largest_class_by_half(tmp_path: Path) -> None:
    rows, unseen = whole_runs.by_split(whole_runs.BANKING)
    intents = sorted({row["metadata"]["label"] for row in rows})[:6]
    kept, asked = ([row for row in part if row["metadata"]["label"] in intents] for part in (rows, unseen))
    data = whole_runs.write_rows(tmp_path / "train.jsonl", kept)
    test = whole_runs.write_rows(tmp_path / "test.jsonl", asked)
    told = ["--task", "classify", "--epochs", "4", "--batch-size", "16", "--lr", "0.003"]
    run = train(tmp_path, data, whole_runs.LABEL_CONFIG, *told)
    scores = predict(tmp_path, run, test)
    assert scores.accuracy > scores.majority + 0.5
