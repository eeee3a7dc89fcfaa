"""Hosted runs at the stand-in provider, for the tests of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit.train.hosted.options import HostedOptions
from audit.train.hosted.report import HostedReport
from audit.train.hosted.running import train_hosted
from tests.train.hosted_rows import MODEL
from tests.train.provider.process import Provider
from tests.train.run_chats import SETTINGS, write_chats


def trained(
    server: Provider, output: Path, *, told: Callable[[str], None] | None = None, rows: int = 12, **more: Any
) -> HostedReport:
    """A run on made-up chats without validation rows; what is no argument of ``train_hosted`` is an option."""
    data = output.parent / "chats.jsonl"
    if not data.exists():
        write_chats(data, rows=rows)
    of_run = {name: more.pop(name) for name in ("resume", "force", "settings") if name in more}
    settings = of_run.pop("settings", SETTINGS)
    options = HostedOptions(
        model=MODEL, **{"base_url": server.url, "poll_seconds": 0.01, "moderation": "off", "retries": 1, **more}
    )
    return train_hosted(str(data), output, options=options, settings=settings, told=told, **of_run)


def kept(run: Path) -> list[dict[str, Any]]:
    """The events in the folder of a run."""
    return [json.loads(line) for line in (run / "events.jsonl").read_bytes().splitlines()]
