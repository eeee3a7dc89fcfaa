"""Batches of the stand-in provider: many requests in a file, answered in another one, in another order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

from tests.train.provider import files
from tests.train.provider.asking import Answered, Asked, Refused, page, seen
from tests.train.provider.models import completion
from tests.train.provider.store import Store

STATUSES: Final = ("validating", "in_progress", "finalizing", "completed")
OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})
ENDPOINT: Final = "/v1/chat/completions"
WORDS: Final = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}
DAY: Final = 24 * 3600


def create(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    told = asked.json()
    file = store.get("file", str(told.get("input_file_id")))
    if file is None or file["purpose"] != "batch":
        raise Refused(400, f"invalid input_file_id: {told.get('input_file_id')}", param="input_file_id")
    if told.get("endpoint") != ENDPOINT or told.get("completion_window") != "24h":
        raise Refused(400, "Invalid value: 'endpoint' or 'completion_window'", param="endpoint")
    now = store.now()
    requests, errors = _read(store, file["id"])
    steps = list(scenario.get("batch_statuses") or STATUSES)
    if errors and "failed" not in steps:
        steps = [steps[0], "failed"]
    made = store.add(
        "batch", "batch_", object="batch", endpoint=told["endpoint"], input_file_id=file["id"], status=steps[0],
        completion_window=told["completion_window"], created_at=now, expires_at=now + DAY,
        request_counts={"total": len(requests), "completed": 0, "failed": 0}, metadata=told.get("metadata") or {},
        _steps=steps[1:], _errors=errors or scenario.get("batch_errors") or [],
        _listed_from=asked.number + int(scenario.get("hidden_batches") or 0),
    )  # fmt: skip
    _enter(store, made, scenario)
    return Answered(200, seen(store.keep(made)))


def _read(store: Store, identity: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The requests of a file, and what is wrong with its lines."""
    requests: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    names: set[str] = set()
    models: set[str] = set()
    for at, line in enumerate(store.content(identity).decode("utf-8", "replace").rstrip("\n").split("\n"), 1):
        request, error = _parsed(line, at, names, models)
        if error:
            errors.append({"object": "error", "line": at, **error})
        elif request is not None:
            requests.append(request)
    return requests, errors


def _parsed(line: str, at: int, names: set[str], models: set[str]) -> tuple[Any, dict[str, Any] | None]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        return None, {
            "code": "invalid_json_line",
            "message": "This line is not parseable as valid JSON.",
            "param": None,
        }
    missing = next((key for key in ("custom_id", "method", "url", "body") if key not in request), None)
    if missing:
        text = f"Missing required parameter: '{missing}'."
        return None, {"code": "missing_required_parameter", "message": text, "param": missing}
    if request["method"] != "POST" or request["url"] != ENDPOINT:
        text = "The URL provided for this request does not match the batch endpoint."
        return None, {"code": "mismatched_url", "message": text, "param": "url"}
    if request["custom_id"] in names:
        text = f"The custom_id '{request['custom_id']}' for this request is a duplicate of another request."
        return None, {"code": "duplicate_custom_id", "message": text, "param": "custom_id"}
    names.add(request["custom_id"])
    models.add(str(request["body"].get("model")))
    if len(models) > 1:
        text = "The provided batch file contains requests for different models."
        return None, {"code": "mismatched_model", "message": text, "param": "body.model"}
    return request, None


# ---------------------------------------------------------------------- what a state brings


def _enter(store: Store, batch: dict[str, Any], scenario: dict[str, Any]) -> None:
    status = batch["status"]
    if status in ("in_progress", "finalizing", "cancelling", *OVER):
        batch[f"{status}_at"] = store.now()
    if status == "failed":
        usual = {"object": "error", "line": None, "code": "server_error", "message": "It failed.", "param": None}
        batch["errors"] = {"object": "list", "data": batch["_errors"] or [usual]}
    elif status in ("completed", "expired", "cancelled") and "_answered" not in batch:
        batch["_answered"] = True
        _answer(store, batch, scenario)


def _answer(store: Store, batch: dict[str, Any], scenario: dict[str, Any]) -> None:
    """The files with answers and errors. Of a batch that expired or was cancelled the first half is answered."""
    requests, _ = _read(store, batch["input_file_id"])
    executed = len(requests) if batch["status"] == "completed" else len(requests) // 2
    answers: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for at, request in enumerate(requests):
        if at < executed:
            told = _carried_out(store, request, scenario)
        else:
            code, text = WORDS[batch["status"]]
            told = {"response": None, "error": {"code": code, "message": text}}
        line = {"id": f"batch_req_{store.count('batch_request'):04}", "custom_id": request["custom_id"], **told}
        (answers if (told["response"] or {}).get("status_code") == 200 else errors).append(line)
    shuffled = random.Random(9)
    for name, lines in (("output", answers), ("error", errors)):
        shuffled.shuffle(lines)
        if lines:
            data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
            made = files.add(store, f"{batch['id']}_{name}.jsonl", data, "batch_output")
            batch[f"{name}_file_id"] = made["id"]
    batch["request_counts"] = {"total": len(requests), "completed": len(answers), "failed": len(errors)}


def _carried_out(store: Store, request: dict[str, Any], scenario: dict[str, Any]) -> dict[str, Any]:
    try:
        status, body = 200, completion(store, request["body"], scenario)
    except Refused as refused:
        status, body = refused.status, {"error": refused.error}
    named = f"req_{store.count('request_id'):04}"
    return {"response": {"status_code": status, "request_id": named, "body": body}, "error": None}


# ---------------------------------------------------------------------- looking at batches


def find(store: Store, identity: str) -> dict[str, Any]:
    found = store.get("batch", identity)
    if found is None:
        raise Refused(404, f"No batch found with id '{identity}'.", param="batch_id")
    return found


def retrieve(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    batch = find(store, identity)
    if batch["_steps"]:
        batch["status"] = batch["_steps"].pop(0)
        _enter(store, batch, scenario)
        store.keep(batch)
    return Answered(200, seen(batch))


def listing(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    made: Iterator[dict[str, Any]] = reversed(store.all("batch"))
    some, more = page([one for one in made if asked.number > one["_listed_from"]], asked.query, 20)
    ends = {"first_id": some[0]["id"], "last_id": some[-1]["id"]} if some else {}
    return Answered(200, {"object": "list", "data": [seen(one) for one in some], "has_more": more, **ends})


def cancel(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    batch = find(store, identity)
    if batch["status"] in OVER:
        raise Refused(400, f"Cannot cancel a batch with status '{batch['status']}'.", code="invalid_batch_state")
    batch |= {"status": "cancelling", "_steps": ["cancelled"]}
    _enter(store, batch, scenario)
    return Answered(200, seen(store.keep(batch)))
