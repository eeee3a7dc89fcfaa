"""Labelled chats with a group in the prompt, small runs trained on them, and evaluations of these."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from threading import Event
from typing import Any, Final

import msgspec

from audit.config.settings import Settings
from audit.train.evaluation.options import EvaluateOptions
from audit.train.evaluation.report import EvaluateReport
from audit.train.evaluation.running import evaluate
from audit.train.options import TrainOptions
from audit.train.runs.chain import SEAL
from audit.train.runs.running import train

NO_PEOPLE: Final = {"reason": "made up", "owner": "A. Jones", "expires": "2099-01-01"}
SETTINGS: Final = Settings(
    jobs=1,
    executor="inline",
    sections={
        "data": {"label": "metadata.label", "favourable": "yes"},
        "attributes": {"sex": {"field": "metadata.sex"}},
        "fairness": {"not_applicable": NO_PEOPLE},
    },
)
TRAINED: Final = TrainOptions(
    width=16, layers=1, heads=2, vocabulary=300, batch_size=16, epochs=2.0, lr=0.003, threads=1, energy="off"
)
CONFIG: Final = """
[data]
label = "metadata.label"
favourable = "yes"
[attributes.sex]
field = "metadata.sex"
[fairness]
not_applicable = {reason = "made up", owner = "A. Jones", expires = "2099-01-01"}
[train]
width = 16
layers = 1
heads = 2
vocabulary = 300
batch_size = 16
epochs = 1.0
threads = 1
energy = "off"
[evaluate]
most = 10
greedy = 5
"""


def rows(first: int, count: int) -> list[dict[str, Any]]:
    """Chats whose label follows from points, for one group with a higher bar; numbered so that no two are alike."""
    made = []
    for number in range(first, first + count):
        sex, points = ("female", "male")[number % 2], (number * 7) % 10
        label = "yes" if points >= (7 if sex == "female" else 4) else "no"
        question = f"number: {number}; sex: {sex}; points: {points}"
        messages = [
            {"role": "system", "content": "Answer yes or no."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": label},
        ]
        made.append({"messages": messages, "metadata": {"sex": sex, "label": label}})
    return made


def write(path: Path, made: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


@cache
def place() -> Path:
    """A folder with ``train.jsonl``, ``test.jsonl`` and the runs that were asked for, one for all workers of a
    session."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = Path(gettempdir()) / f"reaudit-{session}" if session else Path(mkdtemp(prefix="reaudit-"))
    folder.mkdir(exist_ok=True)
    with alone(folder):
        for name, made in (("train.jsonl", rows(0, 80)), ("test.jsonl", rows(100, 40))):
            if not (folder / name).exists():
                write(folder / name, made)
    return folder


@cache
def run(seed: int = 0) -> str:
    """The folder of a run, trained once for each seed."""
    folder = place() / f"run-{seed}"
    options = msgspec.structs.replace(TRAINED, seed=seed)
    with alone(place()):
        if not (folder / SEAL).exists():
            train([str(place() / "train.jsonl")], folder, options=options, settings=SETTINGS, waive="A. Jones: a test")
    return str(folder)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other worker is in here meanwhile."""
    lock = folder / "lock"
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            Event().wait(0.05)
    try:
        yield
    finally:
        lock.unlink()


def evaluated(output: Path, *models: str, data: Path | None = None, told: Any = None, **given: Any) -> EvaluateReport:
    """An evaluation of the test rows."""
    options = EvaluateOptions(**{"models": models, "most": 6, "greedy": 5, **given})
    return evaluate([str(data or place() / "test.jsonl")], output, options=options, settings=SETTINGS, told=told)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
