"""Rows, options and a folder for the tests of what comes before a hosted job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from audit.config.settings import Settings
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.preparing import Prepared, prepare

MODEL: Final = "gpt-4o-mini-2024-07-18"


def chat(number: int, **more: Any) -> dict[str, Any]:
    """A row that a provider takes, unlike any other."""
    asked = {"role": "user", "content": f"What is {number} and {number}?"}
    return {"messages": [asked, {"role": "assistant", "content": f"It is {2 * number}."}], **more}


def pair(number: int) -> dict[str, Any]:
    """A prompt with a preferred and a rejected answer."""
    return {
        "input": {"messages": [{"role": "user", "content": f"What is {number} and {number}?"}]},
        "preferred_output": [{"role": "assistant", "content": f"It is {2 * number}."}],
        "non_preferred_output": [{"role": "assistant", "content": f"Perhaps {number}?"}],
    }


def write(path: Path, rows: Sequence[Any]) -> str:
    """The rows as lines of JSON; the path as a user names it."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def options(**told: Any) -> HostedOptions:
    return HostedOptions(**{"model": MODEL} | told)


def prepared(rows: Sequence[Any], folder: Path, settings: Settings | None = None, **told: Any) -> Prepared:
    """What becomes of rows in ``chats.jsonl``; what is handed in lies in ``out``."""
    data = write(folder / "chats.jsonl", rows)
    (folder / "out").mkdir(exist_ok=True)
    return prepare([data], options(**told), settings or Settings(jobs=1), folder / "out")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
