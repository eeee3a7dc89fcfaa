"""ENC010: characters inside text at which some readers split lines. The line ends of the file are ENC008's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from audit.model import Applicability, ByteEdit, Fix, Line, Severity
from audit.rule import Hit, LineRule, Run, Status
from audit.rules.encoding.problems import hit_of, spans_of

_ESCAPES = {b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029", b"\xc2\x85": b"\\u0085"}


class LineSeparator(LineRule, frozen=True):
    r"""A text holds a raw U+2028, U+2029 or U+0085, at which some readers split the line.

    JSON allows them, but Python's ``str.splitlines`` and some JavaScript and log tools take them for the end of a
    line: one row becomes two broken ones. Written as an escape, the text is the same and no reader can split there.

    Bad:
        {"messages": [{"role": "user", "content": "One\xe2\x80\xa8two"}, {"role": "assistant", "content": "Three."}]}
    Good:
        {"messages": [{"role": "user", "content": "One\\u2028two"}, {"role": "assistant", "content": "Three."}]}
    Do: write them as escapes, or replace them with a line feed where one was meant.
    """

    code: ClassVar[str] = "ENC010"
    name: ClassVar[str] = "line-separator"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per text."""
        for problem in line.problems:
            if problem.kind == "line-separator":
                edits = tuple(_escapes(line.raw, spans_of(problem)))
                yield hit_of(self, problem, Fix(Applicability.SAFE, "write it as an escape", edits) if edits else None)


def _escapes(raw: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[ByteEdit]:
    for start, end in spans:
        escape = _ESCAPES.get(raw[start:end])
        if escape:
            yield ByteEdit(start, end, escape)
