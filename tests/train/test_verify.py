"""``verify``: that nothing in a finished run can change unseen, and that what did is named."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.errors import InputError, UsageError
from audit.train.runs.chain import canonical
from audit.train.runs.record import Record, files_of
from audit.train.runs.verify import verify
from tests.train.run_folder import sealed_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    sealed_run(tmp_path / "run")
    return tmp_path / "run"


def test_a_run_as_it_was_sealed_is_intact(run: Path) -> None:
    told = verify(run)
    assert (told.state, told.entries, told.files, told.first) == ("intact", 5, 5, None)
    assert told.seal == (run / "record.sha256").read_text().strip()


def test_a_run_that_was_moved_is_intact(run: Path, tmp_path: Path) -> None:
    assert verify(run.rename(tmp_path / "elsewhere")).state == "intact"


def test_every_bit_of_every_byte_counts(run: Path) -> None:
    names = [*files_of(run), "record.jsonl", "record.sha256"]
    flips = 0
    for name in names:
        path = run / name
        whole = path.read_bytes()
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            told = verify(run)
            assert told.state == "mismatch", (name, at)
            assert told.first is not None
            assert told.first.name.startswith("record." if name.startswith("record.") else name), (name, at)
            flips += 1
        path.write_bytes(whole)
    assert flips > 1_000
    assert verify(run).state == "intact"


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


DAMAGES: list[tuple[Callable[[Path], object], str, str]] = [
    (lambda run: (run / "empty").unlink(), "empty", "is missing"),
    (lambda run: (run / "new").write_text(""), "new", "is not in the record"),
    (lambda run: append(run / "model" / "weights.bin"), "model/weights.bin", "was changed: 51 bytes, and 50 were"),
    (lambda run: (run / "timing.jsonl").write_text(""), "timing.jsonl", "was changed: 0 bytes"),
    (lambda run: append(run / "record.sha256"), "record.sha256", "does not seal record.jsonl"),
    (lambda run: (run / "record.sha256").unlink(), "record.sha256", "is missing, though the record is finished"),
    (lambda run: (run / "record.jsonl").unlink(), "record.jsonl", "is missing, though its seal is there"),
    (lambda run: append(run / "record.jsonl"), "record.jsonl line 6 (unreadable)", "is not canonical JSON"),
    (lambda run: (run / "link").symlink_to(run), "link", "is not in the record"),
]


@pytest.mark.parametrize(("damage", "name", "what"), DAMAGES)
def test_what_changed_is_named(damage: Callable[[Path], object], name: str, what: str, run: Path) -> None:
    damage(run)
    told = verify(run)
    assert told.state == "mismatch"
    assert told.first is not None
    assert told.first.name == name
    assert told.first.what.startswith(what)


def test_all_mismatches_are_told_lines_of_the_record_first(run: Path) -> None:
    (run / "empty").write_text("x")
    (run / "config.json").unlink()
    record = run / "record.jsonl"
    record.write_bytes(record.read_bytes().replace(b"finetune-audit", b"finetune-audiu"))
    assert [one.name for one in verify(run).mismatches] == [
        "record.jsonl line 2 (data)",
        "record.sha256",
        "config.json",
        "empty",
    ]


def test_a_file_that_became_a_link_to_its_own_content_is_named(run: Path, tmp_path: Path) -> None:
    moved = (run / "config.json").rename(tmp_path / "config.json")
    (run / "config.json").symlink_to(moved)
    told = verify(run).first
    assert told is not None
    assert told.what.startswith("cannot be compared: is no plain file")


def rewritten(run: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Forge the record: change each entry, chain all of them anew, and seal it."""
    lines = [json.loads(line) for line in (run / "record.jsonl").read_bytes().splitlines()]
    previous, forged = "0" * 64, b""
    for line in lines:
        change(line)
        line["previous"] = previous
        forged += canonical(line)
        previous = hashlib.sha256(canonical(line)).hexdigest()
    (run / "record.jsonl").write_bytes(forged)
    (run / "record.sha256").write_text(hashlib.sha256(forged).hexdigest() + "\n")


def test_a_record_that_was_rewritten_whole_is_told_by_a_seal_kept_elsewhere(run: Path) -> None:
    kept = verify(run).seal
    assert verify(run, kept.upper()).state == "intact"
    rewritten(run, lambda line: line["data"].update(waived=True))  # type: ignore[attr-defined]
    assert verify(run).state == "intact"
    told = verify(run, kept)
    assert told.state == "mismatch"
    assert told.first is not None
    assert told.first.what == f"has sha256 {told.seal}, and {kept} was expected"


@pytest.mark.parametrize("change", [{"extra": 1}, {"n": 7}, {"kind": 3}])
def test_a_line_of_another_form_is_named_even_in_a_sealed_chain(change: dict[str, object], run: Path) -> None:
    rewritten(run, lambda line: line.update(change))
    told = verify(run).first
    assert told is not None
    assert told.name.startswith("record.jsonl line 1")


def test_a_record_that_is_cut_back_and_sealed_again_does_not_end_as_it_should(run: Path) -> None:
    lines = (run / "record.jsonl").read_bytes().splitlines(keepends=True)
    (run / "record.jsonl").write_bytes(b"".join(lines[:2]))
    (run / "record.sha256").write_text(hashlib.sha256(b"".join(lines[:2])).hexdigest() + "\n")
    told = verify(run).first
    assert told is not None
    assert told.what == "is sealed and does not end with the list of files"


def test_an_unfinished_run_is_told_as_one(tmp_path: Path) -> None:
    with Record.begin(tmp_path) as record:
        record.add("began", {})
    (tmp_path / "metrics.jsonl").write_text("")
    assert verify(tmp_path).state == "unfinished"
    path = tmp_path / "record.jsonl"
    path.write_bytes(path.read_bytes() + b'{"torn')
    assert verify(tmp_path).state == "unfinished"
    assert verify(tmp_path, "0" * 64).state == "mismatch"


def test_an_unfinished_run_whose_record_was_changed_is_a_mismatch(tmp_path: Path) -> None:
    with Record.begin(tmp_path) as record:
        record.add("began", {"a": 1})
        record.add("data", {})
    path = tmp_path / "record.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"a":1', b'"a":2'))
    assert verify(tmp_path).state == "mismatch"


@pytest.mark.parametrize(
    "content",
    [b"\n", b"null\n", b"[]\n", b"{}\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"1" * 5000 + b"\n", b'"\\ud800"\n'],
)
def test_a_hostile_record_is_a_mismatch_and_no_crash(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "record.jsonl").write_bytes(content)
    assert verify(tmp_path).state == "mismatch"


def test_without_a_record_nothing_can_be_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no record of a run"):
        verify(tmp_path)
    with pytest.raises(InputError, match="holds no record of a run"):
        verify(tmp_path / "none")


def test_what_is_no_hash_cannot_be_expected(run: Path) -> None:
    with pytest.raises(UsageError, match="is no sha256"):
        verify(run, "abc")


def test_verifying_needs_no_tensor_library(run: Path) -> None:
    program = (
        "import sys; from audit.cli import main; code = main(['verify', sys.argv[1]]); "
        "heavy = {'torch', 'transformers', 'numpy', 'pandas', 'safetensors'} & set(sys.modules); "
        "sys.exit(code or (9 if heavy else 0))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(run)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
