"""The whole check of large files on all cores: wall time against the floor, memory of all processes, cost per row.

``python -m benchmarks.whole_files [ROWS ...]`` (default: 100000 1000000 2000000) writes the files of
``benchmarks.large_files`` into a temporary folder, then checks each in a process of its own, in turn with the floor:
``orjson.loads`` of every line and tiktoken's ``encode_ordinary`` of every string content, over as many processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.large_files import write

PROCESSES: Final = 2
REPEATS: Final = {100_000: 5, 1_000_000: 3, 2_000_000: 1}
"""Runs of ours and of the floor, in turn; longer files fewer times."""

FLOOR: Final = """
import os, sys
import orjson
from audit.tokens.encodings import load_encoding
encode = load_encoding("o200k_base").encode_ordinary  # before the fork, as we do
path, processes = sys.argv[1], int(sys.argv[2])
size = os.path.getsize(path)
children = []
for part in range(processes):
    if child := os.fork():
        children.append(child)
        continue
    tokens = 0
    with open(path, "rb") as file:
        start, end = size * part // processes, size * (part + 1) // processes
        file.seek(max(start - 1, 0))
        if start:
            file.readline()
        while file.tell() < end and (line := file.readline()):
            for message in orjson.loads(line)["messages"]:
                content = message.get("content")
                if content.__class__ is str:
                    tokens += len(encode(content))
    os._exit(0)
for child in children:
    os.waitpid(child, 0)
"""
OURS: Final = """
import sys
import audit
result = audit.check(sys.argv[1], jobs=int(sys.argv[2]))
print(result.rows, len(result.findings))
"""
WITHOUT_TEXT: Final = OURS.replace(
    "sys.argv[2])", "sys.argv[2]), ignore={!r}".format(["TXT", "ANS", "LNG", "PII", "SEC", "SAF", "FMT116", "FMT117"])
)
"""All default rules but those of what is in the text."""


class Run(NamedTuple):
    """Wall seconds of a whole process, CPU seconds and the peak of the memory of it and its children together."""

    wall: float
    cpu: float
    peak_mb: float
    out: str


def measured(script: str, path: Path) -> Run:
    """Run a script over a file; memory is the sum of proportional set sizes, looked at four times a second."""
    before = os.times()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(PROCESSES)], stdout=subprocess.PIPE, text=True
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(process.pid))
        time.sleep(0.25)
    wall = time.perf_counter() - began
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a benchmarked process ended with {process.returncode}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall, cpu, peak / 1024, out.strip())


def _memory(pid: int) -> int:
    """KiB of a process and its descendants, memory that several share counted once."""
    total = 0
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(_memory(int(child)) for child in (task / "children").read_text().split())
    except (OSError, StopIteration):
        pass
    return total


def compare(path: Path, rows: int) -> tuple[str, float]:
    """A line of the table, and our wall seconds per row."""
    ours: list[Run] = []
    without: list[Run] = []
    floor: list[Run] = []
    for _ in range(REPEATS.get(rows, 3)):
        ours.append(measured(OURS, path))
        floor.append(measured(FLOOR, path))
        without.append(measured(WITHOUT_TEXT, path))
    ratios = [a.wall / b.wall for a, b in zip(ours, floor, strict=True)]
    wall, least = median(run.wall for run in ours), median(run.wall for run in floor)
    cpu, peak = median(run.cpu for run in ours), max(run.peak_mb for run in ours)
    line = (
        f"{rows:>9,} rows, {path.stat().st_size / 1e6:,.0f} MB: {wall:.1f} s wall ({cpu:.1f} s CPU)"
        f" against {least:.1f} s: ratio {wall / least:.2f} ({min(ratios):.2f}-{max(ratios):.2f}), "
        f"{1e6 * wall / rows:.1f} us a row, peak {peak:,.0f} MB; rows, findings: {ours[0].out}; without the rules of "
        f"what is in the text {median(run.wall for run in without) / least:.2f}"
    )
    return line, wall / rows


def main() -> None:
    """Print a line for every size, and how the cost of a row grows."""
    sizes = [int(word) for word in sys.argv[1:]] or list(REPEATS)
    costs: list[float] = []
    folder = os.environ.get("AUDIT_BENCH_FILES") or tempfile.mkdtemp(prefix="audit-bench-")
    print(f"all default rules, exact o200k tokens, near-duplicates, {PROCESSES} processes", flush=True)
    for rows in sizes:
        path = Path(folder) / f"rows{rows}.jsonl"
        write(path, rows)
        line, cost = compare(path, rows)
        print(line, flush=True)
        costs.append(cost)
    print(f"cost of a row, last size against first: {costs[-1] / costs[0]:.2f}")


if __name__ == "__main__":
    main()
