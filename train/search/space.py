"""What a search tries: ``[search]`` of the settings, and the values of each trial. Trains nothing.

The values of a trial follow from the space, the seed and (for optuna) the results of the trials before it, so that an
interrupted search finds the same ones again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice, product
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from audit.config.settings import Settings
from audit.errors import ConfigError, did_you_mean
from audit.model import Json
from audit.train.options import Metric, TrainOptions, check_options

SearchMethod = Literal["grid", "random", "optuna"]
Values: TypeAlias = Mapping[str, Json]
"""The values of a trial by setting."""

TRIALS: Final = 8
"""Trials where nothing is said of them."""
MOST_COMBINATIONS: Final = 10_000
"""Combinations that a space of lists may have in a grid, or to be shuffled whole."""
HIGHER_IS_BETTER: Final = ("accuracy", "f1")

_MEASURED: Final = "changes which validation rows or tokens are measured, so that trials could not be compared"
_JUDGED: Final = "says how a trial is judged, not how it is trained"
_ADDED: Final = "adds made-up rows to the data, so that trials would be trained on different rows"
_SAME_MODEL: Final = "changes how a run goes or is kept, not the model that comes out"
FIXED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("model", "revision", "task", "chat_template", "mask", "max_length", "over_length", "unusable", "hold_out",
         "vocabulary"), _MEASURED
    ),
    **dict.fromkeys(("early_stopping", "choose", "min_group"), _JUDGED),
    "evaluate_every": "changes how often a trial is looked at, and the best of more looks is luckier",
    "seed": "would choose the luckiest start and not a setting; run the search again with another --seed instead",
    "curve": "is a run of its own: `audit train --curve`",
    **dict.fromkeys(
        ("token_budget", "gradient_checkpointing", "save_every", "keep", "threads", "device", "merge", "tensorboard",
         "energy"), _SAME_MODEL
    ),
    **dict.fromkeys(("canaries", "canary_repeats"), _ADDED),
}  # fmt: skip
"""Settings of a run that a search may not vary, and why."""
SEARCHABLE: Final = tuple(name for name in TrainOptions.__struct_fields__ if name not in FIXED)

_EXAMPLE: Final = "space = { lr = { min = 1e-4, max = 1e-2, log = true }, batch_size = [16, 32] }"


class Range(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers from ``min`` to ``max``, both included; whole ones where ``whole``. ``log``: even on a logarithmic
    scale."""

    min: float
    max: float
    log: bool = False
    whole: bool = False


class SearchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched: the method, how many trials, the measure on the validation rows that chooses, and for each
    setting its choices or its range, by name."""

    method: SearchMethod
    trials: int
    metric: Metric
    space: Mapping[str, tuple[Json, ...] | Range]

    @property
    def combinations(self) -> int | None:
        """How many there are, None where a setting has a range."""
        lists = [spread for spread in self.space.values() if not isinstance(spread, Range)]
        return math.prod(map(len, lists)) if len(lists) == len(self.space) else None


def read_search(settings: Settings, options: TrainOptions, *, trials: int | None = None) -> SearchOptions:
    """``[search]`` of the settings; ``trials`` takes the place of what it says.

    Every value must fit the options that it is laid over. Raises ConfigError naming the key.
    """
    section = settings.sections.get("search")
    if not isinstance(section, Mapping):
        raise ConfigError("there is no [search] that says what to try", hint=_EXAMPLE)
    method: SearchMethod = _one_of("method", section.get("method", "random"), SearchMethod)
    metric: Metric = _one_of("metric", section.get("metric", "loss"), Metric)
    given = trials if trials is not None else section.get("trials")
    space = _read_space(section.get("space"), options)
    search = SearchOptions(
        method=method,
        trials=_read_trials(given),
        metric=metric,
        space=space,
    )
    return _counted(search, said=given is not None)


def with_values(options: TrainOptions, values: Values) -> TrainOptions:
    """The options with the values of a trial laid over them. Raises ConfigError where they do not go together."""
    try:
        made = msgspec.convert(msgspec.to_builtins(options) | dict(values), TrainOptions)
        check_options(made)
    except (msgspec.ValidationError, ConfigError) as error:
        what = str(error).removeprefix("[train] ")
        shown = ", ".join(f"{name} = {value!r}" for name, value in sorted(values.items()))
        raise ConfigError(
            f"[search] space: {shown} cannot be trained with: {what}", hint="leave it out of [search] space"
        ) from None
    return made


# ----------------------------------------------------------------------------- values of trials


def planned(search: SearchOptions, seed: int) -> list[dict[str, Json]] | None:
    """The values of every trial of a grid or a random search, in order; None for optuna, which learns on the way.

    A grid goes through the settings in the order of their names, the last one fastest. Random trials of a space of
    lists are drawn without repeating one; those of a space with a range each from (seed, trial), so that more trials
    begin with the same ones.
    """
    if search.method == "optuna":
        return None
    total = search.combinations
    if search.method == "grid" or (total is not None and total <= MOST_COMBINATIONS):
        every = list(_grid(search.space))
        return every if search.method == "grid" else _shuffled(every, seed)[: search.trials]
    return [_drawn(search.space, seed, number) for number in range(1, search.trials + 1)]


def _grid(space: Mapping[str, tuple[Json, ...] | Range]) -> Iterable[dict[str, Json]]:
    names = sorted(space)
    lists = [spread for name in names if not isinstance(spread := space[name], Range)]
    return (dict(zip(names, values, strict=True)) for values in islice(product(*lists), MOST_COMBINATIONS))


def _shuffled(every: list[dict[str, Json]], seed: int) -> list[dict[str, Json]]:
    import numpy as np

    return [every[at] for at in np.random.default_rng(_entropy(seed)).permutation(len(every)).tolist()]


def _drawn(space: Mapping[str, tuple[Json, ...] | Range], seed: int, number: int) -> dict[str, Json]:
    import numpy as np

    generator = np.random.default_rng([_entropy(seed), number])
    return {name: _value(space[name], generator.random()) for name in sorted(space)}


def _value(spread: tuple[Json, ...] | Range, at: float) -> Json:
    """The value at a point in [0, 1)."""
    if not isinstance(spread, Range):
        return spread[int(at * len(spread))]
    if spread.whole and not spread.log:
        return int(spread.min) + int(at * (int(spread.max) - int(spread.min) + 1))
    low, high = (math.log(end) if spread.log else end for end in (spread.min, spread.max))
    point = low + at * (high - low)
    return settled(math.exp(point) if spread.log else point, spread)


def settled(value: float, spread: Range) -> float | int:
    """A number as it is trained with: whole where it must be, else of six digits, and inside the range.

    Six digits, so that no last bit of a logarithm, which differs between machines, is part of a run.
    """
    if spread.whole:
        return int(min(spread.max, max(spread.min, round(value))))
    return min(spread.max, max(spread.min, float(f"{value:.6g}")))


def _entropy(seed: int) -> int:
    """Seeds are whole numbers of any sign; generators take none below 0."""
    return seed & (1 << 64) - 1


# ----------------------------------------------------------------------------- reading


def _one_of(key: str, value: Json, words: Any) -> Any:
    """The value, where it is one of the words of a Literal. Raises ConfigError."""
    known = get_args(words)
    if value not in known:
        hint = did_you_mean(value, known) if isinstance(value, str) else None
        raise ConfigError(f"[search] {key} cannot be {value!r}", hint=hint or f"one of {', '.join(known)}")
    return value


def _read_trials(value: Json) -> int:
    if value is None:
        return TRIALS
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise ConfigError(f"[search] trials must be a whole number from 1 to 10000, not {value!r}", hint="trials = 8")
    return value


def _counted(search: SearchOptions, *, said: bool) -> SearchOptions:
    """The search with as many trials as there will be. Raises ConfigError for a grid that is not to be run whole."""
    total = search.combinations
    if search.method != "grid":
        return msgspec.structs.replace(search, trials=min(search.trials, total or search.trials))
    if total is None:
        ranges = sorted(name for name, spread in search.space.items() if isinstance(spread, Range))
        raise ConfigError(
            f"[search] space: a grid has no points in the range of {', '.join(ranges)}",
            hint='list the values, or use method = "random"',
        )
    if total > (search.trials if said else MOST_COMBINATIONS):
        raise ConfigError(
            f"[search] the grid has {total:,} combinations, more than the {search.trials:,} trials that are wanted"
            if said
            else f"[search] the grid has {total:,} combinations, more than {MOST_COMBINATIONS:,}",
            hint=f'set trials = {total}, or use method = "random"',
        )
    return msgspec.structs.replace(search, trials=total)


def _read_space(value: Json, options: TrainOptions) -> dict[str, tuple[Json, ...] | Range]:
    if not isinstance(value, Mapping) or not value:
        raise ConfigError("[search] space must be a table of settings with what to try for each", hint=_EXAMPLE)
    out: dict[str, tuple[Json, ...] | Range] = {}
    for key, spread in value.items():
        name = _setting(str(key))
        if name in out:
            raise ConfigError(f"[search] space has {name} twice, in two spellings")
        out[name] = _range(name, spread) if isinstance(spread, Mapping) else _choices(name, spread)
        for one in _ends(out[name]):
            _check_value(name, one, options)
    return out


def _setting(key: str) -> str:
    name = key.replace("-", "_")
    if name in FIXED:
        raise ConfigError(f"[search] space.{key} cannot be searched: it {FIXED[name]}")
    if name not in SEARCHABLE:
        hint = did_you_mean(name, SEARCHABLE) or "settings that can be searched: " + ", ".join(SEARCHABLE)
        raise ConfigError(f'[search] space: there is no setting "{key}"', hint=hint)
    return name


def _choices(name: str, value: Json) -> tuple[Json, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ConfigError(
            f"[search] space.{name} must be a list of values or a range, not {value!r}",
            hint=f"{name} = [...] or {name} = {{ min = ..., max = ... }}",
        )
    if any(one in value[:at] for at, one in enumerate(value)):
        raise ConfigError(f"[search] space.{name} has a value twice: {value!r}", hint="each value once")
    return tuple(value)


def _range(name: str, value: Mapping[str, Json]) -> Range:
    kinds = _number_kinds(name)
    if not kinds:
        raise ConfigError(f"[search] space.{name} has no range: it is not a number", hint=f"{name} = [...]")
    example = f"{name} = {{ min = ..., max = ..., log = true }}"
    keys = ("min", "max", "log")
    for key in value:
        if key not in keys:
            raise ConfigError(
                f'[search] space.{name} has an unknown key "{key}"', hint=did_you_mean(key, keys) or example
            )
    whole = float not in kinds
    low, high = (_end(name, value.get(key), whole, example) for key in ("min", "max"))
    log = value.get("log", False)
    if not isinstance(log, bool):
        raise ConfigError(f"[search] space.{name}.log must be true or false, not {log!r}", hint=example)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(f"[search] space.{name}: min and max must be finite, not {low:g} and {high:g}", hint=example)
    if not low < high:
        raise ConfigError(f"[search] space.{name}: min ({low:g}) must be below max ({high:g})", hint=example)
    if log and low <= 0:
        raise ConfigError(f"[search] space.{name}: a logarithmic range begins above 0, not at {low:g}")
    return Range(min=low, max=high, log=log, whole=whole)


def _end(name: str, value: Json, whole: bool, example: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        what = "whole numbers" if whole else "numbers"
        raise ConfigError(f"[search] space.{name} must have {what} as min and max", hint=example)
    return float(value)


def _number_kinds(name: str) -> set[object]:
    """Which kinds of number a setting may be; none where it may be anything else."""
    kinds = _kinds()[name] - {type(None)}
    return kinds if kinds <= {int, float} else set()


def _kind_of(name: str) -> str:
    """What a setting must be, in words; "" where that takes more of them."""
    kinds = _kinds()[name] - {type(None)}
    if kinds <= {int, float}:
        return "a number" if float in kinds else "a whole number"
    words = sorted(kind for kind in kinds if isinstance(kind, str))
    return f"one of {', '.join(words)}" if len(words) == len(kinds) else ""


def _kinds() -> dict[str, set[object]]:
    from typing import get_type_hints

    hints = get_type_hints(TrainOptions)
    return {name: set(get_args(hint)) or {hint} for name, hint in hints.items()}


def _ends(spread: tuple[Json, ...] | Range) -> tuple[Json, ...]:
    if not isinstance(spread, Range):
        return spread
    return (settled(spread.min, spread), settled(spread.max, spread))


def _check_value(name: str, value: Json, options: TrainOptions) -> None:
    """Raise ConfigError for a value that cannot be right whatever the other settings are."""
    try:
        made = msgspec.convert(msgspec.to_builtins(options) | {name: value}, TrainOptions)
    except msgspec.ValidationError as error:
        kind = _kind_of(name)
        what = f"must be {kind}, not {value!r}" if kind else f"{value!r} does not fit: {error}"
        raise ConfigError(f"[search] space.{name} {what}") from None
    if name in ("width", "heads"):  # each must fit the other's, which may be searched as well
        made = msgspec.structs.replace(made, **{"heads": 1} if name == "width" else {"width": made.heads * 8})
    with_values(made, {name: getattr(made, name)})
