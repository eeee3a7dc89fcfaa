"""What recording costs: the core with nothing that listens, against `audit train` with its log, its checkpoints, its
chained record and its energy meter, CPU seconds of all steps.

Two measures, because whole processes differ by more than the bar from one to the next: the ratio of both, and the CPU
seconds that pass inside the observer of the same run, as a share of the rest.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.training import bouts
from benchmarks.training.material import Bout, lay_out

BAR: Final = 0.02


def cost(folder: Path, *, repeats: int, rows: int = 512) -> list[str]:
    """What a run of one epoch pays for its record, four checkpoints and one more at the end included."""
    lay_out(folder, rows=rows)
    bout = Bout(variant="", model=str(folder / "model"), data=str(folder / "chats.jsonl"), folder=str(folder))
    names = ("fit", "audit-train")
    sides: dict[str, tuple[bouts.Runner, Bout]] = {
        name: (bouts.ours, msgspec.structs.replace(bout, variant=name)) for name in names
    }
    taken = bouts.interleaved(sides, repeats)
    bare, recorded = (taken[name] for name in names)
    share = [one.observing / (one.steps - one.observing) for one in recorded]
    whole = bouts.ratio([one.steps for one in recorded], [one.steps for one in bare])
    inside = bouts.Ratio(1 + statistics.median(share), 1 + min(share), 1 + max(share))
    return [
        f"recording, {rows} chats, batch 16, one epoch, {repeats} times in turn",
        f"  CPU of the steps with everything recorded / with nothing, whole processes: {whole}",
        (
            f"  the same within a run, 1 + CPU in the observer / CPU of the rest: {_three(inside)} (bar {1 + BAR:g}, "
            f"{'held' if inside.median <= 1 + BAR else 'MISSED'})"
        ),
    ]


def _three(told: bouts.Ratio) -> str:
    return f"{told.median:.4f} ({told.lowest:.4f}-{told.highest:.4f})"
