"""Takes what identifies a person, and secrets, out of what is shown of a result: messages, evidence, fixes, excerpts.

The result itself, and files of data that a remedy writes, are left as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from audit.identifiers.finding import Identifier
from audit.identifiers.redaction import identifiers_in
from audit.model import ByteEdit, Clause, Finding, Fix, Gate, Json, Measure, PointerEdit, Result
from audit.model.dossier import Dossier, Training

_ESCAPE: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.")


def redacted(result: Result) -> Result:
    """The result as it may be passed on: ``[EMAIL]`` and the like in place of what identifies somebody.

    Edits of a fix that hold such a text are left out, which the fix's title then says. A second call changes nothing.
    """
    return msgspec.structs.replace(
        result,
        findings=tuple(map(_finding, result.findings)),
        measures=tuple(map(_measure, result.measures)),
        gate=_gate(result.gate) if result.gate is not None else None,
    )


def redacted_dossier(dossier: Dossier) -> Dossier:
    """The same of everything that a report is about."""
    return msgspec.structs.replace(
        dossier,
        data=dossier.data and redacted(dossier.data),
        outputs=dossier.outputs and redacted(dossier.outputs),
        previous=dossier.previous and redacted(dossier.previous),
        trainings=tuple(map(_training, dossier.trainings)),
        remedies=tuple(
            msgspec.structs.replace(one, settings=_value(one.settings), effect=_value(one.effect))
            for one in dossier.remedies
        ),
        reaudit=msgspec.structs.replace(dossier.reaudit, harm=without_identifiers(dossier.reaudit.harm)),
    )


def _training(training: Training) -> Training:
    return msgspec.structs.replace(
        training,
        gate=training.gate and _gate(training.gate),
        waived_by=without_identifiers(training.waived_by),
        waived_why=without_identifiers(training.waived_why),
        settings=_value(training.settings),
        notes=tuple(map(without_identifiers, training.notes)),
    )


def without_identifiers(text: str) -> str:
    """The text with every identifier replaced by its kind in brackets; the same object where there is none."""
    return _replaced(text, identifiers_in(text))


def _replaced(text: str, found: Sequence[Identifier]) -> str:
    if not found:
        return text
    parts: list[str] = []
    at = 0
    for one in found:
        parts += (text[at : one.start], name_of(one.kind))
        at = one.end
    return "".join((*parts, text[at:]))


def line_without_identifiers(line: str) -> str:
    """The same of a line of JSON, escapes read as what they stand for."""
    return _replaced(line, _in_json(line))


def name_of(kind: str) -> str:
    """What stands for an identifier of a kind: ``[IP_ADDRESS]``. No tag that could be guessed from, none is needed."""
    return f"[{kind.upper()}]"


def hidden(finding: Finding) -> str:
    """What stands for the stretch that a finding of private data covers."""
    kind = finding.evidence.get("kind")
    return name_of(kind if isinstance(kind, str) else "private")


def in_three(before: str, marked: str, after: str) -> tuple[str, str, str]:
    """Three pieces of one line of JSON without identifiers, escaped ones included. One that crosses a border stands in
    the piece where it begins, or in the middle one where it reaches into it."""
    whole, first, second = before + marked + after, len(before), len(before) + len(marked)
    found = _in_json(whole)
    if not found:
        return before, marked, after
    pieces = ["", "", ""]

    def keep(start: int, end: int) -> None:
        for place, (low, high) in enumerate(((0, first), (first, second), (second, len(whole)))):
            pieces[place] += whole[max(start, low) : max(min(end, high), max(start, low))]

    at = 0
    for one in found:
        keep(at, one.start)
        place = 1 if one.start < second and one.end > first else 0 if one.end <= first else 2
        pieces[place] += name_of(one.kind)
        at = one.end
    keep(at, len(whole))
    return pieces[0], pieces[1], pieces[2]


def _in_json(line: str) -> Sequence[Identifier]:
    """The identifiers in a line of JSON, of which the escapes are read as what they stand for; places in the line."""
    if "\\" not in line:
        return identifiers_in(line)
    parts: list[str] = []
    places: list[int] = []
    at = 0
    for escape in _ESCAPE.finditer(line):
        plain = line[at : escape.start()]
        char = _meant(escape[0])
        parts += (plain, char)
        places += [*range(at, escape.start()), *([escape.start()] * len(char))]
        at = escape.end()
    parts.append(line[at:])
    places += [*range(at, len(line)), len(line)]
    found = identifiers_in("".join(parts))
    return [one._replace(start=places[one.start], end=places[one.end]) for one in found]


def _meant(escape: str) -> str:
    """What an escape of JSON stands for (RFC 8259, section 7); itself where it is none."""
    try:
        return str(json.loads(f'"{escape}"'))
    except ValueError:
        return escape


def _finding(finding: Finding) -> Finding:
    message = without_identifiers(finding.message)
    evidence = _value(finding.evidence)
    fix = finding.fix and _fix(finding.fix)
    pointer = without_identifiers(finding.place.pointer)
    place = finding.place
    if pointer is not place.pointer:
        place = msgspec.structs.replace(place, pointer=pointer)
    elif message is finding.message and evidence is finding.evidence and fix is finding.fix:
        return finding
    return msgspec.structs.replace(finding, message=message, evidence=evidence, fix=fix, place=place)


def _fix(fix: Fix) -> Fix:
    title = without_identifiers(fix.title)
    if any(map(_tells, fix.edits)):
        return Fix(fix.applicability, f"{title} (edits not shown: they hold private text)")
    return fix if title is fix.title else msgspec.structs.replace(fix, title=title)


def _tells(edit: object) -> bool:
    """Whether an edit writes something that identifies somebody."""
    if isinstance(edit, PointerEdit):
        return _value(edit.value) is not edit.value
    return isinstance(edit, ByteEdit) and bool(identifiers_in(edit.replacement.decode("utf-8", "replace")))


def _measure(measure: Measure) -> Measure:
    value, table = _value(measure.value), _value(measure.table)
    if value is measure.value and table is measure.table:
        return measure
    return msgspec.structs.replace(measure, value=value, table=table)


def _gate(gate: Gate) -> Gate:
    clauses = tuple(map(_clause, gate.clauses))
    notes = tuple(map(without_identifiers, gate.notes))
    return msgspec.structs.replace(gate, clauses=clauses, notes=notes)


def _clause(clause: Clause) -> Clause:
    sentence = without_identifiers(clause.sentence)
    return clause if sentence is clause.sentence else msgspec.structs.replace(clause, sentence=sentence)


def _key(key: Json) -> Json:
    return without_identifiers(key) if isinstance(key, str) else key


def _value(value: Json) -> Json:
    """A JSON value with every text in it as it may be shown; the same object where nothing changes."""
    if isinstance(value, str):
        return without_identifiers(value)
    if isinstance(value, dict):
        items = {_key(key): _value(inner) for key, inner in value.items()}
        if len(items) < len(value):  # names that differ in what was taken out
            items = {f"{_key(key)} ({at})": _value(inner) for at, (key, inner) in enumerate(value.items(), start=1)}
        same = all(old is new for old, new in zip((*value, *value.values()), (*items, *items.values()), strict=True))
        return value if same else items
    if isinstance(value, list | tuple):
        inner = [_value(one) for one in value]
        return inner if any(new is not old for new, old in zip(inner, value, strict=True)) else value
    return value
