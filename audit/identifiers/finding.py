"""What was found to identify somebody, or to be a secret: a stretch of a text and its kind. Finds nothing itself."""

from __future__ import annotations

from typing import NamedTuple


class Identifier(NamedTuple):
    """Code points ``start`` to ``end`` (exclusive) of a text. ``kind`` is snake case: ``email``, ``phone``, ``card``.

    ``value`` is normalised, so that two spellings are one. ``sure`` is True where a checksum, a distinct format or a
    word beside it leaves hardly a doubt. ``country`` is ISO 3166-1 alpha-2 for what one country issues.
    """

    start: int
    end: int
    kind: str
    value: str
    sure: bool
    country: str = ""
