"""Runs training runs of either side as processes of their own, in turn, on one core each, and reads what they say."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from benchmarks.training.material import Bout, Outcome

HERE: Final = Path(__file__).parent
Runner = Callable[[Bout], Outcome]
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def environment(threads: int = 1) -> dict[str, str]:
    """Of a bout: so many threads for every library, no network, compiled modules as in an installed package."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    kept |= dict.fromkeys(_ONE_THREAD, str(threads))
    return kept | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}


def ours(bout: Bout) -> Outcome:
    """A bout by this project, in this interpreter's environment."""
    return _run([sys.executable, "-m", "benchmarks.training.our_side"], bout)


def by(peer: Path) -> Runner:
    """What runs a bout by TRL with the interpreter of its environment."""
    return lambda bout: _run([str(peer), str(HERE / "trl_side.py")], bout)


def _run(command: Sequence[str], bout: Bout) -> Outcome:
    file = Path(bout.folder) / f"{bout.variant}.json"
    file.write_bytes(msgspec.json.encode(bout))
    done = subprocess.run(
        [*command, str(file)],
        cwd=HERE.parents[1],
        env=environment(bout.threads),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{bout.variant} failed:\n{done.stderr[-3000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Outcome)


def interleaved(sides: Mapping[str, tuple[Runner, Bout]], repeats: int) -> dict[str, list[Outcome]]:
    """The outcomes of every side, taken in turn; a short round before, which compiles modules, does not count."""
    for run, bout in sides.values():
        run(msgspec.structs.replace(bout, max_steps=2))
    taken: dict[str, list[Outcome]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, (run, bout) in sides.items():
            taken[name].append(one := run(bout))
            print(f"  {name}: {one.speed:,.0f} useful tokens/CPU s, {one.cpu:.1f} s", file=sys.stderr, flush=True)
    return taken


class Ratio(NamedTuple):
    """That of the medians, with its range over the pairs of one repeat each."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f}-{self.highest:.2f})"

    def at_least(self, bar: float) -> str:
        """With the bar that it must not be below."""
        return f"{self} (bar {bar:g}, {'held' if self.median >= bar else 'MISSED'})"

    def at_most(self, bar: float) -> str:
        """With the bar that it must not be above."""
        return f"{self} (bar {bar:g}, {'held' if self.median <= bar else 'MISSED'})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Ours over theirs, repeat by repeat."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Ratio(statistics.median(ours) / statistics.median(theirs), min(pairs), max(pairs))
