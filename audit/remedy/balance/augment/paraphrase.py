"""The last turn of the user said in other words, by whatever can do that, and what its words are held against.

Asks nobody itself: a ``Paraphraser`` is handed in. Only the turn's text is given to it, no answer, label or metadata.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from audit.counterfactual.words import words_of
from audit.language import identify
from audit.lexicons import Lexicon
from audit.model import Record
from audit.read.folding import fold
from audit.remedy.balance.augment.pieces import USER, Piece, edits_of, pieces_of
from audit.remedy.balance.augment.protected import (
    LINKS,
    NUMBERS,
    PLACEHOLDERS,
    QUOTES,
    code_spans,
    identity_terms,
)
from audit.remedy.balance.augment.result import Changes, Reason, Refused

SHORTEST: Final = 0.5
LONGEST: Final = 2.0
"""Length of a paraphrase as a multiple of that of its source, in characters."""
_DECLINED: Final = re.compile(
    r"^\W*(?:sure\b|certainly\b|of course\b|here(?:'s| is| are)\b|okay\b|paraphras\w*:|rewritten\b|rephrased\b)"
    r"|\b(?:I(?:['’]m| am) (?:sorry|unable|not able)|as an AI\b"
    r"|I (?:cannot|can['’]?t|won['’]?t) (?:assist|help|comply|fulfil|provide|paraphrase|rewrite|create|do that))",
    re.IGNORECASE,
)


class Paraphraser(Protocol):
    """Says texts in other words."""

    def paraphrase(self, texts: Sequence[str]) -> list[str | None]:
        """One paraphrase for every text, in order; None where there is none."""


def turn_to_say(record: Record) -> Piece:
    """The last turn of the user. Refuses (``no_user_text``) a row without one, or with one in several pieces."""
    last = next((message for message in reversed(record.messages) if message.role == USER), None)
    pieces = [] if last is None else [piece for piece in pieces_of(record, (last,)) if piece.text.strip()]
    if len(pieces) != 1:
        raise Refused("no_user_text")
    return pieces[0]


def said_otherwise(piece: Piece, text: str | None, lexicons: Sequence[Lexicon]) -> Changes:
    """The change that a paraphrase makes. Raises Refused where there is none, or its words are not those asked for."""
    if text is None:
        raise Refused("failed")
    text = text.strip()
    reason = problem_of(piece.text, text, lexicons)
    if reason is not None:
        raise Refused(reason)
    lead = len(piece.text) - len(piece.text.lstrip())
    whole = piece.text[:lead] + text + piece.text[len(piece.text.rstrip()) :]
    return Changes(edits_of([piece], [whole]), piece.text, whole)


def problem_of(before: str, after: str, lexicons: Sequence[Lexicon]) -> Reason | None:
    """What is wrong with a paraphrase, None for nothing that these checks see. They see no meaning."""
    if not after.strip():
        return "empty"
    if fold(after) == fold(before):
        return "unchanged"
    if _DECLINED.search(after) and not _DECLINED.search(before):
        return "declined"
    if not SHORTEST <= len(after) / len(before.strip()) <= LONGEST:
        return "length"
    if _other_language(before, after):
        return "language"
    for reason, kept in _KEPT:
        ours, theirs = kept(before), kept(after)
        if ours - theirs or (reason != "quotes" and theirs - ours):
            return reason
    if _names(before) - Counter(word.base for word in words_of(after)):
        return "names"
    return "identity" if identity_terms(before, lexicons) != identity_terms(after, lexicons) else None


def _found(pattern: re.Pattern[str]) -> Callable[[str], Counter[str]]:
    return lambda text: Counter(found.rstrip(".,;:!?") for found in pattern.findall(text))


def _code(text: str) -> Counter[str]:
    return Counter(text[start:end].strip() for start, end in code_spans(text))


_KEPT: Final[Sequence[tuple[Reason, Callable[[str], Counter[str]]]]] = (
    ("code_changed", _code),
    ("links", _found(LINKS)),
    ("placeholders", _found(PLACEHOLDERS)),
    ("quotes", _found(QUOTES)),
    ("numbers", _found(NUMBERS)),
)


def _names(text: str) -> Counter[str]:
    """Words with a capital inside a sentence."""
    return Counter(
        {
            word.base: 1
            for word in words_of(text)
            if word.is_word and word.is_capital and not word.first and word.base != "i"
        }
    )


def _other_language(before: str, after: str) -> bool:
    ours, theirs = identify(before), identify(after)
    return ours.script != theirs.script or (ours.sure and theirs.sure and ours.language != theirs.language)
