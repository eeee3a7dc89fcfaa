"""Which findings a report lists when a platform reads only so many: a fair share for each rule, the worst first.

What is not listed is counted per rule, never dropped in silence. Renders nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from audit.model import Finding, Result, Severity
from audit.reports import summary


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one rule that are listed, worst first, and what is not.

    ``rest`` counts those left out, cut by ``--max-findings`` or by the limit; ``rest_severity`` is the worst of them
    and ``rest_first`` the first that the result still holds, if any.
    """

    code: str
    findings: tuple[Finding, ...]
    rest: int = 0
    rest_severity: Severity = Severity.INFO
    rest_first: Finding | None = None

    @property
    def total(self) -> int:
        """All findings of the rule."""
        return len(self.findings) + self.rest


def listed(result: Result, limit: int) -> tuple[Listed, ...]:
    """At most ``limit`` findings, rules in the order of ``summary.groups``; every rule with a finding has an entry.

    Errors are shared out first, then warnings, then notes; within a severity no rule gets more than another one
    that still has findings left (max-min fairness).
    """
    groups = dict(summary.groups(result))
    for code in sorted(result.counts):
        groups.setdefault(code, [])
    of_severity = {code: Counter(finding.severity for finding in found) for code, found in groups.items()}
    taken = dict.fromkeys(groups, 0)
    left = limit
    for severity in Severity:
        given = fair_shares([counted[severity] for counted in of_severity.values()], left)
        left -= sum(given)
        for code, share in zip(groups, given, strict=True):
            taken[code] += share
    entries = (_entry(code, found, taken[code], result) for code, found in groups.items())
    return tuple(entry for entry in entries if entry.total)


def _entry(code: str, found: Sequence[Finding], taken: int, result: Result) -> Listed:
    counts = result.counts.get(code, {})
    rest = max(counts.get("findings", 0), len(found)) - taken
    if rest <= 0:
        return Listed(code=code, findings=tuple(found[:taken]))
    shown = Counter(finding.severity for finding in found[:taken])
    cut = next((severity for severity in Severity if counts.get(severity.value, 0) > shown[severity]), None)
    first = found[taken] if taken < len(found) else None
    if cut is None or (first is not None and first.severity.rank < cut.rank):
        cut = first.severity if first is not None else Severity.INFO
    return Listed(code=code, findings=tuple(found[:taken]), rest=rest, rest_severity=cut, rest_first=first)


def fair_shares(wanted: Sequence[int], limit: int) -> list[int]:
    """How many each gets of ``limit``: all that it wants, or as much as any other that goes short (within 1).

    Max-min fairness by filling the smallest wants first (Bertsekas and Gallager, Data Networks, 1992, 6.5.2).
    """
    given = [0] * len(wanted)
    left = max(0, limit)
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    for position, index in enumerate(order):
        # Those before took no more than this share, so that what they left over is still there.
        given[index] = min(wanted[index], -(-left // (len(order) - position)))
        left -= given[index]
    return given


def fails(result: Result, severity: Severity) -> bool:
    """True when findings of this severity make the run fail: by ``--fail-on`` where no policy decides."""
    if result.gate is not None:
        return False
    bound = result.evidence.config.get("fail_on", Severity.ERROR.value)
    known = [severity.value for severity in Severity]
    return severity.rank <= (known.index(bound) if bound in known else 0)
