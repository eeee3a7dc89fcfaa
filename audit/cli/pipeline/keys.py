"""The key of a stage: one hash over all that its outcome follows from. Equal keys, equal outputs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from audit.api import make_run
from audit.catalog import all_rules
from audit.cli.pipeline.stage import Job, Stage
from audit.config.attributes import files_named
from audit.config.settings import Settings
from audit.errors import InputError
from audit.evidence import file_sha256, rules_hash, sha256, tool_version
from audit.model import Json

_NOT_SETTINGS: Final = frozenset(
    {
        "origins", "config_file", "files", "splits", "against", "target_sample", "lexicons", "known_citations", "jobs",
        "executor", "memory", "sections", "as_of", "policy", "baseline",
    }
)  # fmt: skip
"""Fields of ``Settings`` that are hashed as files, by section, with the day, or change no result."""


def key_of(stage: Stage, job: Job) -> str:
    """Hex SHA-256 over the stage, this version and its rules, the settings and sections that matter, the files read.

    Raises InputError for a file that cannot be read.
    """
    return sha256(msgspec.json.encode(_facts(stage, job), order="sorted"))


def _facts(stage: Stage, job: Job) -> Mapping[str, Json]:
    settings = job.settings
    told = msgspec.to_builtins(settings)
    roles = {path: role for role, path in settings.splits}
    return {
        "stage": stage.name,
        "version": tool_version(),
        "rules": _rules(),
        "settings": {name: value for name, value in told.items() if name not in _NOT_SETTINGS},
        "sections": {name: settings.sections.get(name) for name in stage.sections},
        "day": str(make_run(settings).as_of) if stage.dated else None,
        "reads": [[roles.get(path, ""), Path(path).name, _hashed(path)] for path in stage.reads(job)],
        "beside": [[Path(path).name, _hashed(path)] for path in beside(settings)],
        "policy": settings.policy,
        "matters": stage.matters(job),
    }


@cache
def _rules() -> str:
    return rules_hash(rule() for rule in all_rules())


def beside(settings: Settings) -> list[str]:
    """The files that rows are judged with: references, lexicons, citations, sidecars, the baseline, the policy."""
    named = [*settings.against, *settings.target_sample, *settings.lexicons, *settings.known_citations]
    named += [*files_named(settings), *filter(None, (settings.baseline, settings.policy))]
    return [path for path in named if Path(path).is_file()]


def _hashed(path: str) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
