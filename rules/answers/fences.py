"""Fenced blocks of code in Markdown, and the fence that is never closed. Parses nothing of what they hold.

As in CommonMark 0.31, section 4.5: a line of three or more backticks opens, one of at least as many and no word closes.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Block(NamedTuple):
    """A fenced block: where its fence begins, where its content begins and ends, its first word, its fence."""

    start: int
    content: int
    end: int
    fence: str
    language: str
    indent: str


LONGEST: Final = 200_000
"""Characters of a text that are looked at; of a longer one nobody can tell whether its fences are closed."""
_FENCE: Final = re.compile(r"^([ \t>]{0,40}(?:[-*+] |\d{1,3}[.)] )?[ \t]{0,9})(`{3,})([^`\n]*)$", re.MULTILINE)


def blocks(text: str) -> tuple[list[Block], Block | None]:
    """The closed blocks of a text, in order, and the one that is still open at its end.

    A block counts as open only where the backticks of the text do not pair up: ``code``` `` may close within a line.
    """
    if len(text) > LONGEST:
        return blocks(text[:LONGEST])[0], None
    found: list[Block] = []
    opened: Block | None = None
    for match in _FENCE.finditer(text):
        if ">" in match[1]:
            continue  # in a quotation, with which the block ends
        fence, word = match[2], match[3].strip()
        if opened is None:
            language = word.split(None, 1)[0].casefold().strip("{}.") if word else ""
            opened = Block(match.start(2), min(match.end() + 1, len(text)), len(text), fence, language, match[1])
        elif not word and len(fence) >= len(opened.fence):
            found.append(opened._replace(end=max(opened.content, match.start())))
            opened = None
        elif word and opened.language in ("", "markdown", "md", "text"):
            return [], _unpaired(text, opened)  # fences within fences: which closes which cannot be told
    return found, None if opened is None else _unpaired(text, opened)


def _unpaired(text: str, opened: Block) -> Block | None:
    return opened if len(re.findall(r"`{3,}", text)) % 2 else None
