"""Connections that wait for nothing: how long they would is tested with a ``sleep`` that only notes it."""

from __future__ import annotations

import pytest

from audit.train.protocol.connection import Connection


def wait_for_nothing(monkeypatch: pytest.MonkeyPatch | None = None) -> None:
    """Let every connection go on at once, until the test is over or, without ``monkeypatch``, in the whole process."""
    defaults = Connection.__init__.__kwdefaults__
    assert defaults is not None
    patch = pytest.MonkeyPatch() if monkeypatch is None else monkeypatch
    patch.setitem(defaults, "sleep", lambda _: None)
