"""A baseline: the findings that are known, so that only new ones count. Holds fingerprints; no text, no path, no clock.

A fingerprint is made of content and not of line numbers, so a baseline survives reordered and edited files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from audit.errors import ConfigError
from audit.model import Finding, Result

SCHEMA: Final = "audit.baseline/1"
_HINT: Final = "`audit baseline DATA -o audit-baseline.json` writes one"


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Findings that cannot be told apart: their fingerprint, their rule and how many there are."""

    code: str
    fingerprint: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The multiset of findings of one run; ``rules`` are the codes that had run, ``target`` what they judged it as."""

    schema: str = SCHEMA
    tool: str = ""
    version: str = ""
    target: str = ""
    rules: tuple[str, ...] = ()
    findings: tuple[Known, ...] = ()


class Compared(msgspec.Struct, frozen=True):
    """Findings against a baseline: the new ones, how many are known by code, how many are no longer there."""

    new: Sequence[Finding]
    known: Mapping[str, int]
    gone: int


def baseline_of(result: Result) -> Baseline:
    """The findings of a result, sorted by code and fingerprint."""
    counted = Counter((finding.code, finding.fingerprint) for finding in result.findings)
    return Baseline(
        tool=result.evidence.tool,
        version=result.evidence.version,
        target=result.evidence.target,
        rules=tuple(sorted(result.rules_run)),
        findings=tuple(
            Known(code=code, fingerprint=fingerprint, count=count)
            for (code, fingerprint), count in sorted(counted.items())
        ),
    )


def read_baseline(path: str) -> Baseline:
    """The baseline in a file. Raises ConfigError for one that is missing, empty, broken or of another kind."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"baseline {path} cannot be read: {error.strerror or error}", hint=_HINT) from None
    if not content.strip():
        raise ConfigError(f"baseline {path} is empty", hint=_HINT)
    try:
        found = msgspec.json.decode(content, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"baseline {path} is no baseline: {error}", hint=_HINT) from None
    if found.schema != SCHEMA or b'"schema"' not in content:
        raise ConfigError(f"baseline {path} is of another kind, asked for the schema {SCHEMA}", hint=_HINT)
    return found


def compare(findings: Sequence[Finding], baseline: Baseline, rules_run: Sequence[str]) -> Compared:
    """Take out what the baseline holds, as often as it holds it; the first findings in order are the known ones.

    Entries of rules that did not run are neither known nor gone.
    """
    left: Counter[tuple[str, str]] = Counter()
    for entry in baseline.findings:
        left[entry.code, entry.fingerprint] += entry.count
    new: list[Finding] = []
    known: Counter[str] = Counter()
    for finding in findings:
        key = (finding.code, finding.fingerprint)
        if left[key] > 0:
            left[key] -= 1
            known[finding.code] += 1
        else:
            new.append(finding)
    ran = set(rules_run)
    gone = sum(count for (code, _), count in left.items() if code in ran)
    return Compared(new, dict(sorted(known.items())), gone)
