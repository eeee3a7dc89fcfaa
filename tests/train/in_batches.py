"""A prediction in batches as tests make it: how it is asked, and what the stand-in provider saw of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from audit.train import endpoints
from tests.train.provider.process import Provider, provider
from tests.train.provider.waits import wait_for_nothing

MODEL = "gpt-4o-mini-2024-07-18"


@contextmanager
def asked_provider(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider whose key is in the environment; nobody waits long for it."""
    monkeypatch.setattr(endpoints, "FIRST_WAIT", 0.01)
    wait_for_nothing(monkeypatch)
    with provider(folder) as made:
        monkeypatch.setenv("OPENAI_API_KEY", made.key)
        yield made


def given(server: Provider, **more: Any) -> dict[str, Any]:
    return {
        "model": f"m={MODEL}",
        "endpoint": server.url,
        "batch": True,
        "batch_poll_seconds": 0.01,
        "timeout": 2.0,
        **more,
    }


def live(server: Provider, **more: Any) -> dict[str, Any]:
    return given(server, **more) | {"batch": False}


def lines(path: Path) -> list[bytes]:
    """The bytes of the predictions without the seconds that they took."""
    return re.sub(rb'"seconds":[0-9.]+', b'"seconds":null', path.read_bytes()).split(b"\n")


def batches(server: Provider) -> list[dict[str, Any]]:
    return server.state()["batches"]


def made(server: Provider, what: str) -> int:
    return sum((method, path) == ("POST", what) for method, path, *_ in server.requests())


def interrupting(after: int = 0) -> Callable[[int, int], None]:
    """Stands for somebody who has waited long enough."""
    times = [0]

    def told(done: int, wanted: int) -> None:
        times[0] += 1
        if times[0] > after:
            raise KeyboardInterrupt

    return told


def finished(server: Provider) -> dict[str, Any]:
    """The one batch, looked at until it has ended."""
    from tests.train.provider.conversation import client_of

    with client_of(server.url, server.key) as client:
        for _ in range(10):
            if client.batches.retrieve(batches(server)[0]["id"]).status == "completed":
                return batches(server)[0]
    raise AssertionError("the batch does not end")


def rewrite(server: Provider, identity: str, data: bytes) -> None:
    server.store._rows("UPDATE contents SET bytes = ? WHERE id = ?", data, identity)
