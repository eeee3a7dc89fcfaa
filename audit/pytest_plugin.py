"""The pytest fixture ``audit_gate``: judges files by a policy as ``audit gate`` does. Imports only when it is called.

def test_the_training_data_is_sound(audit_gate):
    audit_gate("train.jsonl").raise_for_verdict()
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from audit.model import Result


class AuditGate(Protocol):
    """What the fixture gives: see ``judge_files``."""

    def __call__(
        self,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        policy: str | None = None,
        *,
        config_file: str | None = None,
        isolated: bool = False,
        **config: Any,
    ) -> Result: ...


@pytest.fixture
def audit_gate() -> AuditGate:
    """Judges files by a policy: ``audit_gate("train.jsonl").raise_for_verdict()``."""
    return judge_files


def judge_files(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    policy: str | None = None,
    *,
    config_file: str | None = None,
    isolated: bool = False,
    **config: Any,
) -> Result:
    """The result of ``audit gate PATH --policy POLICY`` in the current folder.

    The configuration is the one that the command would use (the nearest ``audit.toml``, the environment), or
    ``config_file``, or none with ``isolated``; ``config`` are fields of ``Settings`` laid over it. ``policy`` None is
    that of the configuration, else ``default``. Raises what ``audit.gate`` raises.
    """
    from pathlib import Path

    from audit.api import gate
    from audit.cli.gate import fields_of_people
    from audit.config import load_settings

    files = [os.fspath(path)] if isinstance(path, str | os.PathLike) else [os.fspath(name) for name in path]
    settings = load_settings({}, environ=os.environ, cwd=Path.cwd(), data=files, isolated=isolated, config=config_file)
    return gate(files, policy, settings=settings, look=lambda: fields_of_people(files), **config)
