"""Rows to ask about, a folder with a model of a few thousand numbers, and predictions read back."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from audit.config.settings import Settings
from audit.train.prediction.options import PredictOptions, options_from
from audit.train.prediction.running import PredictReport, predict
from tests.train.small_models import base_model

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dogs",
    "and",
    "nobody",
    "sees",
    "it",
    "but",
    "a",
    "cat",
]


def chat(question: str, answer: str | None, **more: Any) -> dict[str, Any]:
    """A row of one exchange."""
    turns = [{"role": "user", "content": question}]
    if answer is not None:
        turns.append({"role": "assistant", "content": answer})
    return {"messages": turns, **more}


def questions(count: int = 12) -> list[dict[str, Any]]:
    """Rows of different lengths, no two alike."""
    return [chat(" ".join(WORDS[: 1 + n % 9]) + f" {n}?", f"answer {n}") for n in range(count)]


@cache
def model(kind: str) -> str:
    """The folder of a model; made once."""
    return str(base_model(Path(mkdtemp(prefix="asked-")) / kind, kind))


def write(path: Path, rows: list[Any]) -> Path:
    """Rows as JSON Lines; a text stands as it is."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def options(**given: Any) -> PredictOptions:
    return options_from(given, None)


def asked(path: Path, output: Path, settings: Settings | None = None, **given: Any) -> PredictReport:
    """A prediction of the rows in a file."""
    return predict([str(path)], output, options=options(**given), settings=settings)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
