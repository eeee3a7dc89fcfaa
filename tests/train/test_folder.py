"""The folder of a run: what may be replaced, what is left alone, and that only one process begins a run in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.errors import AuditError, OutputError
from audit.train.runs import folder as folders
from audit.train.runs.chain import read_entries
from audit.train.runs.folder import begin, check_output, state_of, sweep_temporary
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.record import Record
from audit.train.runs.verify import verify


def started(folder: Path) -> Path:
    """A run that was interrupted."""
    with begin(folder, {"version": "1"}) as record:
        record.add("model", {})
        (folder / "metrics.jsonl").write_text("")
        (folder / "checkpoints" / "step-00000001").mkdir(parents=True)
        (folder / "checkpoints" / "step-00000001" / "manifest.json").write_text("{}")
    return folder


def finished(folder: Path) -> Path:
    with Record.resume(started(folder)) as record:
        record.finish({})
    return folder


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def check(folder: Path, *inputs: str, resume: bool = False, force: bool = False) -> str:
    return check_output(folder, inputs, resume=resume, force=force)


def test_a_folder_goes_from_new_over_begun_and_started_to_finished(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert state_of(run) == "new"
    begin(run, {}).close()
    assert state_of(run) == "begun"
    begin(run, {}).close()  # nothing is lost
    with Record.resume(run) as record:
        record.add("model", {})
        assert state_of(run) == "started"
        record.finish({})
    assert state_of(run) == "finished"


@pytest.mark.parametrize(
    "record",
    [
        "my records\n",
        '{"a": 1}\n',
        '{"data":{},"kind":"began","n":0,"previous":"' + "0" * 64 + '"}\n',
        '{"data":{"schema":"audit.search/1"},"kind":"began","n":0,"previous":"' + "0" * 64 + '"}\n',
        "",
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_a_folder_whose_record_is_no_run_s_is_left_alone(record: str, force: bool, tmp_path: Path) -> None:
    (tmp_path / "record.jsonl").write_text(record)
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(OutputError, match="holds files that are no run's"):
        check(tmp_path, force=force)
    with pytest.raises(OutputError, match="holds files that are no run's"):
        begin(tmp_path, {}, force=force)
    assert names(tmp_path) == ["record.jsonl", "thesis.tex"]


def put(name: str) -> Callable[[Path], None]:
    def make(run: Path) -> None:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("mine")

    return make


def in_place_of(name: str) -> Callable[[Path], None]:
    def make(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return make


FOREIGN: list[tuple[Callable[[Path], None], str]] = [
    (put("notes.txt"), "notes.txt"),
    (put("data/train.jsonl"), "data"),
    (put("model.txt"), "model.txt"),
    (put("model"), "model"),
    (put("checkpoints/notes.txt"), "checkpoints/notes.txt"),
    (put("model/predictions.jsonl"), "model/predictions.jsonl"),
    (put("tokenizer/words.csv"), "tokenizer/words.csv"),
    (put("checkpoints/best/model.bin"), "checkpoints/best/model.bin"),
    (in_place_of("metrics.jsonl"), "metrics.jsonl"),
    (lambda run: (run / "model").symlink_to(run.parent), "model"),
    (lambda run: (run / "timing.jsonl").symlink_to(run / "metrics.jsonl"), "timing.jsonl"),
    (lambda run: (run / "checkpoints" / "step-00000002").symlink_to("step-00000001"), "checkpoints/step-00000002"),
]


@pytest.mark.parametrize(("make", "named"), FOREIGN)
def test_what_is_no_run_s_own_is_named_and_neither_deleted_nor_gone_on_with(
    make: Callable[[Path], None], named: str, tmp_path: Path
) -> None:
    run = started(tmp_path / "run")
    make(run)
    before = names(run)
    for resume in (False, True):
        with pytest.raises(OutputError, match=f"holds {named}, which is no run's own"):
            check(run, resume=resume, force=not resume)
    with pytest.raises(OutputError, match=f"holds {named}, which is no run's own"):
        begin(run, {}, force=True)
    assert names(run) == before
    assert [one.kind for one in read_entries(run)] == ["began", "model"]


def test_a_file_that_the_record_of_a_finished_run_does_not_list_is_not_deleted(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    put("model/notes.txt")(run)
    with pytest.raises(OutputError, match=r"holds model/notes\.txt, which is no run's own"):
        check(run, force=True)


def test_an_earlier_run_is_replaced_with_force(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    with pytest.raises(OutputError, match="holds a run already"):
        begin(run, {})
    begin(run, {"version": "2"}, force=True).close()
    assert names(run) == ["record.jsonl"]
    assert [one.data for one in read_entries(run)] == [{"schema": "audit.run/1", "version": "2"}]


def test_a_run_that_is_being_written_is_not_replaced(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    run = started(tmp_path / "run")
    before = names(run)
    with Record.resume(run):
        for way in (
            lambda: check(run, force=True),
            lambda: check(run, resume=True),
            lambda: begin(run, {}, force=True),
        ):
            with pytest.raises(OutputError, match="another process is writing the run"):
                way()
    assert check(run, force=True) == "started"
    assert names(run) == before


def test_of_two_starts_in_a_new_folder_the_second_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    run = tmp_path / "run"
    assert [check(run), check(run)] == ["new", "new"]  # both asked before either began
    with begin(run, {}) as first:
        with pytest.raises(OutputError, match="another process is writing the run"):
            begin(run, {})
        first.add("model", {})
    with pytest.raises(OutputError, match="holds a run already"):
        begin(run, {})


def test_a_replacement_that_is_killed_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(5):
        run = finished(tmp_path / str(at))
        left = iter(range(at))

        def remove(path: Path, left: object = left, real: Callable[[Path], None] = folders._remove) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise KeyboardInterrupt
            real(path)

        with monkeypatch.context() as patched:
            patched.setattr(folders, "_remove", remove)
            if len(names(run)) - 2 > at:  # but for the record and its seal
                with pytest.raises(KeyboardInterrupt):
                    begin(run, {}, force=True)
                assert state_of(run) in ("started", "begun")
                assert verify(run).state == "unfinished"
        begin(run, {}, force=True).close()
        assert names(run) == ["record.jsonl"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("run/model/config.json", "holds run/model/config.json, which the run reads"),
        ("run", "holds run, which the run reads"),
        ("run/*.jsonl", "holds run/.*jsonl, which the run reads"),
        (".", r"lies in \., which the run reads"),
        ("**/*.jsonl", r"holds run/.*jsonl, which the run reads"),
    ],
)
def test_what_is_read_lies_neither_in_the_run_nor_around_it(
    given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = started(Path("run"))
    put("model/config.json")(run)
    with pytest.raises(OutputError, match=said):
        check(run, "no such file", given, force=True)
    assert check(run, "no such file", "model.json", "-", force=True) == "started"


def test_a_new_run_in_the_folder_or_pattern_of_the_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "rows.jsonl").write_text("{}\n")
    run = tmp_path / "data" / "run"
    for given in ("data", "data/**/*.jsonl", "data/*/rows.jsonl"):
        with pytest.raises(OutputError, match="it would be read as data later"):
            check(run, str(tmp_path / given))
    assert check(run, str(tmp_path / "data" / "rows.jsonl"), str(tmp_path / "data" / "*.jsonl")) == "new"


def test_a_record_that_was_changed_or_cut_is_refused_by_its_line_and_not_begun_anew(tmp_path: Path) -> None:
    run = started(tmp_path / "run")
    path = run / "record.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"garbled":1}\n')
    with pytest.raises(ResumeRefused, match=r"record\.jsonl line 3 \(unreadable\)") as refused:
        check(run, resume=True)
    assert "audit verify" in str(refused.value.hint)
    path.write_bytes(whole.splitlines(keepends=True)[0])
    assert check(run, resume=True) == "started"
    with pytest.raises(OutputError, match="holds a run already"):
        check(run)


def test_a_finished_run_that_was_changed_is_not_taken_for_one_that_is_done(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    assert check(run, resume=True) == "finished"
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(ResumeRefused, match=r"checkpoints/step-00000001/manifest\.json is missing"):
        check(run, resume=True)
    with pytest.raises(AuditError, match="holds a run already"):
        check(run)


def test_what_a_killed_process_left_half_written_is_swept(tmp_path: Path) -> None:
    run = started(tmp_path / "run")
    for name in (".gate.json.123.tmp", ".record.sha256.7.tmp"):
        (run / name).write_text("{")
    (run / ".model.tmp").mkdir()
    check(run, resume=True)
    sweep_temporary(run)
    assert names(run) == ["checkpoints", "metrics.jsonl", "record.jsonl"]
