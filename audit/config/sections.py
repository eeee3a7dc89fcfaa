"""Checks the parsed tables of a configuration file: which keys each may hold and of what type.

Returns plain values; opens no file. Values that only a later command understands are kept as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

import msgspec

from audit.config.options import OPTIONS
from audit.config.settings import Ignore
from audit.config.values import CODE, Invalid, codes, day, text, texts
from audit.errors import ConfigError, nearest
from audit.model import Json

Complain = Callable[[tuple[str, ...], str, str | None], ConfigError]
"""Makes the error for a dotted key: (key, what is wrong, hint)."""

UNKNOWN: Final = "is not a known key"


def complaint(key: tuple[str, ...], what: str) -> str:
    """The message for a dotted key."""
    dotted = ".".join(key)
    return f'unknown key "{dotted}"' if what == UNKNOWN else f'"{dotted}" {what}'


DATA_KEYS: Final = (
    *(option.key for option in OPTIONS if option.table == "data"), "label", "favourable", "group", "weight", "id",
)  # fmt: skip
CHECK_KEYS: Final = tuple(option.key for option in OPTIONS if option.table == "check")
IGNORE_KEYS: Final = ("code", "path", "reason", "owner", "expires")
WAIVER_KEYS: Final = ("reason", "owner", "expires")
"""What must be said of every demand that is set aside."""
SHARES: Final = ("train", "validation", "test")
"""Keys of ``[split]`` that say how large each split is to be."""
TRAIN_KEYS: Final = (
    "model", "revision", "task", "method", "chat_template", "mask", "max_length", "over_length", "unusable",
    "hold_out", "class_weights", "group_weights", "unit", "epochs", "max_steps", "batch_size", "token_budget", "lr",
    "schedule", "warmup", "lr_floor", "weight_decay", "betas", "clip", "dropout", "precision",
    "gradient_checkpointing", "lora_r", "lora_alpha", "lora_dropout", "lora_targets", "train_last",
    "evaluate_every", "save_every", "keep", "early_stopping", "choose", "patience", "min_delta", "min_group",
    "threads", "device", "vocabulary", "width", "layers", "heads", "merge", "tensorboard", "energy", "curve",
    "canaries", "canary_repeats", "provider", "base_url", "key_variable", "learning_rate_multiplier", "beta", "suffix",
    "lowering", "moderation", "moderation_model", "attempt", "poll_seconds", "timeout", "retries", "wait",
)  # fmt: skip
"""What a training run can be told; ``audit.train.options`` says what each means and reads the values, and
``audit.train.hosted.options`` where a provider trains."""
SEARCH_KEYS: Final = ("method", "trials", "metric", "space")
RUN_KEYS: Final = ("stages", "fixes", "max_removal", "seeds", "waive", "target")
"""What ``audit run`` can be told; ``audit.cli.pipeline.options`` reads the values."""
EVALUATE_KEYS: Final = (
    "models", "endpoints", "judge", "compare", "base_arm", "train", "labels", "max_new_tokens", "samples",
    "temperature", "only", "counterfactual", "most", "coupled", "greedy", "answers", "harm", "policy", "device",
    "key_variable", "concurrency", "timeout", "retries", "batch", "batch_poll_seconds",
)  # fmt: skip
"""What ``audit evaluate`` can be told; ``audit.train.evaluation.options`` reads the values."""
CHECKED_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "fairness": ("not_applicable",),
    "use": ("purpose", "sector", "risk_class", "deployer"),
    "gate": (
        *(option.key for option in OPTIONS if option.table == "gate"),
        "max_share",
        "min",
        "max",
        "require",
        "waiver",
    ),
    "split": (*SHARES, "stratify", "group", "template"),
    "balance": ("by", "method", "aim", "strength", "cap", "max_copies", "augment", "endpoint", "model"),
    "train": TRAIN_KEYS,
    "search": SEARCH_KEYS,
    "evaluate": EVALUATE_KEYS,
    "run": RUN_KEYS,
}
"""Sections of other commands than ``check``, and their keys."""
TOP_KEYS: Final = ("data", "check", "attributes", "rules", "ignore", *CHECKED_SECTIONS)

LABEL_EXAMPLE: Final = 'label = "metadata.label", label = "answer", or label = { pattern = "^(yes|no)" }'

SAME_KEYS: Final[Mapping[str, str]] = {"favorable": "favourable", "valid": "validation"}
"""Spellings that mean the same key."""


def known(table: Json, allowed: Iterable[str], at: tuple[str, ...], complain: Complain) -> dict[str, Json]:
    """The table with its keys in their first spelling. Raises ConfigError for a key that is unknown or doubled."""
    if not isinstance(table, dict):
        raise complain(at, f"must be a table, not {table!r}", None)
    names = tuple(allowed)
    by_plain = {name.replace("-", "_"): name for name in names}
    out: dict[str, Json] = {}
    for key, value in table.items():
        if not isinstance(key, str):
            raise complain((*at, str(key)), "must be a text", None)
        spelling = SAME_KEYS.get(key, key)
        name = by_plain.get(spelling.replace("-", "_"))
        if name is None:
            raise complain((*at, key), UNKNOWN, _hint(key, names, at))
        if name in out:
            raise complain((*at, key), f'given twice, in two spellings of "{name}"', None)
        out[name] = value
    return out


def _hint(key: str, names: tuple[str, ...], at: tuple[str, ...]) -> str:
    """The nearest key here; else the table in which the key belongs; else every key allowed."""
    plain = key.replace("_", "-")
    if not at and plain in CHECK_KEYS:
        return f'"{plain}" belongs in the table [check]'
    if not at and plain in DATA_KEYS:
        return f'"{plain}" belongs in the table [data]'
    close = nearest(key, names)
    return f'did you mean "{close}"?' if close else "known keys: " + ", ".join(names)


def names_a_field(key: str, value: Json) -> bool:
    """Whether ``[data] splits`` says where a row names its split; else it is a table of files."""
    return key == "splits" and isinstance(value, str)


def read_data(table: dict[str, Json], complain: Complain) -> None:
    """Checks what ``[data]`` says beyond the options of a check. Raises ConfigError."""
    for key, value in table.items():
        if key in ("group", "weight", "id") or names_a_field(key, value):
            _field(value, ("data", key), complain)
    if "label" in table:
        _label(table["label"], complain)
    favourable = table.get("favourable", "")
    listed = favourable if isinstance(favourable, list | tuple) else [favourable]
    if not all(isinstance(item, str | bool | int | float) for item in listed):
        raise complain(("data", "favourable"), f"must be a label or a list of labels, not {favourable!r}", None)


def _label(value: Json, complain: Complain) -> None:
    """A field or ``answer``; or a table with a pattern over the answer, or over a field."""
    if not isinstance(value, dict):
        _field(value, ("data", "label"), complain)
        return
    table = known(value, ("pattern", "field"), ("data", "label"), complain)
    if not table:
        raise complain(("data", "label"), 'needs a "field", a "pattern" or both', LABEL_EXAMPLE)
    for key, given in table.items():
        _field(given, ("data", "label", key), complain)
    try:
        re.compile(table.get("pattern", ""))
    except (re.error, OverflowError, RecursionError) as error:
        raise complain(("data", "label", "pattern"), f"is not a regular expression: {error}", LABEL_EXAMPLE) from None


def _field(value: Json, at: tuple[str, ...], complain: Complain) -> None:
    try:
        text(value)
    except Invalid as problem:
        raise complain(at, problem.what, 'a field is written "metadata.sex" or "/metadata/sex"') from None


def read_rules(table: Json, complain: Complain) -> dict[str, dict[str, Json]]:
    """Options by code. Whether a rule has an option is checked where the rules are known."""
    if not isinstance(table, dict):
        raise complain(("rules",), f"must be a table, not {table!r}", "[rules.TOK301]")
    for code, given in table.items():
        if not CODE.fullmatch(code):
            hint = f'write "{code.upper()}"' if CODE.fullmatch(code.upper()) else 'codes look like "TOK301"'
            raise complain(("rules", code), "is not a rule code", hint)
        if not isinstance(given, dict):
            raise complain(("rules", code), f"must be a table of options, not {given!r}", f"[rules.{code}]")
    return table


def read_ignores(entries: Json, complain: Complain) -> tuple[Ignore, ...]:
    """The ``[[ignore]]`` entries. Raises ConfigError when a code or the mandatory reason is missing."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise complain(("ignore",), "must be [[ignore]] tables", "rules that are never to run: [check] ignore = [...]")
    return tuple(_ignore(entry, index, complain) for index, entry in enumerate(entries))


def _ignore(given: Json, index: int, complain: Complain) -> Ignore:
    at = ("ignore", str(index))
    entry = known(given, IGNORE_KEYS, at, complain)
    for key in ("code", "reason"):
        if key not in entry:
            raise complain(at, f'has no "{key}"', "every [[ignore]] names a code and a reason")
    key = "code"
    try:
        (code,) = codes([entry["code"]]) or ("",)
        values: dict[str, Json] = {"code": text(code)}
        for key in ("reason", "path", "owner"):
            if key in entry:
                values[key] = text(entry[key])
        key = "expires"
        if key in entry:
            values[key] = day(entry[key])
    except Invalid as problem:
        raise complain((*at, key), problem.what, problem.hint) from None
    return Ignore(**values)


# ----------------------------------------------------------------------------- what a gate reads


MOST_STEPS: Final = 8
"""Steps of a key under ``min``: names of measures have three, and an attribute follows."""


class Waived(NamedTuple):
    """Somebody's word for setting a demand aside. After ``expires`` it no longer counts."""

    reason: str
    owner: str
    expires: date


class GateTable(msgspec.Struct, frozen=True):
    """``[gate]`` beyond the policy's name. ``least`` and ``most`` hold (steps of the key, bound);
    ``waivers`` are by rule code."""

    max_share: Mapping[str, float] = {}
    least: tuple[tuple[tuple[str, ...], float], ...] = ()
    most: tuple[tuple[tuple[str, ...], float], ...] = ()
    require: tuple[str, ...] = ()
    waivers: Mapping[str, Waived] = {}


def read_checked(name: str, table: Json, complain: Complain) -> dict[str, Json]:
    """One of ``CHECKED_SECTIONS``: its keys, and the types of the values that a gate reads. Raises ConfigError."""
    section = known(table, CHECKED_SECTIONS[name], (name,), complain)
    if name == "gate":
        read_gate(section, complain)
    elif name == "fairness":
        read_not_applicable(section, complain)
    elif name == "use":
        read_use(section, complain)
    elif name == "split":
        read_split(section, complain)
    return section


def read_split(table: Mapping[str, Json], complain: Complain) -> None:
    """Checks ``[split]``: shares are numbers above 0 (or texts, which the command reads), the rest are names."""
    for key, value in table.items():
        if key in SHARES:
            said = str(value).lower() if isinstance(value, bool) else repr(value)
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
            if not is_number and not isinstance(value, str):
                raise complain(("split", key), f"must be a share above 0, not {said}", f"{key} = 0.8, or in parts as 8")
            continue
        try:
            texts(value)
        except Invalid as problem:
            raise complain(("split", key), problem.what, f'{key} = ["metadata.user"]') from None


def read_use(table: Mapping[str, Json], complain: Complain) -> dict[str, str]:
    """``[use]``: texts. A text of dots stands for nothing said and is refused."""
    return {key: _said(value, ("use", key), complain) for key, value in table.items()}


def read_not_applicable(table: Mapping[str, Json], complain: Complain) -> Waived | None:
    """``[fairness] not_applicable``, None where it is not set. Reason, owner and expiry are mandatory."""
    if "not_applicable" not in table:
        return None
    return _waived(table["not_applicable"], ("fairness", "not_applicable"), complain)


def read_gate(table: Mapping[str, Json], complain: Complain) -> GateTable:
    """``[gate]``: shares of rows by rule code, bounds of measures, what must be judged, recorded waivers."""
    shares = known_codes(table.get("max_share", {}), ("gate", "max_share"), complain)
    try:
        require = texts(table.get("require", ()))
    except Invalid as problem:
        raise complain(("gate", "require"), problem.what, 'require = ["sex", "PII901"]') from None
    return GateTable(
        max_share={code: _share(value, ("gate", "max_share", code), complain) for code, value in shares.items()},
        least=tuple(_bounds(table.get("min", {}), ("min",), complain)),
        most=tuple(_bounds(table.get("max", {}), ("max",), complain)),
        require=require,
        waivers=_waivers(table.get("waiver", []), complain),
    )


def known_codes(table: Json, at: tuple[str, ...], complain: Complain) -> dict[str, Json]:
    """A table whose keys are whole rule codes."""
    if not isinstance(table, dict):
        raise complain(at, f"must be a table, not {table!r}", f"{'.'.join(at[1:])}.DUP401 = 0.05")
    for code in table:
        if not CODE.fullmatch(code):
            raise complain((*at, str(code)), "is not a rule code", 'codes look like "DUP401"')
    return table


def _share(value: Json, at: tuple[str, ...], complain: Complain) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise complain(at, f"must be a share between 0 and 1, not {value!r}", "0.05 means 5 %")
    return float(value)


def _bounds(table: Json, steps: tuple[str, ...], complain: Complain) -> Iterator[tuple[tuple[str, ...], float]]:
    """The bounds under ``min`` or ``max``, however deep: ``min.selection_rate.sex = 0.3``."""
    example = f"{steps[0]}.{'impact_ratio' if steps[0] == 'min' else 'demographic_parity_difference'}.sex = 0.8"
    if isinstance(table, dict):
        if len(steps) > MOST_STEPS:
            raise complain(("gate", steps[0]), "has a key with too many steps", example)
        for key, value in table.items():
            yield from _bounds(value, (*steps, str(key)), complain)
    elif len(steps) == 1 or isinstance(table, bool) or not isinstance(table, int | float) or not abs(table) < 1e300:
        raise complain(("gate", *steps), f"must be a number, not {table!r}", example)
    else:
        yield steps[1:], float(table)


def _waivers(entries: Json, complain: Complain) -> dict[str, Waived]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise complain(("gate", "waiver"), "must be [[gate.waiver]] tables", None)
    found: dict[str, Waived] = {}
    for index, entry in enumerate(entries):
        at = ("gate", "waiver", str(index))
        code = entry.get("code")
        if not isinstance(code, str) or not CODE.fullmatch(code):
            raise complain((*at, "code"), f"must be a whole rule code, not {code!r}", 'code = "LBL601"')
        if code in found:
            raise complain(at, f"is the second waiver for {code}", "one for each code")
        found[code] = _waived({key: value for key, value in entry.items() if key != "code"}, at, complain)
    return found


def _waived(value: Json, at: tuple[str, ...], complain: Complain) -> Waived:
    table = known(value, WAIVER_KEYS, at, complain)
    if missing := [key for key in WAIVER_KEYS if key not in table]:
        raise complain(
            at, f"has no {' and no '.join(missing)}", "whoever sets a demand aside says why, who and how long"
        )
    try:
        expires = day(table["expires"])
    except Invalid as problem:
        raise complain((*at, "expires"), problem.what, problem.hint) from None
    said = {key: _said(table[key], (*at, key), complain) for key in ("reason", "owner")}
    return Waived(said["reason"], said["owner"], expires)


def _said(value: Json, at: tuple[str, ...], complain: Complain) -> str:
    try:
        written = text(value)
    except Invalid as problem:
        raise complain(at, problem.what, problem.hint) from None
    if not written.strip(".… ?-"):
        raise complain(at, f"is still a placeholder, {written!r}", "write what holds here")
    return written
