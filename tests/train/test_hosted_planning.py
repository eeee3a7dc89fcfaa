"""The dry run of a hosted job: it says all that can be said without asking anybody, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.config.settings import Settings
from audit.errors import ConfigError, InputError, UsageError
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.planning import HostedPlan, plan
from tests.train.hosted_rows import MODEL, chat, options, prepared, write

DAY = date(2026, 11, 22)
ALONE = """
import sys

class Nobody:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("openai", "torch", "transformers", "pandas", "sklearn"):
            raise ImportError(name)

sys.meta_path.insert(0, Nobody())
import socket

def refuse(*_, **__):
    raise AssertionError("a dry run asks nobody")

socket.socket.connect = socket.create_connection = refuse
import msgspec
from datetime import date
from audit.config.settings import Settings
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.planning import plan
settings = Settings(jobs=1, as_of=date.fromisoformat(sys.argv[3]))
found = plan([sys.argv[1]], options=HostedOptions(model=sys.argv[2]), settings=settings)
sys.stdout.buffer.write(msgspec.json.encode(found))
"""


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def planned(rows: list[Any], folder: Path, told: HostedOptions | None = None, **settings: Any) -> HostedPlan:
    data = write(folder / "chats.jsonl", rows)
    return plan([data], options=told or options(), settings=Settings(**{"jobs": 1, "as_of": DAY} | settings))


def test_a_dry_run_tells_files_tokens_cost_and_how_long_the_model_lasts(tmp_path: Path) -> None:
    rows = [chat(number, metadata={"group": "a"}) for number in range(30)]
    found = planned(rows, tmp_path, options(epochs=2, suffix="sums", seed=7))
    assert (found.provider, found.address, found.model) == ("openai", "https://api.openai.com/v1", MODEL)
    assert (found.method, found.suffix, found.seed) == ("supervised", "sums", 7)
    assert found.hyperparameters == {"n_epochs": 2}
    assert found.files["train"].rows == 30
    assert found.read["chats.jsonl"]["rows"] == 30
    assert found.quote["cost"] > 0
    assert found.lifecycle["shutdown"] == "2027-01-14"
    assert found.lost == {"train": {"/metadata: metadata": 30}}
    assert not any("left behind" in note for note in found.notes)
    told = msgspec.json.encode(found)
    assert msgspec.json.encode(msgspec.json.decode(told, type=HostedPlan)) == told


def test_it_says_what_it_did_not_ask(tmp_path: Path) -> None:
    notes = planned([chat(number) for number in range(10)], tmp_path).notes
    assert notes[:2] == (
        "the gate was not asked, and may refuse this data",
        "no text was shown to a moderation: that asks the provider, and is done before the upload",
    )
    assert f"the provider was not asked whether it has {MODEL}" in notes
    quiet = planned([chat(number) for number in range(10)], tmp_path, options(moderation="off")).notes
    assert not any("moderation" in note for note in quiet)


def test_it_hands_in_what_the_run_would(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(40)]
    found = planned(rows, tmp_path, options(hold_out=0.4))
    ready = prepared(rows, tmp_path, hold_out=0.4)
    assert found.files == ready.files
    assert found.quote == ready.quote


def test_it_needs_no_key_no_network_and_no_library_of_a_provider(tmp_path: Path) -> None:
    data = write(tmp_path / "chats.jsonl", [chat(number) for number in range(10)])
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    command = [sys.executable, "-c", ALONE, data, MODEL, "2026-11-22"]
    done = subprocess.run(command, capture_output=True, env=bare, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["files"]["train"]["rows"] == 10


def test_it_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    planned([chat(number) for number in range(10)], tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["chats.jsonl", "here", "scratch"]


def test_a_model_past_its_date_is_refused_before_the_data_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="was shut down on 2026-10-23"):
        planned([], tmp_path, options(model="gpt-3.5-turbo-0125"))
    with pytest.raises(UsageError, match="no new job is taken since 2027-01-06"):
        planned([], tmp_path, as_of=date(2027, 1, 6))


def test_what_stops_the_run_stops_the_dry_run(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(10)]
    with pytest.raises(UsageError, match="more than the"):
        planned(rows, tmp_path, max_cost=0.000001)
    with pytest.raises(ConfigError, match="epochs must be from 1 to 50"):
        planned(rows, tmp_path, options(epochs=51))
    with pytest.raises(InputError, match="takes at least 10"):
        planned(rows[:3], tmp_path)


def test_azure_can_be_planned_for_without_an_address(tmp_path: Path) -> None:
    found = planned([chat(number) for number in range(10)], tmp_path, options(provider="azure"))
    assert found.address == ""
    assert "no address was named: --base-url" in found.notes
    assert found.quote["cost"] is None
