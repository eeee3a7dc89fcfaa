"""Names of protected attributes: the words that mean the same one, and the lines of ``audit.toml`` that declare one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from audit.rule import Attribute

SAME: Final[Mapping[str, str]] = {
    "gender": "sex",
    "ethnicity": "race",
    "ethnic group": "race",
    "race ethnicity": "race",
    "race and ethnicity": "race",
    "age group": "age",
    "age band": "age",
    "disabled": "disability",
    "faith": "religion",
}
"""Words for an attribute -> the one that a policy uses."""
GROUP_MEASURES: Final[Mapping[str, str]] = {
    "group_share": "DEM101",
    "representation": "DEM101",
    "unknown_share": "DEM102",
    "cramers_v": "DEM103",
    "selection_rate": "DEM104",
    "impact_ratio": "DEM104",
    "stratified_ratio": "DEM105",
    "associated_words": "DEM106",
    "split_coverage": "DEM108",
    "detectable_ratio": "DEM109",
    "finding_rate": "DEM112",
    "demographic_parity_difference": "FAI201",
    "true_positive_rate": "FAI202",
    "equal_opportunity_difference": "FAI202",
    "false_positive_rate": "FAI203",
    "equalised_odds_difference": "FAI203",
    "accuracy": "FAI204",
    "worst_group": "FAI204",
}
"""Measures that are taken by attribute -> the rule that gives them."""


def canonical(name: str) -> str:
    """One spelling for every word that means an attribute; of an intersection, its parts sorted (``race x sex``)."""
    parts = [re.sub(r"[\W_]+", " ", part).strip().casefold() for part in re.split(r"\s[x×]\s", name)]
    return " x ".join(sorted(SAME.get(part, part) for part in parts))


def declared(attributes: Iterable[Attribute]) -> tuple[str, ...]:
    """Names of the attributes that say something about people or rows, and not only about words in a text."""
    return tuple(attribute.name for attribute in attributes if attribute.kind in ("declared", "annotated"))


def unfit(attribute: Attribute, *, about_people: bool) -> str:
    """Why no verdict may rest on an attribute, "" where one may.

    A mention is a claim about content and never about people; a given name says nothing about the person who bears it.
    """
    if attribute.kind == "name_cue":
        return f"{attribute.name} is guessed from given names, and no verdict rests on that"
    if about_people and attribute.kind == "mention":
        return f"{attribute.name} says what rows mention, and not who they are about: it has to be declared"
    return ""


def declaration(names: Iterable[str], seen: Mapping[str, str]) -> str:
    """The tables that would declare attributes; ``seen`` names the fields of the data that look like one."""
    paths = {canonical(name): (name, path) for name, path in seen.items()}
    lines = []
    for name in names:
        given, path = paths.get(canonical(name), (name, "..."))
        lines += [f"[attributes.{_key(given)}]", f"field = {_quoted(path)}"]
    return "\n".join(lines)


def not_applicable(today: date | None) -> str:
    """The table that says that groups do not matter here, to be looked at again in a year."""
    until = _next_year(today).isoformat() if today else "2027-01-01"
    return f'[fairness]\nnot_applicable = {{ reason = "...", owner = "...", expires = {until} }}'


def _next_year(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February, or the last year there is
        return day.replace(year=min(day.year + 1, 9999), day=28)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """A TOML basic string, in ASCII."""
    out = []
    for char in text:
        number = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif 32 <= number < 127:
            out.append(char)
        else:
            out.append("?" if 0xD800 <= number <= 0xDFFF else f"\\U{number:08x}")
    return '"' + "".join(out) + '"'
