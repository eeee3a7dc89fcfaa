"""TXT702: words in which letters of another script stand in for Latin ones, or Latin ones for others (homoglyphs)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import ClassVar, Final, NamedTuple
from unicodedata import name, normalize

from audit.model import Applicability, Fix, Message, Severity
from audit.read.patterns import pattern
from audit.rule import Run, Span, TextRule
from audit.rules.text.excerpts import judged_in_part
from audit.rules.text.look_alikes import LATIN, OTHER, OTHERS, STAND_IN, in_latin, judged, looks_latin
from audit.rules.text.rewriting import replaced_by

_CYRILLIC_ALIKE: Final = "АВЕЅІЈКМНОРСТУХасеорухѕіјһԁԛԝӏ"
_GREEK_ALIKE: Final = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανικρτυχγ"
_ALIKE: Final = _CYRILLIC_ALIKE + _GREEK_ALIKE
_STYLED: Final = "\U0001d400-\U0001d6a5"
_WORD: Final = f"{LATIN}{OTHER}{STAND_IN}"
_MIXED: Final = pattern(
    f"(?<![{_WORD}0-9@#%\\\\])(?:[{LATIN}]++[{OTHER}{STAND_IN}]|[{OTHER}{STAND_IN}]++[{LATIN}])[{_WORD}]*+"
)
"""A word of several scripts. None begins after a digit or a sign that makes the next letter a part of a handle, a
format (``%sИмя``), an escape or a unit."""
_WHOLE: Final = pattern(rf"(?<![\w@#])[{_ALIKE}]+(?!\w)")
_ONE_LETTER_WORDS: Final = "\u0430\u0410\u043e\u0443\u0435\u0456\u0406"
_ONE_LETTER: Final = pattern(f"(?<=[a-z] )[{_ONE_LETTER_WORDS}](?= [a-z])")
_MOST_PARAGRAPHS: Final = 200
_STYLE: Final = pattern(f"[{_STYLED}]{{3,}}")
_ONE_SCRIPT: Final = pattern(
    f"(?P<Latin>[{LATIN}]+)|" + "|".join(f"(?P<{script}>[{r}]+)" for script, r in OTHERS.items())
)
_PLAIN_WORD: Final = pattern("[a-z]{2,}")
_EAST_ASIAN: Final = pattern("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ABOUT_SCRIPTS: Final = pattern(
    r"(?i)cyrillic|russian|ukrainian|bulgarian|serbian|macedonian|belarus|kazakh|mongolian|greek|homoglyph|confusable"
    r"|look-?alike|russisch|kyrillisch|russe|cyrillique|\bruso\b|griech|\bgrec"
)
_COMMON_WORDS: Final = """
    access ace ache apex case cases cash chase chose copy cope cow day days do each easy eyes has he his hope hopes
    how ice is joy juice lay law low of oh oil ok old or pace pay peace piece place please pope pose poses say says
    scope sea seas see she shop shops shape so soap space spice such soy was way ways who whose why yes you as all
    also is i a also else less loss class pass possible he she school
    """
_COMMON: Final = frozenset(_COMMON_WORDS.split())
"""Frequent English words of which every letter has a Cyrillic look-alike. Own work."""
_CANDIDATE: Final = pattern(
    f"[{LATIN}][{OTHER}{STAND_IN}]|[{OTHER}{STAND_IN}][{LATIN}]|(?<!\\w)[{_ALIKE}]{{2,}}(?!\\w)"
)


class _Word(NamedTuple):
    start: int
    end: int
    home: str
    meant: str | None


class MixedScript(TextRule, frozen=True):
    r"""Letters of another script stand in for those that they look like: "p\u0430ss" with a Cyrillic "\u0430".

    A reader sees the word, the model sees another: its tokens are rare, filters and duplicate checks miss it, and it
    can be the trigger of a backdoor. Judged word by word, hyphenated parts apart. Endings on foreign abbreviations
    ("PDF\u043a\u0430", "IT-\u0448\u043d\u0438\u043a") and signs of science ("\u03bcm", "TNF\u03b1", "2\u03c0r") are
    left alone, and so are handles. A word that is wholly Cyrillic is reported where the text is Latin otherwise and
    the word is an English one. Text in mathematical letters ("\ud835\uddef\ud835\uddfc\ud835\uddf9\ud835\uddf1") is
    style: info. Each line with such words is a finding, up to 200. Of a text over 100,000 characters only parts are
    judged.

    Bad:
        {"messages": [{"role": "user", "content": "What did the team d\u0435\u0441id\u0435?"}, {"role": "assistant", "content": "To im\u0440\u043ert four new s\u0440\u0435cies."}]}
    Good:
        {"messages": [{"role": "user", "content": "\u041a\u0430\u043a \u043e\u0442\u043a\u0440\u044b\u0442\u044c PDF\u043a\u0443 \u0432 Word?"}, {"role": "assistant", "content": "\u0421\u043f\u0440\u043e\u0441\u0438\u0442\u0435 IT-\u0448\u043d\u0438\u043a\u0430. TNF\u03b1 \u2014 \u044d\u0442\u043e \u0431\u0435\u043b\u043e\u043a, 5 \u03bcm \u2014 \u0440\u0430\u0437\u043c\u0435\u0440."}]}
    Do: write the words in one script; `--unsafe-fixes` puts in the letters that they look like.
    """  # noqa: E501

    code: ClassVar[str] = "TXT702"
    name: ClassVar[str] = "mixed-script-word"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def triggers(self, run: Run) -> Sequence[str]:
        """A Latin letter beside one of another script, look-alikes as a word beside a Latin one or on a line of their
        own, mathematical letters in a row."""
        return (
            f"[{LATIN}][{OTHER}{STAND_IN}]|[{OTHER}{STAND_IN}][{LATIN}]",
            rf"[A-Za-z][,.;:]? [\x{{22}}'(]?[{_ALIKE}][{_ALIKE}]+(?:[ .,;:!?)'\x{{22}}\n]|$)",
            rf"(?:^|[ \n\x{{22}}'(])[{_ALIKE}][{_ALIKE}]+[,.;:]? [A-Za-z]",
            rf"(?:^|\n)[{_ALIKE}][{_ALIKE}]+[.,;:!?]?(?:\n|$)",
            f"[a-z] [{_ONE_LETTER_WORDS}] [a-z]",
            f"[{_STYLED}][{_STYLED}][{_STYLED}]",
        )

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per paragraph for its mixed words, from the first (the first one mends the whole text), and one per
        text for words in mathematical letters."""
        yield from judged_in_part(text, _CANDIDATE, _look_alikes)
        yield from judged_in_part(text, _STYLE, _styled)


def _look_alikes(text: str) -> Iterator[Span]:
    mixed = list(_MIXED.finditer(text))
    words = list(_mixed_words(text, mixed)) if mixed else []
    words += _whole_words(text, corrupted=any(word.home == "Latin" for word in words))
    mend: Callable[[str], Fix] | None = None
    if words and all(word.meant for word in words):
        mend = replaced_by(_rewritten(text, sorted(words)), "write the words in one script")
    for number, paragraph in enumerate(islice(_paragraphs(text, sorted(words)), _MOST_PARAGRAPHS)):
        yield _span(text, paragraph, mend, f"mixed{number or ''}")
        mend = None


def _paragraphs(text: str, words: Sequence[_Word]) -> Iterator[list[_Word]]:
    """The words of each line, in order."""
    line: list[_Word] = []
    for word in words:
        if line and "\n" in text[line[-1].end : word.start]:
            yield line
            line = []
        line.append(word)
    if line:
        yield line


def _mixed_words(text: str, mixed: Sequence[re.Match[str]]) -> Iterator[_Word]:
    majority = _majority(text)
    east_asian = _EAST_ASIAN.search(text) is not None
    for match in mixed:
        if east_asian and "\uff41" <= max(match[0]) <= "\uff5a":
            continue
        found = judged(match[0], majority)
        if found is not None:
            yield _Word(match.start(), match.end(), *found)


def _majority(text: str) -> str:
    """The script of most letters, words of several scripts left out; Latin where there is none."""
    counts: Counter[str] = Counter()
    for run in _ONE_SCRIPT.finditer(_MIXED.sub(" ", text)):
        counts[run.lastgroup or ""] += len(run[0])
    return max(sorted(counts), key=lambda script: counts[script]) if counts else "Latin"


def _whole_words(text: str, *, corrupted: bool) -> list[_Word]:
    """Words that are wholly look-alikes in a text that is Latin otherwise. In a text with mixed words any is one;
    else it must be a word of the same text or a frequent one, and the text must not speak of scripts."""
    matches = list(_WHOLE.finditer(text))
    if not matches or not _is_latin_otherwise(text):
        return []
    if not corrupted:
        matches = [match for match in matches if len(match[0]) > 1 or _ONE_LETTER.match(text, match.start())]
        if not matches or _ABOUT_SCRIPTS.search(text):
            return []
    known = {"a", "i", "o", "y", "e"} | _COMMON | set(_PLAIN_WORD.findall(text.lower()))
    words = [
        _Word(match.start(), match.end(), "Latin", in_latin(match[0])) for match in matches if looks_latin(match[0])
    ]
    return [word for word in words if corrupted or (word.meant or "").lower() in known]


def _is_latin_otherwise(text: str) -> bool:
    """Whether no word of another script is left beside mixed words and look-alikes."""
    rest = _WHOLE.sub(" ", _MIXED.sub(" ", text))
    return _PLAIN_WORD.search(rest) is not None and not any(
        run.lastgroup != "Latin" for run in _ONE_SCRIPT.finditer(rest)
    )


def _span(text: str, words: Sequence[_Word], mend: Callable[[str], Fix] | None, key: str) -> Span:
    first = words[0]
    letters = sorted({letter for word in words for letter in _foreign(text[word.start : word.end], word)})
    homes = sorted({word.home for word in words})
    shown = _foreign(text[first.start : first.end], first)[0]
    subject = "1 word holds letters" if len(words) == 1 else f"{len(words)} words hold letters"
    return Span(
        start=first.start,
        end=first.end,
        message=f"{subject} that look like {' or '.join(homes)} ones, such as U+{ord(shown):04X} ({name(shown, '?')})",
        evidence={"count": len(words), "letters": [f"U+{ord(letter):04X}" for letter in letters[:20]]},
        fix=mend,
        key=key,
    )


def _foreign(written: str, word: _Word) -> list[str]:
    """The letters of a word that are not of the script that it should be in."""
    if word.meant is not None:
        return [letter for letter, meant in zip(written, word.meant, strict=True) if letter != meant]
    return [letter for letter in written if not letter.isascii()]


def _rewritten(text: str, words: Sequence[_Word]) -> str:
    parts: list[str] = []
    position = 0
    for word in words:
        parts += (text[position : word.start], word.meant or "")
        position = word.end
    return "".join((*parts, text[position:]))


def _styled(text: str) -> Iterator[Span]:
    first = _STYLE.search(text)
    if first is None:
        return
    count = sum(1 for _ in _STYLE.finditer(text))
    yield Span(
        start=first.start(),
        end=first.end(),
        message=f"{count} word{'s' if count > 1 else ''} in mathematical letters, which are no words to a tokenizer",
        severity=Severity.INFO,
        evidence={"count": count},
        fix=replaced_by(_STYLE.sub(lambda word: normalize("NFKC", word[0]), text), "write them in plain letters"),
        key="styled",
    )
