"""The lines of a batch: a request for every answer that is wanted, and what stands in the files that come back.

Knows no server. Source of the form: OpenAI's Batch API (OpenAPI file, BatchRequestInput and BatchRequestOutput).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from audit.evidence import file_sha256
from audit.model import Json
from audit.train.endpoints import Failed, Request, of_status
from audit.train.prediction.questions import QuestionSet
from audit.train.prediction.remote import Key

MOST_REQUESTS: Final = 50_000
"""Requests that a file may have (OpenAI's OpenAPI file, CreateBatchRequest)."""
MOST_BYTES: Final = 200_000_000
"""Bytes that a file may have (the same place: 200 MB)."""
LONGEST_NAME: Final = 64
"""Characters of a ``custom_id`` that every server takes."""
CHAT: Final = "/v1/chat/completions"
"""What every request of a batch asks."""
EXPIRED: Final = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of requests that a batch did not come to before it ended."""
_PASSING: Final = {"rate_limit_exceeded": 429, "server_error": 500, "internal_error": 500}
"""HTTP statuses of errors that a line has in place of a response."""

Cleaned = Callable[[str], str]


# ----------------------------------------------------------------------------- requests


def name_of(questions: QuestionSet, key: Key) -> str:
    """The ``custom_id`` of a request, unique among those of a set of questions: ``ROW_ID.SAMPLE``, of a question that
    was made of a row with its number behind; a hash where that is longer than a name may be."""
    row, sample = key
    name = f"{questions.row_id(row)}.{sample}"
    if questions.mark(row).variant != "original":
        name = f"{name}.{row}"
    return name if len(name) <= LONGEST_NAME else blake2b(f"{name}.{row}".encode(), digest_size=32).hexdigest()


def body_of(model: str, request: Request) -> bytes:
    """The body of a request, the same JSON that the client ``openai`` sends for it. Raises ValueError for numbers that
    JSON has not, RecursionError."""
    ordered = {"model": model, "messages": request["messages"], **dict(sorted(request.items()))}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def line_of(name: str, body: bytes) -> bytes:
    """The line of a request."""
    return b'{"custom_id":%b,"method":"POST","url":"%b","body":%b}\n' % (json.dumps(name).encode(), CHAT.encode(), body)


class RequestFile(NamedTuple):
    """A file of requests: where it lies, what it asks for by line, the hex SHA-256 of its bytes and their number."""

    path: Path
    keys: tuple[Key, ...]
    sha256: str
    bytes: int


def request_files(lines: Iterable[tuple[Key, bytes]], folder: Path) -> Iterator[RequestFile]:
    """The requests in as few files as they may be in, each written to ``folder`` when it is wanted. None of the lines
    may be longer than ``MOST_BYTES``."""
    waiting = iter(lines)
    left = next(waiting, None)
    number = 0
    while left is not None:
        number += 1
        path = folder / f"requests-{number}.jsonl"
        with path.open("wb") as stream:
            keys, left = _fill(stream, left, waiting)
        yield RequestFile(path, tuple(keys), file_sha256(path), path.stat().st_size)


def _fill(
    stream: BinaryIO, first: tuple[Key, bytes], waiting: Iterator[tuple[Key, bytes]]
) -> tuple[list[Key], tuple[Key, bytes] | None]:
    """What was asked for in the file, and the request that has no room in it."""
    keys: list[Key] = []
    size = 0
    left: tuple[Key, bytes] | None = first
    while left is not None and len(keys) < MOST_REQUESTS and size + len(left[1]) <= MOST_BYTES:
        stream.write(left[1])
        keys.append(left[0])
        size += len(left[1])
        left = next(waiting, None)
    return keys, left


# ----------------------------------------------------------------------------- results


class Outcome(NamedTuple):
    """What a line says of a request: a completion as ``openai`` reads it, or why there is none. ``name`` is None where
    the line is none of the protocol's."""

    name: str | None
    found: object | Failed


def outcomes(lines: Iterable[bytes], clean: Cleaned = str) -> Iterator[Outcome]:
    """What the lines of a file of results say, in their order; empty ones are passed over. ``clean`` takes the key out
    of what a server says of an error."""
    for line in lines:
        if line.strip():
            yield _outcome(line, clean)


def are_results(path: Path) -> bool:
    """Whether a file holds results: a line of the protocol, or nothing at all. Not so a page that says why not."""
    with path.open("rb") as lines:
        first = next(outcomes(lines), None)
        return first is None or first.name is not None or any(one.name is not None for one in outcomes(lines))


def _outcome(line: bytes, clean: Cleaned) -> Outcome:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return Outcome(None, Failed("garbled", "a line of the results is no JSON", final=True))
    if not isinstance(told, dict) or not isinstance(name := told.get("custom_id"), str):
        return Outcome(None, Failed("garbled", "a line of the results has no custom_id", final=True))
    error, response = told.get("error"), told.get("response")
    if isinstance(error, dict) and any(error.get(part) for part in ("code", "message")):
        return Outcome(name, _of_error(error, clean))
    if not isinstance(response, dict):
        return Outcome(name, Failed("garbled", "no response in the line of the results", final=True))
    return Outcome(name, _of_response(response, clean))


def _of_error(error: Mapping[str, Json], clean: Cleaned) -> Failed:
    """Of a request that was not asked."""
    code, said = error.get("code"), clean(str(error.get("message") or error.get("code")))
    if isinstance(code, str) and code in EXPIRED:
        return Failed("expired", said)
    return of_status(_PASSING.get(str(code), 400), said, {}, code=code, param=error.get("param"))


def _of_response(response: Mapping[str, Json], clean: Cleaned) -> object | Failed:
    """Of one that was; the words are those that ``openai`` has for the same status and body."""
    status, body = response.get("status_code"), response.get("body")
    if isinstance(status, int) and not 200 <= status < 300:
        error = body.get("error") if isinstance(body, dict) else None
        named: Mapping[str, Json] = error if isinstance(error, dict) else body if isinstance(body, dict) else {}
        said = clean(f"Error code: {status} - {body}")
        return of_status(status, said, {}, code=named.get("code"), param=named.get("param"))
    return _completion(body)


def _completion(body: Json) -> object | Failed:
    """The body as the client reads that of a live answer: loosely, whatever it is."""
    from openai.types.chat import ChatCompletion

    read: object = body
    if not isinstance(body, dict):
        return read
    try:
        read = ChatCompletion.construct(**body)
    except (TypeError, ValueError, RecursionError, AttributeError):  # names of the client's own, JSON in JSON in JSON
        return Failed("garbled", "no chat completion in the line of the results", final=True)
    return read
