"""What a result rests on: hashes of inputs, settings and rules, versions and seed. No clock, no path of this machine."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from audit.config.settings import Settings
from audit.model import Evidence, Json, SourceSummary
from audit.rule import Rule, Run, options

_PACKAGES = ("msgspec", "google-re2", "tiktoken", "jsonschema-rs", "tokenizers")
# Where a setting came from, which files were read and how many findings are shown do not change a result.
_NOT_EVIDENCE = ("origins", "files", "config_file")


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
        inputs={source.path: source.sha256 for source in sources},
        config=config,
        config_sha256=sha256(msgspec.json.encode(config, order="sorted")),
        rules_sha256=rules_hash(rules),
        packages=dict(_versions(_PACKAGES)),
        seed=settings.seed,
    )


def tool_version() -> str:
    """The version of this tool, ``0+unknown`` when it runs uninstalled."""
    try:
        return version("finetune-audit")
    except PackageNotFoundError:
        return "0+unknown"


def sha256(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def rules_hash(rules: Iterable[Rule]) -> str:
    """One hash over the source files of the rules that ran: another rule set cannot give the same evidence."""
    total = hashlib.sha256()
    for rule in rules:
        total.update(rule.code.encode())
        file = getattr(sys.modules.get(type(rule).__module__), "__file__", None)
        if file:
            total.update(Path(file).read_bytes())
    return total.hexdigest()


def _options(rule: Rule) -> Mapping[str, Json]:
    return {name: getattr(rule, name) for name in options(type(rule))}


def _versions(packages: Iterable[str]) -> Iterable[tuple[str, str]]:
    for package in packages:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
