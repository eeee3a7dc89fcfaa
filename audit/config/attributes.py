"""Protected attributes (sensitive features): from ``[attributes.NAME]`` to the ``Attribute`` that rules know.

Reads files of reference shares. Sidecars, lexicons and rows are read elsewhere.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from audit.attributes.levels import level_key
from audit.config import sections
from audit.config.settings import Settings
from audit.config.values import Invalid, positive_count, text
from audit.errors import ConfigError, did_you_mean
from audit.model import Json
from audit.rule import Attribute

KEYS: Final = (
    "field", "pattern", "sidecar", "lexicon", "class", "reference", "reference_group", "min_n", "role", "join", "bands",
)  # fmt: skip
SOURCES: Final = ("field", "pattern", "sidecar", "lexicon")
CLASSES: Final = ("declared", "annotated", "mention", "name_cue")
OF_LEXICONS: Final = ("mention", "name_cue")
"""Evidence classes of what is matched in a text: a claim about words, never about people."""
ROLES: Final = ("prompt", "answer", "all")
UNIFORM: Final = "uniform"
ONLY_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "role": ("lexicon", "pattern"),
    "join": ("sidecar",),
    "bands": ("field", "pattern", "sidecar"),
}
"""Keys that mean something for some sources only."""
MOST_BANDS: Final = 40
TOLERANCE: Final = 0.015
"""How far from 1 reference shares may add up, for those that were rounded; they are then divided by their sum."""
EXAMPLE: Final = 'field = "metadata.sex"'


def read_attributes(table: Json, complain: sections.Complain) -> dict[str, dict[str, Json]]:
    """The tables with their keys in one spelling. Raises ConfigError for a key or a value that does not fit."""
    if not isinstance(table, dict):
        raise complain(("attributes",), f"must be a table, not {table!r}", "[attributes.sex]")
    found: dict[str, dict[str, Json]] = {}
    for name, given in table.items():
        at = ("attributes", str(name))
        if not isinstance(name, str) or not name.strip():
            raise complain(at, "must have a name", "[attributes.sex]")
        if " x " in name:
            raise complain(
                at, 'may not have " x " in its name, which stands between two attributes', "[attributes.sex]"
            )
        found[name] = sections.known(given, KEYS, at, complain)
        _check(found[name], at, complain)
    return found


def attributes_of(settings: Settings) -> tuple[Attribute, ...]:
    """The configured attributes, in their order. Paths are meant from the folder of the configuration file.

    Raises ConfigError for a key or value that does not fit, and for a file of shares that cannot be read.
    """

    def complain(key: tuple[str, ...], what: str, hint: str | None) -> ConfigError:
        return ConfigError(f"{settings.config_file or 'sections'}: {sections.complaint(key, what)}", hint=hint)

    tables = read_attributes(settings.sections.get("attributes", {}), complain)
    data = settings.sections.get("data", {})
    key = data.get("id", "") if isinstance(data, dict) else ""
    return tuple(_attribute(name, given, settings, key, complain) for name, given in tables.items())


def files_named(settings: Settings) -> tuple[str, ...]:
    """The sidecars and files of shares that the configuration names, sorted: what a result rests on beside the data."""
    names: set[str] = set()
    for given in settings.sections.get("attributes", {}).values():
        if "sidecar" in given:
            names.add(_from_config(given["sidecar"].partition("#")[0], settings))
        reference = given.get("reference")
        if isinstance(reference, str) and reference != UNIFORM:
            names.add(_from_config(reference, settings))
    return tuple(sorted(names))


def _from_config(path: str, settings: Settings) -> str:
    """The path as seen from the working directory."""
    folder = os.path.dirname(settings.config_file or "")
    return Path(os.path.normpath(os.path.join(folder, path))).as_posix()


# ----------------------------------------------------------------------------- checking


def _check(given: dict[str, Json], at: tuple[str, ...], complain: sections.Complain) -> None:
    named = [key for key in SOURCES if key in given]
    if len(named) != 1:
        raise complain(at, f"needs exactly one of {', '.join(SOURCES)}", EXAMPLE)
    (source,) = named
    for key, sources in ONLY_WITH.items():
        if key in given and source not in sources:
            raise complain((*at, key), f"is for a {' or a '.join(sources)}, not for a {source}", None)
    for key in (source, "join", "reference_group"):
        if key in given:
            _text(given[key], (*at, key), complain)
    _one_of(given, "class", OF_LEXICONS if source == "lexicon" else CLASSES, at, complain)
    _one_of(given, "role", ROLES, at, complain)
    if source == "pattern":
        _pattern(given["pattern"], (*at, "pattern"), complain)
    if source == "sidecar" and given["sidecar"].partition("#")[0] in ("", "-"):
        raise complain((*at, "sidecar"), "must be a file", 'sidecar = "attributes.csv#sex"')
    if "min_n" in given:
        try:
            positive_count(given["min_n"])
        except Invalid as problem:
            raise complain((*at, "min_n"), problem.what, problem.hint) from None
    if "bands" in given:
        _bands(given["bands"], (*at, "bands"), complain)
    if isinstance(given.get("reference", ""), str):
        _text(given.get("reference", UNIFORM), (*at, "reference"), complain)
    else:
        shares(given["reference"], (*at, "reference"), complain)


def _text(value: Json, at: tuple[str, ...], complain: sections.Complain) -> None:
    try:
        text(value)
    except Invalid as problem:
        raise complain(at, problem.what, problem.hint) from None


def _one_of(
    given: Mapping[str, Json], key: str, known: Sequence[str], at: tuple[str, ...], complain: sections.Complain
) -> None:
    if key not in given or given[key] in known:
        return
    what = f"must be one of {', '.join(known)}, not {given[key]!r}"
    hint = did_you_mean(given[key], known) if isinstance(given[key], str) else None
    if key == "class" and tuple(known) == OF_LEXICONS and given[key] in CLASSES:
        what = f"of a lexicon is {' or '.join(known)}, not {given[key]}"
        hint = "words in a text say what it is about, not who somebody is"
    raise complain((*at, key), what, hint)


def _pattern(source: str, at: tuple[str, ...], complain: sections.Complain) -> None:
    try:
        re.compile(source)
    except (re.error, OverflowError, RecursionError) as error:
        hint = "pattern = 'sex: (\\w+)'"
        raise complain(at, f"is not a regular expression: {error}", hint) from None


def _bands(given: Json, at: tuple[str, ...], complain: sections.Complain) -> None:
    hint = "bands = [25, 40, 65] makes <25, 25-39, 40-64 and 65+"
    if not isinstance(given, list | tuple) or not 0 < len(given) <= MOST_BANDS or not all(map(_is_number, given)):
        raise complain(at, f"must be a list of numbers, at most {MOST_BANDS}, not {given!r}", hint)
    if any(one >= other for one, other in pairwise(given)):
        raise complain(at, "must ascend", hint)


def _is_number(given: Json) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 1e15


def shares(given: Json, at: tuple[str, ...], complain: sections.Complain) -> dict[str, float]:
    """Expected shares by group, divided by their sum. Raises ConfigError for what cannot be shares of one whole."""
    if not isinstance(given, dict) or not given:
        raise complain(at, f'must be a table of shares, "uniform" or a file, not {given!r}', "{ F = 0.5, M = 0.5 }")
    groups: dict[str, str] = {}
    for group, share in given.items():
        if not _is_number(share) or not 0 <= share <= 1:
            raise complain((*at, str(group)), f"must be a share between 0 and 1, not {share!r}", None)
        first = groups.setdefault(level_key(str(group)), str(group))
        if first != group:
            raise complain((*at, str(group)), f'is the group "{first}" in another spelling', None)
    total = math.fsum(given.values())
    if abs(total - 1) > TOLERANCE:
        raise complain(at, f"adds up to {total:.6g}, not to 1", "every group needs its share, those left out, too")
    return {str(group): share / total for group, share in given.items()}


# ----------------------------------------------------------------------------- making


def _attribute(
    name: str, given: Mapping[str, Json], settings: Settings, key: str, complain: sections.Complain
) -> Attribute:
    """A checked table as an ``Attribute``."""
    source: Any = next(key for key in SOURCES if key in given)
    where = given[source]
    if source == "sidecar":
        path, _, column = where.partition("#")
        where = f"{_from_config(path, settings)}#{column or name}"
    more: dict[str, Any] = {own: given[own] for own in ("reference_group", "min_n", "role") if own in given}
    if source == "sidecar":
        more["join"] = (given["join"],) if "join" in given else ("line", "row_id", *([key] if key else []))
    if "bands" in given:
        more["bands"] = tuple(map(float, given["bands"]))
    more["reference"], more["reference_source"] = _reference(name, given.get("reference"), settings, complain)
    kind = given.get("class", "mention" if source == "lexicon" else "declared")
    return Attribute(name=name, source=source, where=where, kind=kind, **more)


def _reference(
    name: str, given: Json, settings: Settings, complain: sections.Complain
) -> tuple[dict[str, float] | str | None, str]:
    """(expected shares, who chose them)."""
    at = ("attributes", name, "reference")
    if given is None:
        return None, ""
    if given == UNIFORM:
        return UNIFORM, "uniform: equal shares are a choice"
    if isinstance(given, str):
        from audit.config.references import read_shares

        path = _from_config(given, settings)
        return shares(read_shares(path), at, complain), path
    return shares(given, at, complain), settings.config_file or "sections"
