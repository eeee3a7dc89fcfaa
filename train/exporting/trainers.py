"""The trainers that data and settings are exported to, by name. Exports nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from audit.errors import UsageError, did_you_mean
from audit.train.data.rows import VALIDATION
from audit.train.exporting.axolotl import AXOLOTL
from audit.train.exporting.llama_factory import LLAMA_FACTORY
from audit.train.exporting.trainer import DATA, TEMPLATE, Trainer
from audit.train.exporting.trl import TRL
from audit.train.outgoing.capabilities import plain_name
from audit.train.runs.folder import GATE, ROWS

TRAINERS: Final[Mapping[str, Trainer]] = {one.name: one for one in (TRL, AXOLOTL, LLAMA_FACTORY)}
NAMES: Final = frozenset(
    {f"{DATA}/train.jsonl", f"{DATA}/{VALIDATION}.jsonl", TEMPLATE, ROWS, GATE}
    | {one.configuration for one in TRAINERS.values()}
    | {one.card for one in TRAINERS.values() if one.card is not None}
)
"""Every file that an export may write, beside ``export.json`` itself."""


def trainer_of(name: str) -> Trainer:
    """The exporter of that name. Raises UsageError with the nearest."""
    wanted = plain_name(name)
    if wanted not in TRAINERS:
        known = ", ".join(TRAINERS)
        raise UsageError(f"there is no export to {name!r}", hint=did_you_mean(wanted, TRAINERS) or f"one of: {known}")
    return TRAINERS[wanted]
