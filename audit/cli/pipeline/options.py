"""What ``[run]`` says: which stages, how far rows are mended, which seeds are trained. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from audit.config.settings import Settings
from audit.errors import ConfigError, UsageError, did_you_mean
from audit.model import Json
from audit.targets import target_names
from audit.train.options import MOST_SEED

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
    """The options that ``[run]`` names. Raises ConfigError for a value that does not fit, naming file and key."""
    section = {key.replace("-", "_"): value for key, value in settings.sections.get("run", {}).items()}
    for key, value in section.items():
        if problem := _problem(key, value):
            what, hint = problem
            raise ConfigError(f'{settings.config_file}: "run.{key}" {what}', hint=hint)
    return msgspec.convert(section, RunOptions)


def _problem(key: str, value: Json) -> tuple[str, str] | None:
    """What is wrong with a value, and what would be right."""
    if key in ("fixes", "target"):
        names = ("safe", "drop", "unsafe") if key == "fixes" else target_names()
        return _unknown(value, names) if value not in names else None
    if key == "stages":
        return _of_stages(value)
    if key == "seeds":
        fits = isinstance(value, list) and all(type(seed) is int and 0 <= seed <= MOST_SEED for seed in value)
        is_right = fits and len(set(value)) == len(value)
        return None if is_right else (f"must be different whole numbers from 0 to {MOST_SEED}", "seeds = [0, 1, 2]")
    if key == "max_removal":
        fits = type(value) in (int, float) and 0 <= value <= 1
        return None if fits else (f"is a share from 0 to 1, not {value!r}", "max_removal = 0.3")
    return _of_waiver(value)


def _of_stages(value: Json) -> tuple[str, str] | None:
    if not isinstance(value, list):
        return f"must be a list of stages, not {value!r}", f"stages: {', '.join(NAMES)}"
    return next((_unknown(one, NAMES) for one in value if one not in NAMES), None)


def _unknown(value: Json, names: Sequence[str]) -> tuple[str, str]:
    close = did_you_mean(value, names) if isinstance(value, str) else None
    return f"does not know {value!r}", close or f"known: {', '.join(names)}"


def _of_waiver(value: Json) -> tuple[str, str] | None:
    from audit.train.runs.gating import read_waiver

    example = 'waive = "A. Jones: duplicates are genuine"'
    if not isinstance(value, str):
        return f"must be a text that says who waives and why, not {value!r}", example
    try:
        read_waiver(value)
    except UsageError as error:
        return error.what.removeprefix("--waive "), example
    return None


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
