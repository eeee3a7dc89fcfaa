"""A whole run: the same bytes come out however the work is divided, and nothing is lost when it is disturbed."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.api import make_run, with_counter
from audit.catalog import plan
from audit.config.settings import Settings
from audit.engine import drive as driving
from audit.engine.drive import Means, drive
from audit.engine.executors import Executor, Inline
from audit.engine.processes import Processes
from audit.errors import InputError, WorkerDied
from audit.model import Measure, Severity
from audit.read.lines import SourceReader
from audit.read.rows import RowsReader
from audit.read.sources import find_sources
from audit.rule import Batch, DatasetRule, Hit, Rule, Run

SETTINGS = Settings(preview=True)
RUN = with_counter(make_run(SETTINGS), SETTINGS)
RULES = plan(SETTINGS, RUN).rules
EXECUTORS = [Inline(), *(Processes(n) for n in (1, 2, 5)), Processes(2, start_method="spawn")]
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def row(prompt: str, answer: str, **more: Any) -> bytes:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, **more}).encode()


def mixed_rows(count: int) -> list[bytes]:
    """Good rows, broken ones, exact and near duplicates, conflicts, labels, blank lines."""
    text = "the quick brown fox jumps over a lazy dog while seven wizards brew potions under old bridges near town"
    words = text.split()
    rows: list[bytes] = []
    for i in range(count):
        text = " ".join(words[(i * 7 + k * (1 + i % 5)) % len(words)] + str(i % 37) for k in range(30))
        rows.append(row(text, f"answer {i % 11}", metadata={"split": "test" if i % 9 == 0 else "train", "id": i}))
        if i % 5 == 0:
            rows.append(row(text + " indeed", f"answer {i % 11}"))
        if i % 7 == 0:
            rows += [b'{"messages": [', b"", row(text, "another answer that says something else entirely")]
        if i % 10 == 0:
            rows.append(row(text, f"answer {i % 11}"))
    return rows


def judged(paths: Sequence[str], executor: Executor | None, rules: Sequence[Rule] = RULES, **means: Any) -> bytes:
    readers = [SourceReader(source) for source in find_sources(paths)]
    counter = partial(with_counter, settings=SETTINGS)
    driven = drive(readers, rules, RUN, Means(executor=executor, with_counter=counter, **means))
    return msgspec.json.encode((driven.outcome, driven.summaries, driven.partial), order="sorted", enc_hook=list)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "SHARD_BYTES", 4_000)
    monkeypatch.setattr(driving, "shards_of", partial(driving.shards_of, shard_bytes=4_000))


@pytest.mark.usefixtures("small_shards")
def test_inline_and_any_number_of_processes_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(mixed_rows(300)))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"\r\n".join(mixed_rows(120))))
    (tmp_path / "c.json").write_bytes(b"[" + b",\n".join(line for line in mixed_rows(60) if line.endswith(b"}")) + b"]")
    paths = [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl.gz", "c.json")]
    first, *others = [judged(paths, executor) for executor in EXECUTORS]
    assert b"DUP403" in first
    assert all(other == first for other in others)


@pytest.mark.usefixtures("small_shards")
def test_what_is_spilled_to_disk_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(mixed_rows(300)))
    paths = [str(tmp_path / "a.jsonl")]
    assert judged(paths, Processes(2), memory=1_000) == judged(paths, Inline())


@settings(max_examples=6, deadline=None)
@given(st.integers(300, 9_000), st.integers(1, 3))
def test_any_cut_of_the_file_gives_the_same_bytes(shard_bytes: int, processes: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "a.jsonl")
        path.write_bytes(b"\n".join(mixed_rows(60)))
        whole = judged([str(path)], Inline())
        patch.setattr(driving, "shards_of", partial(driving.shards_of, shard_bytes=shard_bytes))
        assert judged([str(path)], Inline() if processes == 1 else Processes(processes)) == whole


def test_standard_input_and_rows_from_python_are_judged_like_the_file(tmp_path: Path) -> None:
    lines = [line for line in mixed_rows(80) if line.endswith(b"}")]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (source,) = find_sources([str(tmp_path / "a.jsonl")])
    (stdin,) = find_sources(["-"])
    readers = (
        SourceReader(source),
        SourceReader(stdin, stdin=io.BytesIO(b"\n".join(lines) + b"\n")),
        RowsReader([json.loads(line) for line in lines]),
    )
    found = [drive([reader], RULES, RUN, Means()).outcome.findings for reader in readers]
    assert [[f.fingerprint for f in findings] for findings in found[1:]] == [[f.fingerprint for f in found[0]]] * 2


class Fatal(DatasetRule, frozen=True):
    code: ClassVar[str] = "ACM900"
    severity: ClassVar[Severity] = Severity.INFO
    marker: str = ""

    def start(self) -> Any:
        return 0

    def take(self, state: Any, batch: Batch, run: Run) -> Any:
        """Kill the process that reads line 50: once if there is a marker file to leave, else always."""
        if batch.line_of(0) <= 50 < batch.line_of(batch.rows - 1) + 1 and not (
            self.marker and Path(self.marker).exists()
        ):
            if self.marker:
                Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return state + batch.rows

    def merge(self, first: Any, second: Any) -> Any:
        return first + second

    def finish(self, state: Any, context: Any, run: Run) -> Iterable[Hit | Measure]:
        yield self.measure("rows", state, n=state)


@pytest.mark.usefixtures("small_shards")
def test_a_worker_that_is_killed_once_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(row(f"question {i}", "yes") for i in range(200)) + b"\n")
    readers = [SourceReader(source) for source in find_sources([str(tmp_path / "a.jsonl")])]
    executor = Processes(2, start_method="fork")
    driven = drive(readers, [Fatal(str(tmp_path / "died"))], RUN, Means(executor=executor))
    assert (tmp_path / "died").exists()
    assert [measure.value for measure in driven.outcome.measures] == [200]


@pytest.mark.usefixtures("small_shards")
def test_a_part_that_kills_every_worker_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(row(f"question {i}", "yes") for i in range(200)) + b"\n")
    readers = [SourceReader(source) for source in find_sources([str(tmp_path / "a.jsonl")])]
    with pytest.raises(WorkerDied, match=r"bytes [\d,]+ to [\d,]+ of .*a\.jsonl"):
        drive(readers, [Fatal()], RUN, Means(executor=Processes(2, start_method="fork")))


def test_ctrl_c_gives_the_part_that_was_judged_and_leaves_nothing_behind(tmp_path: Path) -> None:
    rows = b"\n".join(row(f"question {i} " + "word " * 200, "yes") for i in range(60_000)) + b"\n"
    (tmp_path / "large.jsonl").write_bytes(rows)
    (tmp_path / "tmp").mkdir()
    script = f"""
import os, signal, audit
seen = []
def interrupt(progress):
    seen.append(progress)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGINT)
result = audit.check({str(tmp_path / "large.jsonl")!r}, ignore=["TOK"], jobs=2, progress=interrupt)
print(result.partial, 0 < result.rows < 60_000, result.rows == result.sources[0].rows)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.stdout.split(), done.stderr) == (["True", "True", "True"], "")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_without_a_folder_for_temporary_files_the_message_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(row("a", "b")))

    def refuse(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(InputError, match="temporary") as error:
        audit.check(tmp_path / "a.jsonl.gz", select=["DUP"])
    assert "TMPDIR" in str(error.value.hint)
