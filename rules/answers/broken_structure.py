"""ANS802: answers whose fences, JSON, XML or Python do not hold together. Plain prose is not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from audit.model import Message, Severity
from audit.rule import Run, Span, TextRule
from audit.rules.answers.fences import Block, blocks

_MOST_BLOCKS: Final = 20
"""Blocks of one answer that are parsed."""


_FENCE_SHOWN: Final = 10


class BrokenStructure(TextRule, frozen=True):
    """A code fence is not closed, or what should be JSON, XML or Python does not parse.

    The model learns to write code that does not run and fences that swallow what follows. Looked at are fences of three
    backticks that stay open, answers that begin as a JSON object or array or an XML declaration, and fenced blocks
    that call themselves ``json``, ``xml`` or ``python``. Blocks with ``...``, ``<placeholders>``, ``>>>``, ``%magic`` or
    ``!commands``, ``$VARIABLES`` or a tree of folders, comments in JSON, several JSON values in a row, JSON before prose
    and Python literals are whole, and so are blocks in quotations, signatures without a body and XML of which only tags
    that do not match or are left open count; a block in Python 2 is said to be one (info). At most the first 20 blocks of at most 100,000 characters are parsed.

    Bad:
        {"messages": [{"role": "user", "content": "Give me the city as JSON."}, {"role": "assistant", "content": "{\\"city\\": \\"Oslo\\", \\"country\\": \\"Norway\\""}]}
        {"messages": [{"role": "user", "content": "How do I greet someone in Python?"}, {"role": "assistant", "content": "Like this:\\n```python\\nprint('hello'\\n```"}]}
    Good:
        {"messages": [{"role": "user", "content": "Give me the city as JSON."}, {"role": "assistant", "content": "{\\"city\\": \\"Oslo\\", \\"country\\": \\"Norway\\"}"}]}
        {"messages": [{"role": "user", "content": "How do I greet someone in Python?"}, {"role": "assistant", "content": "Like this:\\n```python\\nprint('hello')\\n```"}]}
    Do: close what is open and mend what does not parse, or take the whole answer from its source.
    """  # noqa: E501

    code: ClassVar[str] = "ANS802"
    name: ClassVar[str] = "broken-structure"
    severity: ClassVar[Severity] = Severity.WARNING
    roles: ClassVar[frozenset[str] | None] = frozenset({"assistant"})

    def triggers(self, run: Run) -> Sequence[str]:
        """A fence anywhere; a bracket or an XML declaration at the beginning."""
        return ("```", r"\A\s*(?:[{\[]|<\?xml)")

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span for an open fence, one for each block that does not parse, or one for the answer as a whole."""
        found, left_open = blocks(text)
        if left_open is not None and not _is_last_line(text, left_open):
            yield Span(
                start=left_open.start,
                end=min(len(text), left_open.start + len(left_open.fence) + len(left_open.language)),
                message=f"the fence {left_open.fence[:_FENCE_SHOWN]}{left_open.language[:20]} is not closed",
                evidence={"kind": "fence", "fences": text.count("```")},
                key="fence",
            )
        from audit.rules.answers.parsing import looks_like_json  # parsers, for the few answers with structure

        if looks_like_json(text) or text.lstrip()[:5] == "<?xml":
            whole = Block(0, 0, len(text), "", "json" if text.lstrip()[:1] != "<" else "xml", "")
            yield from _spans(text, whole, "the answer")
        for block in found[:_MOST_BLOCKS]:
            yield from _spans(text, block, f"the {block.language} block")


def _is_last_line(text: str, block: Block) -> bool:
    """Whether a bare fence ends the text: it may close a block that the prompt opened."""
    return not block.language and not text[block.content :].strip()


def _spans(text: str, block: Block, what: str) -> Iterable[Span]:
    from audit.rules.answers.parsing import problem_of

    problem = problem_of(block.language, text[block.content : block.end])
    if problem is not None:
        start = min(block.content + problem.at, max(block.end - 1, 0))
        yield Span(
            start=start,
            end=min(start + 1, len(text)),
            message=f"{what} {problem.what}",
            severity=problem.severity,
            evidence={"kind": problem.kind, "line": problem.line},
            key=f"{block.language}{block.start}",
        )
