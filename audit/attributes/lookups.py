"""What the attributes of a run are looked up in: sidecars and lexicons, read once. Looks nothing up itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from audit.attributes.sidecar import Sidecar, read_sidecar
from audit.errors import ConfigError
from audit.rule import Attribute

if TYPE_CHECKING:
    from audit.lexicons import Lexicon


class Lookups(msgspec.Struct, frozen=True, eq=False):
    """Sidecars and lexicons by the name of their attribute."""

    sidecars: Mapping[str, Sidecar]
    lexicons: Mapping[str, Lexicon]


def read_lookups(attributes: Sequence[Attribute], lexicon_files: Sequence[str]) -> Lookups:
    """The sidecars and lexicons of some attributes. Raises InputError and ConfigError for what cannot be read."""
    sidecars = {one.name: read_sidecar(one) for one in attributes if one.source == "sidecar"}
    mentions = [one for one in attributes if one.source == "lexicon"]
    if not mentions:
        return Lookups(sidecars, {})
    from audit.lexicons import load

    return Lookups(sidecars, {one.name: load(one.where, tuple(lexicon_files)) for one in mentions})


@cache
def compiled(source: str) -> re.Pattern[str]:
    """A pattern of an attribute. Raises ConfigError for one that cannot be compiled."""
    try:
        return re.compile(source)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{source!r} is not a regular expression: {error}") from None
