"""What the configuration sets aside: findings that an ``[[ignore]]`` entry covers, for as long as it holds.

Takes findings out and says on whose word; what a baseline knows is another module's.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from datetime import date

from audit.config.settings import Ignore
from audit.model import Finding, Suppressed


def suppress(
    findings: Sequence[Finding], ignores: Sequence[Ignore], today: date | None, *, recorded: bool
) -> tuple[list[Finding], tuple[Suppressed, ...]]:
    """Take out what the configuration ignores; an entry that is void no longer does, and says why."""
    if not ignores:
        return list(findings), ()
    void = [_void(entry, today, recorded=recorded) for entry in ignores]
    taken = [0] * len(ignores)
    kept: list[Finding] = []
    for finding in findings:
        live = (i for i, entry in enumerate(ignores) if not void[i] and _covers(entry, finding))
        index = next(live, None)
        if index is None:
            kept.append(finding)
        else:
            taken[index] += 1
    return kept, tuple(map(_suppressed, ignores, taken, void))


def _void(entry: Ignore, today: date | None, *, recorded: bool) -> str:
    """Why an entry takes out nothing, "" where it does."""
    if entry.expires is not None and today is not None and entry.expires < today:
        return f"expired on {entry.expires.isoformat()}"
    missing = [name for name, value in (("owner", entry.owner), ("expiry day", entry.expires)) if not value]
    return f"has no {' and no '.join(missing)}, which a policy asks for" if recorded and missing else ""


def _covers(entry: Ignore, finding: Finding) -> bool:
    if not finding.code.startswith(entry.code.upper()):
        return False
    return entry.path == "*" or fnmatch.fnmatch(finding.place.file or "", entry.path)


def _suppressed(entry: Ignore, findings: int, void: str) -> Suppressed:
    return Suppressed(
        code=entry.code,
        path=entry.path,
        reason=entry.reason,
        findings=findings,
        owner=entry.owner,
        expires=entry.expires.isoformat() if entry.expires else None,
        void=void,
    )
