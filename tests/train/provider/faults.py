"""What the stand-in provider does wrong on purpose. A fault says which request it is for and what becomes of it."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

from tests.train.provider.asking import Answered, Asked
from tests.train.provider.store import Store

AFTER: Final = "-after"
"""The end of a fault's name where the request is carried out before it."""
KINDS: Final = ("status", "hang", "drop", "garble", "drip", "kill", "die")
PAGE: Final = "<!doctype html><title>Sign in</title><p>Please sign in to the network."


def due(store: Store, asked: Asked) -> dict[str, Any] | None:
    """The fault that this request is for, if any. Each counts the requests that fit it from when it was set."""
    found = None
    for number, before, fault in store.faults():
        if not fits(fault["match"], f"{asked.method} {asked.path}"):
            continue
        store.fault_seen(number)
        first, times = int(fault["nth"]), int(fault["times"])
        if found is None and before + 1 >= first and (not times or before + 1 < first + times):
            found = fault
    return found


def fits(match: str, request: str) -> bool:
    """Whether a request such as ``GET /files/file-0001`` fits: ``*`` is anything within a part of the path, ``**``
    anything, and ``*`` alone every request."""
    if match == "*":
        return True
    pattern = re.escape(match).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    return re.fullmatch(pattern, request) is not None


def answer_of(fault: dict[str, Any]) -> Answered | None:
    """What is answered at once; None where the connection itself is what fails."""
    kind = fault["do"].removesuffix(AFTER)
    if kind == "status":
        status = int(fault.get("status", 500))
        body = fault.get(
            "body", {"error": {"message": "It broke.", "type": "server_error", "param": None, "code": None}}
        )
        return Answered(status, body, fault.get("headers") or {})
    return Answered(200, PAGE) if kind == "garble" else None


def break_off(handler: BaseHTTPRequestHandler, fault: dict[str, Any], answer: Answered) -> None:
    """Fail on the wire. Whatever had to be carried out before was, and is on the disk."""
    kind = fault["do"].removesuffix(AFTER)
    if kind == "kill":
        told = fault.get("pid")
        os.kill(int(told) if isinstance(told, int) else int(Path(str(told)).read_text()), signal.SIGKILL)
    elif kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "hang":
        _wait_for_client(handler, float(fault.get("seconds", 3600)))
    elif kind == "drip":
        _drip(handler, answer, float(fault.get("seconds", 3600)), float(fault.get("every", 0.05)))
    handler.close_connection = True


def _wait_for_client(handler: BaseHTTPRequestHandler, seconds: float) -> None:
    """Until the client goes away, or ``seconds`` are over."""
    handler.connection.settimeout(seconds)
    try:
        handler.connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return


def _drip(handler: BaseHTTPRequestHandler, answer: Answered, seconds: float, every: float) -> None:
    """White space (which JSON allows) byte after byte for ``seconds``, then the answer."""
    data, headers = answer.encoded()
    handler.send_response(answer.status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("connection", "close")
    handler.end_headers()
    try:
        for _ in range(int(seconds / every)):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(every)
        handler.wfile.write(data)
    except OSError:
        return
