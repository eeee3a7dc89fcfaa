"""Several processes: where one alone is asked to stop nothing half-trained is sealed; some things one has to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from audit.errors import UsageError
from audit.train.runs.verify import verify
from audit.train.search.curve import curve
from tests.train.processes import started
from tests.train.run_chats import OPTIONS, SETTINGS, record_lines, write_chats

WORKER = """
import json, os, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from audit.train.runs.running import train
from tests.train.run_chats import OPTIONS, SETTINGS

data, folder, rank = sys.argv[1], Path(sys.argv[2]), int(os.environ["RANK"])
(folder.parent / f"{rank}.pid").write_text(str(os.getpid()))


class Stopper:
    total = None

    def stepped(self, log):
        if log.step == 3:
            os.kill(int((folder.parent / "1.pid").read_text()), signal.SIGTERM)

    def evaluated(self, evaluation, progress):
        pass


told = []
for resume in (False, True):
    live = None if resume else Stopper()
    report = train([data], folder, options=OPTIONS, settings=SETTINGS, resume=resume, live=live)
    told.append([report.interrupted, report.steps, report.finished, report.seal])
(folder.parent / f"{rank}.json").write_text(json.dumps(told))
torch.distributed.destroy_process_group()
"""


def test_several_processes_do_not_train_several_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    options = replace(OPTIONS, curve=(0.5, 1.0))
    with pytest.raises(UsageError, match="several runs are trained by one process, and 2 were begun"):
        curve([str(write_chats(tmp_path / "chats.jsonl"))], tmp_path / "curve", options=options, settings=SETTINGS)
    assert not (tmp_path / "curve").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals and gloo are not what they are elsewhere")
def test_a_signal_to_the_other_process_interrupts_the_run_and_seals_nothing(tmp_path: Path, root: Path) -> None:
    data = write_chats(tmp_path / "chats.jsonl")
    for process in started([sys.executable, "-c", WORKER, str(data), str(tmp_path / "run")], 2, root):
        try:
            _, said = process.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode == 0, said.decode()[-2000:]
    for rank in (0, 1):
        interrupted, finished = json.loads((tmp_path / f"{rank}.json").read_text())
        assert interrupted[0] == "SIGTERM"
        assert interrupted[1] in (3, 4)
        assert interrupted[2:] == [False, ""]
        assert (finished[0], finished[2]) == ("", True)
    assert verify(tmp_path / "run").state == "intact"
    (resumed,) = (one["data"] for one in record_lines(tmp_path / "run") if one["kind"] == "resumed")
    assert isinstance(resumed, dict)
    assert resumed["step"] == interrupted[1]
