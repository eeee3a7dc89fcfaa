"""What a file can be made for: one dated data file per provider or trainer, next to this module.

Loads and checks these files; which finding follows from which limit is for the rules to say.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import UsageError, did_you_mean
from audit.model import Target

_FOLDER: Final = Path(__file__).parent


@cache
def target_names() -> tuple[str, ...]:
    """The names of all targets, sorted: one per data file."""
    return tuple(sorted(name.removesuffix(".toml") for name in os.listdir(_FOLDER) if name.endswith(".toml")))


@cache
def load_target(name: str) -> Target:
    """The target of a name; case does not matter, nor whether words are joined by ``-`` or ``_``.

    Raises UsageError, naming the nearest, for a name that no data file has.
    """
    wanted = name.strip().lower().replace("_", "-")
    if wanted not in target_names():
        known = ", ".join(target_names())
        raise UsageError(
            f"there is no target {name!r}", hint=did_you_mean(wanted, target_names()) or f"targets: {known}"
        )
    table = tomllib.loads((_FOLDER / f"{wanted}.toml").read_text(encoding="utf-8"))
    unknown = sorted(set(table) - set(Target.__struct_fields__))
    if unknown:
        raise ValueError(f"{wanted}.toml holds keys that a target does not have: {', '.join(unknown)}")
    return msgspec.convert(table, Target)
