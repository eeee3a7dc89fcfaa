"""How a text ends: whether it stops in mid-sentence, and by what sign one can tell. Judges the end alone.

Words are those that grammars call closed classes, which a sentence of their language cannot or hardly ends in. Own
work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from audit.language import identify_by_words
from audit.language.words import count_words, words_of
from audit.read.patterns import pattern


class Cut(NamedTuple):
    """Where a text is cut (code points), the kind of sign, and a phrase that says so after "stops"."""

    start: int
    end: int
    kind: str
    how: str


_STRONG_WORD: Final = "strong-word"
NO_STOP: Final = "no-stop"
"""The kind of sign that may mean no more than a forgotten full stop."""
_TAIL: Final = 80
_WINDOW: Final = 20_000
"""Characters from the end that are looked at more closely."""
# For each language, conjunctions, articles and possessives that nothing ends in, with or without a full stop ("|" ends
# them); then prepositions and auxiliaries, which now and then end a clause: asked of punctuated prose only. Words that
# end sentences of their language are left out: particles and demonstratives ("ich komme mit", "glaub mir das"), verbs
# where they come last, object pronouns ("non lo so"), numerals ("j'en veux une"), and names of options ("plan a").
_TABLES: Final[Mapping[str, str]] = {
    "en": """
        the an and or because although whereas unless whose their your our my such_as |
        of in on to for with from by at as is are was were be been that which who while if when than but this these
        has have had can will would should may might must its his every between into including
    """,
    "de": """
        und oder weil sondern sowie dass des ein eine einen einem einer eines zwischen obwohl
        in_der in_die in_das in_den in_dem auf_der auf_die auf_das auf_den auf_dem aus_der aus_den aus_dem bei_der
        bei_den bei_dem durch_die durch_das durch_den unter_der unter_dem über_die über_das über_den nach_der nach_dem
        während_der während_des wegen_der wegen_des von_der von_den für_die für_das für_den mit_den mit_dem |
        von für als wenn
    """,
    "fr": """
        et ou parce_que le la les des du aux ses leurs notre votre puisque afin_de lorsque |
        de à en dans pour avec sur par est sont qui que mais très ce cette ces son sa dont
    """,
    "es": """
        porque el los las la del sus nuestro nuestra aunque |
        y de con para por en es son que como pero muy este esta su sin sobre
    """,
    "it": """
        il gli della dei delle degli nel nella oppure | di da in per tra fra che ma alla dal dalla perché
    """,
    "pt": """
        os as dos das pelo pela seus suas porque | de em com para por é são que como mas ao à na nos nas um
    """,
    "ru": """
        и или потому_что который которая которые чтобы | в на с к о из у для по от за при но
    """,
}
_STRONG: Final = {language: frozenset(words.partition("|")[0].split()) for language, words in _TABLES.items()}
_WEAK: Final = {language: frozenset(words.partition("|")[2].split()) for language, words in _TABLES.items()}
_LAST_WORDS: Final = frozenset(
    words.rpartition("_")[2] for table in (_STRONG, _WEAK) for listed in table.values() for words in listed
) | {"a"}
_CYRILLIC: Final = pattern("[\u0430-\u044f\u0451]+")
_LANGUAGE_READ: Final = 1_000
"""Characters before the end by which the language is told."""
_OPENERS_WORDS: Final = """
the this these those that it in an a there they we however therefore additionally furthermore moreover finally
if when while although because its their he she you for to with by on at from as such
der die das dieser diese dies es ein eine sie wenn außerdem zudem im in mit
le la les ce cette ces il elle un une de plus en ils nous vous
el los las este esta un una en además se es
"""
_OPENERS: Final = frozenset(_OPENERS_WORDS.split())
_FOREIGN: Final = pattern(
    # Chinese and Japanese words that open what must follow; Arabic and Hindi particles that stand before a word.
    r"(?:以及|或者|并且|並且|而且|但是|因为|因為|由于|由於|如果|虽然|雖然|对于|對於|关于|關於|包括"
    r"|例如|比如|从而|不仅|不僅|(?<![饱温缓总共柔平中调随亲謙谦附应])和"
    r"|(?<![参给赋參給])与|(?<![涉普埃提危波不得以论遍])及|および|または|そして|しかし|ならびに|[ぁ-ゖァ-ヶー一-龯]を"
    r"|(?<![にち])は"
    r"|\s(?:و|في|من|على|إلى|عن|أن|التي|الذي|مع|بين|أو|ثم|لأن|كما|حيث|هذا|هذه)"
    r"|\s(?:का|के|की|को|में|पर|और|या|ने|कि|लेकिन|क्योंकि|तथा|एवं|जो|यदि|से))\Z"
)
_MARKER: Final = pattern(
    r"[\[(<{【（]\s*(?:\.\.\.|…|(?:output |text |response |answer )?(?:truncated|cut off|cut short"
    r"|continued?|cont['’]?d\.?|to be continued)"
    r"|gekürzt|abgeschnitten|fortsetzung|tronqué|à suivre|suite|truncado|cortado|continúa|continuará"
    r"|troncato|continua|未完|続く|つづく|截断|待续|待續"
    r"|يتبع|जारी)\s*(?:\.\.\.|…)?\s*[\])>}】）]\s*\Z",
    re.IGNORECASE,
)
_WORDS_BEFORE: Final = pattern(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_STOP: Final = pattern(r"[.!?:;…\"”’)\]](?=\s)|[。！？｡．；।॥؟۔]")
_SENTENCE: Final = pattern(r"(?<=[^\W\d_]{2})[.!?…][\"”’)]?(?=\s)|[。！？｡।؟۔]")
_LIST_LINE: Final = pattern(r"\s*(?:[-*+•·▪◦●○–—>#|]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)]\s|[^\w\s]{1,2}\s)")
_CODE: Final = pattern(r"[{}=<>$\\^`|]|::|->|\(\)|</|https?:|www\.|\w@\w|\w_\w")
_INLINE_CODE: Final = pattern(r"`[^`\n]+`")
_CLOSING_LINE: Final = pattern(
    r"(?:best|kind|warm|sincerely|yours|regards|thanks|thank|cheers|love|cordially|respectfully|mit"
    r"|viele|liebe|beste|grüße|cordialement"
    r"|bien|sincèrement|atentamente|saludos|cordiali|atenciosamente|dear|hi|hello|hey|sehr|cher|chère|estimad[oa])\b",
    re.IGNORECASE,
)
_WHOLE_FRAGMENT: Final = pattern(
    r"(?:the end|in total|that is all|that['’]s (?:it|all)|this is it|it is|it['’]s|he|she|they|you"
    r"|for sure|by me|to you)\Z",
    re.IGNORECASE,
)
_SUFFIXES_WORDS: Final = """
s es ed d ing er ers or ly al ally y ies ied ness ment ments ful less able ion ions ist ists ism ian ic ical ity
en n e t te ten em r st sten in innen ung ungen lich isch keit heit a o as os mente ción is i ne nt ent ons ez ée és
"""
_SUFFIXES: Final = frozenset(_SUFFIXES_WORDS.split())
_IMPOSSIBLE: Final = pattern(r"[a-z]{2,}(?:[bcdfgkpt]r|[bcfgkp]l|thr|wh|qu|[bdfgp]h?v|sj|zc|[lnrst]q)\Z")
_IMPOSSIBLE_LANGUAGES: Final = pattern(r"\b(?:the|and|der|und|les|est|los|que|una|della|che|uma)\b")
_ENDS: Final = frozenset(".!?。！？｡．।॥؟۔”’»›」』】）)]}>`*~|/\\;%°€$£¥+=_#0123456789")
_LEAST_OPEN: Final = 100
_FEW: Final = 2
_LEAST_UNSPACED: Final = 6
"""Characters of the beginning of a sentence in a script without spaces."""
_LONGEST_WORD: Final = 20
"""Characters in which the last word is looked for, longer than any of the words that no sentence ends in."""
_LONG_PROSE: Final = 3
"""Sentences of a text that ends all of them but the last."""


def may_be_cut(text: str) -> bool:
    """Whether the last characters could be other than an end: cheap, and True for every text that ``cut`` finds."""
    last = text[-1:]
    if last.isspace():
        text = text[-_TAIL:].rstrip()
        last = text[-1:]
    if last in _ENDS:
        return last in _AFTER_ALL and (
            text.endswith(_DOTS) or (last in _CLOSING and _MARKER.search(text[-_TAIL:]) is not None)
        )
    if len(text) < _SHORTEST:
        return False
    return " " in text[-_TAIL:] or not text.isascii()


_AFTER_ALL: Final = frozenset(".…]）)】>}")
_CLOSING: Final = frozenset("]）)】>}")
_DOTS: Final = ("...", "…", "..")
_SHORTEST: Final = 15


def cut(text: str) -> Cut | None:
    """How a text is cut short; None where it may be whole. Takes any string; looks at the last 20,000 characters."""
    whole = text.rstrip()
    if not may_be_cut(whole):
        return None
    end = len(whole)
    base = max(0, end - _WINDOW)
    window = whole[base:]
    marker = _MARKER.search(window[-_TAIL:]) if window[-1] in _CLOSING else None
    if marker is not None:
        return Cut(end - len(marker[0].rstrip()), end, "marker", "with a mark that says so")
    line = window.rpartition("\n")[2]
    how = _how(window, line)
    if how is None or _is_no_prose(window, line) or (how[1] != _STRONG_WORD and _is_verse(window)):
        return None
    return Cut(end - how[0], end, "word" if how[1] == _STRONG_WORD else how[1], how[2])


def _is_no_prose(window: str, line: str) -> bool:
    """Whether the text is code, JSON or a table, or its last line holds code that is not in backquotes."""
    if window.count("```") % 2 or window.lstrip()[:1] in ("{", "[", "<", "|"):
        return True
    return _CODE.search(_INLINE_CODE.sub(" ", line)) is not None


def _is_verse(window: str) -> bool:
    """Whether most of the last lines are short and end without a stop."""
    lines = [line.strip() for line in window[-1500:].split("\n") if line.strip()]
    if len(lines) < 4:
        return False
    body = lines[-12:]
    short = sum(len(line) < 70 for line in body)
    open_ended = sum(line[-1] not in ".!?。！？:" for line in body[:-1])
    return short >= 0.8 * len(body) and open_ended >= 0.4 * (len(body) - 1)


def _how(window: str, line: str) -> tuple[int, str, str] | None:
    """Length of what is pointed at, kind and words, by the first sign that holds."""
    dots = window.endswith(_DOTS)
    bare = window.rstrip(".… ") if dots else window
    sentences = _sentences(window)
    by_word = _may_end_in_word(bare)
    if not by_word and (dots or (not sentences and bare[-1:] not in _SIGNS)):
        return None
    fragment = _fragment(line.rstrip(".… ") if dots else line)
    words = _WORDS_BEFORE.findall(fragment[-400:])
    if by_word:
        listed = _LIST_LINE.match(line) is not None
        found = _by_word(bare, fragment, words, sentences, listed=listed) or _by_script(
            bare, fragment, words, sentences
        )
        if found is not None:
            return (found[0] + len(window) - len(bare), *found[1:])
    if dots:
        return None
    if (found := _by_sign(window, line, fragment, words, sentences)) is not None:
        return found
    if (found := _within(window, line, sentences)) is not None:
        return found
    return _by_fragment(window, line, fragment, words, sentences)


def _sentences(window: str) -> int:
    """Sentences that end, up to ``_LONG_PROSE``."""
    if window.isascii() and "." not in window and "!" not in window and "?" not in window:
        return 0
    return sum(1 for _ in islice(_SENTENCE.finditer(window), _LONG_PROSE))


_SIGNS: Final = frozenset(",،、，:：-‐([（【「『")


def _may_end_in_word(bare: str) -> bool:
    """Whether a text may end in a word that no sentence ends in: the last of a pair is one, too."""
    if not bare[-1:].isascii() and _FOREIGN.search(bare, max(0, len(bare) - 12)):
        return True
    words = _WORDS_BEFORE.findall(bare[-_LONGEST_WORD:])
    return bool(words) and words[-1] in _LAST_WORDS


def _fragment(line: str) -> str:
    """What follows the last stop within a line."""
    last = 0
    for match in _STOP.finditer(line, max(0, len(line) - 2000), len(line) - 1):
        last = match.end()
    return line[last:].strip()


def _by_word(
    window: str, fragment: str, words: list[str], sentences: int, *, listed: bool
) -> tuple[int, str, str] | None:
    if len(words) < _FEW or not fragment.endswith(words[-1]) or fragment[: -len(words[-1])][-1:] in _JOINS:
        return None
    last = words[-1]
    pair = f"{words[-2].lower()}_{last}"
    language = _language_of(window, last, pair, sentences)
    if language is None:
        return None
    strong = next((one for one in (pair, last) if one in _STRONG[language]), None)
    if strong is not None and (len(words) >= 4 or sentences >= 1 or listed):
        named = strong.replace("_", " ")
        return len(named), _STRONG_WORD, f'in mid-sentence, after "{named}"'
    weak = last in _WEAK[language] or (last == "a" and language == "en" and words[-2] in words_of("en"))
    if weak and sentences >= 1 and len(words) >= 4:
        return len(last), "word", f'in mid-sentence, after "{last}"'
    return None


_LONG_LAST_WORD: Final = 4
_JOINS: Final = frozenset("-‐‑'’")
"""Signs before a pronoun that belongs to its verb: "prends-le"."""


def _language_of(window: str, last: str, pair: str, sentences: int) -> str | None:
    """The language of a text whose last words may be of it; None where that is unknown.

    Where common words do not settle it, it is the one that most of them are of if it has the last words, too, and is
    the only such language or the text has sentences; else, where it has, the only language with such a long word.
    """
    if _CYRILLIC.fullmatch(last):
        return "ru"
    text = window[-_LANGUAGE_READ:]
    settled = identify_by_words(text)
    if settled is not None and settled.sure:
        return settled.language if settled.language in _STRONG else None
    owners = [one for one in _STRONG if not {last, pair}.isdisjoint(_STRONG[one] | _WEAK[one])]
    alone = len(owners) == 1
    if (best := count_words(text).language) in owners and (alone or sentences):
        return best
    return owners[0] if alone and sentences and len(last) >= _LONG_LAST_WORD else None


def _by_script(window: str, fragment: str, words: list[str], sentences: int) -> tuple[int, str, str] | None:
    match = _FOREIGN.search(window, max(0, len(window) - 12))
    if match is None or len(fragment) < 6:
        return None
    spaced = match[0][0].isspace()
    enough = sentences >= 1 or (len(words) >= 6 if spaced else len(fragment) >= 20)
    return (len(match[0].strip()), "word", f'in mid-sentence, after "{match[0].strip()}"') if enough else None


def _by_sign(window: str, line: str, fragment: str, words: list[str], sentences: int) -> tuple[int, str, str] | None:
    last = window[-1]
    size = len(fragment)
    least_words, least_size, least_alone = (1, 6, 20) if last in "、，" else (2, 1, 60)
    enough = len(words) >= least_words and size >= (least_size if sentences else least_alone)
    if last in ",،、，" and enough and not _CLOSING_LINE.match(line.strip()):
        return 1, "comma", "after a comma"
    if last in ":：" and sentences and (len(words) >= 5 or (last == "：" and len(fragment) >= 8)):
        return 1, "colon", "after a colon, with nothing that it announces"
    if last in "-‐" and len(words) >= 4 and sentences and re.search(r"[^\W\d_]{3}[-‐]\Z", window[-8:]):
        return 1, "hyphen", "after a hyphen"
    if last in "([（【「『" and words:
        return 1, "bracket", "after an opening bracket"
    return None


_OPEN_BRACKET: Final = pattern(r"(?<![:;=8xX-])[(（「『“«](?=\w)[^()（）「」『』“”«»\n]*\Z")


def _within(window: str, line: str, sentences: int) -> tuple[int, str, str] | None:
    """Within brackets or a quotation that began in the last line."""
    if len(window) < _LEAST_OPEN or not sentences:
        return None
    if not window[-1].isalnum():
        return None
    match = _OPEN_BRACKET.search(line[-400:])
    if match is not None and len(match[0]) > 2:
        return len(match[0]), "bracket", f'within "{match[0][0]}", which is not closed'
    quotes = re.findall(r'(?<!\d)"', line)
    if len(quotes) % 2 and re.search(r'(?:^|[\s(])"\w[^"]*\Z', line[-400:]):
        return 1, "quotation", "within a quotation that is not closed"
    return None


def _by_fragment(
    window: str, line: str, fragment: str, words: list[str], sentences: int
) -> tuple[int, str, str] | None:
    if not words or not fragment.endswith(words[-1]) or not sentences:
        return None
    last = words[-1]
    if sentences >= _FEW and last.islower() and _is_part(last, window[: -len(last)]):
        return len(last), "word-part", f"within a word, after {len(last)} letters of it"
    begun = len(words) <= 2 and words[0].lower() in _OPENERS and fragment[0].isupper() and len(line) > len(fragment)
    if sentences >= _FEW and begun and not _WHOLE_FRAGMENT.match(fragment):
        return len(fragment), "fragment", f"after the first word{'s' * (len(words) > 1)} of a sentence"
    least = _LONG_PROSE if " " in fragment or len(fragment) < _LEAST_UNSPACED else 1
    if sentences >= least and last.isalpha() and _SENTENCE.search(line) and _ends_all_others(window):
        return len(last), NO_STOP, "without a full stop, where what stands before it has one"
    return None


def _is_part(last: str, before: str) -> bool:
    """Whether the last word is the beginning of a word that the text spells out, or ends as no word does."""
    if len(last) < 5:
        return False
    lower = before.lower()
    followed = list(_following(lower, last))
    if "" in followed:
        return False
    if last.isascii() and _IMPOSSIBLE.fullmatch(last) and _IMPOSSIBLE_LANGUAGES.search(lower):
        return True
    rests = [rest[0] for one in followed if (rest := _LETTERS.match(one))]
    if last.endswith("at") and len(last) > len("format"):
        rests = [rest.removeprefix("ion") or "-ion" for rest in rests]
    return bool(rests) and all(len(rest) >= 3 and rest not in _SUFFIXES for rest in rests)


def _following(text: str, beginning: str) -> Iterator[str]:
    """How the words of a text go on that begin so."""
    at = text.find(beginning)
    while at >= 0:
        end = at + len(beginning)
        if not at or not (text[at - 1].isalnum() or text[at - 1] == "_"):
            rest = _REST.match(text, end)
            yield rest[0] if rest else ""
        at = text.find(beginning, end)


_REST: Final = pattern(r"\w+")
_LETTERS: Final = pattern(r"[^\W\d_]+")


def _ends_all_others(window: str) -> bool:
    """Whether every paragraph but the last ends in a stop; items of lists are asked only where the last is one."""
    paragraphs = [line.strip() for line in window.split("\n") if line.strip()]
    last_is_item = _LIST_LINE.match(paragraphs[-1]) is not None
    others = [line for line in paragraphs[:-1] if last_is_item or not _LIST_LINE.match(line)]
    return all(line[-1] in _PARAGRAPH_ENDS for line in others)


_PARAGRAPH_ENDS: Final = frozenset('.!?:。！？：।؟”")')
