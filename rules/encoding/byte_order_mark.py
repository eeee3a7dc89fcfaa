"""ENC001: byte order marks and UTF-16 or UTF-32 files. Bytes that are broken UTF-8 are ENC002's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, ByteEdit, Fix, Line, Severity, Transcode
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import hit_of

_TO_UTF8 = Fix(Applicability.SAFE, "rewrite the file as UTF-8 without a byte order mark", (Transcode("utf-8"),))
_KINDS = ("bom", "utf-16", "utf-32")


class ByteOrderMark(LineRule, frozen=True):
    r"""The file starts with a byte order mark, or is UTF-16 or UTF-32, or a mark stands in the middle of it.

    JSON Lines is UTF-8 without a mark. A reader that expects that fails on the first line ("Line 1 is not a
    dictionary"), and a mark left between two joined files breaks the line in the middle. Target azure is the
    exception: its documentation has long asked for a mark, so one at the start is accepted there.

    Bad:
        \xef\xbb\xbf{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: save the file as UTF-8 without a byte order mark.
    """

    code: ClassVar[str] = "ENC001"
    name: ClassVar[str] = "byte-order-mark"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per file for a mark at its start or a wide encoding, one per line for a mark further down."""
        for problem in line.problems:
            if problem.kind not in _KINDS:
                continue
            if problem.file:
                if problem.kind == "bom" and run.target.name == "azure":
                    continue
                yield hit_of(self, problem, _TO_UTF8)
            else:
                removal = ByteEdit(problem.start, problem.end)
                yield hit_of(self, problem, Fix(Applicability.SAFE, "remove the byte order mark", (removal,)))
