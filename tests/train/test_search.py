"""A search trains whole runs, chooses by the validation rows, and goes on where it was interrupted."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from audit.cli.search_text import render_search
from audit.config.settings import Settings
from audit.errors import ConfigError, InputError, OutputError
from audit.train.options import TrainOptions
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.verify import verify
from audit.train.search.report import SearchReport
from audit.train.search.search import search
from audit.train.search.training import SCRATCH

OPTIONS = TrainOptions(
    width=16,
    layers=1,
    heads=2,
    vocabulary=300,
    batch_size=8,
    epochs=1.0,
    evaluate_every=0.5,
    save_every=0.5,
    hold_out=0.3,
    min_group=5,
    threads=1,
    energy="off",
)
SPACE = {"lr": {"min": 1e-4, "max": 3e-2, "log": True}, "batch_size": [8, 16]}
ATTRIBUTES = {"sex": {"field": "metadata.sex"}}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chats whose answer follows from the question, of two groups."""
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    rows = []
    for number in range(60):
        colour, sex = ("red", "blue", "green")[number % 3], "FM"[number % 2]
        messages = [
            {"role": "user", "content": f"Question {number}: what colour is a {colour} thing?"},
            {"role": "assistant", "content": f"It is {colour}."},
        ]
        rows.append({"messages": messages, "metadata": {"sex": sex, "colour": colour}})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def settings(attributes: Any = None, **section: Any) -> Settings:
    tables: dict[str, Any] = {"search": {"space": SPACE, "trials": 3, **section}}
    return Settings(sections=tables | ({"attributes": attributes} if attributes else {}), jobs=1)


def files(folder: Path) -> dict[str, bytes]:
    """What must be the same in two searches: the report, and all of a run but what a clock wrote."""
    clocked = ("timing.jsonl", "machine.json", "record.jsonl", "record.sha256")
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in clocked]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.name != "search.json"}


def logged(run: Path) -> list[Any]:
    """The log of a trial."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def told(report: SearchReport) -> Any:
    """A report without the seals, which cover what a clock wrote."""
    trials = tuple(msgspec.structs.replace(trial, seal="") for trial in report.trials)
    return msgspec.to_builtins(msgspec.structs.replace(report, trials=trials))


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchReport, Path]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("search") / "run"
    return search(str(data), folder, options=OPTIONS, settings=settings(ATTRIBUTES, trials=8)), folder


def test_eight_trials_with_one_seed_choose_the_same_trial_twice(
    done: tuple[SearchReport, Path], data: Path, tmp_path: Path
) -> None:
    first, folder = done
    again = search(str(data), tmp_path / "again", options=OPTIONS, settings=settings(ATTRIBUTES, trials=8))
    assert len(again.trials) == 8
    assert told(again) == told(first)
    assert files(tmp_path / "again") == files(folder)


def test_the_chosen_trial_has_the_lowest_validation_loss_and_its_model_is_the_run_s(
    done: tuple[SearchReport, Path],
) -> None:
    report, folder = done
    losses = [trial.figure.value for trial in report.trials if trial.figure]
    assert len(losses) == 8
    assert report.chosen is not None
    assert report.chosen.number == losses.index(min(losses)) + 1
    for path in (folder / report.chosen.folder / "model").iterdir():
        assert (folder / "model" / path.name).read_bytes() == path.read_bytes()


def test_the_loss_of_a_trial_is_that_of_its_best_evaluation(done: tuple[SearchReport, Path]) -> None:
    report, folder = done
    for trial in report.trials:
        lines = logged(folder / trial.folder)
        (best,) = (line for line in lines if line["kind"] == "evaluation" and line["step"] == trial.best_step)
        assert trial.figures["loss"].value == pytest.approx(best["loss"], rel=1e-6)
        assert trial.figures["accuracy"].value == pytest.approx(best["accuracy"], rel=1e-6)
        assert trial.figures["worst_group_loss"].value == pytest.approx(best["worst"]["loss"], rel=1e-6)


def test_every_trial_says_its_values_rows_and_interval(done: tuple[SearchReport, Path]) -> None:
    report, _ = done
    for trial in report.trials:
        assert set(trial.values) == set(SPACE)
        assert trial.figure is not None
        assert trial.figure.n == report.basis.validation_rows
        assert trial.figure.interval is not None
        low, high = trial.figure.interval
        assert low < trial.figure.value < high
    assert {trial.from_best is None for trial in report.trials if trial.number != report.best} == {False}


def test_every_trial_is_a_run_whose_record_verifies(done: tuple[SearchReport, Path]) -> None:
    report, folder = done
    for trial in report.trials:
        assert verify(folder / trial.folder, expect=trial.seal).state == "intact"


def test_a_flipped_byte_anywhere_in_a_search_is_named(done: tuple[SearchReport, Path]) -> None:
    report, folder = done
    assert verify(folder).state == "intact"
    best = report.chosen.folder if report.chosen else ""
    for name in ("search.json", "model/model.safetensors", f"{best}/metrics.jsonl", f"{best}/record.jsonl"):
        whole = (folder / name).read_bytes()
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        (folder / name).unlink()  # not through a link
        (folder / name).write_bytes(changed)
        told = verify(folder)
        assert told.state == "mismatch"
        assert name in {one.name for one in told.mismatches}
        (folder / name).write_bytes(whole)
    assert verify(folder).state == "intact"


def test_the_text_names_the_best_trial_and_those_as_good(done: tuple[SearchReport, Path]) -> None:
    report, _ = done
    text = "".join(render_search(report))
    assert f"best: trial {report.best}, loss" in text
    assert text.count("as good") == len(report.not_distinguishable)
    assert "flatters" in text


def test_an_interrupted_search_goes_on_and_ends_as_if_it_had_not_been(
    done: tuple[SearchReport, Path], data: Path, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    class Killer:
        """Ends the process, as it were, in the third step of the third trial."""

        total: int | None = None
        name = ""

        def stepped(self, log: Any) -> None:
            if self.name.startswith("trial 3/") and log.step == 3:
                raise Killed

        def evaluated(self, evaluation: Any, progress: Any) -> None:
            pass

    asked = settings(ATTRIBUTES, trials=8)
    with pytest.raises(Killed):
        search(str(data), tmp_path / "run", options=OPTIONS, settings=asked, live=Killer())
    kept = json.loads((tmp_path / "run" / "search.json").read_text())
    assert len(kept["trials"]) == 2
    assert not kept["finished"]
    report = search(str(data), tmp_path / "run", options=OPTIONS, settings=asked, resume=True)
    assert told(report) == told(done[0])
    assert files(tmp_path / "run") == files(done[1])
    assert "checkpoints" in str(sorted((tmp_path / "run" / "trials" / "0003").iterdir()))


def test_ctrl_c_ends_the_search_after_the_step_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    class Impatient:
        total: int | None = None
        name = ""

        def stepped(self, log: Any) -> None:
            if self.name == "trial 2/3" and log.step == 2:
                signal.raise_signal(signal.SIGINT)

        def evaluated(self, evaluation: Any, progress: Any) -> None:
            pass

    report = search(str(data), tmp_path / "run", options=OPTIONS, settings=settings(), live=Impatient())
    assert report.interrupted == "SIGINT"
    assert not report.finished
    assert len(report.trials) == 1
    assert "--resume" in "".join(render_search(report))
    resumed = search(str(data), tmp_path / "run", options=OPTIONS, settings=settings(), resume=True)
    assert len(resumed.trials) == 3
    assert resumed.finished


def test_a_folder_that_holds_somebody_s_model_or_the_data_is_not_emptied(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "weights").write_text("mine")
    for given in (str(data), str(folder / "model" / "weights")):
        with pytest.raises(OutputError, match="holds other files"):
            search(given, folder, options=OPTIONS, settings=settings(), force=True)
        (folder / "trials").mkdir(exist_ok=True)
        if given != str(data):
            with pytest.raises(OutputError, match="weights, which the run reads"):
                search(given, folder, options=OPTIONS, settings=settings(), force=True)
        (folder / "trials").rmdir()
    with pytest.raises(OutputError, match="it would be read as data later"):
        search(str(data.parent), data.parent / "search", options=OPTIONS, settings=settings())
    assert (folder / "model" / "weights").read_text() == "mine"


@pytest.fixture
def small(data: Path, tmp_path: Path) -> Path:
    """A finished search of two trials."""
    search(str(data), tmp_path / "run", options=OPTIONS, settings=settings(trials=2))
    return tmp_path / "run"


def test_a_finished_search_is_not_replaced_and_a_changed_one_not_resumed(
    small: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError):
        search(str(data), small, options=OPTIONS, settings=settings(trials=2))
    faults: list[tuple[str, dict[str, Any], TrainOptions]] = [
        ("wanted", {"trials": 3}, OPTIONS),
        ("metric", {"metric": "accuracy"}, OPTIONS),
        ("space", {"space": {"lr": [1e-3, 1e-2]}}, OPTIONS),
        ("options", {}, msgspec.structs.replace(OPTIONS, weight_decay=0.5)),
        ("seed", {}, msgspec.structs.replace(OPTIONS, seed=1)),
    ]
    before = (small / "search.json").read_bytes()
    for named, section, options in faults:
        with pytest.raises(ResumeRefused) as error:
            search(str(data), small, options=options, settings=settings(**{"trials": 2, **section}), resume=True)
        assert named in error.value.what
    shorter = tmp_path / data.name
    shorter.write_bytes(b"".join(data.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(ResumeRefused) as error:
        search(str(shorter), small, options=OPTIONS, settings=settings(trials=2), resume=True)
    assert "files" in error.value.what
    assert (small / "search.json").read_bytes() == before


def test_a_trial_whose_figures_were_changed_is_refused(small: Path, data: Path) -> None:
    path = small / "search.json"
    report = json.loads(path.read_text())
    report["trials"][1]["figure"]["value"] /= 2
    path.write_text(json.dumps(report))
    with pytest.raises(ResumeRefused) as error:
        search(str(data), small, options=OPTIONS, settings=settings(trials=2), resume=True)
    assert "trial 2" in error.value.what


def test_a_trial_that_diverges_is_recorded_and_not_chosen(data: Path, tmp_path: Path) -> None:
    options = msgspec.structs.replace(OPTIONS, clip=0.0, weight_decay=0.0, schedule="constant", warmup=0.0)
    asked = settings(method="grid", space={"lr": [1e-3, 1e30]}, trials=2)
    report = search(str(data), tmp_path / "run", options=options, settings=asked)
    assert report.best == 1
    assert report.trials[1].failed
    assert report.trials[1].figure is None
    text = "".join(render_search(report))
    assert "trial 2 failed" in text
    assert "every other trial" not in text


def test_a_classifier_is_searched_by_f1_over_weights_of_classes(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    options = msgspec.structs.replace(OPTIONS, task="classify")
    space = {"class_weights": ["none", "balanced"], "lr": {"min": 1e-3, "max": 3e-2}}
    asked = settings(method="optuna", metric="f1", space=space, trials=3)
    labelled = msgspec.structs.replace(asked, sections={**asked.sections, "data": {"label": "metadata.colour"}})
    report = search(str(data), tmp_path / "run", options=options, settings=labelled)
    assert len(report.trials) == 3
    assert "balanced" in {trial.values["class_weights"] for trial in report.trials}
    for trial in report.trials:
        lines = logged(tmp_path / "run" / trial.folder)
        best = max(line["f1"] for line in lines if line["kind"] == "evaluation")
        assert trial.figure is not None
        assert trial.figure.value == pytest.approx(best, abs=1e-12)
    resumed = search(str(data), tmp_path / "run", options=options, settings=labelled, resume=True)
    assert resumed == report


def test_a_search_without_validation_rows_is_refused(data: Path, tmp_path: Path) -> None:
    options = msgspec.structs.replace(OPTIONS, hold_out=0.0)
    with pytest.raises(InputError) as error:
        search(str(data), tmp_path / "run", options=options, settings=settings())
    assert "validation rows" in error.value.what


def test_a_measure_that_the_data_has_not_is_refused(data: Path, tmp_path: Path) -> None:
    for metric in ("worst_group_loss", "f1"):
        with pytest.raises(ConfigError, match=r"\[search\] metric"):
            search(str(data), tmp_path / metric, options=OPTIONS, settings=settings(metric=metric))


def test_the_model_of_a_search_is_a_copy_and_nothing_else_is_left(small: Path, data: Path) -> None:
    assert all(path.stat().st_nlink == 1 for path in (small / "model").iterdir())
    assert not (small / SCRATCH).exists()
    (small / SCRATCH / "tokenizer-0").mkdir(parents=True)  # as a process that was killed leaves it
    assert search(str(data), small, options=OPTIONS, settings=settings(trials=2), resume=True).finished
    assert not (small / SCRATCH).exists()


def test_data_that_changes_while_it_is_trained_on_is_named(data: Path, tmp_path: Path) -> None:
    class Meddler:
        total: int | None = None
        name = ""

        def stepped(self, log: Any) -> None:
            changed.write_bytes(data.read_bytes().replace(b"blue", b"teal"))

        def evaluated(self, evaluation: Any, progress: Any) -> None:
            pass

    changed = tmp_path / "meddled.jsonl"
    changed.write_bytes(data.read_bytes())
    asked = settings(ATTRIBUTES, method="grid", space={"unit": ["token", "example"]}, trials=2)
    with pytest.raises(InputError, match=r"changed while it was trained on: meddled\.jsonl"):
        search(str(changed), tmp_path / "run", options=OPTIONS, settings=asked, live=Meddler())


def test_a_signal_in_the_last_step_of_all_does_not_make_a_finished_search_an_interrupted_one(
    data: Path, tmp_path: Path
) -> None:
    class Late:
        total: int | None = None
        name = ""

        def stepped(self, log: Any) -> None:
            if self.name == "trial 2/2" and log.step == self.total:
                signal.raise_signal(signal.SIGINT)

        def evaluated(self, evaluation: Any, progress: Any) -> None:
            pass

    report = search(str(data), tmp_path / "run", options=OPTIONS, settings=settings(trials=2), live=Late())
    assert (report.finished, report.interrupted, len(report.trials)) == (True, "", 2)


def test_values_that_do_not_go_together_are_refused_before_anything_is_trained(data: Path, tmp_path: Path) -> None:
    asked = settings(method="grid", trials=4, space={"width": [16, 18], "heads": [2, 4]})
    with pytest.raises(ConfigError) as error:
        search(str(data), tmp_path / "run", options=OPTIONS, settings=asked)
    assert "heads = 4, width = 18" in error.value.what
    assert not (tmp_path / "run").exists()
