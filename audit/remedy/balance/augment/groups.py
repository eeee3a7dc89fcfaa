"""Which words stand for a group that a field or a lexicon names, so that its rows can be swapped. Swaps nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from audit.attributes.levels import AS_GIVEN, RESERVED, level_key
from audit.lexicons import axes, load
from audit.remedy.balance.augment.result import Refused
from audit.rule import Attribute


class Exchange(NamedTuple):
    """The group of an axis to be exchanged, and for which: groups as the lexicon of the axis names them."""

    axis: str
    source: str
    target: str


def exchange_of(attribute: Attribute, source: str, target: str) -> Exchange:
    """The exchange that takes a row from one level of an attribute to another. Refuses levels that are no groups
    (``no_group``), groups of a ``sidecar``, and levels that no lexicon has both of (``no_lexicon``)."""
    if source in RESERVED or target in RESERVED:
        raise Refused("no_group")
    if attribute.source == "sidecar":
        raise Refused("sidecar")
    if attribute.source == "lexicon":
        if attribute.where not in axes():
            raise Refused("no_lexicon")
        return Exchange(attribute.where, source, target)
    for axis in axes():
        groups = group_named(axis, source), group_named(axis, target)
        if groups[0] is not None and groups[1] is not None and groups[0] != groups[1]:
            return Exchange(axis, groups[0], groups[1])
    raise Refused("no_lexicon")


def group_named(axis: str, text: str) -> str | None:
    """The group that a value such as "Female" or "black people" names, None for none."""
    return _names(axis).get(level_key(text.removesuffix(AS_GIVEN)))


def spelling_of(axis: str, group: str, levels: Sequence[str]) -> str:
    """How the data names a group in a field: the level that stands for it. Refuses (``metadata``) where none does, or
    several do."""
    found = [level for level in levels if group_named(axis, level) == group]
    if len(found) != 1:
        raise Refused("metadata")
    return found[0].removesuffix(AS_GIVEN)


@lru_cache(maxsize=16)
def _names(axis: str) -> Mapping[str, str]:
    """Names of groups and English terms, as ``level_key`` has them -> group. A term of two groups names neither."""
    lexicon = load(axis)
    named: dict[str, set[str]] = {}
    for term in lexicon.terms:
        if term.language == "en" and term.part in ("noun", "adjective"):
            named.setdefault(level_key(term.form), set()).add(term.group)
    names = {key: next(iter(groups)) for key, groups in named.items() if len(groups) == 1}
    return {**names, **{group.replace("_", " "): group for group in lexicon.groups}}
