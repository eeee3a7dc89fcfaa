"""Which files a run reads, so that none of them is overwritten. Opens none of them and needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit.config.attributes import files_named
from audit.config.settings import Settings
from audit.errors import UsageError


def inputs_of(data: Any, settings: Settings, beside: Iterable[str | None] = ()) -> list[str]:
    """All that is read: data, references, lexicons, the configuration and its policy, baseline and sidecars, and what
    else is named ``beside`` (a model, a template); names of what is built in or lies on the hub among them.

    Raises UsageError for standard input: it can be read once, and is needed twice."""
    given = [data] if isinstance(data, str) or hasattr(data, "__fspath__") else data
    named = (
        [str(one) for one in given if isinstance(one, str) or hasattr(one, "__fspath__")]
        if isinstance(given, list | tuple)
        else []
    )
    paths = [*named, *(path for _, path in settings.splits)]
    if "-" in paths:
        raise UsageError(
            "standard input can be read once, and the gate reads the data before it is trained on",
            hint="write it to a file first",
        )
    of_settings = (settings.config_file, settings.policy, settings.baseline, settings.tokenizer)
    return [
        *paths,
        *settings.against,
        *settings.target_sample,
        *settings.lexicons,
        *files_named(settings),
        *filter(None, (*of_settings, *beside)),
    ]
