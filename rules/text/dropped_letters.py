"""TXT706: words that lost letters, as after a bad scan or a bad conversion. Letters of other scripts are TXT702's.

Knows the common words of languages in Latin script only, and judges paragraphs: one misspelt word says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, NamedTuple

from audit.model import Message, Severity
from audit.read.patterns import pattern
from audit.rule import Run, Span, Status, TextRule
from audit.rules.text.restoration import Restored, restored
from audit.tokens.vocabulary import vocabulary

_SMALL: Final = "a-zß-öø-ÿ"
_ROUGH: Final = pattern(f"[{_SMALL}]{{4,20}}")
_WORD: Final = pattern(rf"(?<![\w'’`@#/\\.&+_-])(?=[01]*[{_SMALL}])[{_SMALL}01]{{4,20}}(?![\w'’`@/\\(=_+-]|[.:]\w)")
"""A word in small letters that stands alone: no part of a name, a path, an address or a line of code."""
_BLOCK: Final = 300
"""Characters from which lines are a paragraph of their own; shorter ones are judged with those that follow."""
_LONGEST_BLOCK: Final = 2_000
_MOST_BLOCKS: Final = 200
_MOST_READ: Final = _LONGEST_BLOCK * _MOST_BLOCKS

_CYRILLIC_LATIN: Final = pattern("[a-z][\u0430-\u045f\u0501\u051b\u051d]|[\u0430-\u045f\u0501\u051b\u051d][a-z]")
_LATIN: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u0501\u051b\u051d\u043a\u0442\u043c",
    "aeopcyxisjdqwktm",
)
"""Cyrillic letters that look like Latin ones: read as these, so that a word with both damages is counted once."""

# Chosen on the public sets of docs/accuracy.md and on the same texts with letters dropped at random: of 10,000
# different words of clean prose 5 lie one letter from a common one; with 2 % of the letters gone 600 do.
_LEAST_SHARE: Final = 0.025
"""Of the different words of four letters and more."""
_LEAST_OF_UNKNOWN: Final = 0.2
"""Of the words that are not common: in a dialect, slang or a language that is little known here, hardly any of them lie
one letter from a common word."""
_LEAST_KNOWN: Final = 0.5
"""Of the words, how many must be common ones, or the language is not known here."""
_LEAST_KNOWN_IF_MANY: Final = 0.25
"""The same where there are ``_MANY`` damaged words, and half of those that are not common are."""
_MANY: Final = 4
_FEWEST: Final = 2
_ALL_VOWELS: Final = 8
"""Damaged words from which they may all lack a vowel, as words of short messages and names in code do."""
_PAGE: Final = 5
"""Damaged words in a text from which it is known to be damaged: one word is then enough in a paragraph."""
_MIXED: Final = 2
"""Places where Latin and Cyrillic letters meet within a word, from which the same holds."""
_SHOWN: Final = 5


class _Damage(NamedTuple):
    """The damaged words of a stretch of text: where it begins and ends, its different words, how many are common, and
    the damaged ones with what they were."""

    start: int
    end: int
    words: int
    known: int
    damaged: dict[str, Restored]

    @property
    def share(self) -> float:
        return len(self.damaged) / self.words if self.words else 0.0

    @property
    def telling(self) -> int:
        """Damaged words that hardly are so by chance."""
        return sum(one.telling for one in self.damaged.values())

    @property
    def is_read(self) -> bool:
        """Whether enough of the words are known for this to be a language that is known here."""
        count = len(self.damaged)
        many = count >= _MANY and count >= (self.words - self.known) / 2
        return self.known >= (_LEAST_KNOWN_IF_MANY if many else _LEAST_KNOWN) * self.words

    @property
    def plausible(self) -> bool:
        """Whether these are common words that were damaged rather than words of another kind."""
        if len(self.damaged) < _ALL_VOWELS and all(one.lacks_a_vowel for one in self.damaged.values()):
            return False
        return self.is_read and len(self.damaged) >= _LEAST_OF_UNKNOWN * (self.words - self.known)

    @property
    def certain(self) -> bool:
        """Whether the stretch by itself shows that letters were lost."""
        enough = self.telling >= _FEWEST or (self.telling and len(self.damaged) > _FEWEST)
        return bool(enough) and self.share >= _LEAST_SHARE and self.plausible


class DroppedLetters(TextRule, frozen=True):
    """Words of a paragraph have lost letters, or have the look of a bad scan: "knwledge", "know1edge", "rnodern".

    Text that was recognised from images, or taken out of a PDF with a broken font, loses letters here and there, and a
    model learns to write like that. A word counts where one letter more, or one confusion of shapes less (rn for m, 1
    for l, 0 for o, cl for d, vv for w), makes a common word of it. A paragraph is reported where there are two such
    words, one in forty of its different words of four letters and more, and not many unknown words beside them: a
    misspelling, a dialect, slang or another language does not look like that. One is enough where the rest of the text
    shows the damage. Languages in Latin script only. Endings ("lovin"), doubled letters and British or American spelling
    count for nothing.

    Bad:
        {"messages": [{"role": "user", "content": "What makes a good coach?"}, {"role": "assistant", "content": "The ones who ponted out strngths and weaknesses, tld us what we neded to imrove and then workd ndividually with every plaer."}]}
    Good:
        {"messages": [{"role": "user", "content": "What makes a good coach?"}, {"role": "assistant", "content": "The ones who pointed out strengths and weaknesses, told us what we needed to improve and then workd individually with every player."}]}
    Do: take the text from a better source or run the recognition again; else leave the row out.
    """  # noqa: E501

    code: ClassVar[str] = "TXT706"
    name: ClassVar[str] = "dropped-letters"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"

    def applies_to(self, run: Run) -> str | None:
        """Needs the vocabulary of o200k, which comes with ``bpe-openai``."""
        missing = "the vocabulary of o200k_base is not on this machine" if vocabulary() is None else None
        return super().applies_to(run) or missing

    def suspect(self, text: str) -> bool:
        """Whether at least two different words are not common ones."""
        words = vocabulary()
        return words is not None and len(set(_ROUGH.findall(text[:_MOST_READ])) - words.known) >= _FEWEST

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per damaged paragraph, at its first damaged word."""
        text = text[:_MOST_READ]
        mixed = len(_CYRILLIC_LATIN.findall(text)) >= _MIXED
        text = text.translate(_LATIN) if mixed else text
        blocks = [_damage(text, start, end) for start, end in _blocks(text)]
        page = _together(blocks)
        if mixed or (len(page.damaged) >= _PAGE and page.certain):
            blocks = [_damage(text, start, end, loosely=True) for start, end in _blocks(text)]
            yield from (_span(text, block) for block in blocks if block.damaged and block.is_read)
        else:
            yield from (_span(text, block) for block in blocks if block.certain)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Where the paragraphs of a text begin and end; short lines are taken together, long ones cut at a space."""
    start = 0
    while start < len(text):
        at = text.find("\n", min(start + _BLOCK, len(text)), start + _LONGEST_BLOCK)
        if at < 0:
            end = start + _LONGEST_BLOCK
            at = len(text) if end >= len(text) else text.rfind(" ", start + _BLOCK, end)
            at = end if at < 0 else at
        yield start, at
        start = at + 1


def _damage(text: str, start: int, end: int, *, loosely: bool = False) -> _Damage:
    words = set(_WORD.findall(text, start, end))
    common = vocabulary()
    unknown = words - common.known if common is not None else words
    known = len(words) - len(unknown)
    damaged: dict[str, Restored] = {}
    # Where most words are unknown, looking them all up would be slow and say nothing.
    for word in sorted(unknown) if known >= _LEAST_KNOWN_IF_MANY * len(words) else ():
        # A word and its plural are one observation.
        if (was := restored(word, loosely=loosely)) is not None and not any(map(word.startswith, damaged)):
            damaged[word] = was
    return _Damage(start, end, len(words), known, damaged)


def _together(blocks: Sequence[_Damage]) -> _Damage:
    """All paragraphs as one. Words that stand in several count several times, but for the damaged ones."""
    damaged = {word: was for block in blocks for word, was in block.damaged.items()}
    return _Damage(0, 0, sum(block.words for block in blocks), sum(block.known for block in blocks), damaged)


def _span(text: str, block: _Damage) -> Span:
    first = next(found for found in _WORD.finditer(text, block.start, block.end) if found[0] in block.damaged)
    count = len(block.damaged)
    shown = sorted(block.damaged.items())[:_SHOWN]
    named = ", ".join(f'"{word}" for "{was.word}"' for word, was in shown)
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    return Span(
        start=first.start(),
        end=first.end(),
        message=f"{count} of {block.words} different words of the paragraph lost a letter or have a wrong one: "
        f"{named}{more}",
        evidence={"damaged": count, "words": block.words, "share": round(block.share, 4), "from": block.start},
    )
