"""A provider that speaks OpenAI's protocol of files, fine-tuning, batches, moderation and chat, on this machine.

A process of its own, from the root of the repository: ``python -m tests.train.provider.server --state DIR``. It knows
nothing of what it is there to try out. It prints its port, and keeps everything in ``DIR``: it may be killed at any
time and be started again.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from tests.train.provider import batches, faults, files, jobs, models
from tests.train.provider.asking import KEY, Answered, Asked, Refused, asked_of
from tests.train.provider.store import Store

Does = Callable[..., Answered]
_ROUTES: Final[tuple[tuple[str, Does], ...]] = (
    ("GET /models", models.listing),
    ("GET /models/{}", models.retrieve),
    ("POST /files", files.create),
    ("GET /files", files.listing),
    ("GET /files/{}", files.retrieve),
    ("GET /files/{}/content", files.content),
    ("DELETE /files/{}", files.delete),
    ("POST /uploads", files.create_upload),
    ("POST /uploads/{}/parts", files.add_part),
    ("POST /uploads/{}/complete", files.complete_upload),
    ("POST /uploads/{}/cancel", files.cancel_upload),
    ("POST /fine_tuning/jobs", jobs.create),
    ("GET /fine_tuning/jobs", jobs.listing),
    ("GET /fine_tuning/jobs/{}", jobs.retrieve),
    ("POST /fine_tuning/jobs/{}/cancel", jobs.cancel),
    ("POST /fine_tuning/jobs/{}/pause", jobs.pause),
    ("POST /fine_tuning/jobs/{}/resume", jobs.resume),
    ("GET /fine_tuning/jobs/{}/events", jobs.events),
    ("GET /fine_tuning/jobs/{}/checkpoints", jobs.checkpoints),
    ("POST /chat/completions", models.chat),
    ("POST /moderations", models.moderations),
    ("POST /batches", batches.create),
    ("GET /batches", batches.listing),
    ("GET /batches/{}", batches.retrieve),
    ("POST /batches/{}/cancel", batches.cancel),
)
ROUTES: Final = tuple((re.compile(path.replace("{}", "([^/]+)")), does) for path, does in _ROUTES)


def carried_out(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    """What the provider does with a request, and says."""
    try:
        _check_key(asked, scenario)
        for path, does in ROUTES:
            if found := path.fullmatch(f"{asked.method} {asked.path}"):
                return does(store, asked, scenario, *map(unquote, found.groups()))
        raise Refused(404, f"Unknown request URL: {asked.method} {asked.path}.", code="unknown_url")
    except Refused as refused:
        said = {**refused.error}
        if scenario.get("echo_key"):
            said["message"] = f"{said['message']} (key {asked.key})"
        return Answered(refused.status, {"error": said})


def _check_key(asked: Asked, scenario: dict[str, Any]) -> None:
    if not asked.key:
        raise Refused(401, "You didn't provide an API key.")
    if asked.key != scenario.get("key", KEY):
        start = f"{asked.key[:4]}{'*' * max(0, len(asked.key) - 8)}{asked.key[-4:]}"
        raise Refused(401, f"Incorrect API key provided: {start}.", code="invalid_api_key")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    store: Store

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self._in_chunks() if self.headers.get("transfer-encoding") == "chunked" else self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = asked_of(self.command, self.path, headers, body)
        with self.store.whole():
            asked = asked._replace(number=self.store.asked(asked.method, asked.path))
            fault, scenario = faults.due(self.store, asked), self.store.scenario()
            answer = Answered(500, {})
            if fault is None or fault["do"].endswith(faults.AFTER) or fault["do"] == "drip":
                answer = carried_out(self.store, asked, scenario)
            said = answer if fault is None else faults.answer_of(fault)
            self.store.answered(asked.number, said.status if said else None)
        if said is None and fault is not None:
            faults.break_off(self, fault, answer)
        elif said is not None:
            self._say(said, asked)

    do_POST = do_DELETE = do_GET

    def _in_chunks(self) -> bytes:
        """A body of unknown length (RFC 9112, section 7.1)."""
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _say(self, answer: Answered, asked: Asked) -> None:
        data, headers = answer.encoded()
        self.send_response(answer.status)
        for name, value in {"x-request-id": f"req_{asked.number:04}", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing: the requests are in the store."""


class Server(ThreadingHTTPServer):
    """Of many clients at once."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to speak of; anything else is a mistake in here, and is told."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    told = parser.parse_args()
    Handler.store = Store(told.state)
    server = Server(("127.0.0.1", told.port), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
