"""OpenAI's own description of the protocol, between a client and the stand-in provider: ``prism proxy --errors``.

    client -> ``Watch`` (here) -> Prism -> the stand-in provider

Whatever either side says that the OpenAPI file does not allow is kept in ``Watch.seen``, whoever the client is and
whether it tells. Prism answers such a request with an error in place of the provider. Contents of files go past Prism:
the OpenAPI file says that they are a JSON string, which they are not (shared/research/formats.md, section 4a).
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.train.provider.process import ROOT, Provider

VERSION: Final = "5.14.2"
OPENAPI: Final = ROOT / ".." / "shared" / "openai" / "openapi_trim.json"
PAST: Final = re.compile(r"/files/[^/]+/content")
"""Paths that go past Prism."""
UNDESCRIBED: Final = "Unable to match the returned status code with those defined in the document: 200"
"""Prism's warning at an error: the OpenAPI file describes none. Only a refusal may have it."""
INSTALLING: Final = 100.0
STARTING: Final = 60.0
_OWN: Final = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding", "date", "server"})
"""Headers that belong to one connection (RFC 9110, section 7.6.1) or that each server writes itself."""


class Seen(NamedTuple):
    """A request, the status of its answer and what Prism has against either (``severity: location: message``)."""

    method: str
    path: str
    status: int
    violations: tuple[str, ...]


class Watch:
    """What went through. ``url`` is the base URL that a client is given."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[Seen] = []

    @property
    def violations(self) -> list[Seen]:
        """Requests with a violation. That the OpenAPI file describes no errors is none."""
        return [one for one in self.seen if any(not told.endswith(UNDESCRIBED) for told in one.violations)]


class Proxied(NamedTuple):
    """A provider, and what goes through Prism to it: ``watch.url`` is the base URL for clients."""

    server: Provider
    watch: Watch


def installed(cache: Path) -> Path:
    """Prism's command, installed in ``cache`` unless it is there. Skips the test where that cannot be."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, and Prism needs it")
    command = cache / "node_modules" / ".bin" / "prism"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not command.exists():
            _install(cache)
    return command


def _install(cache: Path) -> None:
    asked = ["npm", "install", "--prefix", str(cache), "--no-audit", "--no-fund", "--ignore-scripts"]
    asked += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]  # else a machine without a network waits a minute
    try:
        done = subprocess.run(
            [*asked, f"@stoplight/prism-cli@{VERSION}"], capture_output=True, text=True, timeout=INSTALLING
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install Prism within {INSTALLING:.0f} seconds")
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        pytest.skip(f"npm cannot install Prism: {' '.join(told[:3])[:200]}")


@contextmanager
def prism(server: Provider, cache: Path) -> Iterator[Watch]:
    """Prism before a stand-in provider. ``cache`` is a folder that outlives the tests
    (``pytestconfig.cache.mkdir("prism")``). Skips the test where Prism or the OpenAPI file is not to be had."""
    if not OPENAPI.is_file():
        pytest.skip("the shared folder with OpenAI's OpenAPI file is absent")
    with _running(installed(cache), server.url) as port:
        yield from _watching(port, server.port)


@contextmanager
def _running(command: Path, upstream: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    asked = [str(command), "proxy", str(OPENAPI.resolve()), upstream, "--errors", "--port", str(port)]
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(process, port)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + STARTING
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"Prism did not start: it ended with {process.poll()}")


# ---------------------------------------------------------------------- what stands before Prism


def _watching(prism_port: int, server_port: int) -> Iterator[Watch]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.removeprefix("/v1")
            goes_past = PAST.fullmatch(path) is not None
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            port, target = (server_port, self.path) if goes_past else (prism_port, path)
            response, data = _asked(port, self.command, target, body, headers)
            watch.seen.append(Seen(self.command, path, response.status, _violations(response, data)))
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        do_POST = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            """Nothing: ``Watch.seen`` has it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    watch = Watch(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _asked(
    port: int, method: str, target: str, body: bytes, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, target, body=body or None, headers=headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def _violations(response: http.client.HTTPResponse, data: bytes) -> tuple[str, ...]:
    told = json.loads(response.getheader("sl-violations") or "[]")
    if (response.getheader("content-type") or "").startswith("application/problem+json"):
        problem = json.loads(data)
        told = told or problem.get("validation") or [{"severity": "Error", "message": problem.get("title")}]
    return tuple(
        f"{one.get('severity')}: {'.'.join(map(str, one.get('location', [])))}: {one.get('message')}" for one in told
    )
