"""A learning curve trains on nested shares, measures on the same rows, and claims no more than these tell."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from audit.cli.search_text import render_curve
from audit.config.settings import Settings
from audit.errors import InputError, OutputError, UsageError
from audit.train.options import TrainOptions
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.verify import verify
from audit.train.search.curve import curve, slopes_of, unfinished
from audit.train.search.report import CurvePoint, CurveReport, RowCounts
from audit.train.search.scores import RowScores

OPTIONS = TrainOptions(
    width=16, layers=1, heads=2, vocabulary=300, batch_size=8, epochs=2.0, lr=1e-2, hold_out=0.3, min_group=5,
    threads=1, energy="off", evaluate_every=1.0, save_every=1.0, curve=(1.0, 0.25, 0.5),
)  # fmt: skip
SETTINGS = Settings(sections={"attributes": {"sex": {"field": "metadata.sex"}}}, jobs=1)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    rows = []
    for number in range(60):
        colour, sex = ("red", "blue", "green")[number % 3], "FM"[number % 2]
        messages = [
            {"role": "user", "content": f"Question {number}: what colour is a {colour} thing?"},
            {"role": "assistant", "content": f"It is {colour}."},
        ]
        rows.append({"messages": messages, "metadata": {"sex": sex}})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[CurveReport, Path]:
    folder = tmp_path_factory.mktemp("curve") / "run"
    return curve(str(data), folder, options=OPTIONS, settings=SETTINGS), folder


def rows_of(folder: Path, split: str) -> set[str]:
    lines = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    return {line["row_id"] for line in lines if line["split"] == split}


def test_shares_are_nested_and_measured_on_the_same_rows(done: tuple[CurveReport, Path]) -> None:
    report, folder = done
    assert [point.share for point in report.points] == [0.25, 0.5, 1.0]
    trained = [rows_of(folder / point.folder, "train") for point in report.points]
    assert trained[0] < trained[1] < trained[2]
    assert len({frozenset(rows_of(folder / point.folder, "validation")) for point in report.points}) == 1
    total = report.basis.train_rows
    assert [point.trained_on.rows for point in report.points] == [-(-total // 4), -(-total // 2), total]


def test_the_record_of_a_share_counts_the_rows_it_was_trained_on_alone(done: tuple[CurveReport, Path]) -> None:
    report, folder = done
    for point in report.points:
        assert verify(folder / point.folder, expect=point.seal).state == "intact"
        account = json.loads((folder / point.folder / "accounting.json").read_text())["splits"]["train"]
        assert account["used"] == account["rows"] == point.trained_on.rows
        assert account["trained"] == point.trained_on.trained_tokens
        counted = {group: tally["rows"] for group, tally in account["by_group"]["sex"].items()}
        assert counted == point.trained_on.groups["sex"]
        assert sum(counted.values()) == point.trained_on.rows
    assert verify(folder).state == "intact"


def test_every_share_is_trained_for_the_same_epochs(done: tuple[CurveReport, Path]) -> None:
    report, _ = done
    for point in report.points:
        assert point.steps == 2 * -(-point.trained_on.examples // 8)
    assert "same epochs" in report.notes[0]


def test_every_point_has_the_loss_of_all_rows_and_of_each_group(done: tuple[CurveReport, Path]) -> None:
    report, _ = done
    for point in report.points:
        groups = point.groups["sex"]
        assert set(groups) == {"F", "M"}
        assert sum(figure.n for figure in groups.values()) == point.figures["loss"].n == report.basis.validation_rows
        low, high = point.figures["loss"].interval or (0.0, 0.0)
        assert low < point.figures["loss"].value < high
    assert [(slope.attribute, slope.group) for slope in report.slopes] == [("", ""), ("sex", "F"), ("sex", "M")]
    assert report.finished


def test_the_text_shows_every_share_and_group(done: tuple[CurveReport, Path]) -> None:
    text = "".join(render_curve(done[0]))
    assert "learning curve: 3 of 3 shares" in text
    assert "sex=F" in text
    assert "from 0.5 to 1 of the training rows" in text


def test_an_interrupted_curve_goes_on_with_what_is_done(
    done: tuple[CurveReport, Path], data: Path, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    class Killer:
        total: int | None = None
        name = ""

        def stepped(self, log: object) -> None:
            if self.name == "share 0.5":
                raise Killed

        def evaluated(self, evaluation: object, progress: object) -> None:
            pass

    with pytest.raises(Killed):
        curve(str(data), tmp_path / "run", options=OPTIONS, settings=SETTINGS, live=Killer())
    with pytest.raises(OutputError):
        curve(str(data), tmp_path / "run", options=OPTIONS, settings=SETTINGS)
    with pytest.raises(InputError) as unsealed:
        verify(tmp_path / "run")
    assert "a search or a curve has a record when it has ended" in str(unsealed.value.hint)
    other = msgspec.structs.replace(OPTIONS, lr=1e-3)
    with pytest.raises(ResumeRefused) as error:
        curve(str(data), tmp_path / "run", options=other, settings=SETTINGS, resume=True)
    assert "options" in error.value.what
    report = curve(str(data), tmp_path / "run", options=OPTIONS, settings=SETTINGS, resume=True)
    without_seals = [
        msgspec.structs.replace(one, points=tuple(msgspec.structs.replace(point, seal="") for point in one.points))
        for one in (report, done[0])
    ]
    assert without_seals[0] == without_seals[1]
    assert verify(tmp_path / "run").state == "intact"


def test_fewer_than_two_shares_or_no_validation_rows_are_refused(data: Path, tmp_path: Path) -> None:
    one = msgspec.structs.replace(OPTIONS, curve=(0.5, 0.5))
    with pytest.raises(UsageError):
        curve(str(data), tmp_path / "run", options=one, settings=SETTINGS)
    blind = msgspec.structs.replace(OPTIONS, hold_out=0.0)
    with pytest.raises(InputError) as error:
        curve(str(data), tmp_path / "run", options=blind, settings=SETTINGS)
    assert "validation rows" in error.value.what


# ----------------------------------------------------------------------------- what more rows would bring


def point(share: float, rows: int) -> CurvePoint:
    counts = RowCounts(rows=rows, examples=rows, trained_tokens=rows)
    return CurvePoint(share=share, folder="", trained_on=counts, steps=1, best_step=1, figures={})


def scores(gain: float, seed: int, few: int = 40) -> RowScores:
    """Rows whose loss is lower by ``gain`` in the group F, which has ``few`` of 240."""
    ease = np.random.default_rng(0).gamma(2.0, 0.5, 240)
    noise = np.random.default_rng(seed).normal(0, 0.1, 240)
    codes = np.array([0] * few + [1] * (240 - few), np.int32)
    none = np.full(240, -1, np.int64)
    ids = tuple(f"r{at}" for at in range(240))
    loss = ease + noise - gain * (codes == 0)
    return RowScores(ids, loss, np.ones(240), np.zeros(240), none, none, (), {"sex": codes}, {"sex": ("F", "M")})


def test_the_slope_is_per_doubling_and_told_for_the_group_that_gained() -> None:
    points = [point(0.25, 100), point(1.0, 400)]
    whole, women, men = slopes_of(points, [scores(0.0, 1), scores(0.4, 2)], min_group=30)
    assert (women.answer, men.answer) == ("lowered", "cannot be told")
    assert women.per_doubling.value == pytest.approx(-0.2, abs=0.03)
    assert whole.per_doubling.value == pytest.approx(-0.2 * 40 / 240, abs=0.02)
    assert women.sentence.startswith(
        "from 0.25 to 1 of the training rows, twice as many lowered the loss of sex=F by 0.2000 nats ["
    )
    assert "it cannot be told whether twice as many change the loss of sex=M" in men.sentence


def test_a_loss_that_rises_is_said_to_rise() -> None:
    slopes = slopes_of([point(0.5, 100), point(1.0, 200)], [scores(0.4, 1), scores(0.0, 2)], min_group=30)
    assert slopes[1].answer == "raised"
    assert "raised the loss of sex=F" in slopes[1].sentence


def test_nothing_is_said_of_a_group_with_too_few_rows() -> None:
    slopes = slopes_of([point(0.5, 100), point(1.0, 200)], [scores(0.0, 1, 8), scores(5.0, 2, 8)], min_group=30)
    assert slopes[1].answer == "cannot be told"
    assert "(8 validation rows are too few)" in slopes[1].sentence


def test_a_model_that_was_still_improving_is_noted() -> None:
    ended, falling = point(0.5, 100), msgspec.structs.replace(point(1.0, 200), steps=20, best_step=20)
    assert unfinished([falling, msgspec.structs.replace(ended, steps=20, best_step=15)])[0].startswith(
        "at the share of 1 "
    )
    assert not unfinished([falling, *[msgspec.structs.replace(ended, steps=20, best_step=15)] * 2])


def test_a_group_without_gain_is_seldom_said_to_have_one() -> None:
    points = [point(0.5, 100), point(1.0, 200)]
    told = 0
    for seed in range(200):
        slopes = slopes_of(points, [scores(0.0, 1000 + seed), scores(0.0, 3000 + seed)], min_group=30)
        told += any(slope.answer != "cannot be told" for slope in slopes)
    assert told <= 20  # 5 % are wanted at most; above 20 has a chance below 0.1 %
