"""A row of text alone, as for pretraining: ``text`` or ``content``, beside nothing but where it comes from.

It becomes one answer without a question; templates inside the text are not taken apart.
"""

from __future__ import annotations

from audit.model import ABSENT, Chat, Json
from audit.read.shapes.base import BOOKKEEPING, Shape, other_keys, spoken


def _detect(data: dict[str, Json]) -> bool:
    if ("text" in data) == ("content" in data):
        return False
    return all(key in BOOKKEEPING or key in ("text", "content") for key in data)


def _read(data: dict[str, Json]) -> Chat:
    key = "text" if "text" in data else "content"
    return Chat(
        messages=(spoken("assistant", data[key], f"/{key}", trained=True),) if key in data else (),
        metadata=data.get("metadata", ABSENT),
        lost=other_keys(data, (key, "metadata")),
    )


PLAIN_TEXT = Shape(name="text", title="plain text", detect=_detect, read=_read)
