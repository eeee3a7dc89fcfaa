"""ENC003: lines that cannot be read as JSON at all. What stands in a line that can is judged elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, Line, Severity
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import DROP, hit_of

_KINDS = frozenset({"not-json", "truncated", "truncated-file", "too-deep", "number-too-long", "csv-row"})


class NotJson(LineRule, frozen=True):
    r"""The line is not JSON, or is cut off, or cannot be read safely.

    Providers reject the whole file for one such line; many local readers skip it without a word, so that fewer rows
    are trained on than the file seems to hold. Covered: syntax errors, two values on one line, a value or a compressed
    file that ends too early, nesting or numbers too large for common parsers, and CSV rows with a wrong number of
    columns.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hel
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: write each row with a JSON library, one object per line; restore a cut row from its source, or drop it.
    """

    code: ClassVar[str] = "ENC003"
    name: ClassVar[str] = "not-json"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per problem; a file that ends too early is a finding on the file and has no fix."""
        for problem in line.problems:
            if problem.kind in _KINDS:
                yield hit_of(self, problem, None if problem.file else DROP)
