"""Checks the parsed tables of a configuration file: which keys each may hold and of what type.

Returns plain values; opens no file. Values that only a later command understands are kept as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from audit.config.options import CODE, OPTIONS, Invalid, codes, count, day, text
from audit.config.settings import Ignore
from audit.errors import ConfigError, nearest
from audit.model import Json

Complain = Callable[[tuple[str, ...], str, str | None], ConfigError]
"""Makes the error for a dotted key: (key, what is wrong, hint)."""

UNKNOWN: Final = "is not a known key"

DATA_KEYS: Final = ("files", "splits", "label", "favourable", "group", "weight", "id", "target", "model", "tokenizer")
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
        spelling = SAME_KEYS.get(str(key), str(key))
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
    if not at and key in DATA_KEYS:
        return f'"{key}" belongs in the table [data]'
    close = nearest(key, names)
    return f'did you mean "{close}"?' if close else "known keys: " + ", ".join(names)


def read_data(table: dict[str, Json], complain: Complain) -> None:
    """Checks what ``[data]`` says beyond the options of a check."""
    for key in ("group", "weight", "id"):
        if key in table:
            _field(table[key], ("data", key), complain)
    if "label" in table and not isinstance(table["label"], dict):
        _field(table["label"], ("data", "label"), complain)
    if isinstance(table.get("label"), dict):
        known(table["label"], ("pattern", "field"), ("data", "label"), complain)
    favourable = table.get("favourable", "")
    if not isinstance(favourable, str | list | bool | int):
        raise complain(("data", "favourable"), f"must be a label or a list of labels, not {favourable!r}", None)
    splits = table.get("splits", {})
    if not isinstance(splits, str | dict):
        example = 'splits = {validation = "v.jsonl"}'
        raise complain(("data", "splits"), "must be a field, or a table of split = file", example)


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
