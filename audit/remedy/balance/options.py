"""What a balance is told: from the table ``[balance]`` and the flags over it to checked values. Balances nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from audit.errors import UsageError, did_you_mean
from audit.model import Json
from audit.remedy.balance.aims import AIMS, Aim
from audit.remedy.balance.resample import MOST_COPIES
from audit.remedy.balance.weights import CAP
from audit.remedy.typed import typed

Method: TypeAlias = Literal["reweight", "oversample", "undersample", "augment"]
Augment: TypeAlias = Literal["counterfactual", "noise", "paraphrase"]

NO_CAP: Final = "none"


class BalanceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is balanced and how. ``by`` are ``label`` and names of configured attributes.

    ``aim`` None means what ``by`` suggests. ``strength`` (0 to 1) is the power that weights are raised to, ``cap`` the
    largest factor of a cell (None: any), ``max_copies`` how often a row may stand in the output. ``weights_to`` is a
    file that the weights are written to instead of into the rows. ``augment`` is how rows are made up, ``endpoint`` and
    ``paraphrase_model`` who paraphrases. ``force`` overwrites an earlier output.
    """

    by: tuple[str, ...] = ()
    method: Method = "reweight"
    aim: Aim | None = None
    strength: float = 1.0
    cap: float | None = CAP
    max_copies: int = MOST_COPIES
    weights_to: str | None = None
    augment: Augment = "counterfactual"
    endpoint: str | None = None
    paraphrase_model: str | None = None
    force: bool = False


def options_from(
    section: Mapping[str, Json], given: Mapping[str, Json], *, paraphrased: bool = False
) -> BalanceOptions:
    """The options that ``[balance]`` names, with what is ``given`` (by field) laid over them.
    ``paraphrased`` is as in ``checked``.

    Raises UsageError with the name of the flag or key for a value that does not fit, and for options that contradict
    each other.
    """
    named = {
        _FIELDS.get(key.replace("-", "_"), key.replace("-", "_")): (f"[balance] {key}", section[key]) for key in section
    }
    named |= {field: (_flag(field), value) for field, value in given.items()}
    values = {field: _READ.get(field, _as_it_is)(name, value) for field, (name, value) in named.items()}
    options = BalanceOptions(**values)
    for field in given:
        _does_something(field, options)
    _fits(options, paraphrased=paraphrased)
    return options


def checked(options: BalanceOptions, *, paraphrased: bool = False) -> BalanceOptions:
    """Options from wherever they come, each of its type and in its range. ``paraphrased``: somebody who paraphrases is
    at hand, and no endpoint is needed. Raises UsageError as ``options_from`` does."""
    options = typed(options, BalanceOptions)
    given = {name: getattr(options, name) for name in _READ}
    values = {name: value if value is None else _READ[name](name, value) for name, value in given.items()}
    options = msgspec.structs.replace(options, **values)
    _fits(options, paraphrased=paraphrased)
    return options


_FIELDS: Final = {"model": "paraphrase_model"}
"""Keys of ``[balance]`` that are called otherwise here."""
_OF_PARAPHRASES: Final = ("endpoint", "paraphrase_model")


def _flag(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _does_something(field: str, options: BalanceOptions) -> None:
    """Raise UsageError for a flag that was given and that the method has no use for."""
    if field == "augment" and options.method != "augment":
        raise UsageError(f"--augment is for --method augment, and the method is {options.method}")
    paraphrases = options.method == "augment" and options.augment == "paraphrase"
    if field in _OF_PARAPHRASES and not paraphrases:
        raise UsageError(f"{_flag(field)} is for --method augment --augment paraphrase, and nothing is paraphrased")


def _fits(options: BalanceOptions, *, paraphrased: bool = False) -> None:
    if not options.by:
        raise UsageError(
            "it is not said what to balance by", hint="--by label, or --by label,sex with [attributes.sex] configured"
        )
    if options.weights_to is not None and options.method != "reweight":
        raise UsageError(
            f"--weights-to takes weights, and --method {options.method} makes rows", hint="--method reweight"
        )
    if options.method == "augment" and options.augment == "paraphrase" and not paraphrased:
        missing = [name for name in _OF_PARAPHRASES if getattr(options, name) is None]
        if missing:
            raise UsageError(
                f"--augment paraphrase needs {' and '.join(map(_flag, missing))}",
                hint="--endpoint http://localhost:8000/v1 --paraphrase-model NAME",
            )


# ----------------------------------------------------------------------------- values


def _names(name: str, value: Json) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(item, str) for item in listed):
        raise UsageError(f"{name} must name labels and attributes, not {value!r}", hint="label,sex")
    names = tuple(item.strip() for item in listed if item.strip())
    if twice := sorted({item for item in names if names.count(item) > 1}):
        raise UsageError(f"{name} names {twice[0]!r} twice")
    return names


def _one_of(allowed: tuple[str, ...]) -> Callable[[str, Json], Json]:
    def read(name: str, value: Json) -> Json:
        if value not in allowed:
            hint = did_you_mean(value, allowed) if isinstance(value, str) else None
            raise UsageError(f"{name}: {value!r} is not one of {', '.join(allowed)}", hint=hint)
        return value

    return read


def _number(name: str, value: Json) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{name} must be a number, not {value!r}")
    return number


def _share(name: str, value: Json) -> float:
    number = _number(name, value)
    if not 0 <= number <= 1:
        raise UsageError(f"{name} must be between 0 and 1, not {value!r}", hint="0 leaves all weights at 1")
    return number


def _cap(name: str, value: Json) -> float | None:
    if value == NO_CAP or value is None:
        return None
    number = _number(name, value)
    if number < 1:
        raise UsageError(f"{name} must be 1 or more, or {NO_CAP}, not {value!r}", hint="weights are 1 on average")
    return number


def _copies(name: str, value: Json) -> int:
    number = _number(name, value)
    if number != int(number) or not 1 <= number <= 1000:
        raise UsageError(f"{name} must be a whole number from 1 to 1000, not {value!r}")
    return int(number)


def _text(name: str, value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} must be a text, not {value!r}")
    return value


def _as_it_is(name: str, value: Json) -> Json:
    return value


_READ: Final[Mapping[str, Callable[[str, Json], Json]]] = {
    "by": _names,
    "method": _one_of(get_args(Method)),
    "aim": _one_of(AIMS),
    "strength": _share,
    "cap": _cap,
    "max_copies": _copies,
    "augment": _one_of(get_args(Augment)),
    **dict.fromkeys(("weights_to", "endpoint", "paraphrase_model"), _text),
}
