"""The JSON Schema of a result, made from the model, so that the two cannot differ. Writes no file."""

from __future__ import annotations

import msgspec

from audit.model import Json, Result

SCHEMA_ID = "audit.result/1"


def result_schema() -> dict[str, Json]:
    """JSON Schema (2020-12) of ``audit.result/1``; replacements of byte edits are base64."""
    schema = msgspec.json.schema(Result)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA_ID,
        "description": "Everything one run of audit found.",
        **schema,
    }
