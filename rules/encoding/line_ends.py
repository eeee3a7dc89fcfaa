"""ENC008: blank lines and line ends other than one line feed. Line separators inside text are ENC010's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, DropRow, Fix, Line, Severity, Transcode
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import hit_of

_REMOVE = Fix(Applicability.SAFE, "remove the blank line", (DropRow(),))
_TO_LF = Fix(Applicability.SAFE, "end every line with one line feed", (Transcode("lf"),))
_FILE_KINDS = frozenset({"crlf", "mixed-newlines", "no-final-newline", "cr-only"})


class LineEnds(LineRule, frozen=True):
    r"""A line is blank, or lines end otherwise than with a line feed.

    Some readers fail on a blank line and others count it as a row, so that line numbers in error messages no longer
    agree. Carriage returns stay in the last token of a row where a reader splits on line feeds only, and a file
    with nothing but carriage returns is one line to it (an error here). Without a final line feed, appending a row
    joins two rows into one.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}\r
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: end every row with one line feed and nothing else.
    """

    code: ClassVar[str] = "ENC008"
    name: ClassVar[str] = "line-ends"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per blank line; one per file and kind of line end."""
        for problem in line.problems:
            if problem.kind == "blank-line":
                yield hit_of(self, problem, _REMOVE)
            elif problem.kind in _FILE_KINDS:
                yield hit_of(self, problem, _TO_LF, Severity.ERROR if problem.kind == "cr-only" else None)
