"""Places as SARIF writes them: a file relative to the working directory, a region, and a JSON Pointer."""

from __future__ import annotations

from typing import Final

from audit.model import Json, Place
from audit.reports.paths import is_outside, portable, uri
from audit.reports.visible import shortened

ROOT: Final = "%SRCROOT%"
"""The base of relative paths: the working directory, whatever its name (SARIF 2.1.0, section 3.14.14)."""
LONGEST_POINTER: Final = 1_000
"""Characters of a JSON Pointer: a key may be as long as a row."""


def location_of(place: Place, whole: str) -> dict[str, Json]:
    """A place; columns are code points, the end exclusive. ``whole`` is the portable path of the first source.

    What concerns a whole file or all data stands at the first line: GitHub takes no result without one.
    """
    path = portable(place.file) if place.file is not None else whole
    region: dict[str, Json] = {"startLine": place.line or 1}
    if place.line is not None and place.column is not None:
        region["startColumn"] = place.column
        if place.end_column is not None and place.end_column > place.column:
            region["endColumn"] = place.end_column
    location: dict[str, Json] = {"physicalLocation": {"artifactLocation": artifact_location(path), "region": region}}
    if place.pointer:
        location["logicalLocations"] = [
            {"fullyQualifiedName": shortened(place.pointer, LONGEST_POINTER), "kind": "value"}
        ]
    return location


def artifact_location(path: str) -> dict[str, Json]:
    """An artifactLocation for a portable path: relative to ``ROOT``, or absolute without a base."""
    if is_outside(path):
        return {"uri": uri(path)}
    return {"uri": uri(path), "uriBaseId": ROOT}
