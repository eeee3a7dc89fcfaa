"""Which findings count: neither ignored by the configuration nor known from a baseline. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from audit.config.settings import Ignore
from audit.model import Finding
from audit.policy.baseline import Baseline, compare
from audit.policy.suppression import suppress


class Sieve:
    """What is set aside is not mended either."""

    def __init__(
        self,
        ignores: Sequence[Ignore] = (),
        today: date | None = None,
        baseline: Baseline | None = None,
        codes: Sequence[str] = (),
    ) -> None:
        """``codes`` are those of the rules that run."""
        self._ignores = ignores
        self._today = today
        self._baseline = baseline
        self._codes = codes
        self._known = frozenset(entry.fingerprint for entry in baseline.findings) if baseline else frozenset()

    def of_run(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Those of a whole run that count, in order."""
        kept: Sequence[Finding] = findings
        if self._ignores:
            kept, _ = suppress(kept, self._ignores, self._today, recorded=False)
        if self._baseline is not None:
            kept = compare(kept, self._baseline, self._codes).new
        return kept

    def of_row(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Those of one row that was judged again. How often a baseline holds one of them is not asked."""
        kept: Sequence[Finding] = findings
        if self._ignores and findings:
            kept, _ = suppress(kept, self._ignores, self._today, recorded=False)
        return [finding for finding in kept if finding.fingerprint not in self._known] if self._known else kept

    def with_rows(self, findings: Sequence[Finding], ordinals: Iterable[int]) -> Iterator[tuple[Finding, int]]:
        """Those of a whole run that count, each with its row."""
        kept = iter(self.of_run(findings))
        wanted = next(kept, None)
        for finding, row in zip(findings, ordinals, strict=True):
            if finding is wanted:
                yield finding, row
                wanted = next(kept, None)
