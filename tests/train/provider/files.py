"""Files and uploads of the stand-in provider."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.train.provider.asking import Answered, Asked, Refused, page, seen
from tests.train.provider.store import Store

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
OF_LINES: Final = ("fine-tune", "batch")
"""Purposes whose files are JSON lines."""


def create(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    form = asked.form()
    name, data = form.get("file", (None, b""))
    purpose = form.get("purpose", (None, b""))[1].decode("utf-8", "replace")
    if name is None:
        raise Refused(400, "'file' is a required property", param="file")
    if purpose not in PURPOSES:
        raise Refused(400, f"'{purpose}' is not one of {list(PURPOSES)} - 'purpose'", param="purpose")
    return Answered(200, seen(_taken_in(store, name, data, purpose, asked, scenario)))


def _taken_in(
    store: Store, name: str, data: bytes, purpose: str, asked: Asked, scenario: dict[str, Any]
) -> dict[str, Any]:
    if purpose in OF_LINES:
        _check_lines(data, asked.is_azure)
    steps = scenario.get("file_statuses") or ["processed"]
    made = add(store, name, data, purpose, status=steps[0], steps=steps[1:])
    made["_listed_from"] = asked.number + int(scenario.get("hidden_files") or 0)
    if details := scenario.get("file_details"):
        made["status_details"] = details
    return store.keep(made)


def add(store: Store, name: str, data: bytes, purpose: str, *, status: str = "processed", steps: Any = ()) -> Any:
    """A new file; ``steps`` are the states that it has yet to go through, one with each look at it."""
    made = store.add(
        "file", "file-", object="file", bytes=len(data), created_at=store.now(), filename=name, purpose=purpose,
        status=status, _steps=list(steps),
    )  # fmt: skip
    store.put_content(made["id"], data)
    return made


def _check_lines(data: bytes, is_azure: bool) -> None:
    """OpenAI looks at the beginning of a file when it is handed in; Azure asks for the byte order mark that makes
    OpenAI refuse it."""
    first = data.split(b"\n", 1)[0]
    try:
        line = json.loads(first.decode("utf-8-sig" if is_azure else "utf-8"))
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict):
        start = first[:20].decode("utf-8", "replace")
        raise Refused(
            400,
            "Expected file to have JSONL format, where every line is a JSON dictionary. Line 1 is not a dictionary "
            f'(HINT: line starts with: "{start}...").',
        )


def find(store: Store, identity: str) -> dict[str, Any]:
    found = store.get("file", identity)
    if found is None:
        raise Refused(404, f"No such File object: {identity}", param="id")
    return found


def listing(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    purpose = asked.query.get("purpose")
    things = [
        one
        for one in store.all("file")
        if purpose in (None, one["purpose"]) and asked.number > one.get("_listed_from", 0)
    ]
    if asked.query.get("order", "desc") == "desc":
        things.reverse()
    some, more = page(things, asked.query, 10_000)
    first, last = (some[0]["id"], some[-1]["id"]) if some else ("", "")
    data = [seen(one) for one in some]
    return Answered(200, {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more})


def retrieve(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    found = find(store, identity)
    if found["_steps"]:
        found["status"] = found["_steps"].pop(0)
        store.keep(found)
    return Answered(200, seen(found))


def content(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    return Answered(200, store.content(find(store, identity)["id"]))


def delete(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    store.remove(find(store, identity)["id"])
    return Answered(200, {"id": identity, "object": "file", "deleted": True})


# ---------------------------------------------------------------------- uploads


def create_upload(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    told = asked.json()
    for name in ("filename", "purpose", "bytes", "mime_type"):
        if name not in told:
            raise Refused(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    now = store.now()
    made = store.add(
        "upload", "upload_", object="upload", bytes=told["bytes"], created_at=now, expires_at=now + 3600,
        filename=told["filename"], purpose=told["purpose"], status="pending",
    )  # fmt: skip
    return Answered(200, seen(made))


def _pending(store: Store, identity: str) -> dict[str, Any]:
    found = store.get("upload", identity)
    if found is None:
        raise Refused(404, f"No such Upload object: {identity}", param="upload_id")
    if found["status"] != "pending":
        raise Refused(400, f"Upload {identity} is {found['status']}.", param="upload_id")
    return found


def add_part(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    upload = _pending(store, identity)
    if "data" not in (form := asked.form()):
        raise Refused(400, "'data' is a required property", param="data")
    made = store.add("part", "part_", object="upload.part", created_at=store.now(), upload_id=upload["id"])
    store.put_content(made["id"], form["data"][1])
    return Answered(200, seen(made))


def complete_upload(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    upload = _pending(store, identity)
    parts = [store.get("part", one) for one in asked.json().get("part_ids", [])]
    if not parts or not all(part and part["upload_id"] == identity for part in parts):
        raise Refused(400, "A part is missing, or belongs to another upload.", param="part_ids")
    data = b"".join(store.content(part["id"]) for part in parts if part)
    if len(data) != upload["bytes"]:
        raise Refused(400, f"The parts have {len(data)} bytes, and {upload['bytes']} were announced.", param="part_ids")
    file = _taken_in(store, upload["filename"], data, upload["purpose"], asked, scenario)
    return Answered(200, store.keep(upload | {"status": "completed", "file": seen(file)}))


def cancel_upload(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    return Answered(200, store.keep(_pending(store, identity) | {"status": "cancelled"}))
