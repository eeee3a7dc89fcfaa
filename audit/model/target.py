"""What a file is for: the demands of one provider or trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from audit.model.values import Severity


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the file is for: the rules of one provider or trainer, read from a dated data file in ``audit/targets``.

    ``hosted`` targets are a provider's API, which rejects files; the others are local tools.
    ``shapes`` lists the row shapes that it reads (empty: any). ``containers`` the file formats.
    ``roles`` are the roles it knows. ``order`` is the severity of a broken user/assistant alternation (None: no rule),
    ``system`` that of a system message that is not first or is repeated.
    ``row_keys`` and ``message_keys`` (by role) are the keys it accepts (empty: any); ``extra_keys`` the severity
    of others.
    ``max_tokens`` maps a model prefix to the longest example in tokens ("" is the default for an unnamed model);
    ``overflow`` is what happens beyond it (``truncate`` warns, ``reject`` is an error).
    ``special_tokens`` are strings that it rejects, or reads as control, inside content.
    """

    name: str
    title: str
    as_of: str
    sources: tuple[str, ...] = ()
    hosted: bool = False
    shapes: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    order: Severity | None = None
    system: Severity | None = None
    min_rows: int | None = None
    max_rows: int | None = None
    max_file_bytes: int | None = None
    max_line_bytes: int | None = None
    row_keys: tuple[str, ...] = ()
    message_keys: Mapping[str, tuple[str, ...]] = {}
    extra_keys: Severity = Severity.WARNING
    metadata: Literal["accepted", "rejected"] = "accepted"
    tools: Literal["accepted", "rejected"] = "accepted"
    arguments: Literal["string", "object", "either"] = "either"
    weights: Literal["accepted", "rejected"] = "accepted"
    last_role: tuple[str, ...] = ("assistant",)
    part_types: Mapping[str, tuple[str, ...]] = {}
    max_images: int | None = None
    max_image_bytes: int | None = None
    max_tokens: Mapping[str, int] = {}
    overflow: Literal["truncate", "reject"] = "truncate"
    special_tokens: tuple[str, ...] = ()
