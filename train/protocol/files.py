"""Files at a provider: handed in once, waited for, fetched. Knows nothing of what is in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, NamedTuple, TypeAlias

from audit.errors import InputError
from audit.evidence import file_sha256
from audit.train.protocol.connection import Connection, pages
from audit.train.protocol.failures import ON, ProviderError, garbled
from audit.writing import unwritable

if TYPE_CHECKING:
    from openai import OpenAI

MOST_AT_ONCE: Final = 512_000_000
"""Bytes of a file that is sent as one; larger ones go in parts (OpenAI's Files and Uploads API: 512 MB)."""
PART: Final = 64_000_000
"""Bytes of a part (OpenAI's Uploads API: 64 MB)."""
LISTED: Final = 10_000
"""Files that are looked through for one that is there already."""
LONGEST: Final = 1800.0
"""Seconds that a provider may take to take a file in."""
MOST_HELD: Final = 64_000_000
"""Bytes of a file that is held in memory."""
MOST_WRITTEN: Final = 8_000_000_000
"""Bytes of a file that is written: far more than the answers to a batch (50,000 requests) are."""
PIECE: Final = 1 << 16
"""Bytes of a file that are fetched at a time."""
READY: Final = "processed"
_BROKEN: Final = frozenset({"error", "deleted"})


Purpose: TypeAlias = Literal["fine-tune", "batch"]


class Stored(NamedTuple):
    """A file at the provider; ``found``: it was there already."""

    id: str
    name: str
    bytes: int
    sha256: str
    found: bool


def stored(
    connection: Connection,
    path: Path,
    *,
    role: str,
    purpose: Purpose,
    expected: str | None = None,
    poll: float = 2.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Stored:
    """Hand a file in, unless it is there: its name at the provider holds ``role`` and the SHA-256 of its bytes, so that
    the same content is found again. Returns when the provider has taken it in.

    Raises InputError for a file that cannot be read, whose SHA-256 is not the ``expected`` one, or that changes while
    it is sent; ProviderError.
    """
    try:
        sha256, size = file_sha256(path), path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if expected not in (None, sha256):
        raise InputError(f"{path} is not as it was recorded", hint="nothing of it was uploaded")
    name, what = f"{role}-{sha256[:32]}.jsonl", f"uploading {path.name}"

    was_sent = False

    def find() -> Any | None:
        listed = connection.read(
            lambda client: pages(client.files.list(purpose=purpose, limit=LISTED), LISTED), "looking for uploaded files"
        )
        fits = [one for one in listed if _is(one, name, size)]
        return min(fits, key=lambda one: (str(getattr(one, "created_at", "")), str(one.id))) if fits else None

    def send(client: OpenAI) -> Any:
        with path.open("rb") as stream:
            if size <= MOST_AT_ONCE:
                return client.files.create(file=(name, stream, "application/jsonl"), purpose=purpose)
            return _in_parts(connection, client, stream, name, size, purpose)

    def make(client: OpenAI) -> Any:
        nonlocal was_sent
        was_sent = True
        if not isinstance(getattr(sent := send(client), "id", None), str):
            raise garbled(what, connection.shown, "a file without an id")
        return sent

    try:
        made = connection.made_once(find, make, what, paid=False)
        is_changed = was_sent and file_sha256(path) != sha256
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    identity = str(made.it.id)
    if is_changed:  # what is there under this name has another content, and would be found again
        connection.read(lambda client: client.files.delete(identity), f"deleting {name}, which is not {path.name}")
        raise InputError(f"{path} was changed while it was uploaded", hint=ON)
    _taken_in(connection, identity, what, poll, sleep)
    return Stored(identity, name, size, sha256, made.found)


def _in_parts(connection: Connection, client: OpenAI, stream: BinaryIO, name: str, size: int, purpose: Purpose) -> Any:
    """The file, when all of its parts are there. A part is sent again where that may help: only those that are named at
    the end become the file."""
    upload = client.uploads.create(filename=name, bytes=size, mime_type="text/jsonl", purpose=purpose)
    parts: list[str] = []
    while data := stream.read(PART):
        sent = connection.read(partial(_part, upload.id, data), f"uploading part {len(parts) + 1} of {name}")
        parts.append(sent)
    return client.uploads.complete(upload.id, part_ids=parts).file


def _part(upload: str, data: bytes, client: OpenAI) -> str:
    return client.uploads.parts.create(upload, data=data).id


def _is(one: Any, name: str, size: int) -> bool:
    same = getattr(one, "filename", None) == name and getattr(one, "bytes", None) in (size, None) and one.id
    return same and not _is_broken(getattr(one, "status", None))


def _is_broken(status: object) -> bool:
    return isinstance(status, str) and status in _BROKEN


def _taken_in(connection: Connection, identity: str, what: str, poll: float, sleep: Callable[[float], None]) -> None:
    waited = 0.0
    while True:
        told = connection.plain(connection.read(lambda client: client.files.retrieve(identity), what), what)
        if told.get("id") != identity:
            raise garbled(what, connection.shown, "not the file that was asked for")
        status = told.get("status")
        if status in (READY, None):  # the field is deprecated: a server may leave it out
            return
        if _is_broken(status):
            said = str(told.get("status_details") or "it does not say why")
            raise ProviderError(
                "refused",
                f"{what}: {connection.shown} could not take the file in: {said}",
                hint="what the provider names must change first",
                said=said,
            )
        if waited >= LONGEST:
            raise ProviderError("timeout", f"{what}: the file is {status!r} after {waited:,.0f} seconds", hint=ON)
        sleep(poll)
        waited += poll


def content(connection: Connection, identity: str, what: str) -> bytes:
    """The bytes of a small file at the provider. Raises ProviderError, also for more than ``MOST_HELD`` of them."""
    return connection.read(lambda client: b"".join(_pieces(connection, client, identity, what, MOST_HELD)), what)


def fetched(connection: Connection, identity: str, path: Path, what: str) -> None:
    """Write a file of the provider to ``path``, which may be larger than memory. Raises ProviderError, also for one of
    more than ``MOST_WRITTEN`` bytes, and OutputError."""

    def fetch(client: OpenAI) -> None:
        try:
            with path.open("wb") as stream:
                stream.writelines(_pieces(connection, client, identity, what, MOST_WRITTEN))
        except OSError as error:
            raise unwritable(path.name, error) from None

    connection.read(fetch, what)


def _pieces(connection: Connection, client: OpenAI, identity: str, what: str, most: int) -> Iterator[bytes]:
    """A file piece by piece, ``most`` bytes of it, in the time that so many may take. What breaks in the middle of it
    is no error of ``openai``, which reads no further than the headers: it is made one here."""
    import openai

    from audit.train.protocol.client import SLOWEST

    until, size = time.monotonic() + connection.timeout + most / SLOWEST, 0
    with client.files.with_streaming_response.content(identity) as response:
        try:
            for piece in response.iter_bytes(PIECE):
                size += len(piece)
                if size > most:
                    raise garbled(what, connection.shown, f"a file of more than {most:,} bytes")
                if time.monotonic() > until:
                    raise openai.APITimeoutError(request=response.http_request)
                yield piece
        except Exception as error:
            if not type(error).__module__.startswith("httpx"):  # httpx or httpx2, by the version of openai
                raise
            why = f"{type(error).__name__}: {error}"
        else:
            return
        raise openai.APIConnectionError(message=why, request=response.http_request)
