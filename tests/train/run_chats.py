"""Small chats, options and folders for the tests of whole runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from audit.config.settings import Settings
from audit.train.options import TrainOptions

COLOURS: Final = ("red", "blue", "green", "amber")
OPTIONS: Final = TrainOptions(
    width=16,
    layers=1,
    heads=2,
    vocabulary=300,
    batch_size=8,
    token_budget=200,
    epochs=2.0,
    evaluate_every=0.5,
    save_every=0.25,
    dropout=0.1,
    hold_out=0.3,
    min_group=3,
    threads=1,
    energy="off",
)
NO_PEOPLE: Final = {"reason": "made up", "owner": "A. Jones", "expires": "2099-01-01"}
SETTINGS: Final = Settings(
    jobs=1,
    sections={"fairness": {"not_applicable": NO_PEOPLE}, "attributes": {"sex": {"field": "metadata.sex"}}},
)
CLOCKED: Final = ("timing.jsonl", "machine.json", "record.jsonl", "record.sha256")
"""What differs between two equal runs: what a clock measured, and the record, which lists its hashes."""


def write_chats(path: Path, rows: int = 60, repeats: int = 1, first: int = 0) -> Path:
    """Chats of different lengths whose answer follows from the question, of two groups, numbered from ``first``."""
    made = []
    for number in range(first, first + rows):
        colour = COLOURS[number % 4]
        messages = [
            {
                "role": "user",
                "content": f"Question {number}: {'well, ' * (number % 5)}what colour is a {colour} thing?",
            },
            {"role": "assistant", "content": f"It is {colour}, number {number}."},
        ]
        made.append({"messages": messages, "metadata": {"sex": "FM"[number % 2]}})
    path.write_text("".join(json.dumps(row) + "\n" for row in made * repeats))
    return path


def hashes(folder: Path, without: tuple[str, ...] = CLOCKED) -> dict[str, str]:
    """The sha256 of every file of a folder by its name in it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items() if name not in without}


def record_lines(folder: Path) -> list[dict[str, object]]:
    """The entries of a run's record but for their place in the chain."""
    entries = [json.loads(line) for line in (folder / "record.jsonl").read_text().splitlines()]
    return [{"kind": entry["kind"], "data": entry["data"]} for entry in entries]
