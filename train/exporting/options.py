"""What an export can be told, and how ``[train]`` is read for it. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from audit.config.sections import TRAIN_KEYS
from audit.config.settings import Settings
from audit.errors import ConfigError, UsageError
from audit.model import Json
from audit.train.options import TrainOptions, misfit
from audit.train.options import read_options as read_train_options
from audit.train.outgoing.capabilities import How

_OWN: Final = ("lowering", "beta")
"""Keys of ``[train]`` that an export reads beside those of a run on this machine."""
_OF_A_PROVIDER: Final = {"method": ("supervised", "dpo")}
"""Values of a provider's own for keys that a run on this machine has as well."""
_HINT: Final = "`audit export --help` lists the flags"


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a run, and what another trainer is told beside them.

    ``lowering`` says what becomes of weights of rows, classes and groups, which no trainer here reads. ``resample``:
    each row stands in the file as often as its weight says, rounded up or down, and there are as many rows as count for
    something; ``oversample``: the same with the smallest weight as 1, so that no row is lost; ``refuse``: weights that
    differ stop the export. ``beta`` is that of DPO for rows with two answers; above 0, up to 2 as for a provider, None
    for the trainer's own default. ``provider_keys`` are keys of ``[train]`` that only a provider reads,
    or whose value only a provider understands (``method = "dpo"``).
    """

    train: TrainOptions
    lowering: How = "resample"
    beta: float | None = None
    provider_keys: tuple[str, ...] = ()


def read_options(settings: Settings, given: Mapping[str, Json] | None = None) -> ExportOptions:
    """``[train]`` of the settings with ``given`` (flags, texts allowed) laid over it.

    Raises ConfigError for a value that does not fit, naming the key, and UsageError as ``check_options``.
    """
    section = settings.sections.get("train", {})
    table: dict[str, Json] = {**(section if isinstance(section, Mapping) else {}), **(given or {})}
    of_run = {
        key: value
        for key, value in table.items()
        if key in TrainOptions.__struct_fields__ and value not in _OF_A_PROVIDER.get(key, ())
    }
    strange = [key for key in table if key not in of_run and key not in TRAIN_KEYS]
    if strange:
        raise ConfigError(f"[train]: there is no setting {strange[0]!r}", hint=_HINT)
    sections = {**settings.sections, "train": {}}
    merged: dict[str, Json] = {key: table[key] for key in _OWN if key in table}
    try:
        merged["train"] = read_train_options(msgspec.structs.replace(settings, sections=sections), of_run)
    except ConfigError as error:
        raise ConfigError(error.what, hint=_HINT) from None
    merged["provider_keys"] = sorted(key for key in table if key not in of_run and key not in _OWN)
    try:
        options = msgspec.convert(merged, ExportOptions, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(misfit(error, ExportOptions, merged), hint=_HINT) from None
    check_options(options)
    return options


def check_options(options: ExportOptions) -> None:
    """Raise ConfigError for a value out of its range, UsageError for what no other trainer can be told: the built-in
    model, which only this trainer has, and a head over labels."""
    if options.beta is not None and not 0 < options.beta <= 2:
        raise ConfigError(f"[train] beta must be above 0 and at most 2, not {options.beta}")
    if options.train.is_tiny:
        raise UsageError(
            "no model was named, and the built-in one (tiny) is known to this trainer alone",
            hint="--model NAME, a folder or the name of a model on the hub",
        )
    if options.train.task == "classify":
        raise UsageError(
            'task = "classify" trains a head over labels, and what is exported are chats',
            hint='task = "chat" trains the labels as answers',
        )
