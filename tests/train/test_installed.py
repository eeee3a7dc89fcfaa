"""What is said to the libraries before they are loaded."""

from __future__ import annotations

import os

import pytest

from audit.errors import MissingExtra
from audit.train import installed


def test_idle_threads_rest_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    installed.rest_idle_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    installed.rest_idle_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "NEEDED", ("json", "no_such_library"))
    with pytest.raises(MissingExtra, match="needs no_such_library, which is not installed") as raised:
        installed.check_installed()
    assert raised.value.hint == 'pip install "finetune-audit[train]"'
