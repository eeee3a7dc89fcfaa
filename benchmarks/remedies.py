"""Remedies against their floors on a large file, side by side in one process run: ``python -m benchmarks.remedies``.

``fix`` is timed against ``check`` with the same rules, which it contains; ``balance`` and ``split`` against copying the
file line by line, the least that they could do. One row in fifty has a mistake that a safe fix mends.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

import audit
from benchmarks import large_files

ROWS: Final = 1_000_000
MISTAKE_EVERY: Final = 50
SEXES: Final = ("female", "male", "male")


def rows(count: int) -> Iterator[bytes]:
    """The lines of ``large_files`` with a label and a sex, and now and then a role in capitals or a spare key."""
    for number, line in enumerate(large_files.rows(count)):
        row: dict[str, Any] = orjson.loads(line)
        sex = SEXES[number % 3]
        row["metadata"] = {"label": "yes" if (number * 7919) % 10 < (3 if sex == "male" else 2) else "no", "sex": sex}
        if number % MISTAKE_EVERY == 0:
            row["messages"][-1]["role"] = "Assistant"
        elif number % MISTAKE_EVERY == 1:
            row["messages"][0]["score"] = 1
        yield orjson.dumps(row)


def write(path: Path, count: int) -> None:
    """Write the file unless it is there."""
    if path.exists():
        return
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        for line in rows(count):
            file.write(line + b"\n")
    part.rename(path)


def timed(run: Callable[..., object], *given: Any, **named: Any) -> float:
    """Wall seconds of a call."""
    began = time.perf_counter()
    run(*given, **named)
    return time.perf_counter() - began


def copy(path: Path, to: Path) -> None:
    """Line by line."""
    with path.open("rb") as source, to.open("wb") as target:
        for line in source:
            target.write(line)


def main(count: int = ROWS, path: Path | None = None) -> None:
    """Print every figure of the section on remedies of ``docs/benchmarks.md``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = path or folder / "data.jsonl"
        write(data, count)
        print(f"{count:,} rows, {data.stat().st_size / 1e6:,.0f} MB, 2 % with a mistake", flush=True)
        fixing(data, folder)
        balancing(data, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:,.0f} MB")


def fixing(data: Path, folder: Path) -> None:
    """``fix`` against ``check``, for three choices of rules."""
    choices: Mapping[str, dict[str, Any]] = {
        "ENC, FMT, TCL": {"select": ("ENC", "FMT", "TCL")},
        "without tokens and near-duplicates": {"ignore": ("TOK", "DUP403", "DUP407", "SPL", "DEM")},
        "all default rules": {},
    }
    out, options = folder / "fixed.jsonl", audit.FixOptions(force=True)
    for title, settings in choices.items():
        check = timed(audit.check, data, target="generic", **settings)
        fix = timed(audit.fix, data, str(out), options=options, target="generic", **settings)
        print(f"  fix / check, {title}: {fix / check:.2f} (bar 1.3); {fix:.1f} s against {check:.1f} s", flush=True)


def balancing(data: Path, folder: Path) -> None:
    """``balance`` and ``split`` against a copy."""
    floor = timed(copy, data, folder / "copy.jsonl")
    sections = {"data": {"label": "metadata.label"}, "attributes": {"sex": {"field": "metadata.sex"}}}
    for method in ("reweight", "oversample"):
        out = folder / f"{method}.jsonl"
        options = audit.BalanceOptions(by=("label", "sex"), method=method)
        took = timed(audit.balance, data, str(out), options=options, sections=sections)
        print(f"  balance --method {method}: {took:.1f} s, {took / floor:.1f} x a copy ({floor:.1f} s)", flush=True)
        out.unlink()
    options = audit.SplitOptions(stratify=("label", "sex"))
    took = timed(audit.split, data, str(folder / "split"), options=options, sections=sections)
    print(f"  split --stratify label,sex: {took:.1f} s, {took / floor:.1f} x a copy", flush=True)
    shutil.rmtree(folder / "split")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else ROWS,
        Path(sys.argv[2]) if len(sys.argv) > 2 else None,
    )
