"""How a run ended is read back from its log and its record, whatever was measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

from audit.train.core.state import Evaluation, GroupScore, Worst
from audit.train.runs.chain import canonical
from audit.train.runs.ending import Ended, ended_of, evaluations_in
from audit.train.runs.folder import METRICS
from audit.train.runs.log import EVALUATION, MetricsLog
from audit.train.runs.report import BestStep

DIVERGED = Evaluation(
    step=3,
    n=2,
    tokens=9,
    loss=math.nan,
    perplexity=math.inf,
    accuracy=0.5,
    groups={"sex": {"F": GroupScore(2, math.nan, 0.5)}},
    worst=Worst("sex", "F", math.inf),
)


def check(read: Evaluation) -> None:
    assert (read.step, read.accuracy, read.exact) == (3, 0.5, None)
    assert math.isnan(read.loss)
    assert math.isnan(read.groups["sex"]["F"].loss)
    assert read.worst is not None
    assert math.isnan(read.worst.loss)


def test_an_evaluation_that_is_no_number_is_read_back_from_the_log(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / METRICS) as log:
        log.append(EVALUATION, DIVERGED)
    (read,) = evaluations_in(tmp_path)
    check(read)


def test_an_evaluation_that_is_no_number_is_read_back_from_the_record() -> None:
    best = BestStep(step=3, measure="loss", value=math.inf)
    told = json.loads(canonical(Ended(steps=3, stopped="", best=best, evaluations=(DIVERGED,))))
    read = ended_of(told)
    check(read.evaluations[0])
    assert read.best is not None
    assert math.isnan(read.best.value)
