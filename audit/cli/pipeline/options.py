"""What ``[run]`` says: which stages, how far rows are mended, which seeds are trained. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from audit.config.settings import Settings
from audit.errors import ConfigError, UsageError, did_you_mean

Name: TypeAlias = Literal["check", "fix", "split", "balance", "gate", "train", "evaluate", "report"]
NAMES: Final[tuple[Name, ...]] = ("check", "fix", "split", "balance", "gate", "train", "evaluate", "report")
"""The stages in the order in which they are run."""


class RunOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``stages`` are those that are run, always in the order of ``NAMES``. ``fixes``: as ``audit fix`` (``safe``), with
    ``--drop`` or with ``--unsafe-fixes``; ``max_removal`` is the share of rows that it may remove.

    Every arm is trained once for each of ``seeds`` (none: the seed of ``[check]``). ``waive`` ("who: why") goes on
    where the gate says FAIL. ``target`` is what rows are for once they are mended: the trainer of this project, which
    reads weights of rows, unless another is named.
    """

    stages: tuple[Name, ...] = NAMES
    fixes: Literal["safe", "drop", "unsafe"] = "safe"
    max_removal: float = 0.30
    seeds: tuple[int, ...] = ()
    waive: str | None = None
    target: str = "generic"


def run_options(settings: Settings) -> RunOptions:
    """The options that ``[run]`` names. Raises ConfigError for a value that does not fit."""
    section = {key.replace("-", "_"): value for key, value in settings.sections.get("run", {}).items()}
    try:
        options = msgspec.convert(section, RunOptions)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[run]: {error}", hint=f"stages: {', '.join(NAMES)}; fixes: safe, drop, unsafe") from None
    if not 0 <= options.max_removal <= 1:
        raise ConfigError(f"[run] max_removal is a share from 0 to 1, not {options.max_removal}")
    if len(set(options.seeds)) < len(options.seeds) or any(seed < 0 for seed in options.seeds):
        raise ConfigError(f"[run] seeds are different whole numbers from 0, not {list(options.seeds)}")
    return options


def stage_named(word: str | None, flag: str) -> Name | None:
    """The stage that a flag names. Raises UsageError with the nearest."""
    if word is None:
        return None
    for name in NAMES:
        if name == word:
            return name
    raise UsageError(f"{flag}: there is no stage {word!r}", hint=did_you_mean(word, NAMES) or f"{', '.join(NAMES)}")


def chosen(options: RunOptions, until: Name | None) -> Sequence[Name]:
    """The stages to run, in order, up to ``until``."""
    last = NAMES.index(until) if until else len(NAMES)
    return [name for at, name in enumerate(NAMES) if name in options.stages and at <= last]
