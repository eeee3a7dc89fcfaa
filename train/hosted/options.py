"""What a hosted fine-tuning can be told, its defaults, and how ``[train]`` is read for it. Asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from audit.config.load import FOUND
from audit.config.settings import Settings
from audit.errors import ConfigError, did_you_mean
from audit.model import Json
from audit.train.addresses import check_key_variable, shown_address
from audit.train.options import TrainOptions, misfit
from audit.train.outgoing.capabilities import How
from audit.train.protocol.connection import KEY_VARIABLES, Provider, key_variable_of

MOST_SEED: Final = 2**31 - 1
"""The largest seed that the protocol takes."""


class HostedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of a hosted run. None leaves the choice to the provider, unless it says otherwise here.

    ``base_url`` None is the address of the provider, ``key_variable`` None its usual environment variable. ``method``
    None is ``dpo`` where rows are preferences, else ``supervised``. ``epochs`` is 1 to 50, ``batch_size`` 1 to 256,
    ``learning_rate_multiplier`` above 0, ``beta`` (of ``dpo``) up to 2, ``suffix`` up to 64 characters of the tuned
    model's name.

    ``hold_out``, ``class_weights`` and ``group_weights`` are as for a run on this machine. A provider knows no weights
    of rows: ``lowering`` says what becomes of them. ``resample``: weights are scaled to a mean of 1, each row stands in
    the file as often as its weight then says, rounded up or down, and there are as many lines as rows with a weight
    above 0; ``oversample``: the same with the smallest weight as 1, so that no row is lost; ``refuse``: weights that
    differ stop the run. ``unusable`` says what becomes of rows that cannot be written: the run stops (``error``), or
    they are left out (``drop``).

    ``moderation``: texts are shown to the provider's moderation before they are uploaded for training; ``refuse`` stops
    where one is flagged, ``warn`` says so and goes on, ``off`` asks nobody.

    A job with the same files and settings is never made twice. Who wants to pay for it again raises ``attempt``.
    The provider is asked how the job stands every ``poll_seconds``; a call may take ``timeout`` seconds and is tried
    again ``retries`` times. Without ``wait`` the run is left when the job was made, and ``--resume`` follows it.
    """

    provider: Provider = "openai"
    base_url: str | None = None
    key_variable: str | None = None
    model: str = ""
    method: Literal["supervised", "dpo"] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    beta: float | None = None
    suffix: str | None = None
    hold_out: float = 0.0
    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    group_weights: dict[str, dict[str, float]] = {}
    lowering: How = "resample"
    unusable: Literal["error", "drop"] = "error"
    moderation: Literal["refuse", "warn", "off"] = "refuse"
    moderation_model: str = "omni-moderation-latest"
    attempt: int = 1
    poll_seconds: float = 10.0
    timeout: float = 60.0
    retries: int = 4
    wait: bool = True
    seed: int = 0

    @property
    def of_rows(self) -> TrainOptions:
        """What decides which rows are in which split and what each counts for, as a run on this machine is told it."""
        return TrainOptions(
            hold_out=self.hold_out,
            class_weights=self.class_weights,
            group_weights=self.group_weights,
            unusable=self.unusable,
            seed=self.seed,
        )

    @property
    def key_name(self) -> str:
        """The environment variable with the key."""
        return key_variable_of(self.provider, self.key_variable)


OF_JOB: Final = (
    "provider", "model", "method", "epochs", "batch_size", "learning_rate_multiplier", "beta", "suffix", "attempt",
    "seed",
)  # fmt: skip
"""Settings that decide what job it is, beside its files."""
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "epochs": (1, 50), "batch_size": (1, 256), "attempt": (1, 1_000_000), "retries": (0, 100), "seed": (0, MOST_SEED),
    "poll_seconds": (0.001, 3_600), "timeout": (0.001, 3_600),
}  # fmt: skip
"""Least and most. Source of what is the provider's: OpenAI's OpenAPI file, CreateFineTuningJobRequest. The seconds are
limited so that a command can be waited for."""

_NAMED: Final[Mapping[str, Json]] = {
    "provider": None, "base_url": None, "key_variable": None, "moderation": "refuse", "attempt": 1,
}  # fmt: skip
"""What a configuration file that nobody named may not say, and the value of each that is harmless all the same."""


def provider_of(settings: Settings, given: Mapping[str, Json] | None = None) -> str:
    """Who trains: ``local`` unless ``given`` (flags) or ``[train] provider`` says otherwise. Raises ConfigError."""
    section = settings.sections.get("train", {})
    told = (given or {}).get("provider", section.get("provider", "local") if isinstance(section, Mapping) else "local")
    known = ("local", *KEY_VARIABLES)
    if told not in known:
        raise ConfigError(
            f"[train] provider must be one of {', '.join(known)}, not {told!r}", hint=did_you_mean(str(told), known)
        )
    return str(told)


def read_options(settings: Settings, given: Mapping[str, Json] | None = None) -> HostedOptions:
    """``[train]`` of the settings with ``given`` (flags, texts allowed) laid over it; ``model``, ``epochs`` and
    ``seed`` of the run itself count where neither says anything.

    Raises ConfigError for a value that does not fit, naming the key; for a setting that only a run on this machine
    knows; and for a configuration file that nobody named, which may have come with the data, where it chooses a
    provider, an address or the name of a key, moderates less, or has a job paid for again.
    """
    run: dict[str, Json] = {"model": settings.model, "epochs": settings.epochs, "seed": settings.seed}
    section = settings.sections.get("train", {})
    table = dict(section) if isinstance(section, Mapping) else {}
    _check_origin(settings, table, given or {})
    merged = {key: value for key, value in run.items() if value is not None} | table | dict(given or {})
    if "epochs" in merged:
        merged["epochs"] = _whole_epochs(merged["epochs"])
    known = HostedOptions.__struct_fields__
    if strange := next((key for key in merged if key not in known), None):
        is_local = strange in TrainOptions.__struct_fields__
        raise ConfigError(
            f"[train] {strange}: {'a provider takes no such setting' if is_local else 'there is no such setting'}",
            hint=did_you_mean(strange, known) or f"known are {', '.join(known)}",
        )
    try:
        options = msgspec.convert(merged, HostedOptions, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            misfit(error, HostedOptions, merged), hint="`audit train --help` lists the settings"
        ) from None
    check_options(options)
    return options


def _whole_epochs(value: Json) -> int:
    """``epochs`` of a flag, of ``[train]`` or of the run itself. Raises ConfigError."""
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if isinstance(value, bool) or not number.is_integer():
        least, most = _RANGES["epochs"]
        raise ConfigError(f"[train] epochs must be a whole number from {least:g} to {most:g}, not {value}")
    return int(number)


def _check_origin(settings: Settings, table: Mapping[str, Json], given: Mapping[str, Json]) -> None:
    if settings.origins.get("config_file") != FOUND:
        return
    name = next((one for one in _NAMED if one in table and one not in given and table[one] != _NAMED[one]), None)
    if name is not None:
        flag = f"--provider {table[name]}" if name == "provider" else "the same on the command line"
        raise ConfigError(
            f"{settings.config_file} says [train] {name}, and nobody named {settings.config_file}",
            hint=f"if the file is yours: --config {settings.config_file}; else {flag}",
        )


def check_options(options: HostedOptions) -> None:
    """Raise ConfigError for a value outside its range, or two that do not go together; UsageError for what is no name
    of an environment variable, which may be the key itself."""
    check_key_variable(options.key_name)
    if not options.model or not options.model.isprintable():
        raise ConfigError("no model was named", hint="--model gpt-4o-mini-2024-07-18")
    for name, (least, most) in _RANGES.items():
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            raise ConfigError(f"[train] {name} must be from {least:g} to {most:g}, not {value}")
    for name in ("learning_rate_multiplier", "beta"):
        value = getattr(options, name)
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"[train] {name} must be a finite number above 0, not {value}")
    if options.beta is not None and options.beta > 2:
        raise ConfigError(f"[train] beta must be at most 2, not {options.beta}")
    if options.beta is not None and options.method == "supervised":
        raise ConfigError("[train] beta belongs to method dpo, and method is supervised")
    if not 0 <= options.hold_out < 1:
        raise ConfigError(f"[train] hold_out is a share and must be at least 0 and below 1, not {options.hold_out}")
    if options.suffix is not None and not 1 <= len(options.suffix) <= 64:
        raise ConfigError(f"[train] suffix must have 1 to 64 characters, not {len(options.suffix)}")


def told_options(options: HostedOptions) -> dict[str, Json]:
    """The options as they are recorded; the address without user, password and query."""
    told: dict[str, Json] = msgspec.to_builtins(options)
    if options.base_url is not None:
        told["base_url"] = shown_address(options.base_url)
    return told
