"""JUnit XML: a test case for every rule that ran, so that what was checked can be seen, and one for every clause.

Format: the schema of Jenkins' xUnit plugin, as junitparser and GitLab read it. Nothing here is timed: a result has no
clock. A report has a failure or an error exactly when the command would exit with another code than 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from audit.model import Clause, Gate, Result
from audit.reports import summary
from audit.reports.aggregate import Listed, fails, listed
from audit.reports.text import place
from audit.reports.view import View
from audit.reports.visible import shortened, visible

PLACES: Final = 20
"""Places named per rule."""
LONGEST: Final = 500
"""Characters of a message."""


def render(result: Result, view: View) -> Iterator[str]:
    """The document with a newline at the end: the suite ``rules`` and, where a policy decided, the suite ``gate``."""
    root = Element("testsuites", name="audit")
    _rules(SubElement(root, "testsuite", name="rules"), result, view)
    if result.gate is not None:
        _gate(SubElement(root, "testsuite", name="gate"), result.gate)
    for suite in root:
        _count(suite)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    _escape(root)
    ElementTree.indent(root)
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _rules(suite: Element, result: Result, view: View) -> None:
    _properties(suite, _facts(result, view))
    if result.partial:
        case = _case(suite, "run", "the whole input was read")
        SubElement(case, "error", message="interrupted: what follows is only what was read", type="partial")
    found = {entry.code: entry for entry in listed(result, limit=len(result.findings))}
    for code in sorted({*result.rules_run, *found}):
        case = _case(suite, "rules", f"{code} {view.note(code).name}".rstrip())
        if code in found:
            _findings(case, found[code], result)
    for skipped in sorted(result.rules_skipped, key=lambda skipped: (skipped.code, skipped.reason)):
        case = _case(suite, "rules", f"{skipped.code} {view.note(skipped.code).name}".rstrip())
        SubElement(case, "skipped", message=shortened(skipped.reason, LONGEST), type=skipped.kind)


def _findings(case: Element, entry: Listed, result: Result) -> None:
    counts = result.counts.get(entry.code, {})
    worst = entry.findings[0].severity if entry.findings else summary.worst(counts)
    head = f"{worst.value}: {summary.plural(entry.total, 'finding')}"
    if counts.get("rows"):
        head += f" in {summary.plural(counts['rows'], 'row')}"
    lines = [head, *_places(entry)]
    if fails(result, min(worst, summary.worst(counts), key=lambda severity: severity.rank)):
        failure = SubElement(case, "failure", message=head, type=worst.value)
        failure.text = "\n".join(lines)
    else:
        SubElement(case, "system-out").text = "\n".join(lines)


def _places(entry: Listed) -> Iterator[str]:
    for finding in entry.findings[:PLACES]:
        yield f"- {finding.severity.value} at {place(finding)}: {shortened(finding.message, LONGEST)}"
    more = entry.total - min(PLACES, len(entry.findings))
    if more > 0:
        yield f"- and {more:,} more"


def _gate(suite: Element, gate: Gate) -> None:
    facts = {"policy": gate.policy, "policy sha256": gate.sha256, "as of": gate.as_of, "verdict": gate.verdict}
    _properties(suite, facts)
    for waiver in gate.waivers:
        words = "expired" if waiver.expired else f"until {waiver.expires}"
        _properties(suite, {"waiver": f"{waiver.what}: {waiver.reason} ({waiver.owner}, {words})"})
    for clause in gate.clauses:
        case = _case(suite, "gate", f"{clause.name}: {clause.demand}")
        if clause.verdict == "PASS":
            continue
        # An undecided demand is no pass: a pipeline must not turn green on it unless the policy says that it may.
        undecided = clause.verdict != "FAIL" and gate.exit_code == 0
        element = SubElement(case, "skipped" if undecided else "failure", type=clause.verdict)
        element.set("message", shortened(clause.sentence, LONGEST))
        element.text = "\n".join(_clause(clause))
    if gate.exit_code != 0 and not any(case.find("failure") is not None for case in suite.iter("testcase")):
        case = _case(suite, "gate", "verdict")
        SubElement(case, "failure", message=f"the verdict of the gate is {gate.verdict}", type=gate.verdict)


def _clause(clause: Clause) -> Iterator[str]:
    named = {
        "limit": clause.limit,
        "actual": clause.actual,
        "rules": ", ".join(clause.codes),
        "where": clause.where,
        "to be judged or waived, in audit.toml": clause.paste,
    }
    for name, value in named.items():
        if value:
            yield f"- {name}: {visible(value)}"


def _facts(result: Result, view: View) -> Mapping[str, str]:
    facts = {"verdict": result.verdict, "data": summary.files(result)}
    facts["judged as"] = ", ".join(summary.judged_as(result, view))
    if result.evidence.config_sha256:
        facts["configuration sha256"] = result.evidence.config_sha256
    if lines := summary.suppressed(result):
        facts["suppressed"] = "; ".join(lines)
    if known := sum(result.known.values()):
        facts["known from the baseline"] = str(known)
    return facts


def _properties(suite: Element, facts: Mapping[str, str]) -> None:
    within = suite.find("properties")
    properties = SubElement(suite, "properties") if within is None else within
    for name, value in facts.items():
        SubElement(properties, "property", name=name, value=shortened(value, LONGEST))


def _case(suite: Element, kind: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=f"audit.{kind}", name=shortened(name, LONGEST))


def _count(suite: Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))


def _escape(element: Element) -> None:
    """Spell out what XML 1.0 cannot carry (section 2.2, Char), wherever it comes from: one such character and the
    file is not read at all."""
    for part in element.iter():
        for name, value in part.attrib.items():
            part.set(name, visible(value))
        if part.text:
            part.text = "\n".join(visible(line) for line in part.text.split("\n"))
