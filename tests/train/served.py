"""A real server on this machine that speaks a little of OpenAI's protocol, and what it can be told to answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What the server does with a request: a status and a body, or (None) it hangs up."""

    status: int | None
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012


class Server(NamedTuple):
    url: str
    asked: list[dict[str, Any]]
    keys: list[str | None]


def completion(text: Any) -> Answer:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Answer(200, {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})


def question(asked: dict[str, Any]) -> str:
    text: str = asked["messages"][-1]["content"]
    return text


@contextmanager
def serving(
    answer: Callable[[dict[str, Any], int], Answer],
    *,
    path: str = "/v1/chat/completions",
    same: Callable[[dict[str, Any], dict[str, Any]], bool] = lambda one, other: question(one) == question(other),
) -> Iterator[Server]:
    """A server at one path; ``answer`` is given the request and how many of the ``same`` were asked before."""
    asked: list[dict[str, Any]] = []
    keys: list[str | None] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                before = sum(same(one, request) for one in asked)
                asked.append(request)
                keys.append(self.headers["authorization"])
            found = answer(request, before) if self.path == path else Answer(404, {})
            if found.status is None:
                return
            body = found.body if isinstance(found.body, bytes) else json.dumps(found.body).encode()
            self.send_response(found.status)
            for name, value in {"content-type": "application/json", **found.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_address[1]}/v1", asked, keys)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
