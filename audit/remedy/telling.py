"""Tells a report what was done to data: reads a ledger into a ``Remedy``. Computes no new figure but sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

from audit.model import Json
from audit.model.dossier import Remedy
from audit.read.marks import WEIGHT
from audit.remedy.ledger import LedgerLine, read_ledger

LEDGER: Final = ".ledger.jsonl"
"""How the name of a ledger ends."""


def remedy_of(path: Path) -> Remedy:
    """What a ledger accounts for. Raises InputError for a file that is none, or that was cut."""
    ledger = read_ledger(path)
    rows, end = ledger.end.rows, ledger.end
    by_code: dict[str, Counter[str]] = {}
    weights: Counter[float] = Counter()
    for line in ledger.lines():
        for code in dict.fromkeys(line.codes):
            by_code.setdefault(code, Counter())[line.action] += 1
        weights.update(_weights(line))
    return Remedy(
        command=end.command,
        source=_base(end.input.get("path")),
        output=_base(end.output.get("path")),
        source_sha256=str(end.input.get("sha256") or ""),
        output_sha256=str(end.output.get("sha256") or ""),
        rows_in=rows.rows_in,
        untouched=rows.untouched,
        edited=rows.edited,
        dropped=rows.dropped,
        quarantined=rows.quarantined,
        copied=rows.copied,
        added=rows.added,
        by_code={code: dict(sorted(by_code[code].items())) for code in sorted(by_code)},
        weights=tuple(sorted(weights.items())),
        ess=_kish(weights),
        settings=end.settings,
        effect=end.effect,
    )


def _base(path: Json) -> str:
    return PurePath(path).name if isinstance(path, str) else ""


def _weights(line: LedgerLine) -> Iterable[float]:
    """The weight that a line says was written into its row."""
    if not isinstance(line.edits, list | tuple):
        return
    for edit in line.edits:
        value = edit.get("value") if isinstance(edit, dict) and edit.get("pointer") == WEIGHT else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield float(value)


def _kish(weights: Counter[float]) -> float | None:
    """Kish's effective sample size (Survey Sampling, 1965): the square of the sum over the sum of the squares."""
    squares = sum(weight * weight * rows for weight, rows in weights.items())
    return sum(weight * rows for weight, rows in weights.items()) ** 2 / squares if squares else None
