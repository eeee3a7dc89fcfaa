"""What a result rests on: hashes of inputs, settings and rules, versions and seed. No clock, no path of a machine."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from audit.config.attributes import files_named
from audit.config.settings import Settings
from audit.model import Evidence, Json, SourceSummary
from audit.read.sources import find_sources
from audit.rule import Rule, Run, options

_PACKAGES = ("msgspec", "google-re2", "tiktoken", "jsonschema-rs", "tokenizers")
# Where a setting came from, where files lie and by how many processes they were read do not change a result.
_NOT_EVIDENCE = (
    "origins", "config_file", "files", "splits", "against", "target_sample", "lexicons", "jobs", "executor", "memory",
)  # fmt: skip


def collect(settings: Settings, run: Run, rules: Sequence[Rule], sources: Sequence[SourceSummary]) -> Evidence:
    """The evidence of one run."""
    config = {
        key: value for key, value in msgspec.to_builtins(settings, order="sorted").items() if key not in _NOT_EVIDENCE
    }
    config["options"] = {rule.code: given for rule in rules if (given := _options(rule))}
    config = msgspec.json.decode(msgspec.json.encode(config))  # lists, not tuples: as it will be read back
    tokenizer: dict[str, Json] = {}
    if run.tokens is not None:
        tokenizer = {"name": run.tokens.name, "exact": run.tokens.exact, "note": run.tokens.note}
    return Evidence(
        tool="finetune-audit",
        version=tool_version(),
        target=run.target.name,
        target_as_of=run.target.as_of,
        model=run.model,
        tokenizer=tokenizer,
        as_of=run.as_of.isoformat() if run.as_of else None,
        inputs={**{source.path: source.sha256 for source in sources}, **_hashes(settings, run)},
        config=config,
        config_sha256=sha256(msgspec.json.encode(config, order="sorted")),
        rules_sha256=rules_hash(rules),
        packages={name: found for name in _PACKAGES if (found := installed_version(name)) is not None},
        seed=settings.seed,
    )


def _hashes(settings: Settings, run: Run) -> Mapping[str, str]:
    """Hex SHA-256 of the files that the data was compared with, that say to which groups its rows belong, and of the
    lexicons of its attributes (``lexicon gender``, as they are with the user's files laid over them)."""
    found: dict[str, str] = {}
    named = (*settings.against, *settings.target_sample, *files_named(settings), *run.lexicons)
    for source in find_sources(named):
        found[source.path] = file_sha256(source.path)
    for axis in sorted({one.where for one in run.attributes if one.source == "lexicon"}):
        from audit.lexicons import load

        found[f"lexicon {axis}"] = load(axis, run.lexicons).sha256
    return found


def tool_version() -> str:
    """The version of this tool, ``0+unknown`` when it runs uninstalled."""
    return installed_version("finetune-audit") or "0+unknown"


def sha256(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Hex SHA-256 of a file as it is stored. Raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rules_hash(rules: Iterable[Rule]) -> str:
    """One hash over the source files of the rules that ran: another rule set cannot give the same evidence."""
    return _sources_hash(tuple(type(rule) for rule in rules))


@cache
def _sources_hash(rules: tuple[type[Rule], ...]) -> str:
    total = hashlib.sha256()
    for rule in rules:
        total.update(rule.code.encode())
        file = getattr(sys.modules.get(rule.__module__), "__file__", None)
        if file:
            total.update(Path(file).read_bytes())
    return total.hexdigest()


def _options(rule: Rule) -> Mapping[str, Json]:
    return {name: getattr(rule, name) for name in options(type(rule))}


# ----------------------------------------------------------------------------- installed distributions

# importlib.metadata answers all of this, but takes 25 ms to import and read five versions: more than ten rows take.


def installed_version(package: str) -> str | None:
    """The version of a distribution, None when it is not installed; what ``importlib.metadata`` says, sooner."""
    return _version(package, tuple(sys.path))


@cache
def _version(package: str, path: tuple[str, ...]) -> str | None:
    wanted = _normal(package)
    found = next((folder for folder in metadata_folders(path) if _distribution(folder) == wanted), "")
    file = "METADATA" if found.endswith(".dist-info") else "PKG-INFO"
    if found and (told := _told_version(os.path.join(found, file))):
        return told
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def metadata_folders(path: tuple[str, ...]) -> tuple[str, ...]:
    """The ``.dist-info`` and ``.egg-info`` entries of the directories of an import path, in its order."""
    found: list[str] = []
    for place in path:
        try:
            names = sorted(os.listdir(place or "."))
        except OSError:
            continue
        found += [os.path.join(place, name) for name in names if name.lower().endswith((".dist-info", ".egg-info"))]
    return tuple(found)


def _distribution(folder: str) -> str:
    return _normal(os.path.basename(folder).rpartition(".")[0].partition("-")[0])


def _normal(name: str) -> str:
    """A distribution's name as its metadata folder spells it (PEP 503, with underscores)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _told_version(file: str) -> str | None:
    """What the head of a metadata file says (core metadata: like a mail's, it ends with an empty line)."""
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith("Version:"):
                    return line.partition(":")[2].strip()
                if not line.strip():
                    break
    except OSError:
        pass
    return None
