"""The fixes that SARIF can express: safe byte edits in a plain file, at offsets that are known.

SARIF replaces bytes at an offset in the file. Edits of a JSON value, and bytes of a row whose start the finding does
not tell, are left to ``audit fix``.
"""

from __future__ import annotations

import base64

from audit.model import Applicability, ByteEdit, Finding, Json, SourceSummary
from audit.reports.paths import portable
from audit.reports.sarif_places import artifact_location
from audit.reports.visible import shortened

LONGEST_TITLE = 1_000
"""Characters of a description."""


def fixes(finding: Finding, source: SourceSummary | None) -> list[dict[str, Json]]:
    """The ``fixes`` of a result (SARIF 2.1.0, section 3.55), empty where there are none that it can express."""
    fix, base = finding.fix, _base(finding)
    if fix is None or source is None or base is None or fix.applicability is not Applicability.SAFE:
        return []
    if source.compression is not None or source.container != "jsonl" or not source.encoding.startswith("utf-8"):
        return []
    edits = [edit for edit in fix.edits if isinstance(edit, ByteEdit)]
    if not edits or len(edits) < len(fix.edits):
        return []
    change = {
        "artifactLocation": artifact_location(portable(source.path)),
        "replacements": [_replacement(edit, base) for edit in edits],
    }
    return [{"description": {"text": shortened(fix.title, LONGEST_TITLE)}, "artifactChanges": [change]}]


def _base(finding: Finding) -> int | None:
    """The byte offset in the file from which the offsets of the edits count."""
    place = finding.place
    if finding.scope == "file":
        return 0
    # In the first column the place is the start of the row; further right only the row's bytes would tell.
    return place.offset if place.line is not None and place.column == 1 else None


def _replacement(edit: ByteEdit, base: int) -> dict[str, Json]:
    region = {"byteOffset": base + edit.start, "byteLength": edit.end - edit.start}
    if not edit.replacement:
        return {"deletedRegion": region}
    try:
        content = {"text": edit.replacement.decode("utf-8")}
    except UnicodeDecodeError:
        content = {"binary": base64.b64encode(edit.replacement).decode()}
    return {"deletedRegion": region, "insertedContent": content}
