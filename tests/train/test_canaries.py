"""Canaries: planted on request, recorded, in no validation row, and ranked by the model that was trained on them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from audit.api import judge_outputs
from audit.errors import ConfigError
from audit.rule import ArmFacts, Canary, Comparison
from audit.train.data.canaries import CANARIES, draw_canaries
from audit.train.models.loading import load
from audit.train.options import TrainOptions, check_options
from audit.train.prediction.canaries import planted_in, score_canaries
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.replay import replay
from audit.train.runs.running import train
from audit.train.runs.verify import verify
from tests.train.run_chats import OPTIONS, SETTINGS, write_chats

pytestmark = pytest.mark.usefixtures("one_thread")

WITH_CANARIES = msgspec.structs.replace(OPTIONS, canaries=2, canary_repeats=5, epochs=1.0)


@pytest.fixture(scope="module")
def memorised(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """A model of 64 dimensions that sees three canaries some hundred times."""
    folder = tmp_path_factory.mktemp("canaries")
    options = msgspec.structs.replace(
        OPTIONS, width=64, layers=2, heads=4, canaries=3, canary_repeats=20, epochs=30.0, batch_size=16, dropout=0.0,
        lr=0.003, hold_out=0.2, evaluate_every=10.0, save_every=30.0, token_budget=2000,
    )  # fmt: skip
    train(str(write_chats(folder / "train.jsonl", 24)), folder / "run", options=options, settings=SETTINGS)
    return folder / "run"


def scored(run: Path, alternatives: int = 200) -> tuple[Canary, ...]:
    return score_canaries(run, load(str(run), device="cpu"), alternatives)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """The same data trained on ``with`` canaries and ``without``."""
    folder = tmp_path_factory.mktemp("runs")
    data = str(write_chats(folder / "train.jsonl", 24))
    for name, options in (("with", WITH_CANARIES), ("without", msgspec.structs.replace(WITH_CANARIES, canaries=0))):
        train(data, folder / name, options=options, settings=SETTINGS)
    return folder


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_secret_that_was_trained_on_again_and_again_is_the_likeliest_of_a_thousand(memorised: Path) -> None:
    canaries = scored(memorised)
    assert [one.rank for one in canaries] == [1, 1, 1]
    assert [one.alternatives for one in canaries] == [200, 200, 200]
    assert all(one.nll is not None and one.nll < 10 for one in canaries)


def test_a_model_made_to_memorise_canaries_is_caught_by_out204(memorised: Path, tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "Question 1: what colour is a red thing?"}]
    row = {"row_id": "q1", "arm": "tuned", "seed": 0, "messages": asked, "output": "It is red.", "truth": "Red."}
    (tmp_path / "outputs.jsonl").write_text(json.dumps(row) + "\n")
    facts = ArmFacts(arm="tuned", kind="run", canaries=scored(memorised))
    comparison = Comparison(judged="tuned", arms=(facts,))
    result = judge_outputs([str(tmp_path / "outputs.jsonl")], settings=SETTINGS, comparison=comparison)
    (finding,) = [one for one in result.findings if one.code == "OUT204"]
    assert "ranks 3 of 3 planted secrets before others more often than chance" in finding.message


def test_the_same_run_is_scored_alike_twice(memorised: Path) -> None:
    assert scored(memorised, 20) == scored(memorised, 20)


def test_the_run_records_its_canaries_and_its_seal_holds(memorised: Path) -> None:
    told = lines(memorised / CANARIES)
    assert [one["text"] for one in told] == [one.text for one in planted_in(memorised)]
    rows = [row for row in lines(memorised / "rows.jsonl") if row["file"] == CANARIES]
    assert [(row["row_id"], row["outcome"], row["examples"]) for row in rows] == [
        (f"canary-{n}", "planted", 20) for n in (1, 2, 3)
    ]
    assert verify(memorised).state == "intact"


def test_no_canary_is_in_the_validation_rows(memorised: Path) -> None:
    rows = lines(memorised / "rows.jsonl")
    assert {row["split"] for row in rows if row["file"] == CANARIES} == {"train"}
    assert {row["split"] for row in rows} == {"train", "validation"}


def test_a_model_that_saw_a_canary_a_few_times_only_is_told_apart_from_one_that_learnt_it(runs: Path) -> None:
    ranks = [one.rank for one in scored(runs / "with")]
    assert all(rank is not None and rank > 1 for rank in ranks)


def test_canaries_change_what_is_trained_on_and_so_the_identity(runs: Path) -> None:
    identities = []
    for name in ("with", "without"):
        entries = lines(runs / name / "record.jsonl")
        identities.append(next(one["data"]["identity"] for one in entries if one["kind"] == "model"))  # type: ignore[index]
    first, second = identities
    assert first["train"]["content"] != second["train"]["content"]
    assert first["validation"] == second["validation"]
    assert first["config"] == second["config"]


def test_a_run_without_canaries_has_no_file_of_them_and_none_to_score(runs: Path) -> None:
    assert not (runs / "without" / CANARIES).exists()
    assert scored(runs / "without") == ()


def test_canaries_are_drawn_from_the_seed_alone() -> None:
    options = TrainOptions(canaries=40, seed=7)
    drawn = draw_canaries(options)
    assert drawn == draw_canaries(options)
    assert drawn[:3] == draw_canaries(TrainOptions(canaries=3, seed=7, lr=0.5))
    assert len({one.prompt for one in drawn}) == 40
    assert drawn != draw_canaries(TrainOptions(canaries=40, seed=8))


@pytest.mark.parametrize(
    "options",
    [
        TrainOptions(canaries=1, task="classify"),
        TrainOptions(canaries=1, curve=(0.5, 1.0)),
        TrainOptions(canaries=-1),
        TrainOptions(canaries=101),
    ],
)
def test_canaries_are_refused_where_they_have_no_place(options: TrainOptions) -> None:
    with pytest.raises(ConfigError, match="canaries"):
        check_options(options)


def test_a_run_with_canaries_can_be_replayed_and_another_number_of_them_is_another_command(runs: Path) -> None:
    data, folder = str(runs / "train.jsonl"), runs / "with"
    assert replay(folder, 1, [data], settings=SETTINGS).equal
    assert train(data, folder, options=WITH_CANARIES, settings=SETTINGS, resume=True).already
    other = msgspec.structs.replace(WITH_CANARIES, canaries=3)
    with pytest.raises(ResumeRefused, match="canaries is 3 and was 2"):
        train(data, folder, options=other, settings=SETTINGS, resume=True)
