"""Both trainers on a CUDA device: tokens a second, memory and model-flops utilisation (MFU) in bfloat16 of a Llama with
a quarter of a billion parameters from a random start. Says so where there is no such device.

MFU is 6 x parameters x tokens / seconds / peak, the 6 from Kaplan et al. 2020 (two for the forward, four for the
backward pass); the attention's own products are left out, as in that paper, so it is a little low.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.training import bouts, peer
from benchmarks.training.comparison import arrange
from benchmarks.training.material import Bout, Outcome, Shape, lay_out

QUARTER: Final = Shape(hidden=1024, layers=16, heads=16, intermediate=2816, vocabulary=32_000, positions=1024)
PEAKS: Final[Mapping[str, float]] = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
}
"""Dense bfloat16 operations a second, from NVIDIA's data sheets; the first name that the device's contains counts."""


def device_name() -> str | None:
    """The name of the CUDA device; None where there is none."""
    import torch

    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None


def on_device(folder: Path, *, repeats: int, rows: int = 1024, batch_size: int = 64) -> list[str]:
    """Every line of the comparison on a CUDA device."""
    if (name := device_name()) is None:
        return ["no CUDA device here: the comparison in bfloat16 is left out"]
    source = lay_out(folder, rows=rows, max_length=1024, shape=QUARTER)
    arrange(folder)
    bout = Bout(
        variant="",
        model=str(folder / "model"),
        data=str(folder / "chats.jsonl"),
        folder=str(folder),
        batch_size=batch_size,
        max_length=1024,
        lr=1e-4,
        threads=4,
        device="cuda",
    )
    sides: dict[str, tuple[bouts.Runner, Bout]] = {
        "audit's core, bf16": (bouts.ours, msgspec.structs.replace(bout, variant="fit-bf16"))
    }
    if (python := peer.python()) is not None:
        theirs = msgspec.structs.replace(bout, data=str(folder / "ordered.jsonl"))
        for variant in ("trl-bf16", "trl-defaults"):
            sides[f"{variant}, bf16"] = (bouts.by(python), msgspec.structs.replace(theirs, variant=variant))
    outcomes = bouts.interleaved(sides, repeats)
    lines = [f"{name}: {rows:,} chats of {source}, batch {batch_size}, {repeats} times in turn"]
    return lines + [_line(side, taken, _peak(name)) for side, taken in outcomes.items()]


def _peak(name: str) -> float | None:
    return next((peak for known, peak in PEAKS.items() if known in name), None)


def _line(side: str, taken: Sequence[Outcome], peak: float | None) -> str:
    speed = statistics.median(one.tokens / one.wall for one in taken)
    memory = statistics.median(one.memory for one in taken) / 1e9
    flops = 6 * taken[0].parameters * speed
    used = (
        f"MFU {flops / peak:.1%} of {peak / 1e12:.0f} Tflop/s" if peak else f"{flops / 1e12:.0f} Tflop/s, peak unknown"
    )
    return (
        f"  {side}: {speed:,.0f} useful tokens/s, {taken[0].parameters / 1e6:.0f} M parameters, "
        f"peak memory {memory:.1f} GB, {used}"
    )
