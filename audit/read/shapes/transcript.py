"""Reads a dialogue written into one string with ``Human:`` and ``Assistant:`` marks, as the hh-rlhf data has it.

A text without these marks is not a transcript. Nothing else of the text is interpreted.
"""

from __future__ import annotations

import re

from audit.model import Message

_MARK = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ ]?")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def read_transcript(text: str, at: str, *, trained: bool | None = None) -> tuple[Message, ...]:
    """The turns of a transcript, in order; none where the text does not begin with a mark.

    Every turn is a part of the one string at ``at``, which is therefore the place of all of them.
    """
    marks = list(_MARK.finditer(text))
    if not marks or marks[0].start() != 0:
        return ()
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return tuple(
        Message(
            role=_ROLES[mark.group(1)],
            content=text[mark.end() : end],
            at=at,
            role_at=at,
            content_at=at,
            raw=text,
            trained=trained,
        )
        for mark, end in zip(marks, ends, strict=True)
    )
