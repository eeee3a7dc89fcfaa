"""SARIF 2.1.0 (OASIS Standard, 27 March 2020) for code scanning: places, rules with their help, and what was cut.

Keeps within what GitHub reads. Texts from data are plain text in which every character can be seen; the exact values
are in ``properties`` only. Knows no version control and writes no path of a machine but those that the user gave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Finding, Json, Place, Result, SourceSummary
from audit.reports import summary
from audit.reports.aggregate import Listed, listed
from audit.reports.encode import encode
from audit.reports.paths import first_file, portable
from audit.reports.sarif_fix import fixes
from audit.reports.sarif_places import ROOT, artifact_location, location_of
from audit.reports.sarif_rules import LEVELS, descriptors
from audit.reports.snippet import Key, Window, snippet, windows
from audit.reports.view import View
from audit.reports.visible import shortened, visible

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST: Final = 5_000
"""Results listed one by one. GitHub shows the 5,000 worst of at most 25,000 in a run (GitHub documentation, "SARIF
support for code scanning", "Validating your SARIF file"); with one more per rule for the rest this stays below."""
MOST_BYTES: Final = 10_000_000
"""Bytes of the results before compression; GitHub takes 10 MB after it."""
LONGEST: Final = 1_000
LONGEST_SNIPPET: Final = 200
LONGEST_EVIDENCE: Final = 2_000
"""Characters of a message or pointer, of a source line, and of the evidence of a finding as JSON."""
MOST_RELATED: Final = 10
_QUIET_FAMILIES: Final = ("PII", "SEC")
"""Findings about personal data and secrets are uploaded without the line that holds them."""


def render(result: Result, view: View) -> Iterator[str]:
    """One piece: the log, one result a line, with a newline at the end."""
    limit = MOST
    entries = listed(result, limit)
    codes = sorted({*result.rules_run, *(entry.code for entry in entries)})
    results = _results(entries, codes, result, view)
    while limit > 1 and sum(map(len, results)) > MOST_BYTES:
        limit //= 2
        entries = listed(result, limit)
        results = _results(entries, codes, result, view)
    parts = {name: encode(value) for name, value in _run(entries, codes, result, view).items()}
    parts["results"] = "[\n" + ",\n".join(results) + "\n]"
    run = ",\n".join(f'"{name}":{parts[name]}' for name in sorted(parts))
    yield f'{{"$schema":"{SCHEMA}","runs":[{{\n{run}\n}}],"version":"2.1.0"}}\n'


def _run(entries: Sequence[Listed], codes: Sequence[str], result: Result, view: View) -> dict[str, Json]:
    """The run (SARIF 2.1.0, section 3.14) without its results, which are JSON already."""
    evidence = result.evidence
    driver: dict[str, Json] = {"name": evidence.tool or "finetune-audit", "rules": descriptors(codes, result, view)}
    if evidence.version:
        driver["version"] = evidence.version
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "the folder in which the tool was run"}}},
        "artifacts": [_artifact(source) for source in result.sources],
        "invocations": [_invocation(entries, result)],
        "properties": _facts(result),
    }


def _artifact(source: SourceSummary) -> dict[str, Json]:
    found: dict[str, Json] = {
        "location": artifact_location(portable(source.path)),
        "length": source.bytes,
        "roles": ["analysisTarget"],
        "properties": {"rows": source.rows, "role": source.role, "container": source.container},
    }
    if source.sha256:
        found["hashes"] = {"sha-256": source.sha256}
    return found


def _invocation(entries: Sequence[Listed], result: Result) -> dict[str, Json]:
    return {"executionSuccessful": not result.partial, "toolExecutionNotifications": [*_notifications(entries, result)]}


def _notifications(entries: Sequence[Listed], result: Result) -> Iterator[dict[str, Json]]:
    if result.partial:
        yield _notification("error", "interrupted: only a part of the input was read")
    if result.gate is not None and result.gate.verdict != "PASS":
        unmet = [f"{clause.name} {clause.verdict}" for clause in result.gate.clauses if clause.verdict != "PASS"]
        text = f"the gate {result.gate.policy} says {result.gate.verdict}: {', '.join(unmet)}"
        yield _notification("error" if result.gate.exit_code else "warning", text)
    for entry in entries:
        if entry.rest:
            text = f"{entry.code}: {len(entry.findings):,} of {summary.plural(entry.total, 'finding')} are listed"
            yield _notification("warning", text)


def _notification(level: str, text: str) -> dict[str, Json]:
    return {"level": level, "message": {"text": _plain(text)}}


def _facts(result: Result) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "verdict": result.verdict,
        "rows": result.rows,
        "target": result.evidence.target,
        "configSha256": result.evidence.config_sha256,
        "rulesSha256": result.evidence.rules_sha256,
        "rulesSkipped": result.rules_skipped,
        "suppressed": sum(entry.findings for entry in result.suppressed),
        "suppressions": result.suppressed,
        "knownFromBaseline": result.known,
    }
    if result.gate is not None:
        facts["gate"] = result.gate
    return facts


# ----------------------------------------------------------------------------- results


def _results(entries: Sequence[Listed], codes: Sequence[str], result: Result, view: View) -> list[str]:
    """Every result as JSON, findings in the order of the data, then what was not listed, rule by rule."""
    found = sorted((finding for entry in entries for finding in entry.findings), key=Finding.sort_key)
    seen = windows(result.sources, filter(_is_quoted, found)) if view.snippets else {}
    index = {code: position for position, code in enumerate(codes)}
    sources = {source.path: source for source in result.sources}
    times: Counter[str] = Counter()
    whole = first_file(result)
    results = []
    for finding in found:
        times[finding.fingerprint] += 1
        value = _result(finding, index[finding.code], whole, seen, redact=view.redact)
        if finding.fingerprint:
            # Rows that repeat share a fingerprint; the number tells their alerts apart, as CodeQL's own hash does.
            hashed = f"{finding.fingerprint}:{times[finding.fingerprint]}"
            value["partialFingerprints"] = {
                "auditFingerprint/v1": finding.fingerprint,
                "primaryLocationLineHash": hashed,
            }
        if mended := fixes(finding, sources.get(finding.place.file or "")):
            value["fixes"] = mended
        results.append(encode(value))
    rest = (_rest(entry, index[entry.code], whole) for entry in entries if entry.rest)
    return results + [encode(value) for value in rest]


def _result(finding: Finding, rule: int, whole: str, seen: Mapping[Key, Window], *, redact: bool) -> dict[str, Json]:
    place = finding.place
    location = location_of(place, whole)
    window = seen.get((place.file or "", place.offset if place.offset is not None else -1))
    if window is not None and place.line is not None and _is_quoted(finding):
        line = shortened(snippet(window, finding, redact=redact).line, LONGEST_SNIPPET)
        location["physicalLocation"]["contextRegion"] = {"startLine": place.line, "snippet": {"text": line}}
    value: dict[str, Json] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": {"text": _plain(shortened(finding.message, LONGEST))},
        "locations": [location],
        "properties": _details(finding),
    }
    if finding.related:
        value["relatedLocations"] = [
            {
                "id": number,
                **location_of(Place(file=near.file or place.file, line=near.line, pointer=near.pointer), whole),
            }
            for number, near in enumerate(finding.related[:MOST_RELATED], start=1)
        ]
    return value


def _is_quoted(finding: Finding) -> bool:
    return not finding.code.startswith(_QUIET_FAMILIES)


def _details(finding: Finding) -> dict[str, Json]:
    details: dict[str, Json] = {"scope": finding.scope}
    if 0 < len(finding.place.pointer) <= LONGEST:
        details["pointer"] = finding.place.pointer
    if finding.fix is not None:
        details["fix"] = {
            "applicability": finding.fix.applicability.value,
            "title": shortened(finding.fix.title, LONGEST),
        }
    if finding.evidence:
        fits = len(encode(finding.evidence)) <= LONGEST_EVIDENCE
        details["evidence"] = finding.evidence if fits else {"omitted": "longer than this log takes; see the JSON form"}
    return details


def _rest(entry: Listed, rule: int, whole: str) -> dict[str, Json]:
    """One result that stands for all findings of a rule that are not listed."""
    place = entry.rest_first.place if entry.rest_first is not None else Place()
    return {
        "ruleId": entry.code,
        "ruleIndex": rule,
        "level": LEVELS[entry.rest_severity],
        "message": {"text": _plain(f"{summary.plural(entry.rest, 'more finding')} of {entry.code}, not listed here")},
        "locations": [location_of(place, whole)],
        "occurrenceCount": entry.rest,
        "partialFingerprints": {"auditFingerprint/v1": f"rest/{entry.code}"},
        "properties": {"aggregated": True},
    }


def _plain(text: str) -> str:
    """A message without placeholders and links: braces doubled (SARIF 2.1.0, section 3.11.5), ``](`` taken apart
    (section 3.11.6; a backslash would do the same and be seen by readers that know no links)."""
    return visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")
