"""ENC007: control characters and lone surrogates in text. Invisible but legal characters are not judged here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from audit.model import Applicability, ByteEdit, Fix, Line, Severity
from audit.rule import Hit, LineRule, Run
from audit.rules.encoding.problems import DROP, hit_of, removals

_ESCAPE: Final = re.compile(rb"(?:\x1b|\\u001[bB])\Z")
_REST: Final = re.compile(rb"\[[0-?]*[ -/]*[@-~]")
"""What follows the escape character in a terminal's control sequence, such as ``[0m``: ECMA-48, section 5.4."""


class ControlCharacter(LineRule, frozen=True):
    r"""A text holds a control character or half of a surrogate pair.

    A lone surrogate cannot be written as UTF-8: tokenizers and databases fail on it, long after the file was checked.
    NUL, escape sequences and other controls come from terminals, PDF text and broken escaping (``\b`` of ``\beta``),
    and the model learns to write them. Tab, line feed and carriage return are text.

    Bad:
        {"messages": [{"role": "user", "content": "Hi \\ud83d"}, {"role": "assistant", "content": "\\u0000Hello."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi \\ud83d\\ude00"}, {"role": "assistant", "content": "Hello."}]}
    Do: look at where they come from and restore the text; the fix only removes them, and what a terminal's escape
        character commands (``[0m``) with it.
    """

    code: ClassVar[str] = "ENC007"
    name: ClassVar[str] = "control-character"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """One hit per text and kind of character."""
        for problem in line.problems:
            if problem.kind in ("lone-surrogate", "control-character"):
                edits = tuple(_with_command(edit, line.raw) for edit in removals(problem))
                title = "remove it" if problem.detail.get("count", 1) == 1 else "remove them"
                yield hit_of(self, problem, Fix(Applicability.UNSAFE, title, edits) if edits else DROP)


def _with_command(edit: ByteEdit, raw: bytes) -> ByteEdit:
    """The removal of an escape character with the rest of its sequence, which would be left as junk."""
    if _ESCAPE.search(raw[edit.start : edit.end]) is None:
        return edit
    rest = _REST.match(raw, edit.end)
    return edit if rest is None else ByteEdit(edit.start, rest.end())
