"""The re-audit end to end with real models: who is asked what, what stands in the folder, how it is gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from audit.errors import InputError, OutputError, UsageError
from audit.outputs import evaluation as kept
from audit.train.evaluation.report import EvaluateReport
from audit.train.runs.running import train
from tests.train import asked
from tests.train.reaudit_chats import CONFIG, SETTINGS, TRAINED, evaluated, place, read, rows, run, write
from tests.train.run_chats import hashes

pytestmark = pytest.mark.usefixtures("one_thread")

CLOCKED = ("timing.json",)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> EvaluateReport:
    folder = tmp_path_factory.mktemp("evaluated") / "evaluation"
    return evaluated(folder, f"raw={run(0)},{run(1)}", f"remediated={run(2)}", harm="some are refused", answers=4)


@pytest.fixture(scope="module")
def two_arms(first: EvaluateReport) -> Path:
    return Path(first.folder)


def test_every_replicate_has_its_files_under_the_seed_it_was_trained_with(two_arms: Path) -> None:
    names = {path.name for path in (two_arms / "predictions").glob("*.jsonl")}
    wanted = {f"{one}{suffix}.jsonl" for one in ("raw-0", "raw-1", "remediated-2") for suffix in SUFFIXES}
    assert names == wanted
    assert {line["seed"] for line in read(two_arms / "predictions" / "raw-1.jsonl")} == {1}


SUFFIXES = ("", ".swap", ".greedy", ".answers")


def test_the_evaluation_says_who_is_judged_and_what_the_records_say(two_arms: Path) -> None:
    found = kept.read(two_arms)
    assert (found.roles.judged, found.roles.compared, found.roles.base) == ("remediated", "raw", "")
    assert [(one.arm, one.seed, one.kind) for one in found.arms] == [
        ("raw", 0, "run"),
        ("raw", 1, "run"),
        ("remediated", 2, "run"),
    ]
    assert found.arms[0].identity["config"]["seed"] == 0
    assert [one.name for one in found.trained_on] == ["train.jsonl"]  # found beside the run, with the hash it had
    assert (found.harm, found.policy, found.data[0].rows) == ("some are refused", "outputs", 40)


def test_outputs_are_judged_for_every_arm(first: EvaluateReport) -> None:
    assert first.result is not None
    assert first.exit_code == first.result.exit_code
    rates = {(one.arm, one.attribute) for one in first.result.measures if one.name == "selection_rate"}
    assert {("raw", "sex"), ("remediated", "sex")} <= rates
    assert any(one.name == "arms.attribution" for one in first.result.measures)


def test_what_was_asked_is_not_asked_again_and_all_bytes_stay(two_arms: Path) -> None:
    before = hashes(two_arms)
    told: list[str] = []
    evaluated(
        two_arms,
        f"raw={run(0)},{run(1)}",
        f"remediated={run(2)}",
        harm="some are refused",
        answers=4,
        told=lambda name, *_: told.append(name),
    )
    assert not told
    assert hashes(two_arms) == before


def test_variants_bear_their_pair_and_the_groups_of_the_row(two_arms: Path) -> None:
    originals = {line["row_id"]: line for line in read(two_arms / "predictions" / "raw-0.jsonl")}
    lines = read(two_arms / "predictions" / "raw-0.swap.jsonl")
    assert {line["variant"] for line in lines} <= {"swap", "control"}
    for line in lines:
        own = originals[line["row_id"]]
        assert line["pair_id"]
        assert line["swapped"]["attribute"] == "sex"
        assert (line["truth"], line["attributes"], line["cluster"]) == (own["truth"], own["attributes"], own["cluster"])
        assert line["messages"] != own["messages"]
    assert max(Counter(line["pair_id"] for line in lines if line["variant"] == "swap").values()) == 1


def test_greedy_text_is_marked_by_its_sample_and_own_answers_by_their_finish(two_arms: Path) -> None:
    assert {line["sample"] for line in read(two_arms / "predictions" / "raw-0.greedy.jsonl")} == {-1}
    lines = read(two_arms / "predictions" / "raw-0.answers.jsonl")
    assert {line["finish_reason"] for line in lines} == {"answer"}
    assert sum(line["variant"] == "original" for line in lines) == 4


def test_an_interrupted_evaluation_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    models = (f"raw={run(0)}", f"remediated={run(1)}")
    evaluated(whole, *models)

    def interrupt(name: str, done: int, wanted: int) -> None:
        if name == "remediated-1.swap":
            raise KeyboardInterrupt

    first = evaluated(cut, *models, told=interrupt)
    assert (first.partial, first.exit_code, first.result) == (True, 130, None)
    assert not (cut / "evaluation.json").exists()
    second = evaluated(cut, *models)
    assert second.result is not None
    ours = ("timing.json",)
    assert hashes(cut, without=ours) == hashes(whole, without=ours)


def test_a_test_set_is_counted_as_scored_by_what_could_be_learnt(tmp_path: Path) -> None:
    folder, models = tmp_path / "evaluation", (f"raw={run(0)}",)
    assert evaluated(folder, *models).scored == 1
    assert evaluated(folder, *models).scored == 1
    assert evaluated(folder, *models, policy="strict").scored == 2
    assert evaluated(folder, *models, most=2, force=True).scored == 3
    assert kept.times_scored(folder) == 3


def test_another_evaluation_is_not_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "evaluation"
    evaluated(folder, f"raw={run(0)}", f"other={run(1)}")
    with pytest.raises(OutputError, match="holds another evaluation"):
        evaluated(folder, f"raw={run(0)}")
    with pytest.raises(InputError, match="another"):
        evaluated(folder, f"raw={run(0)}", f"other={run(1)}", data=write(tmp_path / "else.jsonl", rows(300, 10)))
    evaluated(folder, f"raw={run(0)}", force=True)
    assert not list((folder / "predictions").glob("other-*"))
    with pytest.raises(OutputError, match="no evaluation's"):
        evaluated(Path(run(1)), f"raw={run(0)}")


def test_rows_that_a_run_was_trained_on_are_told(tmp_path: Path) -> None:
    mixed = write(tmp_path / "mixed.jsonl", rows(70, 30))
    report = evaluated(tmp_path / "evaluation", f"raw={run(0)}", data=mixed, counterfactual=False, greedy=0)
    assert report.evaluation.notes[0].startswith(kept.SEEN)
    assert "raw was trained on 10 of the 30 rows (33.33 %)" in report.evaluation.notes[0]


def test_a_test_set_that_is_the_training_data_is_said_to_be_both(tmp_path: Path) -> None:
    again = write(tmp_path / "again.jsonl", [*rows(79, 1), *rows(79, 1)])  # numbered otherwise than in training
    for data, said in ((place() / "train.jsonl", "80 of the 80"), (again, "2 of the 2")):
        report = evaluated(tmp_path / said[:2], f"raw={run(0)}", data=data, counterfactual=False, greedy=0)
        assert [note for note in report.evaluation.notes if said in note and note.startswith(kept.SEEN)]
        assert [one.name for one in report.evaluation.trained_on] == ["train.jsonl"]
        assert not [note for note in report.evaluation.notes if "no training data is known" in note]


def test_only_rows_that_were_trained_on_are_the_training_data(tmp_path: Path) -> None:
    from audit.api.outputs import trained_on
    from audit.train.evaluation.facts import trained_files

    options = msgspec.structs.replace(TRAINED, hold_out=0.3, max_steps=1)
    files = (("train", rows(0, 60)), ("test", rows(100, 20)))
    splits = tuple((name, str(write(tmp_path / f"{name}.jsonl", made))) for name, made in files)
    settings = msgspec.structs.replace(SETTINGS, splits=splits)
    train([], tmp_path / "run", options=options, settings=settings, waive="A. Jones: a test")
    (found,) = trained_files(tmp_path / "run").items()
    held = {row["line"] for row in read(tmp_path / "run" / "rows.jsonl") if row["split"] == "validation"}
    assert found[0] == "train.jsonl"
    assert held
    assert set(found[1].others) == held
    path = str(tmp_path / "train.jsonl")
    known = trained_on(path, SETTINGS, others={path: found[1].others})
    assert {row.line for row in known.rows} == {*range(1, 61)} - held
    assert sum(cell.rows for cell in known.tables["sex"]) == 60 - len(held)
    report = evaluated(tmp_path / "e", f"raw={tmp_path / 'run'}", data=tmp_path / "test.jsonl", counterfactual=False)
    assert [one.name for one in report.evaluation.trained_on] == ["train.jsonl"]


def test_what_is_coupled_by_hand_is_swapped_along_and_written_down(tmp_path: Path) -> None:
    pairs = {"points": {str(n): str(9 - n) for n in range(10)}}
    report = evaluated(tmp_path / "e", f"raw={run(0)}", coupled={"sex": pairs}, greedy=0)
    assert report.evaluation.counterfactual.coupled["sex"]["points"]
    told = kept.read(tmp_path / "e")
    assert told.counterfactual == report.evaluation.counterfactual
    assert told.asked["coupled"] == {"sex": pairs}
    with pytest.raises(UsageError, match="coupled names 'age'"):
        evaluated(tmp_path / "other", f"raw={run(0)}", coupled={"age": {}})


def test_of_several_splits_the_test_split_is_asked(tmp_path: Path) -> None:
    from audit.train import EvaluateOptions, evaluate

    files = {"train": rows(0, 30), "validation": rows(200, 5), "test": rows(100, 7)}
    splits = tuple((name, str(write(tmp_path / f"{name}.jsonl", made))) for name, made in files.items())
    settings = msgspec.structs.replace(SETTINGS, splits=splits)
    options = EvaluateOptions(models=(f"raw={run(0)}",), counterfactual=False, greedy=0)
    report = evaluate([], tmp_path / "evaluation", options=options, settings=settings)
    assert report.evaluation.split == "test"
    assert report.accounts[0].n == 7


def test_no_rows_are_an_error_and_no_pass(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rows"):
        evaluated(tmp_path / "evaluation", f"raw={run(0)}", data=write(tmp_path / "empty.jsonl", []))


def test_of_a_run_that_held_rows_out_these_are_asked(tmp_path: Path) -> None:
    data = write(tmp_path / "train.jsonl", rows(0, 80))
    options = msgspec.structs.replace(TRAINED, hold_out=0.3)
    train([str(data)], tmp_path / "run", options=options, settings=SETTINGS, waive="A. Jones: a test")
    report = evaluated(tmp_path / "evaluation", f"raw={tmp_path / 'run'}", data=data, counterfactual=False, greedy=0)
    held = sum(row["split"] == "validation" for row in read(tmp_path / "run" / "rows.jsonl"))
    assert 0 < held < 80
    assert (report.evaluation.split, report.accounts[0].n) == ("validation", held)
    assert not [note for note in report.evaluation.notes if "was trained on" in note]
    assert report.evaluation.arms[0].curve[-1].validation_loss is not None


def test_where_answers_are_free_text_they_are_written_and_the_rows_own_are_scored(tmp_path: Path) -> None:
    data = asked.write(tmp_path / "test.jsonl", asked.questions(12))
    report = evaluated(tmp_path / "e", f"base={asked.model('gpt2')}", data=data, max_new_tokens=4)
    assert [one.what for one in report.evaluation.files] == ["asked", "answers"]
    assert {line["finish_reason"] for line in read(tmp_path / "e" / "predictions" / "base-0.jsonl")} <= {
        "length",
        "stop",
    }
    scored = read(tmp_path / "e" / "predictions" / "base-0.answers.jsonl")
    assert [line["output"] for line in scored] == [f"answer {n}" for n in range(12)]
    assert report.result is not None
    assert any(one.name == "outputs.perplexity" for one in report.result.measures)


def test_own_answers_are_scored_behind_the_variants_of_their_rows(tmp_path: Path) -> None:
    made = rows(100, 30)
    for number, row in enumerate(made):
        row["messages"][-1]["content"] = f"answer {number}"
        del row["metadata"]["label"]
    data = write(tmp_path / "test.jsonl", made)
    report = evaluated(tmp_path / "e", f"base={asked.model('gpt2')}", data=data, max_new_tokens=2, answers=6, most=6)
    assert [one.what for one in report.evaluation.files] == ["asked", "swap", "answers"]
    swaps = {(line["row_id"], line["pair_id"]) for line in read(tmp_path / "e" / "predictions" / "base-0.swap.jsonl")}
    lines = read(tmp_path / "e" / "predictions" / "base-0.answers.jsonl")
    varied = [line for line in lines if line["variant"] != "original"]
    assert {line["finish_reason"] for line in lines} == {"answer"}
    assert {(line["row_id"], line["pair_id"]) for line in varied} == swaps
    assert {line["row_id"] for line in varied} == {line["row_id"] for line in lines if line["variant"] == "original"}
    own = {line["row_id"]: line["output"] for line in lines if line["variant"] == "original"}
    assert all(line["output"] == own[line["row_id"]] and line["swapped"]["attribute"] == "sex" for line in varied)


CHILD = """
import sys
from audit.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_a_killed_evaluation_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    models = (f"raw={run(0)}", f"remediated={run(1)}")
    (tmp_path / "settings.toml").write_text(CONFIG)
    words = ["evaluate", str(place() / "test.jsonl"), "-o", str(cut), "--config", str(tmp_path / "settings.toml")]
    words += ["--quiet", "--most", "6", "--greedy", "5", *(word for one in models for word in ("--model", one))]
    with subprocess.Popen([sys.executable, "-c", CHILD, *words], env={**os.environ, "OMP_NUM_THREADS": "1"}) as child:
        while not (cut / "predictions" / "raw-0.jsonl").exists() and child.poll() is None:
            threading.Event().wait(0.01)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert not (cut / "evaluation.json").exists()
    evaluated(cut, *models)
    evaluated(whole, *models)
    found = hashes(cut, without=CLOCKED)
    assert {name: found[name] for name in hashes(whole, without=CLOCKED)} == hashes(whole, without=CLOCKED)
