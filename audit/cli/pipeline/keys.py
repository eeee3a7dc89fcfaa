"""The key of a stage: one hash over all that its outcome follows from. Equal keys, equal outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """Hex SHA-256 over the stage, this version, the sections that matter, the files read; for a stage that judges also
    over the rules, the settings, the files that rows are judged with and the policy.

    Raises InputError for a file that cannot be read.
    """
    settings = job.settings
    facts = {
        "stage": stage.name,
        "version": tool_version(),
        "sections": {name: settings.sections.get(name) for name in stage.sections},
        "reads": hashed(stage.reads(job), {path: role for role, path in settings.splits}),
        "matters": stage.matters(job),
    }
    return hash_of({**facts, **_judging(settings, dated=stage.dated)} if stage.judges else facts)


def _judging(settings: Settings, *, dated: bool) -> Mapping[str, Json]:
    told = msgspec.to_builtins(settings)
    return {
        "rules": _rules(),
        "settings": {name: value for name, value in told.items() if name not in _NOT_SETTINGS},
        "day": str(make_run(settings).as_of) if dated else None,
        "beside": hashed(beside(settings)),
        "policy": settings.policy,
    }


def hash_of(facts: Json) -> str:
    """Hex SHA-256 of facts."""
    return sha256(msgspec.json.encode(facts, order="sorted"))


def hashed(paths: Iterable[str], roles: Mapping[str, str] | None = None) -> list[Json]:
    """Role, base name and SHA-256 of files, of a folder all that is in it. Raises InputError."""
    return [[(roles or {}).get(path, ""), Path(path).name, _hashed(path)] for path in paths]


@cache
def _rules() -> str:
    return rules_hash(rule() for rule in all_rules())


def beside(settings: Settings) -> list[str]:
    """The files and folders that rows are judged with: references, lexicons, citations, sidecars, the baseline, the
    policies."""
    named = [*settings.against, *settings.target_sample, *settings.lexicons, *settings.known_citations]
    named += [*files_named(settings), *filter(None, (settings.baseline, settings.policy))]
    named += [str(settings.sections.get("evaluate", {}).get("policy", ""))]
    return [path for path in named if path and Path(path).exists()]


def _hashed(path: str) -> Json:
    try:
        if not Path(path).is_dir():
            return file_sha256(path)
        inside = sorted(file for file in Path(path).rglob("*") if file.is_file())
        return [[file.relative_to(path).as_posix(), file_sha256(file)] for file in inside]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
