"""What is wrong with a list of content parts: text, images, refusals, audio. The rule that says so is FMT108."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from audit.model import Json, Target
from audit.rules.format.reading import json_kind

_DETAILS: Final = ("auto", "low", "high")
_IMAGE_TYPES: Final = ("image/jpeg", "image/jpg", "image/png", "image/webp")
"""OpenAI vision fine-tuning guide: JPEG, PNG or WEBP."""


class PartFault(NamedTuple):
    """What is wrong with a part, and the JSON Pointer of where."""

    at: str
    message: str


def part_faults(
    parts: Sequence[Json], at: str, role: str, target: Target, allowed: Sequence[str] | None
) -> Iterator[PartFault]:
    """Everything wrong with the parts of one message whose content stands at ``at``.

    ``allowed`` are the types that the target takes from this role; None for any.
    """
    if not parts:
        yield PartFault(at, "the list of content parts is empty; asked for at least one")
        return
    for index, part in enumerate(parts):
        place = f"{at}/{index}"
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(part, dict):
            yield PartFault(place, f"the content part is {json_kind(part)}; asked for an object with a type")
        elif not isinstance(kind, str):
            yield PartFault(place, f"the type of the content part is {_missing(part, 'type')}; asked for a string")
        elif allowed is not None and kind not in allowed:
            asked = ", ".join(allowed) or "a plain string"
            yield PartFault(place, f'a "{kind}" part in a {role} message; {target.name} takes {asked}')
        elif kind == "refusal" and len(parts) > 1:
            yield PartFault(place, f"a refusal part among {len(parts)} parts; asked for it to stand alone")
        else:
            yield from _value_faults(part, kind, place, target)


def image_parts(content: Json) -> int:
    """How many image parts the content has."""
    if not isinstance(content, list):
        return 0
    return sum(1 for part in content if isinstance(part, dict) and part.get("type") == "image_url")


def _missing(holder: dict[str, Json], key: str) -> str:
    return json_kind(holder[key]) if key in holder else "missing"


def _value_faults(part: dict[str, Json], kind: str, at: str, target: Target) -> Iterator[PartFault]:
    if kind in ("text", "refusal"):
        if not isinstance(part.get(kind), str):
            place = f"{at}/{kind}" if kind in part else at
            yield PartFault(place, f'"{kind}" of the {kind} part is {_missing(part, kind)}; asked for a string')
    elif kind == "image_url":
        yield from _image_faults(part, at, target)
    elif kind in ("input_audio", "file") and not isinstance(part.get(kind), dict):
        place = f"{at}/{kind}" if kind in part else at
        yield PartFault(place, f'"{kind}" is {_missing(part, kind)}; asked for an object')


def _image_faults(part: dict[str, Json], at: str, target: Target) -> Iterator[PartFault]:
    image = part.get("image_url")
    if not isinstance(image, dict):
        place = f"{at}/image_url" if "image_url" in part else at
        yield PartFault(place, f'"image_url" is {_missing(part, "image_url")}; asked for an object with a url')
        return
    url = image.get("url")
    if not isinstance(url, str):
        yield PartFault(f"{at}/image_url", f"the url of the image is {_missing(image, 'url')}; asked for a string")
    else:
        fault = _url_fault(url, target)
        if fault is not None:
            yield PartFault(f"{at}/image_url/url", fault)
    if "detail" in image and image["detail"] not in _DETAILS:
        yield PartFault(f"{at}/image_url/detail", f'"detail" is not one of {", ".join(_DETAILS)}')


def _url_fault(url: str, target: Target) -> str | None:
    scheme, colon, rest = url.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("http", "https", "data"):
        return "the url of the image has no http, https or data scheme"
    if scheme != "data" or not target.hosted:
        return None
    header, _, data = rest.partition(",")
    kind = header.partition(";")[0].lower()
    if kind not in _IMAGE_TYPES:
        return f'the embedded image is "{kind}"; {target.name} takes JPEG, PNG and WEBP'
    size = len(data) * 3 // 4 - data[-2:].count("=")
    if target.max_image_bytes is not None and size > target.max_image_bytes:
        return f"the embedded image has {size:,} bytes; {target.name} takes at most {target.max_image_bytes:,}"
    return None
