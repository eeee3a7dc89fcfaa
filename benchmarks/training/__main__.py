"""``make bench-train``: the trainer beside TRL, what recording costs, batched prediction; with ``--end-to-end`` whole
runs on public data, with ``--reaudit`` the re-audit of ten models, with ``--device cuda`` the comparison on a graphics
card."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.training import comparison, graphics, prediction, reaudit, recording, whole_runs

REPEATS: Final = 5
QUICK: Final = 3


def main() -> None:
    """Print every figure of the section on training of ``docs/benchmarks.md``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"repeat {QUICK} times instead of {REPEATS}")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="cuda: the comparison in bfloat16 only"
    )
    parser.add_argument("--end-to-end", action="store_true", help="whole runs on Adult, gsm8k and banking77 only")
    parser.add_argument("--reaudit", action="store_true", help="five seeds of two arms on Adult, and their re-audit")
    parser.add_argument("--keep", type=Path, help="folder of --reaudit, in which what is done already is not repeated")
    parser.add_argument("--only", choices=("comparison", "recording", "prediction"), help="one part")
    args = parser.parse_args()
    repeats = QUICK if args.quick else REPEATS
    if args.keep is not None:
        args.keep.mkdir(parents=True, exist_ok=True)
        sys.exit(_printed(reaudit.adult(args.keep)))
    missed = 0
    for part in _parts(args, repeats):
        with tempfile.TemporaryDirectory() as folder:
            missed |= _printed(part(Path(folder)))
    sys.exit(missed)


def _printed(lines: Sequence[str]) -> int:
    """1 where a bar was missed."""
    print("\n".join(lines), flush=True)
    return int(any("MISSED" in line for line in lines))


def _parts(args: argparse.Namespace, repeats: int) -> Iterable[Callable[[Path], list[str]]]:
    if args.device == "cuda":
        return [lambda folder: graphics.on_device(folder, repeats=repeats)]
    if args.reaudit:
        return [reaudit.adult]
    if args.end_to_end:
        return [whole_runs.adult, whole_runs.gsm8k, whole_runs.banking77]
    parts: dict[str, Callable[[Path], list[str]]] = {
        "comparison": lambda folder: comparison.compare(folder, repeats=repeats),
        "recording": lambda folder: recording.cost(folder, repeats=repeats),
        "prediction": lambda folder: prediction.lines(),
    }
    return [run for name, run in parts.items() if args.only in (None, name)]


if __name__ == "__main__":
    main()
