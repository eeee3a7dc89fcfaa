"""ENC005: keys that stand twice in one object. Which of the two was meant cannot be known, so nothing is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, Line, Severity
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import DROP, hit_of


class DuplicateKey(LineRule, frozen=True):
    r"""An object of the row holds the same key twice.

    JSON leaves open which of the two counts (RFC 8259, section 4): most parsers keep the last, some the first, some
    fail. What is trained on then depends on the reader, and part of the row is lost without a word.

    Bad:
        {"messages": [{"role": "user", "content": "Hi", "content": "Hey"}, {"role": "assistant", "content": "Hello."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: keep the one that was meant and remove the other; the fix can only drop the row.
    """

    code: ClassVar[str] = "ENC005"
    name: ClassVar[str] = "duplicate-key"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per repeated key."""
        for problem in line.problems:
            if problem.kind == "duplicate-key":
                yield hit_of(self, problem, DROP)
