"""Batches at a provider: made once, looked after, their results fetched. Knows no question and no answer.

Source: OpenAI's OpenAPI file, CreateBatchRequest and Batch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from audit.errors import UsageError
from audit.model import Json
from audit.train.prediction.batch_lines import CHAT
from audit.train.protocol.connection import Connection, pages
from audit.train.protocol.failures import ProviderError
from audit.train.protocol.files import Stored, stored

if TYPE_CHECKING:
    from openai import OpenAI

COMPLETED, FAILED, EXPIRED, CANCELLED = "completed", "failed", "expired", "cancelled"
ENDED: Final = frozenset({COMPLETED, FAILED, EXPIRED, CANCELLED})
"""The states of a batch that are final. All others are waited for, those that appear without notice, too."""
_UNUSABLE: Final = frozenset({FAILED, EXPIRED, CANCELLED, "cancelling"})
FULL: Final = "token_limit_exceeded"
"""The code of a batch that was turned away because others are waiting already."""
MARK: Final = "audit_batch"
"""The name under which a batch bears the hash of what it was made of."""
LISTED: Final = 10_000
"""Batches that are looked through for one that is there already."""
_UNKNOWN: Final = frozenset({405, 501})
"""Statuses besides 404 of servers that speak only a part of the protocol."""


class Problem(NamedTuple):
    """What a provider says of a file of requests that it cannot use; ``line`` counts from 1, None for the whole."""

    code: str
    message: str
    line: int | None


class BatchState(NamedTuple):
    """How a batch stands: its status, the ids of the files with its results and with its errors, and how many requests
    the provider says that it has answered."""

    id: str
    status: str
    output: str | None
    errors: str | None
    problems: tuple[Problem, ...] = ()
    answered: int = 0

    @property
    def lacks_results(self) -> bool:
        """Whether it has answers and names no file with them."""
        return self.output is None and self.answered > 0

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
    connection: Connection,
    path: Path,
    marks: Collection[str],
    mark: str,
    spent: Collection[str],
    *,
    doubtful: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Stored, str]:
    """A file of requests and the id of its batch at the provider, each there once. A batch that bears one of ``marks``,
    or was made of the file, is taken up, unless it is ``spent`` or gave up. ``doubtful``: it may be there though it is
    not listed yet. Where another process made the same batch at the same time, the younger one is cancelled.

    Raises UsageError for a server that knows no batches, ProviderError.
    """
    try:
        _listed(connection)  # before a file is handed in that nobody can use
    except ProviderError as error:
        if error.kind != "missing" and error.status not in _UNKNOWN:
            raise
        raise UsageError(f"{connection.shown} knows no batches: {error}", hint="leave out --batch") from None
    file = stored(connection, path, role="batch", purpose="batch", sleep=sleep)
    return file, _made(connection, file.id, marks, mark, spent, doubtful=doubtful)


def _listed(connection: Connection) -> list[Any]:
    return connection.read(lambda client: pages(client.batches.list(limit=100), LISTED), "looking for batches")


def _made(
    connection: Connection, file: str, marks: Collection[str], mark: str, spent: Collection[str], *, doubtful: bool
) -> str:
    def ours() -> list[str]:
        fits = [one for one in _listed(connection) if _is_ours(one, file, marks) and one.id not in spent]
        return [one.id for one in sorted(fits, key=lambda one: (str(getattr(one, "created_at", "")), one.id))]

    def find() -> str | None:
        return next(iter(ours()), None)

    def make(client: OpenAI) -> str:
        batch: Any = client.batches.create(
            input_file_id=file, endpoint=CHAT, completion_window="24h", metadata={MARK: mark}
        )
        identity = getattr(batch, "id", None)
        if not isinstance(identity, str) or not identity:
            raise ValueError("no batch in the answer")
        return identity

    made = connection.made_once(find, make, "making the batch", paid=True, doubtful=doubtful)
    return made.it if made.found else _oldest(connection, made.it, ours)


def _oldest(connection: Connection, made: str, ours: Callable[[], list[str]]) -> str:
    """The batch that stands: the one that was ``made``, or one that another process made of the same before it. Both
    processes see the same order, and none cancels before its own batch is listed: one batch stands in any case."""
    with suppress(ProviderError):
        listed = ours()
        if made in listed and listed[0] != made:
            connection.read(
                lambda client: client.batches.cancel(made), f"cancelling batch {made}, which is there twice"
            )
            return listed[0]
    return made


def _is_ours(one: Any, file: str, marks: Collection[str]) -> bool:
    status, told = getattr(one, "status", None), getattr(one, "metadata", None)
    if isinstance(status, str) and status in _UNUSABLE:
        return False
    marked = told.get(MARK) if isinstance(told, Mapping) else None
    if isinstance(marked, str) and marked:
        return marked in marks
    return bool(getattr(one, "input_file_id", None) == file)


def state_of(connection: Connection, batch: str) -> BatchState:
    """How a batch stands. Raises ProviderError."""
    what = f"asking how batch {batch} stands"
    told = connection.plain(connection.read(lambda client: client.batches.retrieve(batch), what), what)
    return BatchState(
        batch,
        str(told.get("status")),
        _id(told, "output_file_id"),
        _id(told, "error_file_id"),
        tuple(_problems(told)),
        _answered(told),
    )


def _answered(told: Mapping[str, Json]) -> int:
    counts = told.get("request_counts")
    count = counts.get("completed") if isinstance(counts, Mapping) else None
    return count if isinstance(count, int) else 0


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
