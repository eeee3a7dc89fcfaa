"""Checks the parsed tables of a configuration file: which keys each may hold and of what type.

Returns plain values; opens no file. Values that only a later command understands are kept as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from audit.config.options import OPTIONS
from audit.config.settings import Ignore
from audit.config.values import CODE, Invalid, codes, count, day, text
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
ATTRIBUTE_KEYS: Final = ("field", "pattern", "sidecar", "lexicon", "class", "reference", "min_n")
ATTRIBUTE_SOURCES: Final = ("field", "pattern", "sidecar", "lexicon")
IGNORE_KEYS: Final = ("code", "path", "reason", "owner", "expires")
CHECKED_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "fairness": ("not_applicable",),
    "use": ("purpose", "sector", "risk_class", "deployer"),
    "gate": ("policy", "max_share", "min", "require"),
}
"""Sections of later commands whose keys are already fixed."""
FREE_SECTIONS: Final = ("split", "balance", "train", "search", "evaluate", "run")
"""Sections of later commands whose keys those commands will check."""
TOP_KEYS: Final = ("data", "check", "attributes", "rules", "ignore", *CHECKED_SECTIONS, *FREE_SECTIONS)

LABEL_EXAMPLE: Final = 'label = "metadata.label", label = "answer", or label = { pattern = "^(yes|no)" }'

SAME_KEYS: Final[Mapping[str, str]] = {"favorable": "favourable"}
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


def read_attributes(table: Json, complain: Complain) -> None:
    """Checks ``[attributes.NAME]``: one source each, a smallest group of at least 0 rows."""
    if not isinstance(table, dict):
        raise complain(("attributes",), f"must be a table, not {table!r}", "[attributes.sex]")
    for name, given in table.items():
        at = ("attributes", name)
        attribute = known(given, ATTRIBUTE_KEYS, at, complain)
        sources = [key for key in ATTRIBUTE_SOURCES if key in attribute]
        if len(sources) != 1:
            raise complain(at, f"needs exactly one of {', '.join(ATTRIBUTE_SOURCES)}", 'field = "metadata.sex"')
        try:
            text(attribute[sources[0]])
            count(attribute.get("min_n", 0))
        except Invalid as problem:
            raise complain(at, problem.what, problem.hint) from None


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
