"""What a split is asked for: options over the configuration, the folder, the keys to gather. Writes nothing."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from audit.catalog import rule_by_code
from audit.config.settings import Settings
from audit.engine.finish import Finished
from audit.errors import UsageError, did_you_mean
from audit.labels.recognise import NEEDS as LABEL_NEEDS
from audit.model import Json, Record
from audit.policy.words import plural
from audit.read.sources import EXTENSIONS, PACKED
from audit.remedy.split.gathering import Keys
from audit.remedy.split.report import SplitOptions
from audit.remedy.split.shares import SPLITS, Shares, names_of, shares_of
from audit.remedy.split.strata import LABEL
from audit.remedy.split.units import Reasons
from audit.rule import Product, Run, with_options

LOOKED_AT: Final = 200
"""Rows in which the keys are looked for that a misspelt path may have meant."""
MOST_NAMED: Final = 10
"""Keys that a hint names."""


class Asked(NamedTuple):
    """Options and the configuration's ``[split]``, read. ``groups`` and ``templates`` are paths of fields."""

    shares: Shares
    stratify: tuple[str, ...]
    groups: tuple[str, ...]
    templates: tuple[str, ...]


def read_options(options: SplitOptions, settings: Settings, run: Run) -> Asked:
    """Options that are given win over the configuration, each by itself. Raises UsageError for what makes no split."""
    section = settings.sections.get("split", {})
    given = {name: section.get(name, section.get("valid") if name == "validation" else None) for name in SPLITS}
    shares = {**given, **{name: value for name, value in (options.shares or {}).items() if value is not None}}
    configured = _names("group", section) or ((run.fields.group,) if run.fields.group else ())
    return Asked(
        shares_of(shares),
        _given(options.stratify, "stratify") or _names("stratify", section),
        _given(options.group, "group") or configured,
        _given(options.template, "template") or _names("template", section),
    )


def _given(names: tuple[str, ...], key: str) -> tuple[str, ...]:
    """The names as they are; a comma may be part of one. Raises UsageError for one that names nothing."""
    names_of(names, key)
    return names


def _names(key: str, section: Mapping[str, Json]) -> tuple[str, ...]:
    return names_of(section.get(key, ()), key)


def folder_for(output: str | os.PathLike[str] | None, paths: Sequence[str]) -> Path:
    """Where to write: what was named, else ``NAME.split`` beside the one input. Raises UsageError."""
    if output is not None:
        if not os.fspath(output):
            raise UsageError("-o names no folder", hint="name it: -o FOLDER")
        return Path(output)
    if len(paths) != 1 or not os.path.isfile(paths[0]):
        raise UsageError("there is no one input file to name the folder after", hint="name it: -o FOLDER")
    endings = sorted((extension + packed for extension in EXTENSIONS for packed in PACKED), key=len, reverse=True)
    name = next((paths[0][: -len(end)] for end in endings if paths[0].lower().endswith(end)), paths[0])
    return Path(f"{name}.split")


def keys_to_gather(settings: Settings, run: Run, asked: Asked) -> Keys:
    """What tells which rows belong together, as DUP403 and SPL501 are configured."""
    return Keys(
        near=_configured("DUP403", settings).near_settings(run),
        min_units=_configured("SPL501", settings).min_units,
        paths=tuple(dict.fromkeys((*asked.groups, *asked.templates))),
    )


def reasons_for(settings: Settings, asked: Asked) -> Reasons:
    """What joins rows, as DUP403 and SPL501 are configured."""
    near = _configured("DUP403", settings)
    return Reasons(
        max_answers=_configured("SPL501", settings).max_answers,
        answer_similarity=near.answer_similarity,
        min_answer_words=near.min_answer_words,
        groups=asked.groups,
        templates=asked.templates,
    )


def _configured(code: str, settings: Settings) -> Any:
    return with_options(rule_by_code(code), settings.rules.get(code, {}))


def products_for(asked: Asked) -> frozenset[Product]:
    """What strata are made of."""
    label = LABEL_NEEDS if LABEL in asked.stratify else frozenset[Product]()
    attributes: frozenset[Product] = frozenset({"attributes"} if set(asked.stratify) - {LABEL} else ())
    return label | attributes


def refuse(finished: Finished, keys: Mapping[str, array[int]], asked: Asked) -> None:
    """Raise UsageError where there is too little to split, or no row has a key that was named."""
    conversations = finished.column("conversation")
    readable = len(conversations) - conversations.count(0)
    if not readable:
        raise UsageError("there is nothing to split: no row that can be read")
    if readable < len(asked.shares.names):
        are = "that can be read is" if readable == 1 else "that can be read are"
        raise UsageError(f"{plural(readable, 'row')} {are} too few for {len(asked.shares.names)} splits")
    for flag, paths in (("group", asked.groups), ("template", asked.templates)):
        for path in paths:
            if not any(keys[path]):
                known = _keys_in(finished.records(range(min(finished.rows, LOOKED_AT))))
                hint = did_you_mean(path, known) or (f"keys: {', '.join(known[:MOST_NAMED])}" if known else None)
                raise UsageError(f"no row has a text, number or truth value at the {flag} key {path!r}", hint=hint)


def _keys_in(records: Iterator[Record]) -> list[str]:
    """The keys of rows, those of their metadata as they are named in paths."""
    found: dict[str, None] = {}
    for record in records:
        data: Json = record.data if isinstance(record.data, dict) else {}
        metadata = data.get("metadata")
        inner = [f"metadata.{key}" for key in metadata] if isinstance(metadata, dict) else []
        found |= dict.fromkeys([*inner, *(key for key in data if key != "metadata")])
    return sorted(found)
