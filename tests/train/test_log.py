"""The log of steps and evaluations: what a line is, and how it is cut to a checkpoint."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from audit.errors import OutputError
from audit.train.core.state import Evaluation, StepLog, Worst
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.log import EVALUATION, STEP, Cut, MetricsLog, cut_after, lines_of, losses_in, read_lines


def step(number: int, loss: float | None = 1.5) -> StepLog:
    return StepLog(
        step=number,
        epoch=0,
        loss=loss,
        objective=0.1 + 0.2,
        lr=1e-3,
        grad_norm=None,
        weight=2.0,
        trained=2,
        tokens=5,
        padded=6,
        micro_batches=1,
        examples=(3, 1),
    )


def evaluation(number: int) -> Evaluation:
    return Evaluation(
        step=number, n=3, tokens=9, loss=2.0, perplexity=7.4, accuracy=0.5, worst=Worst("sex", "\ud800", 2.5)
    )


def written(path: Path, steps: int, evaluated: tuple[int, ...] = ()) -> Path:
    with MetricsLog(path) as log:
        for number in range(1, steps + 1):
            log.append(STEP, step(number))
            if number in evaluated:
                log.append(EVALUATION, evaluation(number))
    return path


def test_a_line_holds_the_kind_and_every_field(tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.jsonl", 1)
    assert path.read_bytes() == (
        b'{"epoch":0,"examples":[3,1],"grad_norm":null,"kind":"step","loss":1.5,"lr":0.001,"micro_batches":1,'
        b'"objective":0.30000000000000004,"padded":6,"skipped":false,"step":1,"tokens":5,"trained":2,"weight":2.0}\n'
    )


def test_a_number_that_is_not_finite_and_half_a_character_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        log.append(STEP, step(1, float("nan")))
        log.append(EVALUATION, evaluation(1))
    lines = read_lines(path)
    assert lines[0]["loss"] is None
    assert lines[1]["worst"]["group"] == "\ud800"


def test_a_line_can_be_read_before_the_log_is_closed(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.jsonl") as log:
        log.append(STEP, step(1))
        assert len(read_lines(tmp_path / "metrics.jsonl")) == 1


def test_the_log_of_an_interrupted_and_resumed_run_is_that_of_one_that_was_not(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.jsonl", 6, (2, 4, 6))
    path = written(tmp_path / "metrics.jsonl", 5, (2, 4))
    taken = cut_after(path, 4)
    assert taken.lines == 1
    with MetricsLog(path) as log:
        for number in (5, 6):
            log.append(STEP, step(number))
        log.append(EVALUATION, evaluation(6))
    assert path.read_bytes() == whole.read_bytes()


def test_a_torn_last_line_is_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.jsonl", 3)
    content = path.read_bytes()
    path.write_bytes(content + b'{"step":4,"ki')
    assert cut_after(path, 3).bytes == 13
    assert path.read_bytes() == content


def test_nothing_is_cut_where_nothing_follows(tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.jsonl", 3, (3,))
    before = path.read_bytes()
    assert cut_after(path, 3)[:2] == (0, 0)
    assert path.read_bytes() == before


def test_a_run_that_begins_again_before_its_first_checkpoint_cuts_all(tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.jsonl", 2)
    assert cut_after(path, 0).lines == 2
    assert path.read_bytes() == b""
    assert isinstance(cut_after(tmp_path / "none.jsonl", 0), Cut)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: lines[:2], "metrics.jsonl ends with step 2, and the checkpoint is of step 3"),
        (lambda lines: [], "ends with step 0"),
        (lambda lines: [lines[0], lines[2]], "line 2 is of step 3 where 2 belongs"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], "line 2 is of step 1 where 2 belongs"),
        (lambda lines: [lines[0], b"{\n", lines[2]], "line 2 cannot be read"),
        (lambda lines: [lines[0], b'{"kind":"step"}\n', lines[2]], "line 2 names no kind and step"),
        (lambda lines: [b"\xff\n", *lines], "line 1 cannot be read"),
    ],
)
def test_a_log_that_does_not_lead_to_the_checkpoint_is_refused(damage: object, said: str, tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.jsonl", 3)
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))  # type: ignore[operator]
    with pytest.raises(ResumeRefused, match=said):
        cut_after(path, 3)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda text: text.replace(b'"accuracy":0.5', b'"accuracy":0.9'),
            "is not as it was when the checkpoint of step 2",
        ),
        (lambda text: text.replace(b'"kind":"evaluation"', b'"kind":"evaluatiom"'), "is not as it was"),
        (lambda text: b"".join(one for one in text.splitlines(True) if b"evaluation" not in one), "is not as it was"),
        (lambda text: text.splitlines(True)[1] + text, "line 1 is of step 2 where 1 belongs"),
        (lambda text: b"", "ends with step 0, and the checkpoint is of step 2"),
        (lambda text: text[:-1], "ends with step|is not as it was"),
    ],
)
def test_what_a_checkpoint_says_of_the_log_must_hold(damage: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        log.append(STEP, step(1))
    with MetricsLog(path) as log:
        log.append(STEP, step(2))
        log.append(EVALUATION, evaluation(2))
        logged = log.logged()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind":"step","step":3}\n{"torn')
    assert cut_after(path, 2, logged).lines == 1
    assert path.read_bytes() == whole
    path.write_bytes(damage(whole))  # type: ignore[operator]
    with pytest.raises(ResumeRefused, match=said):
        cut_after(path, 2, logged)


def test_losses_and_lines_of_one_kind_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        for number, loss in enumerate((1.5, float("nan"), 0.5), start=1):
            log.append(STEP, step(number, loss))
            log.append(EVALUATION, evaluation(number))
    with path.open("ab") as file:
        file.write(b'{"kind":"step","torn')
    assert list(losses_in(path)) == [1.5, 0.5]
    assert [line["step"] for line in lines_of(path, EVALUATION)] == [1, 2, 3]
    assert list(lines_of(tmp_path / "none.jsonl")) == []
    with pytest.raises(ResumeRefused, match="cannot be read"):
        list(lines_of(tmp_path))


def test_a_line_that_does_not_fit_on_the_disk_is_not_half_written(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = written(tmp_path / "metrics.jsonl", 1)
    whole = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with MetricsLog(path) as log:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, before[1]))
            with pytest.raises(OutputError, match=r"metrics.jsonl cannot be written"):
                log.append(STEP, step(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == whole
    assert [json.loads(line)["step"] for line in whole.splitlines()] == [1]
