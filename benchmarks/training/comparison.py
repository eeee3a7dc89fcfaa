"""This project's trainer beside TRL's: useful tokens a CPU second, memory, start-up, first losses.

Both sides train the same Llama (random start) on the same batches of the same chats in the same order, float32 weights,
AdamW at one constant rate without decay, gradients clipped at 1, loss on the answers only, every run a process of its
own on one thread, in turn. Nothing is compared that is not the same work: the tokens counted are those of the chats,
without padding, and their number is checked to be equal.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.training import bouts, peer
from benchmarks.training.material import SEED, Bout, Outcome, lay_out

PEERS: Final = {"trl-padded": "TRL padded float32", "trl-defaults": "TRL with its defaults (bf16, checkpointing)"}
OURS: Final = {"fit": "audit's core", "audit-train": "audit train, recorded"}
FASTER: Final = {"trl-padded": 2.5, "trl-defaults": 2.0}
MEMORY_BAR: Final = 0.5
START_BAR: Final = 0.9


def compare(folder: Path, *, repeats: int, rows: int = 128) -> list[str]:
    """Every line of the comparison."""
    name = lay_out(folder, rows=rows)
    arrange(folder)
    outcomes = bouts.interleaved(_sides(folder, python := peer.python()), repeats)
    told = outcomes["fit"][0]
    lines = [
        (
            f"{rows} chats of {name}, {told.tokens:,} useful and {told.trained:,} trained tokens behind step 1, "
            f"{told.parameters / 1e6:.1f} M parameters, batch 16, one thread, {repeats} times in turn"
        ),
        f"TRL's environment: {peer.versions(python) if python else 'absent'}",
        *(_described(side, taken) for side, taken in outcomes.items()),
    ]
    for theirs in (name for name in PEERS if name in outcomes):
        for mine in OURS:
            lines += _ratios(mine, theirs, outcomes)
    return [*lines, *first_losses(outcomes)]


def arrange(folder: Path) -> None:
    """Write ``ordered.jsonl``: the chats in the order in which our first epoch draws them, which the other side takes
    from top to bottom."""
    from audit.train.core.batches import order

    lines = (folder / "chats.jsonl").read_bytes().splitlines(keepends=True)
    drawn = order(SEED, 0, len(lines))
    (folder / "ordered.jsonl").write_bytes(b"".join(lines[int(i)] for i in drawn))


def _sides(folder: Path, python: Path | None) -> Mapping[str, tuple[bouts.Runner, Bout]]:
    bout = Bout(variant="", model=str(folder / "model"), data=str(folder / "ordered.jsonl"), folder=str(folder))
    sides: dict[str, tuple[bouts.Runner, Bout]] = {}
    if python is not None:
        sides |= {name: (bouts.by(python), msgspec.structs.replace(bout, variant=name)) for name in PEERS}
    mine = msgspec.structs.replace(bout, data=str(folder / "chats.jsonl"))
    return sides | {name: (bouts.ours, msgspec.structs.replace(mine, variant=name)) for name in OURS}


def _described(side: str, taken: Sequence[Outcome]) -> str:
    one = taken[0]
    strategy = f", {one.strategy}" if one.strategy else ""
    return (
        f"  {(PEERS | OURS)[side]}: {statistics.median(o.speed for o in taken):,.0f} useful tokens/CPU s, "
        f"{one.padding:.0%} padding, peak {statistics.median(o.memory for o in taken) / 1e6:,.0f} MB, "
        f"start-up {statistics.median(o.start for o in taken):.1f} CPU s{strategy}"
    )


def _ratios(mine: str, theirs: str, outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    ours, others = outcomes[mine], outcomes[theirs]
    if ours[0].tokens != others[0].tokens or ours[0].trained != others[0].trained:
        return [f"  {OURS[mine]} and {PEERS[theirs]} trained on different tokens: nothing to compare"]
    speed, memory, start = (
        bouts.ratio([value(one) for one in ours], [value(one) for one in others])
        for value in (lambda one: one.speed, lambda one: one.memory, lambda one: one.start)
    )
    return [
        (
            f"  {OURS[mine]} / {PEERS[theirs]}: speed {speed.at_least(FASTER[theirs])}, "
            f"memory {memory.at_most(MEMORY_BAR)}, start-up {start.at_most(START_BAR)}"
        )
    ]


def first_losses(outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """The first and the last loss of every side that tells them, and how far apart they are."""
    told = {side: taken[0].losses for side, taken in outcomes.items() if taken[0].losses}
    if len(told) < 2:
        return []
    reference = told.get("trl-padded") or next(iter(told.values()))
    return [
        "  losses, first and last, and the largest relative difference from TRL's padded run: "
        + "; ".join(
            f"{(PEERS | OURS).get(side, side)} {losses[0]:.6f} {losses[-1]:.6f} "
            f"(first {_apart(losses[:1], reference):.1e}, any {_apart(losses, reference):.1e})"
            for side, losses in told.items()
        )
    ]


def _apart(losses: Sequence[float], reference: Sequence[float]) -> float:
    return max(abs(a - b) / abs(b) for a, b in zip(losses, reference, strict=False))
