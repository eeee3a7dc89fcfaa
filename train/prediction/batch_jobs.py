"""Batches at a provider: made once, looked after, their results fetched. Knows no question and no answer.

Source: OpenAI's OpenAPI file, CreateBatchRequest and Batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from audit.errors import UsageError
from audit.model import Json
from audit.train.prediction.batch_lines import CHAT
from audit.train.protocol.connection import Connection, Made, pages
from audit.train.protocol.failures import ProviderError
from audit.train.protocol.files import Stored, stored
from audit.writing import unwritable

if TYPE_CHECKING:
    from openai import OpenAI

COMPLETED, FAILED, EXPIRED, CANCELLED = "completed", "failed", "expired", "cancelled"
ENDED: Final = frozenset({COMPLETED, FAILED, EXPIRED, CANCELLED})
"""The states of a batch that are final. All others are waited for, those that appear without notice, too."""
_UNUSABLE: Final = frozenset({FAILED, EXPIRED, CANCELLED})
FULL: Final = "token_limit_exceeded"
"""The code of a batch that was turned away because others are waiting already."""
MARK: Final = "audit_batch"
"""The name under which a batch bears the hash of what it was made of."""
LISTED: Final = 10_000
"""Batches that are looked through for one that is there already."""
PIECE: Final = 1 << 16
"""Bytes of a file that are written at a time."""
_UNKNOWN: Final = frozenset({405, 501})
"""Statuses besides 404 of servers that speak only a part of the protocol."""


class Problem(NamedTuple):
    """What a provider says of a file of requests that it cannot use; ``line`` counts from 1, None for the whole."""

    code: str
    message: str
    line: int | None


class BatchState(NamedTuple):
    """How a batch stands: its status, and the ids of the files with its results and with its errors."""

    id: str
    status: str
    output: str | None
    errors: str | None
    problems: tuple[Problem, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED

    @property
    def is_full(self) -> bool:
        """Whether it was turned away for others that are waiting, and can be handed in again when they have ended."""
        return self.status == FAILED and any(one.code == FULL for one in self.problems)


def mark_of(sha256: str, connection: Connection, model: str) -> str:
    """The hash that a batch bears: of its requests, the address without secrets and the model."""
    return hashlib.sha256(f"{sha256}\n{connection.shown}\n{model}".encode()).hexdigest()


def handed_in(
    connection: Connection, path: Path, marks: Collection[str], mark: str, spent: Collection[str], *, doubtful: bool
) -> tuple[Stored, Made[str]]:
    """A file of requests and its batch at the provider, each there once. A batch that bears one of ``marks``, or was
    made of the file, is taken up, unless it is ``spent`` or gave up. ``doubtful``: it may be there though it is not
    listed yet.

    Raises UsageError for a server that knows no batches, ProviderError.
    """
    try:
        file = stored(connection, path, role="batch", purpose="batch")
        return file, _made(connection, file.id, marks, mark, spent, doubtful=doubtful)
    except ProviderError as error:
        if error.kind != "missing" and error.status not in _UNKNOWN:
            raise
        raise UsageError(f"{connection.shown} knows no batches: {error}", hint="leave out --batch") from None


def _made(
    connection: Connection, file: str, marks: Collection[str], mark: str, spent: Collection[str], *, doubtful: bool
) -> Made[str]:
    def find() -> str | None:
        listed = connection.read(lambda client: pages(client.batches.list(limit=100), LISTED), "looking for batches")
        fits = [one for one in listed if _is_ours(one, file, marks) and one.id not in spent]
        first = min(fits, key=lambda one: (str(getattr(one, "created_at", "")), one.id), default=None)
        return None if first is None else str(first.id)

    def make(client: OpenAI) -> str:
        batch: Any = client.batches.create(
            input_file_id=file, endpoint=CHAT, completion_window="24h", metadata={MARK: mark}
        )
        identity = getattr(batch, "id", None)
        if not isinstance(identity, str) or not identity:
            raise ValueError("no batch in the answer")
        return identity

    return connection.made_once(find, make, "making the batch", paid=True, doubtful=doubtful)


def _is_ours(one: Any, file: str, marks: Collection[str]) -> bool:
    if not isinstance(getattr(one, "id", None), str) or getattr(one, "status", None) in _UNUSABLE:
        return False
    told = getattr(one, "metadata", None)
    marked = told.get(MARK) if isinstance(told, Mapping) else None
    return marked in marks if marked else getattr(one, "input_file_id", None) == file


def state_of(connection: Connection, batch: str) -> BatchState:
    """How a batch stands. Raises ProviderError."""
    what = f"asking how batch {batch} stands"
    told = connection.plain(connection.read(lambda client: client.batches.retrieve(batch), what), what)
    return BatchState(
        batch, str(told.get("status")), _id(told, "output_file_id"), _id(told, "error_file_id"), tuple(_problems(told))
    )


def _id(told: Mapping[str, Json], name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) and value else None


def _problems(told: Mapping[str, Json]) -> Iterator[Problem]:
    errors = told.get("errors")
    listed = errors.get("data") if isinstance(errors, Mapping) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping):
            line = one.get("line")
            is_line = isinstance(line, int) and not isinstance(line, bool)
            yield Problem(str(one.get("code") or ""), str(one.get("message") or ""), line if is_line else None)


def fetched(connection: Connection, identity: str, path: Path) -> None:
    """Write a file of the provider to ``path``, which may be larger than memory. Raises ProviderError, OutputError."""

    def fetch(client: OpenAI) -> None:
        with client.files.with_streaming_response.content(identity) as response:
            try:
                with path.open("wb") as stream:
                    for piece in _pieces(response):
                        stream.write(piece)
            except OSError as error:
                raise unwritable(path.name, error) from None

    connection.read(fetch, f"fetching the results {identity}")


def _pieces(response: Any) -> Iterator[bytes]:
    """The body piece by piece. What breaks in the middle of it is no error of ``openai``, which reads no further than
    the headers: it is made one here."""
    import openai

    try:
        yield from response.iter_bytes(PIECE)
    except Exception as error:
        if not type(error).__module__.startswith("httpx"):  # httpx or httpx2, by the version of openai
            raise
        broken = openai.APIConnectionError(message=f"{type(error).__name__}: {error}", request=response.http_request)
    else:
        return
    raise broken
