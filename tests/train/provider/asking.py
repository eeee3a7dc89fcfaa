"""A request to the stand-in provider, what it answers, and how it refuses. Knows no files, jobs or batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

KEY: Final = "sk-test-0123456789abcdef"
PREFIXES: Final = ("/openai/v1", "/v1")
"""Where the protocol is spoken: as Azure does, and as OpenAI does."""


class Refused(Exception):
    """An answer that is an error, with the words of OpenAI's errors."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = {401: "invalid_request_error", 429: "rate_limit_error", 500: "server_error"}.get(status)
        self.error = {"message": message, "type": kind or "invalid_request_error", "param": param, "code": code}


class Asked(NamedTuple):
    """A request: ``path`` without what comes before it and without its query, ``key`` the one that was shown."""

    method: str
    path: str
    query: dict[str, str]
    kind: str
    body: bytes
    key: str
    is_azure: bool
    number: int = 0

    def json(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            raise Refused(400, "We could not parse the JSON body of your request.") from None
        if not isinstance(value, dict):
            raise Refused(400, "The body of your request is no JSON object.")
        return value

    def form(self) -> dict[str, tuple[str | None, bytes]]:
        """The parts of a multipart form: their names, with file name (None: a plain field) and bytes."""
        boundary = _parameter(self.kind, "boundary")
        if not self.kind.startswith("multipart/form-data") or boundary is None:
            raise Refused(400, "The request is no multipart form.")
        found = {}
        for part in self.body.split(b"--" + boundary.encode())[1:-1]:
            head, _, data = part.partition(b"\r\n\r\n")
            described = head.decode("utf-8", "replace")
            if name := _parameter(described, "name"):
                found[name] = (_parameter(described, "filename"), data.removesuffix(b"\r\n"))
        return found


class Answered(NamedTuple):
    """An answer: JSON, or bytes of some other kind."""

    status: int
    body: Any
    headers: dict[str, str] = {}  # noqa: RUF012

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        if isinstance(self.body, bytes):
            return self.body, {"content-type": "application/octet-stream", **self.headers}
        if isinstance(self.body, str):
            return self.body.encode(), {"content-type": "text/html", **self.headers}
        return json.dumps(self.body).encode(), {"content-type": "application/json", **self.headers}


def asked_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked:
    """A request as it came over the wire, the names of its ``headers`` in small letters. Paths that begin with none of
    ``PREFIXES`` stay as they are."""
    split = urlsplit(target)
    prefix = next((one for one in PREFIXES if split.path.startswith(f"{one}/")), "")
    shown = headers.get("authorization") or ""
    return Asked(
        method=method,
        path=split.path.removeprefix(prefix) if prefix else split.path,
        query=dict(parse_qsl(split.query)),
        kind=headers.get("content-type") or "",
        body=body,
        key=shown.removeprefix("Bearer ") if shown else headers.get("api-key") or "",
        is_azure=prefix == PREFIXES[0],
    )


def page(things: list[dict[str, Any]], query: Mapping[str, str], usual: int) -> tuple[list[dict[str, Any]], bool]:
    """One page of a listing: ``limit`` things after the one with the id ``after``, and whether there are more."""
    after, limit = query.get("after"), int(query.get("limit", usual))
    ids = [one["id"] for one in things]
    if after is not None and after not in ids:
        raise Refused(400, f"Invalid 'after': no such object: {after}", param="after")
    start = ids.index(after) + 1 if after is not None else 0
    return things[start : start + limit], start + limit < len(things)


def seen(thing: dict[str, Any]) -> dict[str, Any]:
    """A thing without what only the stand-in knows of it (names that begin with ``_``)."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def _parameter(header: str, name: str) -> str | None:
    """``name="value"`` of a header."""
    for piece in header.replace("\r\n", ";").split(";"):
        key, _, value = piece.strip().partition("=")
        if key.lower() == name:
            return value.strip('"')
    return None
