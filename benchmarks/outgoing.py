"""Rows on their way to a provider or another trainer, beside their floors: ``python -m benchmarks.outgoing``.

What is handed to a provider is prepared (written, judged as the provider would, its tokens counted), which contains a
check of the same rows; an export (a dry run, which builds every line and leaves the gate out) is timed against reading
and writing the rows with orjson, the least that it could do; lowered weights against numpy's draw of as many rows by
their weights, which guarantees no row its copies.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import orjson

import audit
from audit.config.settings import Settings
from audit.train import ExportOptions, HostedOptions, TrainOptions, export
from audit.train.hosted.preparing import prepare
from audit.train.outgoing.lowering import lowered
from benchmarks import large_files
from benchmarks.interleaved import interleave, ratio

ROWS: Final = 50_000
WEIGHTS: Final = 1_000_000
MODEL: Final = "gpt-4o-mini-2024-07-18"
DAY: Final = date(2026, 12, 1)
REPEATS: Final = 5


def write(path: Path) -> None:
    """Rows with metadata that a provider does not take."""
    with path.open("wb") as out:
        for number, line in enumerate(large_files.rows(ROWS)):
            row = orjson.loads(line)
            row["metadata"] = {"label": "yes" if number % 3 else "no", "sex": "female" if number % 2 else "male"}
            out.write(orjson.dumps(row) + b"\n")


def rewritten(path: Path, to: Path) -> None:
    """Every row read and written with orjson."""
    with path.open("rb") as lines, to.open("wb") as out:
        for line in lines:
            row = orjson.loads(line)
            out.write(orjson.dumps({"messages": row["messages"]}) + b"\n")


def compare(name: str, ours: Callable[[], object], floor_name: str, floor: Callable[[], object]) -> None:
    """Print both medians and their ratio."""
    mine, theirs = interleave([(name, ours), (floor_name, floor)], REPEATS)
    print(f"{name}: {mine.median:.2f} CPU s; {floor_name}: {theirs.median:.2f}; ratio {ratio(mine, theirs)}")


def main() -> int:
    """Print a line for each comparison."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, plain = folder / "data.jsonl", folder / "plain.jsonl"
        write(data)
        rewritten(data, plain)
        settings = Settings(jobs=1, as_of=DAY)
        hosted = HostedOptions(model=MODEL, epochs=1, unusable="drop")
        count = iter(range(1_000))

        def prepared() -> None:
            place = folder / f"prepared-{next(count)}"
            place.mkdir()
            prepare([str(data)], hosted, settings, place)

        def checked() -> None:
            audit.check(str(plain), target="openai-sft", model=MODEL, as_of=DAY, epochs=1.0, jobs=1)

        def exported() -> None:
            options = ExportOptions(train=TrainOptions(model="org/base", unusable="drop"))
            export([str(data)], folder / "exported", to="trl", options=options, settings=settings, dry_run=True)

        compare(f"prepare {ROWS:,} rows for a provider", prepared, "check of the rows written", checked)
        compare(f"export {ROWS:,} rows to TRL", exported, "orjson", lambda: rewritten(data, folder / "copy.jsonl"))
        generator = np.random.default_rng(0)
        weights = generator.gamma(2.0, size=WEIGHTS)
        order = np.arange(WEIGHTS)
        compare(
            f"lower {WEIGHTS:,} weights",
            lambda: lowered(weights, order, how="resample", seed=0),
            "numpy's choice by weight",
            lambda: generator.choice(WEIGHTS, WEIGHTS, p=weights / weights.sum()),
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
