"""What a run hands over: findings and measures with everything they rest on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Literal

import msgspec

from audit.model.findings import Finding, Measure
from audit.model.gate import Gate
from audit.model.values import Json, Verdict

if TYPE_CHECKING:
    import pandas


class Skipped(msgspec.Struct, frozen=True):
    """A rule that was not run, and why: it was turned ``off``, is in ``preview``, or the run gives it nothing to judge
    (``inapplicable``: one split, no budget, another target)."""

    code: str
    reason: str
    kind: Literal["off", "preview", "inapplicable"] = "inapplicable"


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """Findings that an ``[[ignore]]`` entry of the configuration took out, and on whose word.

    ``void`` says why an entry takes out nothing: it has expired, or it has no owner and no expiry day and a policy,
    which asks for both, is judged by.
    """

    code: str
    path: str
    reason: str
    findings: int
    owner: str | None = None
    expires: str | None = None
    void: str = ""


class SourceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it was read: rows (with content), lines, bytes and hash as stored, shapes with their counts."""

    path: str
    role: str = "data"
    container: str = "jsonl"
    compression: str | None = None
    encoding: str = "utf-8"
    bytes: int = 0
    lines: int = 0
    rows: int = 0
    sha256: str = ""
    shapes: Mapping[str, int] = {}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the result rests on, so that someone else can obtain it again. No clock, no path, no job count."""

    tool: str = ""
    version: str = ""
    target: str = ""
    target_as_of: str = ""
    model: str | None = None
    tokenizer: Mapping[str, Json] = {}
    as_of: str | None = None
    inputs: Mapping[str, str] = {}
    config: Mapping[str, Json] = {}
    config_sha256: str = ""
    rules_sha256: str = ""
    packages: Mapping[str, str] = {}
    seed: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run found, sorted, with no clock inside: the same input gives the same bytes.

    ``rows`` counts the rows with content, broken ones included. ``truncated`` says how many findings were cut by
    ``--max-findings``; ``counts`` always holds the exact numbers per code: ``findings``, ``rows`` (with a
    row-scope finding) and each severity. ``known`` counts, by code, the findings that a baseline holds and that were
    therefore taken out. ``gate`` is the decision of a policy where one was asked for: ``verdict`` is then the gate's.
    ``roles`` says of outputs of models which arm is ``judged``, which it is ``compared`` with, and which is the
    ``base``; it is empty where data was judged.
    """

    schema: str = "audit.result/1"
    verdict: Verdict = "PASS"
    rows: int = 0
    partial: bool = False
    truncated: int = 0
    sources: tuple[SourceSummary, ...] = ()
    findings: tuple[Finding, ...] = ()
    measures: tuple[Measure, ...] = ()
    rules_run: tuple[str, ...] = ()
    rules_skipped: tuple[Skipped, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    known: Mapping[str, int] = {}
    counts: Mapping[str, Mapping[str, int]] = {}
    gate: Gate | None = None
    roles: Mapping[str, str] = {}
    evidence: Evidence = Evidence()

    @property
    def ok(self) -> bool:
        """True when nothing at or above the severity that was asked for was found; by a policy, when it PASSes."""
        return self.verdict == "PASS"

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 0 PASS, 1 FAIL, 3 undecided (a policy may map it), 130 interrupted."""
        if self.partial:
            return 130
        return self.gate.exit_code if self.gate is not None else 0 if self.ok else 1

    def raise_for_verdict(self) -> None:
        """Raise AssertionError with the table of clauses (or the first findings) where the exit code is not 0."""
        if self.exit_code == 0:
            return
        # The renderers lie above the model: they are reached by name, as the formats are.
        raise AssertionError(import_module("audit.reports.complaint").complaint(self))

    def to_pandas(self) -> pandas.DataFrame:
        """The findings as a data frame, one row each: code, severity, scope, message, file, line, column, offset,
        pointer, fix (its applicability), fingerprint."""
        import pandas

        columns = ("file", "line", "column", "offset", "pointer")
        rows = [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                "scope": finding.scope,
                "message": finding.message,
                **{name: getattr(finding.place, name) for name in columns},
                "fix": finding.fix.applicability.value if finding.fix else None,
                "fingerprint": finding.fingerprint,
            }
            for finding in self.findings
        ]
        names = ["code", "severity", "scope", "message", *columns, "fix", "fingerprint"]
        return pandas.DataFrame(rows, columns=names)

    def save_html(self, path: str | os.PathLike[str], *, mask: bool = True, redact: bool = True) -> None:
        """Write the report as one offline HTML file, whole or not at all. ``mask`` withholds groups of 1 to 4 rows,
        ``redact`` what identifies somebody, and secrets.

        Raises OutputError where it cannot be written.
        """
        import_module("audit.reports.html.saving").save(self, path, mask=mask, redact=redact)

    def _repr_html_(self) -> str:
        """What a notebook shows: verdict, demands and rules as a small static fragment."""
        return str(import_module("audit.reports.html.notebook").fragment(self))
