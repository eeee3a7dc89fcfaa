"""TXT703: characters that nobody sees: zero-width ones, marks of direction, tags. Control characters are ENC007's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from audit.model import Applicability, Message, Severity
from audit.read.patterns import pattern
from audit.rule import Run, Span, TextRule
from audit.rules.text.excerpts import judged_in_part
from audit.rules.text.invisible_characters import ANY, TRIGGERS, Invisible, hidden_text, invisible_in
from audit.rules.text.rewriting import replaced_by

_RTL_LETTER: Final = pattern("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_OVERRIDES: Final = pattern("\u202e")
_MOST_CODE_POINTS: Final = 20


class InvisibleCharacters(TextRule, frozen=True):
    r"""The text holds characters that nobody sees: zero-width spaces, marks of direction, tag characters.

    A reader and the model see different texts. Zero-width characters split words into rare tokens and hide duplicates;
    a direction override shows a text in another order than it is stored in (CVE-2021-42574, "Trojan Source"); tag
    characters and variation selectors can spell a whole hidden instruction. Overrides in a text without letters that
    run from right to left, and tags that spell something, are errors. Left alone: joiners in Persian, Arabic, Indic
    and emoji, balanced marks in texts with Arabic or Hebrew, zero-width spaces in Thai, Khmer, Lao, Burmese and
    Javanese, soft hyphens in long words, U+00AD that TXT701 needs to undo a misreading, and the U+200B that a trainer
    puts into a control token to disarm it. Of a text over 100,000 characters only parts are judged.

    Bad:
        {"messages": [{"role": "user", "content": "Where is the seed bucket?"}, {"role": "assistant", "content": "In the buck\u200bet\u200b\u200d house."}]}
        {"messages": [{"role": "user", "content": "Which file is it?"}, {"role": "assistant", "content": "Please open \u202etxt.exe\u202c now."}]}
        {"messages": [{"role": "user", "content": "Sum it up.\udb40\udc53\udb40\udc61\udb40\udc79\udb40\udc20\udb40\udc6e\udb40\udc6f"}, {"role": "assistant", "content": "It is about seeds."}]}
    Good:
        {"messages": [{"role": "user", "content": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \ud83d\udc69\u200d\ud83d\udc67 \u2764\ufe0f"}, {"role": "assistant", "content": "\u0915\u094d\u200d\u0937, \ud83c\udff4\udb40\udc67\udb40\udc62\udb40\udc73\udb40\udc63\udb40\udc74\udb40\udc7f, <|im\u200b_start|>"}]}
    Do: take them out (`audit fix` does it for zero-width characters); read what was hidden before the row is kept.
    """  # noqa: E501

    code: ClassVar[str] = "TXT703"
    name: ClassVar[str] = "invisible-character"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def triggers(self, run: Run) -> Sequence[str]:
        """Every such character, but where the one before it says that it is orthography or an emoji."""
        return TRIGGERS

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """At most one span per text for tags, one for marks of direction, and one for all others."""
        yield from judged_in_part(text, ANY, _spans)


def _spans(text: str) -> Iterator[Span]:
    found: dict[str, list[Invisible]] = {}
    for one in invisible_in(text):
        kind = "tags" if one.kind == "selectors" and hidden_text(text[one.start : one.end]) else one.kind
        found.setdefault(kind if kind in ("tags", "direction") else "invisible", []).append(one)
    if "tags" in found:
        yield _tags(text, found["tags"])
    if "direction" in found:
        yield _direction(text, found["direction"])
    if "invisible" in found:
        yield _others(text, found["invisible"])


def _tags(text: str, found: Sequence[Invisible]) -> Span:
    hidden = sum(len(hidden_text(text[one.start : one.end])) for one in found)
    what = "variation selectors" if all(one.kind == "selectors" for one in found) else "tag characters"
    said = f"{hidden} character{'s' if hidden > 1 else ''}"
    return Span(
        start=found[0].start,
        end=found[0].end,
        message=f"{what} hide {said} in the text; nobody sees them, the model reads them"
        if hidden
        else "tag characters in the text, which nobody sees",
        severity=Severity.ERROR if hidden else Severity.WARNING,
        evidence={"count": sum(one.end - one.start for one in found), "hidden_characters": hidden},
        fix=replaced_by(_without(text, found), f"take the {what} out"),
        key="tags",
    )


def _direction(text: str, found: Sequence[Invisible]) -> Span:
    overrides = len(_OVERRIDES.findall(text))
    reordered = overrides > 0 and _RTL_LETTER.search(text) is None
    if reordered:
        said = (
            f"{overrides} right-to-left override{'s' if overrides > 1 else ''} (U+202E) in a text without such letters"
        )
    else:
        said = f"{_counted(text, found)} out of place: marks of text direction, not balanced or with nothing to direct"
    return Span(
        start=found[0].start,
        end=found[0].end,
        message=f"{said}; what is shown is not what is stored" if reordered else said,
        severity=Severity.ERROR if reordered else Severity.WARNING,
        evidence={"count": len(found), "code_points": _code_points(text, found)},
        fix=replaced_by(_without(text, found), "take the marks of direction out"),
        key="direction",
    )


def _others(text: str, found: Sequence[Invisible]) -> Span:
    safe = all(one.kind in ("dropped", "joiner") for one in found)
    return Span(
        start=found[0].start,
        end=found[0].end,
        message=f"{_counted(text, found)} in the text, which nobody sees",
        evidence={"count": sum(one.end - one.start for one in found), "code_points": _code_points(text, found)},
        fix=replaced_by(
            _without(text, found),
            "take the invisible characters out",
            Applicability.SAFE if safe else Applicability.UNSAFE,
        ),
        key="invisible",
    )


def _counted(text: str, found: Sequence[Invisible]) -> str:
    count = sum(one.end - one.start for one in found)
    shown = ", ".join(_code_points(text, found)[:3])
    return f"{count} invisible character{'s' if count > 1 else ''} ({shown})"


def _code_points(text: str, found: Sequence[Invisible]) -> list[str]:
    """The different ones, sorted, as U+200B; at most 20."""
    different = {character for one in found for character in text[one.start : one.end]}
    return [f"U+{ord(character):04X}" for character in sorted(different)[:_MOST_CODE_POINTS]]


def _without(text: str, found: Sequence[Invisible]) -> str:
    parts: list[str] = []
    position = 0
    for one in found:
        parts.append(text[position : one.start])
        position = one.end
    return "".join((*parts, text[position:]))
