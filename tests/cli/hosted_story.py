"""Data, settings and command lines for the tests of runs at a provider."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from audit.train import verify
from tests.train.provider.process import Provider
from tests.train.run_chats import write_chats

TOML: Final = """\
[attributes.sex]
field = "metadata.sex"

[fairness]
not_applicable = { reason = "made up", owner = "A. Jones", expires = 2099-01-01 }
"""
MODEL: Final = "gpt-4o-mini-2024-07-18"


def lay_out(folder: Path, *, rows: int = 12) -> Path:
    """A folder with a configuration, training rows and validation rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.toml").write_text(TOML)
    write_chats(folder / "chats.jsonl", rows=rows)
    write_chats(folder / "held.jsonl", rows=12, first=100)
    return folder


def words(server: Provider, *more: str, output: str = "run") -> list[str]:
    """The command line of a hosted run; ``more`` comes behind it."""
    return [
        "train", "chats.jsonl", "--validation", "held.jsonl", "-o", output, "--provider", "openai", "--model", MODEL,
        "--base-url", server.url, "--jobs", "1", "--set", "poll_seconds=0.01", *more,
    ]  # fmt: skip


def record_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "record.jsonl").read_bytes().splitlines()]


def entry(run: Path, kind: str) -> dict[str, Any]:
    return next(one["data"] for one in reversed(record_of(run)) if one["kind"] == kind)


def check_whole(server: Provider, run: Path) -> None:
    """Exactly one job and one file per role are at the provider, the record verifies, every event is kept once."""
    state = server.state()
    assert len(state["jobs"]) == 1
    names = sorted(one["filename"] for one in state["files"] if one["purpose"] == "fine-tune")
    assert [name.partition("-")[0] for name in names] == ["train", "validation"]
    assert verify(run).state == "intact"
    kept = [json.loads(line) for line in (run / "events.jsonl").read_bytes().splitlines()]
    assert [one["id"] for one in kept] == [one["id"] for one in state["events"]] != []
