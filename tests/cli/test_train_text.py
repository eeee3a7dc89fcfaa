"""What is printed of a run: columns that say something, the best evaluation, and notes."""

from __future__ import annotations

from audit.cli.train_text import render
from audit.train.core.state import Evaluation, Worst
from audit.train.data.accounting import SplitAccount
from audit.train.runs.report import BestStep, TrainReport

SCORE = Evaluation(step=4, n=9, tokens=90, loss=1.25, perplexity=3.5, accuracy=0.5)
REPORT = TrainReport(
    version="0",
    verdict="PASS",
    policy="default",
    model="tiny",
    method="full",
    task="chat",
    parameters=10,
    parameters_trained=10,
    splits={"train": SplitAccount(rows=12, used=10, tokens=100, trained=60, weightless=2)},
    steps=8,
    planned=8,
    finished=True,
    best=BestStep(step=4, measure="loss", value=1.25),
    weights="best",
    evaluations=(SCORE, Evaluation(step=8, n=9, tokens=90, loss=1.5, perplexity=4.5, accuracy=0.5)),
    notes=("step-00000005 was passed over\x1b[2J",),
)


def shown(**other: object) -> str:
    return "".join(
        render(REPORT.__class__(**{name: getattr(REPORT, name) for name in REPORT.__struct_fields__} | other))
    )


def test_columns_that_say_nothing_are_left_out() -> None:
    text = shown()
    for name in ("f1", "worst group", "its loss", "cut"):
        assert name not in text
    worst = Evaluation(step=4, n=9, tokens=90, loss=1.25, perplexity=3.5, accuracy=0.5, worst=Worst("sex", "F", 2.0))
    assert "worst group  its loss" in shown(evaluations=(worst,))


def test_the_best_evaluation_is_named() -> None:
    text = shown()
    assert "4 best" in text
    assert "best validation loss 1.2500 at step 4, of 2 evaluations" in text


def test_rows_that_count_for_nothing_and_notes_are_told() -> None:
    text = shown()
    assert "left out of train: 2 rows that count for nothing" in text
    assert "note: step-00000005 was passed over" in text
    assert "\x1b" not in text
