"""The record of a run: its chain, how it survives a crash, and what it never holds."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import InputError, OutputError
from audit.train.runs.chain import FIRST, canonical, read_chain, read_entries
from audit.train.runs.checkpoint import save
from audit.train.runs.identity import ResumeRefused, machine_identity
from audit.train.runs.metering import Meter, Timing, write_machine
from audit.train.runs.record import Record, files_of, is_finished
from tests.train.run_folder import identity, sealed_run, snapshot, traces

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_canonical_json_is_one_ascii_line_that_reads_back(value: object) -> None:
    line = canonical(value)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line) == value
    assert canonical(json.loads(line)) == line


def test_canonical_json_keeps_half_a_character_and_knows_no_infinity() -> None:
    assert canonical({"b": "\ud800", "a": [float("inf"), float("nan"), 1.0, 1]}) == (
        b'{"a":[null,null,1.0,1],"b":"\\ud800"}\n'
    )


def test_every_line_names_the_hash_of_the_one_before(tmp_path: Path) -> None:
    with Record.begin(tmp_path) as record:
        record.add("began", {"b": 1, "a": "ä"})
        record.add("data", {})
    one, two = (tmp_path / "record.jsonl").read_bytes().splitlines(keepends=True)
    assert one == b'{"data":{"a":"\\u00e4","b":1},"kind":"began","n":0,"previous":"' + FIRST.encode() + b'"}\n'
    assert json.loads(two)["previous"] == hashlib.sha256(one).hexdigest()


def test_the_seal_is_the_hash_of_the_record(tmp_path: Path) -> None:
    seal = sealed_run(tmp_path / "run")
    assert (tmp_path / "run" / "record.sha256").read_text() == f"{seal}\n"
    assert hashlib.sha256((tmp_path / "run" / "record.jsonl").read_bytes()).hexdigest() == seal
    assert is_finished(tmp_path / "run")


def test_the_last_entries_list_every_file_and_set_apart_what_was_measured(tmp_path: Path) -> None:
    sealed_run(tmp_path)
    kinds = [(entry.kind, sorted(entry.data.get("files", ()))) for entry in read_entries(tmp_path)]
    assert kinds == [
        ("began", []),
        ("data", []),
        ("finished", []),
        ("files", ["config.json", "empty", "metrics.jsonl", "model/weights.bin"]),
        ("measured", ["timing.jsonl"]),
    ]


def test_two_equal_runs_have_one_record_up_to_what_was_measured(tmp_path: Path) -> None:
    sealed_run(tmp_path / "a")
    sealed_run(tmp_path / "b")
    for name in ("a", "b"):
        (tmp_path / name / "record.sha256").unlink()
    (tmp_path / "b" / "timing.jsonl").write_text("later\n")
    Record.resume(tmp_path / "b").finish({})
    one = (tmp_path / "a" / "record.jsonl").read_bytes().splitlines()
    other = (tmp_path / "b" / "record.jsonl").read_bytes().splitlines()
    assert one[:4] == other[:4]


def test_a_folder_with_a_record_is_not_begun_again(tmp_path: Path) -> None:
    Record.begin(tmp_path).close()
    with pytest.raises(OutputError, match="holds the record of a run already"):
        Record.begin(tmp_path)


def test_only_one_process_writes_a_record(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with Record.begin(tmp_path), pytest.raises(OutputError, match="another process is writing"):
        Record.resume(tmp_path)
    Record.resume(tmp_path).close()


def test_a_resumed_record_goes_on_with_the_chain(tmp_path: Path) -> None:
    with Record.begin(tmp_path) as record:
        record.add("began", {})
    with Record.resume(tmp_path) as record:
        record.add("resumed", {"step": 3})
    chain = read_chain((tmp_path / "record.jsonl").read_bytes())
    assert [entry.kind for entry in chain.entries] == ["began", "resumed"]
    assert chain.faults == ()


@pytest.mark.parametrize("torn", [b"{", b'{"data":{},"kind":"data","n":1', b"\0" * 40])
def test_a_torn_last_line_is_cut_and_the_cut_is_recorded(torn: bytes, tmp_path: Path) -> None:
    with Record.begin(tmp_path) as record:
        record.add("began", {})
    with (tmp_path / "record.jsonl").open("ab") as file:
        file.write(torn)
    Record.resume(tmp_path).close()
    began, cut = read_entries(tmp_path)
    assert (began.kind, cut.kind) == ("began", "cut")
    assert cut.data == {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}


def test_a_record_that_was_torn_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "record.jsonl").write_bytes(b'{"da')
    with Record.resume(tmp_path) as record:
        record.add("began", {})
    assert [entry.kind for entry in read_entries(tmp_path)] == ["cut", "began"]


def test_a_changed_record_is_not_gone_on_with(tmp_path: Path) -> None:
    with Record.begin(tmp_path) as record:
        record.add("began", {"waived": False})
        record.add("data", {})
    path = tmp_path / "record.jsonl"
    path.write_bytes(path.read_bytes().replace(b"false", b"true"))
    with pytest.raises(ResumeRefused, match=r"record.jsonl line 2 \(data\) does not follow"):
        Record.resume(tmp_path)


def test_a_finished_run_is_not_gone_on_with(tmp_path: Path) -> None:
    sealed_run(tmp_path / "run")
    with pytest.raises(ResumeRefused, match="is finished"):
        Record.resume(tmp_path / "run")


def test_a_folder_without_a_record_is_not_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no record.jsonl"):
        Record.resume(tmp_path)
    with pytest.raises(InputError, match=r"holds no record.jsonl"):
        list(read_entries(tmp_path))


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo])
def test_a_record_vouches_for_plain_files_only(make: object, tmp_path: Path) -> None:
    make(tmp_path / "odd")  # type: ignore[operator]
    with Record.begin(tmp_path) as record, pytest.raises(OutputError, match="odd is no plain file"):
        record.finish({})


def test_files_are_named_from_the_run_folder_whatever_they_are_called(tmp_path: Path) -> None:
    folder = tmp_path / "sub" / "deep"
    folder.mkdir(parents=True)
    (folder / "b\nc").write_text("")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("")
    assert files_of(tmp_path) == ("sub/deep/b\nc", "sub/deep/\udcff")
    with Record.begin(tmp_path) as record:
        record.finish({})
    assert is_finished(tmp_path)


# ----------------------------------------------------------------------------- what no run folder holds


def test_a_run_folder_names_no_user_no_machine_and_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    run = tmp_path / "run"
    run.mkdir()
    with Meter(energy="off") as meter, Timing(run, meter) as timing, Record.begin(run) as record:
        record.add("began", {})
        timing.lap(1)
        write_machine(run, machine_identity(), meter.usage.energy_method)
        save(run / "checkpoints", snapshot(1), identity(), keep=1, best=False)
        record.finish({})
    assert traces(run) == []


def test_what_gives_the_user_away_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("HOME", "/home/anne")
    monkeypatch.setenv("LOGNAME", "anne")
    monkeypatch.setattr(socket, "gethostname", lambda: "annes-laptop")
    (tmp_path / "a").write_text("key=sk-0123456789abcdef at /home/anne/x on annes-laptop")
    assert traces(tmp_path) == [
        "a: the home folder",
        "a: the host name",
        "a: the user's name",
        "a: the variable OPENAI_API_KEY",
    ]
