"""What a training run can be told, its defaults, and how ``[train]`` is read. Trains nothing and loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from audit.config.settings import Settings
from audit.errors import ConfigError, UsageError, did_you_mean
from audit.model import Json

TINY: Final = "tiny"
"""The model that is built in: it starts at random, learns its tokenizer from the training rows, needs no download."""
ALL_LINEAR: Final = "all-linear"
"""As ``lora_targets``: every linear layer but the head."""

MOST_SEED: Final = 2**63 - 1
"""The largest seed: records and predictions hold it as a signed number of 64 bits."""

LOCAL: Final = "local"
"""The ``provider`` that is this machine."""
HOSTED_ONLY: Final = frozenset(
    {
        "base_url", "key_variable", "learning_rate_multiplier", "beta", "suffix", "lowering", "moderation",
        "moderation_model", "attempt", "poll_seconds", "timeout", "retries", "wait",
    }
)  # fmt: skip
"""Settings of ``[train]`` that only a run at a provider knows (``audit.train.hosted.options``)."""

Task = Literal["chat", "classify"]
Method = Literal["lora", "full", "freeze", "qlora"]
Metric = Literal["loss", "worst_group_loss", "accuracy", "f1"]


class TrainOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of a training run. None means that the default depends on model and method (``settled``).

    ``model`` is ``tiny``, a local folder or a hub name (only what is on this machine is used unless downloads are
    allowed). ``task``: ``chat`` trains the answers as text, ``classify`` a head over the labels. ``mask``: which
    assistant turns carry loss, all or only the ``last``.

    ``max_length`` is in tokens (None: what the model can read). A row that is longer stops the run (``error``), is left
    out (``drop``) or is cut behind its last whole trained turn (``truncate``). ``unusable`` says the same of rows that
    cannot be laid out or have nothing to learn from. ``hold_out`` is the share of rows that are kept for validation
    where no validation split is named; rows of one group, and rows with one prompt, stay together.

    ``class_weights`` are ``balanced`` (n / (classes x n of the class), Kamiran-Calders without groups) or by label;
    ``group_weights`` are by attribute and group. Both multiply the weight of the row. ``unit``: what counts once,
    a ``token`` (the loss is a sum over tokens) or an ``example`` (a mean over its trained tokens).

    ``epochs`` is cut by ``max_steps``. ``batch_size`` is in examples for each optimiser step; ``token_budget`` is the
    most tokens, padding included, in one micro-batch (None: a quarter of what the longest batch would take).
    ``warmup`` is a share of all steps, ``lr_floor`` the last learning rate as a share of the first. ``clip`` is the
    norm to which gradients are cut (0: not at all). ``dropout`` overrides the model's own.

    ``evaluate_every`` and ``save_every`` are in epochs. ``keep`` is how many checkpoints stay beside the best one.
    ``early_stopping`` names the measure on the validation rows that must improve by ``min_delta`` within ``patience``
    evaluations; ``choose`` is the measure by which the best weights are chosen (None: that of ``early_stopping``, else
    ``loss``). Groups of fewer than ``min_group`` rows do not count as worst.

    ``lora_targets`` are ``all-linear``, or the last parts of the names of layers. ``width``, ``layers``, ``heads`` and
    ``vocabulary`` are the shape of ``tiny``. ``merge`` writes the adapter's
    weights into those of the model. ``curve`` are shares of the training rows to train on, one after the other.

    ``canaries`` made-up rows with a secret each are trained on as well, ``canary_repeats`` times in an epoch, so that
    it can be measured afterwards what the model learns by heart (``audit.train.data.canaries``).
    """

    model: str = TINY
    revision: str | None = None
    task: Task = "chat"
    method: Method | None = None
    chat_template: str | None = None
    mask: Literal["assistant", "last"] = "assistant"
    max_length: int | None = None
    over_length: Literal["error", "drop", "truncate"] = "error"
    unusable: Literal["error", "drop"] = "error"
    hold_out: float = 0.0
    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    group_weights: dict[str, dict[str, float]] = {}
    unit: Literal["token", "example"] = "token"
    epochs: float = 3.0
    max_steps: int | None = None
    batch_size: int = 32
    token_budget: int | None = None
    lr: float | None = None
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.05
    lr_floor: float = 0.02
    weight_decay: float = 0.01
    betas: tuple[float, float] | None = None
    clip: float = 1.0
    dropout: float | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16", "fp64"] = "auto"
    gradient_checkpointing: bool = False
    lora_r: int = 16
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0
    lora_targets: str | tuple[str, ...] = ALL_LINEAR
    train_last: int = 2
    evaluate_every: float = 0.25
    save_every: float = 0.25
    keep: int = 2
    early_stopping: Metric | None = None
    choose: Metric | None = None
    patience: int = 3
    min_delta: float = 0.0
    min_group: int = 30
    threads: int | None = None
    device: str = "auto"
    vocabulary: int = 4096
    width: int = 128
    layers: int = 4
    heads: int = 4
    merge: bool = False
    tensorboard: bool = False
    energy: Literal["auto", "off"] = "auto"
    curve: tuple[float, ...] = ()
    canaries: int = 0
    canary_repeats: int = 10
    seed: int = 0

    @property
    def is_tiny(self) -> bool:
        """Whether the built-in model is meant."""
        return self.model == TINY

    @property
    def settled(self) -> TrainOptions:
        """The options with every default that depends on others filled in.

        LoRA's rate is ten times that of full fine-tuning (Biderman et al. 2024, "LoRA Learns Less and Forgets Less");
        those of ``tiny`` are what reached an AUC of 0.92 on Adult (docs/benchmarks.md).
        """
        method = self.method or ("full" if self.is_tiny or self.task == "classify" else "lora")
        rate = 1e-3 if self.is_tiny else 2e-4 if method in ("lora", "qlora") else 2e-5
        return msgspec.structs.replace(
            self,
            method=method,
            lr=self.lr if self.lr is not None else rate,
            betas=self.betas or ((0.9, 0.98) if self.is_tiny else (0.9, 0.999)),
            dropout=self.dropout if self.dropout is not None else 0.0 if self.is_tiny else None,
            choose=self.choose or self.early_stopping or "loss",
        )


_LEAST: Final[Mapping[str, float]] = {
    "hold_out": 0, "max_steps": 1, "batch_size": 1, "token_budget": 1, "warmup": 0, "lr_floor": 0, "weight_decay": 0,
    "clip": 0, "dropout": 0, "lora_r": 1, "lora_dropout": 0, "train_last": 1, "keep": 1, "patience": 1, "min_delta": 0,
    "min_group": 1, "threads": 1, "vocabulary": 300, "width": 8, "layers": 1, "heads": 1, "max_length": 2,
    "canaries": 0, "canary_repeats": 1,
}  # fmt: skip
_MOST: Final[Mapping[str, float]] = {"canaries": 100}
"""What is ranked afterwards grows with the square of the number of canaries (``audit.train.prediction.canaries``)."""
_ABOVE_ZERO: Final = ("epochs", "lr", "evaluate_every", "save_every", "lora_alpha")
_BELOW_ONE: Final = ("hold_out", "dropout", "lora_dropout")
_AT_MOST_ONE: Final = ("warmup", "lr_floor")
_LISTS: Final = ("betas", "curve", "lora_targets")
"""Settings that hold several values, which may be written with commas between them."""


def read_options(settings: Settings, given: Mapping[str, Json] | None = None) -> TrainOptions:
    """``[train]`` of the settings with ``given`` (flags) laid over it; ``model``, ``epochs``, ``max_length`` and
    ``seed`` of the run itself count where neither says anything. Several values may be one text with commas.

    Raises ConfigError for a value that does not fit, naming the key, and for one that only a provider knows; UsageError
    where somebody else is to train than this machine.
    """
    run: dict[str, Json] = {
        "model": settings.model, "epochs": settings.epochs, "max_length": settings.max_tokens, "seed": settings.seed,
    }  # fmt: skip
    section = settings.sections.get("train", {})
    merged = {key: value for key, value in run.items() if value is not None} | dict(section) | dict(given or {})
    _check_local(merged)
    for name in _LISTS:
        if isinstance(text := merged.get(name), str) and text != ALL_LINEAR:
            merged[name] = [part.strip() for part in text.split(",") if part.strip()]
    try:
        options = msgspec.convert(merged, TrainOptions, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(misfit(error, TrainOptions, merged), hint="`audit train --help` lists the settings") from None
    check_options(options)
    return options


def misfit(error: msgspec.ValidationError, kind: type, given: Mapping[str, Json]) -> str:
    """What is wrong with a value of ``[train]`` that ``kind`` does not take; msgspec names its place as ``$.lr``."""
    name = str(error).rpartition("$.")[2].rstrip("`")
    if name not in given or not (wanted := _wanted(get_type_hints(kind)[name])):
        return f"[train]: {error}"
    return f"[train] {name} must be {' or '.join(wanted)}, not {given[name]!r}"


def _wanted(hint: Any) -> list[str]:
    """What a type takes, in words; empty for one that there is no word for."""
    if hint in _WORDS:
        return [_WORDS[hint]]
    if get_origin(hint) is Literal:
        return [str(one) for one in get_args(hint)]
    return [word for one in get_args(hint) if one is not type(None) for word in _wanted(one)]


_WORDS: Final[Mapping[Any, str]] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _check_local(merged: dict[str, Json]) -> None:
    """Take out who trains where that is this machine. Raises UsageError and ConfigError where it is not."""
    if (provider := merged.pop("provider", LOCAL)) != LOCAL:
        raise UsageError(
            f"[train] provider is {provider}, and what was asked for is done on this machine",
            hint='`audit train --provider NAME` trains elsewhere; [train] without it, or with "local", trains here',
        )
    if strange := [name for name in merged if name in HOSTED_ONLY]:
        are = "is a setting" if len(strange) == 1 else "are settings"
        raise ConfigError(
            f"[train] {', '.join(strange)} {are} of a run at a provider, and this one is on this machine",
            hint=f"`audit train --provider NAME` trains there; else take {'it' if len(strange) == 1 else 'them'} out",
        )


def check_options(options: TrainOptions) -> None:
    """Raise ConfigError for a value outside its range, or two that do not go together."""
    if not 0 <= options.seed <= MOST_SEED:
        raise ConfigError(f"[train] seed must be from 0 to {MOST_SEED}, not {options.seed}")
    for name, value in msgspec.structs.asdict(options).items():
        if value is None or isinstance(value, str | bool | dict | tuple):
            continue
        if not abs(value) < float("inf"):
            raise ConfigError(f"[train] {name} must be a finite number, not {value}")
        if value < _LEAST.get(name, value) or (name in _ABOVE_ZERO and value <= 0):
            least = f"at least {_LEAST[name]:g}" if name in _LEAST else "above 0"
            raise ConfigError(f"[train] {name} must be {least}, not {value}")
        if value > _MOST.get(name, value):
            raise ConfigError(f"[train] {name} must be at most {_MOST[name]:g}, not {value}")
        if (name in _BELOW_ONE and value >= 1) or (name in _AT_MOST_ONE and value > 1):
            most = "below" if name in _BELOW_ONE else "at most"
            raise ConfigError(f"[train] {name} is a share and must be {most} 1, not {value}")
    if options.betas is not None and not all(0 <= beta < 1 for beta in options.betas):
        raise ConfigError(f"[train] betas must be at least 0 and below 1, not {list(options.betas)}")
    if options.width % options.heads:
        raise ConfigError(f"[train] width ({options.width}) must be a multiple of heads ({options.heads})")
    if any(not 0 < share <= 1 for share in options.curve):
        raise ConfigError("[train] curve holds shares above 0 and up to 1", hint="curve = [0.1, 0.25, 0.5, 1]")
    if options.canaries and (options.task == "classify" or options.curve):
        other = "curve" if options.curve else "task"
        raise ConfigError(
            f"[train] canaries are answers that a model may learn by heart, and {other} leaves no place for them",
            hint='canaries go with task = "chat" and without curve',
        )
    if options.is_tiny and options.method in ("lora", "qlora", "freeze"):
        raise ConfigError(
            f"[train] method {options.method!r} adapts weights that were trained before, and tiny has none",
            hint='use method = "full"',
        )


def split_assignment(text: str) -> tuple[str, str]:
    """``lr=0.001`` of ``--set`` as a key and a value. Raises UsageError with the nearest key of those that runs on this
    machine and at a provider know."""
    key, equals, value = text.partition("=")
    key = key.strip().replace("-", "_")
    fields = (*TrainOptions.__struct_fields__, "provider", *sorted(HOSTED_ONLY))
    if not equals or key not in fields:
        raise UsageError(
            f"--set {text!r} sets nothing: {'it has no =' if not equals else f'there is no setting {key!r}'}",
            hint=did_you_mean(key, fields) or "--set lr=0.001",
        )
    return key, value.strip()
