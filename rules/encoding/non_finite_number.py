"""ENC006: NaN and Infinity, which Python writes and JSON does not have. Numbers that are merely odd are not judged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import Applicability, Line, Severity
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import DROP, hit_of


class NonFiniteNumber(LineRule, frozen=True):
    r"""The row holds NaN, Infinity or -Infinity as a number.

    These are not JSON (RFC 8259, section 6). Python's json writes and reads them; strict readers reject the line, and
    pandas or Hugging Face datasets turn them into null without a word. They usually mean that a column was empty.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "metadata": {"score": NaN}}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "metadata": {}}
    Do: leave the key out where there is no value, and write with `allow_nan=False`.
    """  # noqa: E501

    code: ClassVar[str] = "ENC006"
    name: ClassVar[str] = "non-finite-number"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per number."""
        for problem in line.problems:
            if problem.kind == "non-finite":
                yield hit_of(self, problem, DROP)
